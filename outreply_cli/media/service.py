"""The media of one account: what it takes, and what uploads to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outreply_cli.api.client import Client
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.media.batch import UploadBatch
from outreply_cli.media.files import StorageLimits
from outreply_cli.media.uploader import Uploader


class MediaService:
    """The uploads of one account; what it takes is read once, from `GET /account`.

    Args:
        client: Speaks for the account.
        state_dir: Where the journal is.

    Attributes:
        limits: What the account takes; unknown where the token may not read that.
    """

    def __init__(self, client: Client, state_dir: Path) -> None:
        self._client = client
        self._state_dir = state_dir
        self._account = client.account_or_none()
        self.limits = StorageLimits.from_account(self._account)

    @contextmanager
    def batch(self, *, skip_existing: bool) -> Iterator[UploadBatch]:
        """A batch of uploads; `skip_existing` leaves content alone that is there already."""
        journal = Journal(self._state_dir / JOURNAL_FILE)
        try:
            uploader = Uploader(
                self._client, journal, account_fingerprint(self._client, self._account)
            )
            yield UploadBatch(uploader, self.limits, skip_existing=skip_existing)
        finally:
            journal.close()
