"""Files on this machine as media: checked by their bytes, uploaded once for each content."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outreply_cli.api.client import Client, Resource
from outreply_cli.api.errors import NotAllowedError
from outreply_cli.contract.media_types import ENDINGS, HEAD_BYTES, mime_of
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.posting.journal import Journal
from outreply_cli.times import from_api

_CHUNK_BYTES = 1024 * 1024
# The server's created_at and our own note of the beginning come from clocks seconds apart.
_BEGAN_BEFORE = timedelta(minutes=2)


class MediaFileError(InvalidInputError):
    """A file that can't be media."""

    code = "INVALID_MEDIA_FILE"


@dataclass(frozen=True)
class MediaFile:
    """A file that can be uploaded.

    Attributes:
        mime: What its bytes are, whatever its name says.
        size: In bytes.
        sha256: Of its content.
    """

    path: Path
    mime: str
    size: int
    sha256: str

    @property
    def upload_name(self) -> str:
        """A name that the server takes: the real ones may hold anything."""
        return f"upload{ENDINGS[self.mime]}"


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


def inspect_file(path: Path, limits: StorageLimits) -> MediaFile:
    """What the file at `path` is, told by its bytes.

    Raises:
        MediaFileError: It can't be read, is no media, or is too large.
    """
    try:
        # Opened without waiting: a pipe would keep us for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise MediaFileError("it is no regular file")
            if status.st_size == 0:
                raise MediaFileError("it is empty")
            if limits.max_file_bytes is not None and status.st_size > limits.max_file_bytes:
                raise MediaFileError(
                    f"it has {_megabytes(status.st_size)}, and the most is "
                    f"{_megabytes(limits.max_file_bytes)}; make it smaller"
                )
            head = stream.read(HEAD_BYTES)
            mime = mime_of(head)
            if mime is None:
                raise MediaFileError(_what_it_is(head))
            digest = hashlib.sha256(head)
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        raise MediaFileError(f"it can't be read: {reason}") from None
    return MediaFile(path, mime, status.st_size, digest.hexdigest())


class Uploader:
    """Uploads files, each content once, also after an answer that was lost.

    Args:
        client: The account's client.
        journal: Remembers which content is which media.
        account: As the journal calls it.
        on_bytes: Called as bytes go out.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        account: str,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._account = account
        self._on_bytes = on_bytes
        self._listed: dict[str, Resource] | None = None

    def media_id_of(self, file: MediaFile) -> str:
        """The media id of a file's content, uploaded now where it is not there yet.

        Raises:
            OutReplyError: The upload failed; what `Transport.upload` raises.
        """
        known = self._journal.upload_of(self._account, file.sha256)
        if known is not None:
            media_id, began = known
            if media_id is not None and media_id in self._active():
                return media_id
            found = self._find_lost(file, began) if media_id is None else None
            if found is not None:
                self._journal.mark_upload(self._account, file.sha256, began, found)
                return found
        return self._upload(file)

    def known_media_id(self, file: MediaFile) -> str | None:
        """The media id of a file's content if it is there already; uploads nothing."""
        known = self._journal.upload_of(self._account, file.sha256)
        media_id = known[0] if known is not None else None
        return media_id if media_id is not None and media_id in self._active() else None

    def _upload(self, file: MediaFile) -> str:
        from outreply_cli.api.transport import Upload

        began = self._client.now()
        self._journal.mark_upload(self._account, file.sha256, began)
        upload = Upload(file.path, file.upload_name, file.mime, self._on_bytes)
        try:
            media_id = str(self._client.upload(upload)["media_id"])
        except OSError as failure:
            raise MediaFileError(f"{file.path} can't be read: {failure.strerror}") from None
        except OutReplyError as error:
            self._listed = None
            found = self._find_lost(file, began) if error.outcome_unknown else None
            if found is None:
                raise
            media_id = found
        self._journal.mark_upload(self._account, file.sha256, began, media_id)
        if self._listed is not None:
            self._listed[media_id] = {"media_id": media_id}
        return media_id

    def _find_lost(self, file: MediaFile, began: datetime) -> str | None:
        ours = self._journal.media_ids(self._account)
        for media_id, item in self._active().items():
            if media_id in ours or item.get("size_bytes") != file.size:
                continue
            same_kind = item.get("mime_type") in {None, file.mime}
            if same_kind and _created(item) >= began - _BEGAN_BEFORE:
                return media_id
        return None

    def _active(self) -> dict[str, Resource]:
        if self._listed is None:
            try:
                items: Iterable[Resource] = self._client.media().items
            except NotAllowedError:
                items = ()
            self._listed = {str(item.get("media_id")): item for item in items}
        return self._listed


def _created(item: Resource) -> datetime:
    try:
        return from_api(str(item.get("created_at")))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _what_it_is(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    allowed = "the API takes jpeg, png, gif, webp, mp4, mov and webm"
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return f"it is an SVG, which the API refuses; {allowed}: export it as PNG"
    if head[4:8] == b"ftyp" and head[8:12] in {b"heic", b"heix", b"mif1", b"heif"}:
        return f"it is a HEIC photo; {allowed}: export it as JPEG"
    if text.startswith(b"<"):
        return f"it is a web page; {allowed}"
    if text.startswith(b"%pdf"):
        return f"it is a PDF; {allowed}"
    return f"its bytes are no picture or video; {allowed}"


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MB"
