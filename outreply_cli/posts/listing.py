"""Every post that the server will list: one list that may be cut off is read again page by page."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from outreply_cli.api.client import Client, ListResult, Resource, post_time
from outreply_cli.pages import Page, page_alias


@dataclass(frozen=True)
class CalendarPost:
    """A post and when it is due or went out.

    Attributes:
        instant: In UTC.
        alias: How people write its page.
        platform: As the API names it.
        brand: The name of the page's brand; empty where it is not known.
        post: The API's own object, with its `status`.
    """

    instant: datetime
    alias: str
    platform: str
    brand: str
    post: Resource


@dataclass(frozen=True)
class CalendarPosts:
    """Posts by time, and whether the server may have more of them than it lists."""

    posts: list[CalendarPost]
    cut_off: bool


def list_all_scheduled(client: Client, page_ids: Iterable[str]) -> ListResult:
    """Pending posts; read page by page, for `page_ids`, when one list does not hold them all."""
    return _every(lambda page_id: client.scheduled_posts(page_id=page_id), page_ids)


def list_all_published(client: Client, page_ids: Iterable[str], since: datetime) -> ListResult:
    """What went out after `since`; read page by page when one list does not hold it all."""
    return _every(lambda page_id: client.published_posts(page_id=page_id, since=since), page_ids)


def list_calendar_posts(
    client: Client,
    pages: Iterable[Page],
    *,
    page_id: str | None = None,
    scheduled: bool = True,
    published_since: datetime | None = None,
) -> CalendarPosts:
    """Scheduled posts, and published ones, by time.

    Args:
        client: Speaks for the account.
        pages: Every page of the account.
        page_id: Only the posts of this one.
        scheduled: Whether pending posts are wanted.
        published_since: Where published ones begin; None for none of them.

    Raises:
        OutReplyError: The account can't be read.
    """
    known = {str(page.get("id")): page for page in pages}
    listings: list[tuple[str, ListResult]] = []
    if scheduled:
        pending = (
            client.scheduled_posts(page_id=page_id)
            if page_id is not None
            else list_all_scheduled(client, known)
        )
        listings.append(("scheduled", pending))
    if published_since is not None:
        out = (
            client.published_posts(page_id=page_id, since=published_since)
            if page_id is not None
            else list_all_published(client, known, published_since)
        )
        listings.append(("published", out))
    posts = [
        _dated(moment, {"status": status, **post}, known)
        for status, listing in listings
        for post in listing.items
        if (moment := post_time(post)) is not None
    ]
    posts.sort(key=lambda one: (one.instant, one.alias))
    return CalendarPosts(posts, any(listing.truncated for _, listing in listings))


def _every(read: Callable[[str | None], ListResult], page_ids: Iterable[str]) -> ListResult:
    listing = read(None)
    if not listing.truncated:
        return listing
    posts = {str(post.get("id")): post for post in listing.items}
    cut_off = False
    for page_id in sorted(set(page_ids)):
        of_page = read(page_id)
        posts |= {str(post.get("id")): post for post in of_page.items}
        cut_off = cut_off or of_page.truncated
    return ListResult(list(posts.values()), cut_off)


def _dated(moment: datetime, post: Resource, pages: Mapping[str, Page]) -> CalendarPost:
    page = pages.get(str(post.get("page_id")), {})
    platform = str(page.get("platform") or post.get("platform") or "")
    return CalendarPost(
        instant=moment,
        alias=page_alias(page) if page else str(post.get("page_id") or ""),
        platform=platform,
        brand=str(page.get("brand_name") or ""),
        post=post,
    )
