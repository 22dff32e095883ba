"""The account and its posts, as far as a plan needs them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from outreply_cli.api.client import Client, find_post, post_time
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.api.resend import LIST_LAG
from outreply_cli.api.types import Account, Page, Post
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.models import EntryState, JournalEntry
from outreply_cli.posts.listing import list_all_scheduled
from outreply_cli.posts.sender import is_same_time, matches_entry
from outreply_cli.spec.text import normalize_text

_MAX_SINGLE_READS = 200
_DAY = timedelta(hours=24)


class PostStatus(StrEnum):
    """The status of an entry's post on the server."""

    SCHEDULED = "scheduled"
    EDITED = "edited"
    PUBLISHED = "published"
    FAILED = "failed"
    MISSING = "missing"
    UNLISTED = "unlisted"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


# Statuses of posts that an edited row replaces.
LIVE_STATUSES = frozenset({PostStatus.SCHEDULED, PostStatus.EDITED, PostStatus.UNLISTED})


@dataclass(frozen=True)
class RemoteAccount:
    """The account that a calendar is scheduled in.

    `fingerprint` is its key in the journal; `account` is `GET /account`, if the token may read it.
    """

    fingerprint: str
    account: Account | None
    pages: list[Page]

    @property
    def publishes_left(self) -> int | None:
        """Publishes left this month, if known."""
        monthly = ((self.account or {}).get("quota") or {}).get("monthly") or {}
        left = (monthly.get("publishes") or {}).get("remaining")
        return left if isinstance(left, int) else None

    @property
    def requests_per_minute(self) -> int | None:
        """Rate limit of the token, if known."""
        rate = ((self.account or {}).get("quota") or {}).get("rate_limit") or {}
        limit = rate.get("per_minute")
        return limit if isinstance(limit, int) and limit > 0 else None


@dataclass(frozen=True)
class RemoteState:
    """Scheduled posts as far as the server lists them, and those published in the last 24 hours.

    `truncated_pages` are the IDs of pages that may have more scheduled posts.
    """

    scheduled: list[Post]
    published: list[Post]
    truncated_pages: frozenset[str] = frozenset()
    is_published_truncated: bool = False

    @property
    def posts(self) -> list[Post]:
        """Scheduled and published posts."""
        return [*self.scheduled, *self.published]

    def is_unpublished(self, entry: JournalEntry, now: datetime) -> bool:
        """Return whether the post of `entry`, due earlier, is certainly not published.

        The list of published posts is complete and recent enough, and lacks the post.
        """
        if self.is_published_truncated or not LIST_LAG <= now - entry.scheduled_at < _DAY:
            return False
        return not any(matches_entry(post, entry) for post in self.published)


def fetch_account(client: Client) -> RemoteAccount:
    """Fetch the account and its pages; raises what the requests raise."""
    account: Account | None
    try:
        account = client.account()
    except (PermissionDeniedError, NotFoundError):
        account = None
    return RemoteAccount(account_fingerprint(client, account), account, client.pages().items)


def fetch_remote_state(client: Client, page_ids: Iterable[str], now: datetime) -> RemoteState:
    """Fetch the posts of the account; a truncated list is read again for each of `page_ids`."""
    page_ids = set(page_ids)
    scheduled = list_all_scheduled(client, page_ids)
    published = client.published_posts(since=now - _DAY)
    return RemoteState(
        scheduled.items, published.items, scheduled.truncated_pages, published.truncated
    )


def fetch_statuses(
    client: Client, remote: RemoteState, entries: Sequence[JournalEntry], now: datetime
) -> dict[int, PostStatus]:
    """Return the status of each entry's post by the entry's ID."""
    scheduled = {str(post.get("id")): post for post in remote.scheduled}
    published = {str(post.get("id")) for post in remote.published}
    statuses: dict[int, PostStatus] = {}
    unlisted: list[JournalEntry] = []
    for entry in entries:
        post = scheduled.get(str(entry.post_id))
        if entry.state != EntryState.DONE:
            statuses[entry.id] = PostStatus.UNKNOWN
        elif post is not None:
            statuses[entry.id] = _scheduled_status(post, entry)
        elif str(entry.post_id) in published or (
            entry.scheduled_at <= now and not remote.is_unpublished(entry, now)
        ):
            statuses[entry.id] = PostStatus.PUBLISHED
        else:
            unlisted.append(entry)
    # Lists may be truncated or late: only `GET` of the post proves that it is missing.
    forbidden: set[str] = set()
    reads = 0
    for entry in unlisted:
        if entry.page_id in forbidden:
            # All posts of the page are of the same brand.
            statuses[entry.id] = PostStatus.FORBIDDEN
            continue
        reads += 1
        is_read = reads <= _MAX_SINGLE_READS
        statuses[entry.id] = _fetch_status(client, entry) if is_read else PostStatus.UNLISTED
        if statuses[entry.id] == PostStatus.FORBIDDEN:
            forbidden.add(entry.page_id)
    return statuses


def fetch_due_status(client: Client, entry: JournalEntry, now: datetime) -> PostStatus:
    """Return the status of a post whose time is over: another machine may have cancelled it."""
    published = client.published_posts(
        page_id=entry.page_id, since=entry.scheduled_at - timedelta(minutes=1)
    )
    is_listed = find_post(str(entry.post_id), published.items) is not None
    if is_listed or published.truncated or now - entry.scheduled_at < LIST_LAG:
        return PostStatus.PUBLISHED
    return _fetch_status(client, entry)


def _fetch_status(client: Client, entry: JournalEntry) -> PostStatus:
    try:
        post = client.scheduled_post(str(entry.post_id))
    except NotFoundError:
        return PostStatus.MISSING
    except PermissionDeniedError as error:
        # A calendar may have posts of brands that the token cannot access.
        if error.code != "BRAND_NOT_AUTHORIZED":
            raise
        return PostStatus.FORBIDDEN
    return PostStatus.FAILED if post.get("status") == "failed" else _scheduled_status(post, entry)


def _scheduled_status(post: Post, entry: JournalEntry) -> PostStatus:
    at = post_time(post)
    unchanged = (
        at is not None
        and is_same_time(at, entry.scheduled_at)
        and normalize_text(post.get("message")) == normalize_text(entry.body.get("message"))
    )
    return PostStatus.SCHEDULED if unchanged else PostStatus.EDITED
