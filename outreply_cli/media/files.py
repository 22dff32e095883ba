"""Files on this machine as media: checked by their bytes, and watched while they are sent."""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.sniff import describe_unsupported, find_corruption
from outreply_cli.spec.media_types import ENDINGS, HEAD_BYTES, mime_of

_CHUNK_BYTES = 1024 * 1024
_SPECIAL_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class MediaFileError(InvalidInputError):
    """A file that can't be media."""

    code = "INVALID_MEDIA_FILE"


@dataclass(frozen=True)
class StorageLimits:
    """What the account takes; None where it does not tell.

    Attributes:
        max_file_bytes: For one file.
        remaining_bytes: For all new ones together.
    """

    max_file_bytes: int | None = None
    remaining_bytes: int | None = None

    @classmethod
    def from_account(cls, account: Mapping[str, Any] | None) -> "StorageLimits":
        """The limits that `GET /account` shows, where it may be read."""
        storage = ((account or {}).get("quota") or {}).get("storage") or {}
        figures = (storage.get("max_file_bytes"), storage.get("remaining_bytes"))
        most, left = (figure if isinstance(figure, int) else None for figure in figures)
        return cls(most, left)


@dataclass(frozen=True)
class InspectedFile:
    """A file whose beginning and end say that it can be uploaded.

    Attributes:
        mime: What its bytes are, whatever its name says.
        size: In bytes.
        mark: What the disk says of it; another one, and it is not the same file any more.
    """

    path: Path
    mime: str
    size: int
    mark: str

    @property
    def upload_name(self) -> str:
        """A name that the server takes: the real ones may hold anything."""
        return f"upload{ENDINGS[self.mime]}"


@dataclass(frozen=True)
class MediaFile(InspectedFile):
    """A file that was read whole.

    Attributes:
        sha256: Of its content.
    """

    sha256: str


def inspect(path: Path, limits: StorageLimits) -> InspectedFile:
    """What the file at `path` is, told by its bytes; most of it is left unread.

    Raises:
        MediaFileError: It can't be read, is no media, is damaged, or is too large.
    """
    try:
        # Some devices do something when they are opened, and a socket can't be.
        _check_status(path.stat(), limits)
        # Opened without waiting: a pipe that took the file's place would keep us for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(stream.fileno())
            _check_status(status, limits)
            head = stream.read(HEAD_BYTES)
            mime = mime_of(head)
            if mime is None:
                raise MediaFileError(describe_unsupported(head))
            problem = find_corruption(stream, mime, status.st_size)
            if problem is not None:
                raise MediaFileError(problem)
    except (OSError, ValueError) as failure:
        raise _unreadable(failure) from None
    return InspectedFile(path, mime, status.st_size, _mark_of(status))


def hash_file(file: InspectedFile) -> MediaFile:
    """`file` with its content's digest; raises MediaFileError when it changed meanwhile."""
    if isinstance(file, MediaFile):
        return file
    with VerifiedReader(file) as stream:
        while stream.read(_CHUNK_BYTES):
            pass
        return stream.as_read()


def inspect_file(path: Path, limits: StorageLimits) -> MediaFile:
    """`inspect`, then `hash_file`."""
    return hash_file(inspect(path, limits))


class VerifiedReader:
    """A file that gives exactly the bytes that were looked at, or an error.

    Its last bytes come only when the disk says that nothing has changed, so that a server never
    gets a whole copy of what was altered on the way. It is hashed as it is read.

    Args:
        file: As it was seen.
        on_read: Called with how many of its bytes have been read since the beginning.

    Raises:
        MediaFileError: From its opening and from `read`: it is not what it was, or is gone.
    """

    def __init__(
        self, file: InspectedFile, on_read: Callable[[int], None] = lambda _: None
    ) -> None:
        self._file = file
        self._on_read = on_read
        self._place = 0
        self._digest = hashlib.sha256()
        try:
            self._stream: IO[bytes] = file.path.open("rb")
        except OSError as failure:
            raise _unreadable(failure) from None
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes; none once all of them were read."""
        left = self._file.size - self._place
        if left == 0:
            return b""
        try:
            piece = self._stream.read(left if size < 0 else min(size, left))
        except OSError as failure:
            raise _unreadable(failure) from None
        if not piece:
            raise _changed()
        if len(piece) == left:
            self._check()
        self._digest.update(piece)
        self._place += len(piece)
        self._on_read(self._place)
        return piece

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Go to the beginning or the end, and tell where that is; reading starts at the former."""
        if whence == os.SEEK_END:
            self._place = self._file.size
        elif place == 0:
            self._stream.seek(0)
            self._place, self._digest = 0, hashlib.sha256()
            self._on_read(0)
        return self._place

    def tell(self) -> int:
        """How many bytes were read since the beginning."""
        return self._place

    def as_read(self) -> MediaFile:
        """The file with the digest of what was read; only after the last byte."""
        return MediaFile(**{**vars(self._file), "sha256": self._digest.hexdigest()})

    def _check(self) -> None:
        if _mark_of(os.fstat(self._stream.fileno())) != self._file.mark:
            self._stream.close()
            raise _changed()


def _check_status(status: os.stat_result, limits: StorageLimits) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _SPECIAL_KINDS if is_kind(status.st_mode)), None)
        raise MediaFileError(f"it is {kind}, no regular file" if kind else "it is no regular file")
    if status.st_size == 0:
        raise MediaFileError("it is empty")
    if limits.max_file_bytes is not None and status.st_size > limits.max_file_bytes:
        raise MediaFileError(
            f"it has {format_size(status.st_size)}, and the most is "
            f"{format_size(limits.max_file_bytes)}; make it smaller"
        )


def _mark_of(status: os.stat_result) -> str:
    return f"{status.st_dev}-{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def _changed() -> MediaFileError:
    return MediaFileError("it changed while it was read; try again once it is complete")


def _unreadable(failure: OSError | ValueError) -> MediaFileError:
    reason = getattr(failure, "strerror", None) or str(failure)
    return MediaFileError(f"it can't be read: {reason}")
