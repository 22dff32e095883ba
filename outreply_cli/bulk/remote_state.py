"""What the server holds, as far as a plan needs to know it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.models import EntryState, JournalEntry
from outreply_cli.posts.listing import list_all_scheduled

_SINGLE_READS_MAX = 200
_DAY = timedelta(hours=24)


class PostStatus(StrEnum):
    """What became of an entry's post."""

    SCHEDULED = "scheduled"
    EDITED = "edited"
    PUBLISHED = "published"
    FAILED = "failed"
    GONE = "gone"
    UNLISTED = "unlisted"
    UNKNOWN = "unknown"


@dataclass
class RemoteState:
    """What was read of an account before planning.

    Attributes:
        digest: What the journal calls it.
        account: `GET /account`, where the token may read it.
        pages: Every page.
        scheduled: Pending posts, as far as the server lists them.
        published: What was published lately, newest first.
        truncated: Whether there may be more pending posts than were listed.
    """

    digest: str
    account: Resource | None
    pages: list[Resource]
    scheduled: list[Resource] = field(default_factory=list)
    published: list[Resource] = field(default_factory=list)
    truncated: bool = False

    def publishes_left(self) -> int | None:
        """Publishes left this month, where the account tells."""
        monthly = ((self.account or {}).get("quota") or {}).get("monthly") or {}
        left = (monthly.get("publishes") or {}).get("remaining")
        return left if isinstance(left, int) else None

    def requests_per_minute(self) -> int | None:
        """Requests a minute that the token has, where the account tells."""
        rate = ((self.account or {}).get("quota") or {}).get("rate_limit") or {}
        figure = rate.get("per_minute")
        return figure if isinstance(figure, int) and figure > 0 else None


def fetch_remote_state(client: Client) -> RemoteState:
    """Who this is and which pages there are; raises what the requests raise."""
    account: Resource | None
    try:
        account = client.account()
    except (PermissionDeniedError, NotFoundError):
        account = None
    return RemoteState(account_fingerprint(client, account), account, client.pages().items)


def read_posts(client: Client, view: RemoteState, page_ids: Iterable[str], now: datetime) -> None:
    """Add to `view` what is scheduled, and what the last 24 hours published.

    A list that may be cut off is read again page by page, for `page_ids`.
    """
    listing = list_all_scheduled(client, page_ids)
    view.scheduled, view.truncated = listing.items, listing.truncated
    view.published = client.published_posts(since=now - _DAY).items


def fetch_statuses(
    client: Client, view: RemoteState, entries: Sequence[JournalEntry], now: datetime
) -> dict[int, PostStatus]:
    """What became of the posts of `entries`, by the entry's number."""
    scheduled = {str(post.get("id")): post for post in view.scheduled}
    published = {str(post.get("id")) for post in view.published}
    found: dict[int, PostStatus] = {}
    missing: list[JournalEntry] = []
    for entry in entries:
        post = scheduled.get(str(entry.post_id))
        if entry.state != EntryState.DONE:
            found[entry.id] = PostStatus.UNKNOWN
        elif post is not None:
            same = _is_as_sent(post, entry)
            found[entry.id] = PostStatus.SCHEDULED if same else PostStatus.EDITED
        elif entry.scheduled_at <= now or str(entry.post_id) in published:
            found[entry.id] = PostStatus.PUBLISHED
        else:
            missing.append(entry)
    # A post is made again only when the server says of it, by its id, that it is gone.
    for place, entry in enumerate(missing):
        asked = place < _SINGLE_READS_MAX
        found[entry.id] = _ask(client, entry) if asked else PostStatus.UNLISTED
    return found


def _ask(client: Client, entry: JournalEntry) -> PostStatus:
    try:
        post = client.scheduled_post(str(entry.post_id))
    except NotFoundError:
        return PostStatus.GONE
    if post.get("status") == "failed":
        return PostStatus.FAILED
    return PostStatus.SCHEDULED if _is_as_sent(post, entry) else PostStatus.EDITED


def _is_as_sent(post: dict[str, Any], entry: JournalEntry) -> bool:
    text, sent = str(post.get("message") or ""), str(entry.body.get("message") or "")
    return post_time(post) == entry.scheduled_at and text.strip() == sent.strip()
