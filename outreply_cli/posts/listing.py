"""Complete lists of posts: a truncated list is read again page by page."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from outreply_cli.api.client import Client, ListResult, post_time
from outreply_cli.api.types import Post
from outreply_cli.pages import Page, page_alias

_ListPosts = Callable[..., ListResult[Post]]


@dataclass(frozen=True)
class CalendarPost:
    """A post with the time, in UTC, when it is due or was published.

    `alias` is that of its page, such as `instagram:acme`; an unknown brand is empty.
    """

    at: datetime
    alias: str
    platform: str
    brand: str
    post: Mapping[str, Any]


@dataclass(frozen=True)
class PostList(ListResult[Post]):
    """Posts of all pages; `truncated_pages` are the IDs of those that may have more."""

    truncated_pages: frozenset[str] = frozenset()


def list_all_scheduled(client: Client, page_ids: Iterable[str]) -> PostList:
    """List scheduled posts; those of `page_ids` page by page if one list is truncated."""
    return _list_all(client.scheduled_posts, page_ids)


def list_all_published(client: Client, page_ids: Iterable[str], since: datetime) -> PostList:
    """List posts published after `since`; page by page if one list is truncated."""
    return _list_all(partial(client.published_posts, since=since), page_ids)


def list_calendar_posts(
    client: Client,
    pages: Iterable[Page],
    *,
    page_id: str | None = None,
    scheduled: bool = True,
    published_since: datetime | None = None,
) -> ListResult[CalendarPost]:
    """List the posts of an account or of one page by time.

    Published posts are listed from `published_since` on, and left out if it is None.

    Raises:
        OutReplyError: The account cannot be read.
    """
    pages_by_id = {str(page.get("id")): page for page in pages}
    sources: list[tuple[str, _ListPosts]] = []
    if scheduled:
        sources.append(("scheduled", client.scheduled_posts))
    if published_since is not None:
        sources.append(("published", partial(client.published_posts, since=published_since)))
    listings = [
        (status, list_posts(page_id=page_id) if page_id else _list_all(list_posts, pages_by_id))
        for status, list_posts in sources
    ]
    posts = [
        _calendar_post(at, {"status": status, **post}, pages_by_id)
        for status, listing in listings
        for post in listing.items
        if (at := post_time(post)) is not None
    ]
    posts.sort(key=lambda post: (post.at, post.alias))
    return ListResult(posts, any(listing.truncated for _, listing in listings))


def _list_all(list_posts: _ListPosts, page_ids: Iterable[str]) -> PostList:
    listing = list_posts(page_id=None)
    if not listing.truncated:
        return PostList(listing.items, truncated=False)
    posts = {str(post.get("id")): post for post in listing.items}
    truncated_pages = set()
    for page_id in sorted(set(page_ids)):
        listing = list_posts(page_id=page_id)
        posts |= {str(post.get("id")): post for post in listing.items}
        if listing.truncated:
            truncated_pages.add(page_id)
    return PostList(
        list(posts.values()),
        truncated=bool(truncated_pages),
        truncated_pages=frozenset(truncated_pages),
    )


def _calendar_post(
    at: datetime, post: Mapping[str, Any], pages: Mapping[str, Page]
) -> CalendarPost:
    page = pages.get(str(post.get("page_id")), {})
    return CalendarPost(
        at=at,
        alias=page_alias(page) if page else str(post.get("page_id") or ""),
        platform=str(page.get("platform") or post.get("platform") or ""),
        brand=str(page.get("brand_name") or ""),
        post=post,
    )
