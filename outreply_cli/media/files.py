"""Local media files: inspection by content, and verified reading."""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Self

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.dimensions import UNKNOWN, Dimensions, read_dimensions
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.sniff import describe_unsupported, find_corruption
from outreply_cli.paths import suggest_near_file
from outreply_cli.spec.media_types import HEAD_BYTES, detect_mime
from outreply_cli.spec.rule_kinds import Media
from outreply_cli.storage.file_scope import FileScope

_CHUNK_BYTES = 1024 * 1024
_ANYWHERE = FileScope()
# Kinds of special files by the letters of `ls -l`.
_SPECIAL_KINDS = {
    "d": "a directory", "p": "a named pipe", "s": "a socket", "c": "a device", "b": "a device",
}  # fmt: skip


class MediaFileError(InvalidInputError):
    """A file that cannot be uploaded."""

    code = "INVALID_MEDIA_FILE"

    def describe(self, name: str) -> str:
        """Return the message with the name of the file."""
        return f"{name}: {self.message}"


class UnreadableMediaFileError(MediaFileError):
    """A file that cannot be read, for `reason`."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"cannot read the file: {reason}")
        self._reason = reason

    def describe(self, name: str) -> str:
        """Return the message with the name of the file."""
        reason = str(self._reason).replace(f" ({name})", "")
        return f"cannot read {name}: {reason}"


@dataclass(frozen=True)
class StorageLimits:
    """Maximum size of one file, and storage left for all new files together; None if unknown."""

    max_file_bytes: int | None = None
    remaining_bytes: int | None = None

    @classmethod
    def from_account(cls, account: Mapping[str, Any] | None) -> "StorageLimits":
        """Return the limits in `account` (`GET /account`), if it is known."""
        return cls.from_quota(((account or {}).get("quota") or {}).get("storage"))

    @classmethod
    def from_quota(cls, storage: object) -> "StorageLimits":
        """Return the limits in the API's object about the storage, if it is one."""
        known = storage if isinstance(storage, Mapping) else {}
        figures = (known.get("max_file_bytes"), known.get("remaining_bytes"))
        return cls(*(figure if isinstance(figure, int) else None for figure in figures))


@dataclass(frozen=True)
class InspectedFile:
    """A file that can be uploaded, by its first and last bytes.

    `stat_signature` is its identity, size and modification time, to detect changes. `warning` is a
    problem that does not prevent an upload.
    """

    path: Path
    mime: str
    size: int
    stat_signature: str
    warning: str | None = field(default=None, kw_only=True)

    def to_media(self) -> Media:
        """Return the properties of the file that platform rules may check."""
        return Media("media_files", self.path.name, self.mime, self.size, lambda: self.dimensions)

    @cached_property
    def dimensions(self) -> Dimensions:
        """Width, height and duration, as far as the file says so and is unchanged."""
        try:
            with os.fdopen(_ANYWHERE.open(self.path, lambda _: None), "rb") as stream:
                if _stat_signature(os.fstat(stream.fileno())) != self.stat_signature:
                    return UNKNOWN
                return read_dimensions(stream, self.mime)
        except OSError:
            return UNKNOWN


@dataclass(frozen=True)
class MediaFile(InspectedFile):
    """A file that was read completely, and the SHA-256 of its content."""

    sha256: str


def inspect(path: Path, limits: StorageLimits, scope: FileScope = _ANYWHERE) -> InspectedFile:
    """Detect the type of the file at `path` from its first and last bytes.

    Raises:
        MediaFileError: The file cannot be read, is not media, is damaged, or is too large.
        FileRefusedError: The file is outside of `scope`.
    """
    try:
        descriptor = scope.open(path, lambda status: _check_status(status, limits))
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(stream.fileno())
            head = stream.read(HEAD_BYTES)
            mime = detect_mime(head)
            if mime is None:
                raise MediaFileError(describe_unsupported(head))
            problem = find_corruption(stream, mime, status.st_size)
            if problem is not None and not problem.is_warning:
                raise MediaFileError(problem.message)
    except FileNotFoundError as error:
        reason = f"{error.strerror} ({path}){suggest_near_file(path)}"
        raise UnreadableMediaFileError(reason) from None
    except (OSError, ValueError) as error:
        raise _unreadable_error(error) from None
    warning = problem.message if problem is not None else None
    return InspectedFile(path, mime, status.st_size, _stat_signature(status), warning=warning)


