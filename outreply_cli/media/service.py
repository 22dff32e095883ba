"""Uploads to one account."""

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
    """Uploads to one account.

    Args:
        client: Client of the account.
        state_dir: Directory of the journal.

    Attributes:
        limits: Limits of the account from `GET /account`; unknown if the token may not read it.
    """

    def __init__(self, client: Client, state_dir: Path) -> None:
        self._client = client
        self._state_dir = state_dir
        self._account = client.account_or_none()
        self.limits = StorageLimits.from_account(self._account)

    @contextmanager
    def batch(self, *, skip_existing: bool) -> Iterator[UploadBatch]:
        """Open a batch of uploads; with `skip_existing` uploaded content is not sent again."""
        journal = Journal(self._state_dir / JOURNAL_FILE)
        try:
            uploader = Uploader(
                self._client, journal, account_fingerprint(self._client, self._account)
            )
            yield UploadBatch(uploader, self.limits, skip_existing=skip_existing)
        finally:
            journal.close()
