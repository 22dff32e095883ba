"""Uploads of media, each content only once, even after a lost response."""

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, cast

from outreply_cli.api.client import Client
from outreply_cli.api.errors import InvalidResponseError, NotFoundError, PermissionDeniedError
from outreply_cli.api.request_builders import FilePart
from outreply_cli.api.resend import LIST_LAG
from outreply_cli.api.types import Media
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.journal import Journal
from outreply_cli.media.files import (
    InspectedFile,
    MediaFile,
    StorageLimits,
    VerifiedReader,
    hash_file,
)
from outreply_cli.media.library import created_at
from outreply_cli.spec.limits import MAX_LIST_LIMIT
from outreply_cli.spec.media_types import EXTENSIONS

# The clock of the server, which sets created_at, may be behind.
_CLOCK_TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True)
class UploadedMedia:
    """A file that the server has, and the storage left in bytes, if the server returned it.

    `is_new` means that this call uploaded it.
    """

    media_id: str
    file: MediaFile
    is_new: bool
    storage_left: int | None = None


class UploadOutcomeUnknownError(OutReplyError):
    """A file that may have been uploaded is not among the media that the server lists."""

    code = "OUTCOME_UNKNOWN"


class Uploader:
    """Uploads files of one account; safe to share between threads."""

    def __init__(self, client: Client, journal: Journal, account: str) -> None:
        self._client = client
        self._journal = journal
        self._account = account
        self._lock = threading.Lock()
        # Files of the same size and type are uploaded one after the other: the list of the server
        # cannot distinguish them.
        self._upload_locks: defaultdict[tuple[int, str], threading.Lock] = defaultdict(
            threading.Lock
        )
        self._media: dict[str, Media] | None = None
        self._may_list = True
        self._is_list_complete = True

    def known_media_id(self, file: MediaFile) -> str | None:
        """Return the media ID of a file's content if the server has it."""
        upload = self._journal.find_upload(self._account, file.sha256)
        media_id = upload[0] if upload is not None else None
        return media_id if media_id is not None and media_id in self._list_media() else None

    def is_maybe_uploaded(self, file: InspectedFile) -> bool:
        """Return whether the server may have the file: it has media of the same size."""
        sizes = {item.get("size_bytes") for item in self._list_media().values()}
        return file.size in sizes or not self._is_list_complete

    def upload(
        self, file: InspectedFile, *, reuse: bool, on_sent: Callable[[int], None] = lambda _: None
    ) -> UploadedMedia:
        """Upload `file`; it is hashed first only if that may save the upload.

        With `reuse`, an earlier upload of the same content is used. `on_sent` is called with the
        number of bytes sent; it restarts at 0 when they are sent again.

        Raises:
            MediaFileError: The file cannot be read, or has changed.
            OutReplyError: The upload failed; see `Client.upload`.
        """
        with self._lock:
            upload_lock = self._upload_locks[file.size, file.mime]
        with upload_lock:
            if self.is_maybe_uploaded(file):
                file = hash_file(file)
            # A run that was killed may have recorded the file under either name.
            for name in (_stat_name(file), _journal_name(file)):
                upload = self._journal.find_upload(self._account, name)
                if upload is not None and upload[0] is None:
                    lost = self._find_lost(file, upload[1])
                    if lost is not None:
                        return self._record(hash_file(file), lost)
                    if self._may_list:
                        self._check_absent(file, upload[1])
            if reuse and isinstance(file, MediaFile):
                media_id = self.known_media_id(file)
                if media_id is not None:
                    return UploadedMedia(media_id, file, is_new=False)
            return self._send(file, on_sent)

    def _send(self, file: InspectedFile, on_sent: Callable[[int], None]) -> UploadedMedia:
        media_before = set(self._list_media())
        started_at = self._client.now()
        with VerifiedReader(file, on_sent) as stream:

            def find_lost() -> Media | None:
                with self._lock:
                    self._media = None
                item = self._find_lost(file, started_at, media_before)
                if item is None:
                    self._check_absent(file)
                    # About to be sent again: what was sent before had no effect.
                    now = self._client.now()
                    self._journal.mark_upload(self._account, _journal_name(file), now)
                return item

            part = FilePart(
                str(file.path), upload_name(file.mime), file.mime, cast("IO[bytes]", stream)
            )
            self._journal.mark_upload(self._account, _journal_name(file), started_at)
            try:
                item = self._client.upload(part, find_lost if self._may_list else None)
            except OutReplyError as error:
                if not error.maybe_applied:
                    self._journal.forget_upload(self._account, _journal_name(file))
                if not isinstance(error, InvalidResponseError):
                    raise
                # A response without an ID: only the list has it.
                with self._lock:
                    self._media = None
                lost = self._find_lost(file, started_at, media_before)
                if lost is None:
                    raise
                item = lost
            return self._record(stream.get_hashed_file(), item)

    def _record(self, file: MediaFile, item: Media) -> UploadedMedia:
        media_id = str(item["media_id"])
        self._journal.mark_upload(
            self._account, file.sha256, self._client.now(), media_id,
            # The name of a file may be any bytes.
            name=os.fsencode(file.path.name).decode("utf-8", "replace"),
            replaces=_stat_name(file),
        )  # fmt: skip
        with self._lock:
            if self._media is not None:
                self._media[media_id] = {**item, "size_bytes": file.size}
        left = StorageLimits.from_quota(item.get("quota")).remaining_bytes
        return UploadedMedia(media_id, file, is_new=True, storage_left=left)

    def _find_lost(
        self, file: InspectedFile, started_at: datetime, media_before: set[str] | None = None
    ) -> Media | None:
        other_ids = self._journal.media_ids(self._account) | (media_before or set())
        for media_id, item in self._list_media().items():
            if media_id in other_ids or item.get("size_bytes") != file.size:
                continue
            uploaded_at = created_at(item)
            is_same_type = item.get("mime_type") in {None, file.mime}
            if (
                is_same_type
                and uploaded_at is not None
                and uploaded_at >= started_at - _CLOCK_TOLERANCE
            ):
                return item
        return None

    def _check_absent(self, file: InspectedFile, sent_at: datetime | None = None) -> None:
        """Raise an error unless the list proves that an upload had no effect (see `api.resend`)."""
        reason = None
        if not self._may_list:
            reason = "the token cannot list media"
        elif not self._is_list_complete:
            reason = f"the server lists only {MAX_LIST_LIMIT} media"
        elif sent_at is not None and self._client.now() - sent_at < LIST_LAG:
            reason = "the API's list may be out of date; try again in a minute"
        if reason is not None:
            raise UploadOutcomeUnknownError(
                f"cannot determine whether {file.path.name} was uploaded: {reason}",
                hint="List what was uploaded: outreply media list",
                maybe_applied=True,
            )

    def _list_media(self) -> dict[str, Media]:
        with self._lock:
            if self._media is None:
                try:
                    listing = self._client.media()
                except PermissionDeniedError:
                    self._may_list = False
                    self._media = {}
                else:
                    self._is_list_complete = not listing.truncated
                    self._media = {str(item.get("media_id")): item for item in listing.items}
                    self._add_unlisted(self._media)
            return dict(self._media)

    def _add_unlisted(self, media: dict[str, Media]) -> None:
        """Add the uploads that a list may lack because it is late."""
        recent = self._journal.media_ids(self._account, self._client.now() - LIST_LAG)
        for media_id in recent - media.keys():
            # It may have been deleted.
            with suppress(NotFoundError):
                media[media_id] = self._client.media_item(media_id, is_listed=False)


def _journal_name(file: InspectedFile) -> str:
    """Return the name of the content in the journal: its digest, once it is hashed."""
    return file.sha256 if isinstance(file, MediaFile) else _stat_name(file)


def upload_name(mime: str) -> str:
    """Return the file name for the server; the real name may contain anything."""
    return f"upload{EXTENSIONS[mime]}"


def _stat_name(file: InspectedFile) -> str:
    """Return the name of content that is not hashed yet: its file, size and time."""
    return f"unread {file.stat_signature}"