def hash_file(file: InspectedFile) -> MediaFile:
    """Read `file` and add its digest; raises MediaFileError if it has changed."""
    if isinstance(file, MediaFile):
        return file
    with VerifiedReader(file) as stream:
        while stream.read(_CHUNK_BYTES):
            pass
        return stream.get_hashed_file()


def inspect_and_hash(path: Path, limits: StorageLimits, scope: FileScope = _ANYWHERE) -> MediaFile:
    """Inspect and hash the file at `path`."""
    return hash_file(inspect(path, limits, scope))


class VerifiedReader:
    """A stream of a file that hashes it, and fails if the file changes while it is read.

    The last bytes are returned only if the file is unchanged, so that a server never gets a
    complete copy of a file that was altered in between. `on_read` is called with the number of
    bytes read from the start.

    Raises:
        MediaFileError: The file has changed, or cannot be read; raised on opening and by `read`.
    """

    def __init__(
        self, file: InspectedFile, on_read: Callable[[int], None] = lambda _: None
    ) -> None:
        self._file = file
        self._on_read = on_read
        self._position = 0
        self._digest = hashlib.sha256()
        try:
            self._stream: IO[bytes] = os.fdopen(_ANYWHERE.open(file.path, lambda _: None), "rb")
        except OSError as error:
            raise _unreadable_error(error) from None
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or none at the end."""
        left = self._file.size - self._position
        if left == 0:
            return b""
        try:
            chunk = self._stream.read(left if size < 0 else min(size, left))
        except OSError as error:
            raise _unreadable_error(error) from None
        if not chunk:
            raise _file_changed_error()
        if len(chunk) == left:
            self._check()
        self._digest.update(chunk)
        self._position += len(chunk)
        self._on_read(self._position)
        return chunk

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to the start or the end, and return the position; other offsets are ignored."""
        if whence == os.SEEK_END:
            self._position = self._file.size
        elif offset == 0:
            self._stream.seek(0)
            self._position, self._digest = 0, hashlib.sha256()
            self._on_read(0)
        return self._position

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def get_hashed_file(self) -> MediaFile:
        """Return the file with its digest; only valid after the last byte was read."""
        known = {item.name: getattr(self._file, item.name) for item in fields(InspectedFile)}
        return MediaFile(**known, sha256=self._digest.hexdigest())

    def _check(self) -> None:
        if _stat_signature(os.fstat(self._stream.fileno())) != self._file.stat_signature:
            self._stream.close()
            raise _file_changed_error()


def _check_status(status: os.stat_result, limits: StorageLimits) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _SPECIAL_KINDS.get(stat.filemode(status.st_mode)[0])
        raise MediaFileError(f"not a regular file but {kind}" if kind else "not a regular file")
    if status.st_size == 0:
        raise MediaFileError("the file is empty")
    if limits.max_file_bytes is not None and status.st_size > limits.max_file_bytes:
        raise MediaFileError(
            f"{format_size(status.st_size)} is too large; the limit is "
            f"{format_size(limits.max_file_bytes)}"
        )


def _stat_signature(status: os.stat_result) -> str:
    return f"{status.st_dev}-{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def _file_changed_error() -> MediaFileError:
    return MediaFileError("the file changed while it was read; try again once it is complete")


def _unreadable_error(error: OSError | ValueError) -> MediaFileError:
    return UnreadableMediaFileError(getattr(error, "strerror", None) or error)
