"""Media uploaded once for each content, also after an answer that was lost."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from outreply_cli.api.client import Client, Resource
from outreply_cli.api.errors import PermissionDeniedError
from outreply_cli.api.uploading import Upload
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.journal import Journal
from outreply_cli.media.files import InspectedFile, MediaFile, VerifiedReader, hash_file
from outreply_cli.media.library import created_at

# The server's created_at and our own note of the beginning come from clocks seconds apart.
_BEGAN_BEFORE = timedelta(minutes=2)


@dataclass(frozen=True)
class UploadedMedia:
    """A file that the server has.

    Attributes:
        media_id: The server's name for it.
        file: With the digest of what was sent.
        is_new: Whether it was uploaded for this call, and not there before.
        storage_left: In bytes, as the server told with the upload.
    """

    media_id: str
    file: MediaFile
    is_new: bool
    storage_left: int | None = None


class Uploader:
    """Uploads files of one account; safe to share between threads.

    Args:
        client: The account's client.
        journal: Remembers which content is which media.
        account: As the journal calls it.
    """

    def __init__(self, client: Client, journal: Journal, account: str) -> None:
        self._client = client
        self._journal = journal
        self._account = account
        self._turn = threading.Lock()
        # Two uploads that look alike to the server must not be taken for one another.
        self._turns: defaultdict[tuple[int, str], threading.Lock] = defaultdict(threading.Lock)
        self._listed: dict[str, Resource] | None = None
        self._may_list = True
        self._list_is_whole = True

    def upload(self, file: MediaFile) -> str:
        """The media id of a file's content, uploaded now where it is not there yet.

        Raises:
            OutReplyError: As `store`.
        """
        return self.store(file, reuse=True).media_id

    def known_media_id(self, file: MediaFile) -> str | None:
        """The media id of a file's content if it is there already; uploads nothing."""
        known = self._journal.find_upload(self._account, file.sha256)
        media_id = known[0] if known is not None else None
        return media_id if media_id is not None and media_id in self._active() else None

    def may_be_known(self, file: InspectedFile) -> bool:
        """Whether the server has media of just that size, so that only the content can tell."""
        sizes = {item.get("size_bytes") for item in self._active().values()}
        return file.size in sizes or not self._list_is_whole

    def store(
        self, file: InspectedFile, *, reuse: bool, on_sent: Callable[[int], None] = lambda _: None
    ) -> UploadedMedia:
        """Have the server keep `file`; it is read whole first only where that can save sending it.

        Args:
            file: What to upload.
            reuse: Whether the same content, uploaded earlier, will do.
            on_sent: Called with how many of its bytes have gone out, anew from 0 when they are
                sent again.

        Raises:
            MediaFileError: It can't be read any more, or has changed.
            OutReplyError: The upload failed; what `Transport.upload` raises.
        """
        with self._turn:
            turn = self._turns[file.size, file.mime]
        with turn:
            if self.may_be_known(file):
                file = hash_file(file)
            # A run that was killed may have known the file under either name.
            for name in (_unread_name(file), _name_of(file)):
                known = self._journal.find_upload(self._account, name)
                if known is not None and known[0] is None:
                    lost = self._find_lost(file, known[1])
                    if lost is not None:
                        return self._settle(hash_file(file), known[1], lost)
            there = self.known_media_id(file) if reuse and isinstance(file, MediaFile) else None
            if there is not None:
                return UploadedMedia(there, hash_file(file), is_new=False)
            return self._send(file, on_sent)

    def _send(self, file: InspectedFile, on_sent: Callable[[int], None]) -> UploadedMedia:
        before = set(self._active())
        began = self._client.now()
        watched = VerifiedReader(file, on_sent)

        def look() -> Resource | None:
            return self._look_again(file, began, before)

        with watched:
            upload = Upload(file.upload_name, file.mime, watched, look if self._may_list else None)
            self._journal.mark_upload(self._account, _name_of(file), began)
            try:
                item = self._client.upload(upload)
            except OutReplyError as error:
                if not error.maybe_applied:
                    self._journal.forget_upload(self._account, _name_of(file))
                raise
            return self._settle(watched.as_read(), began, item)

    def _settle(self, file: MediaFile, began: datetime, item: Resource) -> UploadedMedia:
        media_id = str(item["media_id"])
        self._journal.mark_upload(
            self._account, file.sha256, began, media_id, instead_of=_unread_name(file)
        )
        with self._turn:
            if self._listed is not None:
                self._listed[media_id] = {"size_bytes": file.size, **item}
        left = (item.get("quota") or {}).get("remaining_bytes")
        return UploadedMedia(media_id, file, is_new=True, storage_left=_whole(left))

    def _look_again(
        self, file: InspectedFile, began: datetime, before: set[str]
    ) -> Resource | None:
        with self._turn:
            self._listed = None
        found = self._find_lost(file, began, before)
        if found is None and not self._list_is_whole:
            raise OutReplyError("the server lists only 100 media, and it may be among the others")
        return found

    def _find_lost(
        self, file: InspectedFile, began: datetime, before: set[str] | None = None
    ) -> Resource | None:
        ours = self._journal.media_ids(self._account) | (before or set())
        for media_id, item in self._active().items():
            if media_id in ours or item.get("size_bytes") != file.size:
                continue
            made = created_at(item)
            same_kind = item.get("mime_type") in {None, file.mime}
            if same_kind and made is not None and made >= began - _BEGAN_BEFORE:
                return item
        return None

    def _active(self) -> dict[str, Resource]:
        with self._turn:
            if self._listed is None:
                self._listed = {}
                try:
                    listing = self._client.media()
                    self._list_is_whole = not listing.truncated
                    self._listed = {str(item.get("media_id")): item for item in listing.items}
                except PermissionDeniedError:
                    self._may_list = False
                except BaseException:
                    self._listed = None
                    raise
            return dict(self._listed)


def _name_of(file: InspectedFile) -> str:
    # What the journal calls a content; until it is read, the file stands for it.
    return file.sha256 if isinstance(file, MediaFile) else _unread_name(file)


def _unread_name(file: InspectedFile) -> str:
    return f"unread {file.mark}"


def _whole(figure: object) -> int | None:
    return figure if isinstance(figure, int) else None
