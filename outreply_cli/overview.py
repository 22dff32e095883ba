"""The overview of `outreply status`: today's posts, failures, expired pages, comments, limits."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, get_page_id, post_time
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.api.types import Post
from outreply_cli.comments.inbox import fetch_inbox, fetch_recent_posts, is_unanswered
from outreply_cli.comments.store import open_comments
from outreply_cli.errors import OutReplyError
from outreply_cli.failed_posts import list_failed_posts
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.store import Store
from outreply_cli.pages import Page, page_alias
from outreply_cli.posts.listing import list_calendar_posts
from outreply_cli.quota.quota import Quota, whole_percent
from outreply_cli.times import day_start
from outreply_cli.timestamps import format_timestamp

RECENT = timedelta(days=7)
# A read per post: the newest posts have nearly all new comments.
_MAX_COMMENTED_POSTS = 20
_USED_SHARE = 0.8

Items = list[dict[str, Any]]


@dataclass(frozen=True)
class Overview:
    """The sections of an overview, each a list of JSON-ready objects, in reading order.

    Attributes:
        sections: Objects by the name of the section; without those that failed.
        errors: Errors by the name of the section that could not be read.
        is_truncated: Whether a list was longer than what the API returns.
    """

    sections: Mapping[str, Items]
    errors: Mapping[str, OutReplyError]
    is_truncated: bool


def find_expired_pages(client: Client, pages: Sequence[Page]) -> Items:
    """Return the expired pages, each with its waiting posts, their number and the next time.

    All three are None if the token may not read posts.
    """
    return [_describe_expired(client, page) for page in pages if page.get("expired")]


def fetch_overview(client: Client, store: Store, zone: ZoneInfo) -> Overview:
    """Fetch the overview; a section that fails does not fail the others.

    Raises:
        OutReplyError: The first error, if every section that calls the API failed.
    """
    source = _Source(client, store, zone)
    readers: dict[str, Callable[[], Items]] = {
        "today": source.fetch_today,
        "failed": source.fetch_failed,
        "expired_pages": lambda: find_expired_pages(client, source.pages),
        "unanswered_comments": source.fetch_comments,
        "limits": source.fetch_limits,
    }
    sections: dict[str, Items] = {}
    errors: dict[str, OutReplyError] = {}
    for name, read in readers.items():
        try:
            sections[name] = read()
        except OutReplyError as error:
            errors[name] = error
    if not sections:
        raise errors["today"]
    try:
        sections["unknown"] = source.read_unknown()
    except OutReplyError as error:
        errors["unknown"] = error
    return Overview(sections, errors, source.is_truncated)


@dataclass
class _Source:
    """The account and this machine's state, read once each."""

    client: Client
    store: Store
    zone: ZoneInfo
    is_truncated: bool = field(default=False, init=False)

    @cached_property
    def _now(self) -> datetime:
        # Only a response has the server's time; the machine's clock may be wrong.
        with suppress(OutReplyError):
            self.pages  # noqa: B018 - read once
        return self.client.now()

    @cached_property
    def pages(self) -> list[Page]:
        return list(self.client.pages().items)

    def fetch_today(self) -> Items:
        """Return the posts that are due or were published today, by time."""
        start = day_start(self._now.astimezone(self.zone).date(), self.zone)
        end = day_start((start + timedelta(hours=36)).astimezone(self.zone).date(), self.zone)
        # The API's `since` is exclusive.
        since = start - timedelta(seconds=1)
        listing = list_calendar_posts(self.client, self.pages, published_since=since)
        self.is_truncated |= listing.truncated
        return [
            {**post.post, "page": post.alias, "at": format_timestamp(post.at)}
            for post in listing.items
            if start <= post.at < end
        ]

    def fetch_failed(self) -> Items:
        """Return the posts that failed in the last few days."""
        listing = list_failed_posts(self.client, self.store, self.pages, since=self._now - RECENT)
        self.is_truncated |= listing.truncated
        return [{**post, "page": self._alias(get_page_id(post))} for post in listing.items]

    def fetch_comments(self) -> Items:
        """Return the posts with comments that need a reply, with their number."""
        recent = fetch_recent_posts(self.client, self._now - RECENT)
        self.is_truncated |= recent.truncated or len(recent.posts) > _MAX_COMMENTED_POSTS
        recent = replace(recent, posts=recent.posts[:_MAX_COMMENTED_POSTS])
        account = account_fingerprint(self.client)
        with closing(open_comments(self.store, account, allow_readonly=True)) as store:
            return [
                {
                    "post_id": group.post.get("id"),
                    "page": group.alias,
                    "unanswered": count,
                    "message": group.post.get("message"),
                }
                for group in fetch_inbox(self.client, store, recent)
                if (count := sum(is_unanswered(store, comment) for comment in group.threads))
            ]

    def fetch_limits(self) -> Items:
        """Return the monthly quotas and the storage of which at least 80% is used."""
        quota = Quota.from_account(self.client.account())
        buckets = [*quota.buckets, *([quota.storage] if quota.storage else [])]
        return [
            {
                "name": bucket.name,
                "used": bucket.used,
                "limit": bucket.limit,
                "remaining": bucket.remaining,
                "percent": whole_percent(bucket.share),
            }
            for bucket in buckets
            if bucket.share is not None and bucket.share >= _USED_SHARE
        ]

    def read_unknown(self) -> Items:
        """Return the requests of this account whose outcome is unknown."""
        if not self.store.exists:
            return []
        with closing(self.store.open(allow_readonly=True)) as journal:
            if not journal.has_unsettled:
                return []
            entries = journal.list_unsettled(account_fingerprint(self.client))
        return [
            {
                "page_id": entry.page_id,
                "page": self._alias(entry.page_id),
                "scheduled_at": format_timestamp(entry.scheduled_at),
                "message": entry.body.get("message"),
            }
            for entry in entries
        ]

    def _alias(self, page_id: str) -> str:
        with suppress(OutReplyError):
            for page in self.pages:
                if page.get("id") == page_id:
                    return page_alias(page)
        return page_id


def _describe_expired(client: Client, page: Page) -> dict[str, Any]:
    posts: list[Post] | None = None
    with suppress(PermissionDeniedError, NotFoundError):
        posts = client.scheduled_posts(page_id=str(page.get("id"))).items
    times = sorted(at for post in posts or [] if (at := post_time(post)) is not None)
    return {
        "id": page.get("id"),
        "page": page_alias(page),
        "posts_waiting": None if posts is None else len(posts),
        "next_at": format_timestamp(times[0]) if times else None,
        "posts": posts,
    }
