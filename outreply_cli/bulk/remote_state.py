"""What the server holds, as far as a plan needs to know it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from outreply_cli.api.client import Client, Resource, when
from outreply_cli.api.errors import NotAllowedError, NotFoundError
from outreply_cli.journal.models import Entry, EntryState
from outreply_cli.posts.listing import every_scheduled_post
from outreply_cli.posts.sender import account_of

_SINGLE_READS_MAX = 200
_DAY = timedelta(hours=24)


class Standing(StrEnum):
    """What became of an entry's post."""

    SCHEDULED = "scheduled"
    EDITED = "edited"
    PUBLISHED = "published"
    FAILED = "failed"
    GONE = "gone"
    UNLISTED = "unlisted"
    UNKNOWN = "unknown"


@dataclass
class AccountView:
    """What was read of an account before planning.

    Attributes:
        digest: What the journal calls it.
        account: `GET /account`, where the token may read it.
        pages: Every page.
        scheduled: Pending posts, as far as the server lists them.
        published: What was published lately, newest first.
        cut_off: Whether there may be more pending posts than were listed.
    """

    digest: str
    account: Resource | None
    pages: list[Resource]
    scheduled: list[Resource] = field(default_factory=list)
    published: list[Resource] = field(default_factory=list)
    cut_off: bool = False

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


def read_account(client: Client) -> AccountView:
    """Who this is and which pages there are; raises what the requests raise."""
    account: Resource | None
    try:
        account = client.account()
    except (NotAllowedError, NotFoundError):
        account = None
    return AccountView(account_of(client, account), account, client.pages().items)


def read_posts(client: Client, view: AccountView, page_ids: Iterable[str], now: datetime) -> None:
    """Add to `view` what is scheduled, and what the last 24 hours published.

    A list that may be cut off is read again page by page, for `page_ids`.
    """
    listing = every_scheduled_post(client, page_ids)
    view.scheduled, view.cut_off = listing.items, listing.cut_off
    view.published = client.published_posts(since=now - _DAY).items


def standings(
    client: Client, view: AccountView, entries: Sequence[Entry], now: datetime
) -> dict[int, Standing]:
    """What became of the posts of `entries`, by the entry's number."""
    scheduled = {str(post.get("id")): post for post in view.scheduled}
    published = {str(post.get("id")) for post in view.published}
    found: dict[int, Standing] = {}
    missing: list[Entry] = []
    for entry in entries:
        post = scheduled.get(str(entry.post_id))
        if entry.state != EntryState.DONE:
            found[entry.id] = Standing.UNKNOWN
        elif post is not None:
            same = _is_as_sent(post, entry)
            found[entry.id] = Standing.SCHEDULED if same else Standing.EDITED
        elif entry.scheduled_at <= now or str(entry.post_id) in published:
            found[entry.id] = Standing.PUBLISHED
        else:
            missing.append(entry)
    # A post is made again only when the server says of it, by its id, that it is gone.
    for place, entry in enumerate(missing):
        asked = place < _SINGLE_READS_MAX
        found[entry.id] = _ask(client, entry) if asked else Standing.UNLISTED
    return found


def _ask(client: Client, entry: Entry) -> Standing:
    try:
        post = client.scheduled_post(str(entry.post_id))
    except NotFoundError:
        return Standing.GONE
    if post.get("status") == "failed":
        return Standing.FAILED
    return Standing.SCHEDULED if _is_as_sent(post, entry) else Standing.EDITED


def _is_as_sent(post: dict[str, Any], entry: Entry) -> bool:
    text, sent = str(post.get("message") or ""), str(entry.body.get("message") or "")
    return when(post) == entry.scheduled_at and text.strip() == sent.strip()
