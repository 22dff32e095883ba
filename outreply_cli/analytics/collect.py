"""Collection of snapshots: one read per page and day, within the monthly quota.

Reference: GET /pages (followers), GET /posts/published (metrics).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.analytics.store import AnalyticsStore
from outreply_cli.api.client import Client
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError, stops_batch
from outreply_cli.api.types import Page
from outreply_cli.pages import page_alias
from outreply_cli.quota.quota import Quota
from outreply_cli.spec.limits import MAX_LIST_LIMIT


@dataclass
class Collector:
    """Takes the snapshots of an account.

    Args:
        client: Client of the account.
        store: Store that gets each snapshot when its page has been read, so that a later run
            continues an interrupted one.
        zone: Time zone of days. A command that cron starts at the same local time has a new day
            each time, even when clocks change.
        account: The API's object of the account, which has the quota; None if it is unknown.
        keep_reads: Reads of the monthly quota to leave to other commands.

    Attributes:
        is_short: Whether the quota ran out.
    """

    client: Client
    store: AnalyticsStore
    zone: ZoneInfo
    account: Mapping[str, Any] | None
    keep_reads: int
    is_short: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        bucket = Quota.from_account(self.account or {}).bucket("reads")
        remaining = None if bucket is None else bucket.remaining
        # Reads that this run may use; None without a limit.
        self._reads = None if remaining is None else remaining - self.keep_reads

    def list_pages(self) -> list[Page]:
        """List the pages, those with the oldest snapshot first; none if the quota has no read."""
        if not self._spend(1):
            return []
        last = self.store.last_days()
        pages = self.client.pages().items
        return sorted(pages, key=lambda page: last.get(page["id"], date.min))

    def collect(self, page: Page) -> dict[str, Any]:
        """Take the snapshot of a page, unless it has one today, and return the result.

        Its `status` is `collected`; `present` if there was a snapshot; `skipped` for lack of quota;
        or `failed`, with the error.

        Raises:
            OutReplyError: The API cannot be read, or the snapshot cannot be stored.
        """
        day = self.client.now().astimezone(self.zone).date()
        result: dict[str, Any] = {
            "id": page["id"], "page": page_alias(page), "status": "present",
            "date": day.isoformat(), "followers": page.get("followers"), "posts": None,
            "truncated": False, "error": None,
        }  # fmt: skip
        # Looked up right before the read: another run may work on the same pages.
        if self.store.last_days().get(page["id"]) == day:
            return result
        if not self._spend(1):
            return {**result, "status": "skipped"}
        try:
            listing = self.client.published_posts(page_id=page["id"])
        except (NotFoundError, PermissionDeniedError) as error:
            if stops_batch(error):
                raise
            # The page was removed, or taken from the token, since the pages were listed.
            return {**result, "status": "failed", "error": error.message}
        # The reads of further pages of the list.
        self._spend(max(0, len(listing.items) - 1) // MAX_LIST_LIMIT)
        posts, truncated, now = listing.items, listing.truncated, self.client.now()
        if not self.store.add(page, posts, day=day, taken_at=now.timestamp(), truncated=truncated):
            return result
        return {**result, "status": "collected", "posts": len(posts), "truncated": truncated}

    def _spend(self, reads: int) -> bool:
        """Count reads before they are sent; False if the quota does not have them."""
        if self._reads is not None:
            if self._reads < reads:
                self.is_short = True
                return False
            self._reads -= reads
        return True
