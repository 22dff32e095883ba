"""Complete lists of posts: a truncated list is read again for each social page."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from outreply_cli.api.client import Client, ListResult, get_page_id, post_time
from outreply_cli.api.types import Post
from outreply_cli.pages import Page, page_alias
from outreply_cli.spec.limits import MAX_LIST_LIMIT

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
class CalendarPosts(ListResult[CalendarPost]):
    """Posts by time; `missing` are the reasons that others may be missing."""

    missing: Sequence[str] = ()


@dataclass(frozen=True)
class PostList(ListResult[Post]):
    """Posts of all pages; `truncated_pages` are the IDs of those that may have more."""

    truncated_pages: frozenset[str] = frozenset()


def list_all_scheduled(
    client: Client, page_ids: Iterable[str], *, page_id: str | None = None
) -> PostList:
    """List scheduled posts; separately for each of `page_ids` if the list is truncated.

    With `page_id`, only the posts of that page are listed.
    """
    return _list_all(client.scheduled_posts, page_ids, page_id)


def list_all_published(client: Client, page_ids: Iterable[str], since: datetime) -> PostList:
    """List posts published after `since`; separately for each page if truncated."""
    return _list_all(partial(client.published_posts, since=since), page_ids)


def list_posts(client: Client, *, scheduled: bool = True, published: bool = True) -> PostList:
    """List the posts of all pages; separately for each page if truncated."""
    sources: list[_ListPosts] = [client.scheduled_posts] if scheduled else []
    sources += [client.published_posts] if published else []
    listings = [_list_all(source, _page_ids(client)) for source in sources]
    return PostList(
        [post for listing in listings for post in listing.items],
        truncated=any(listing.truncated for listing in listings),
        truncated_pages=frozenset().union(*(listing.truncated_pages for listing in listings)),
    )


def list_calendar_posts(
    client: Client,
    pages: Iterable[Page],
    *,
    page_id: str | None = None,
    scheduled: bool = True,
    published_since: datetime | None = None,
) -> CalendarPosts:
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
        (status, _list_all(list_posts, pages_by_id, page_id)) for status, list_posts in sources
    ]
    posts = [
        _calendar_post(at, {"status": status, **post}, pages_by_id)
        for status, listing in listings
        for post in listing.items
        if (at := post_time(post)) is not None
    ]
    posts.sort(key=lambda post: (post.at, post.alias))
    missing = [
        reason for _, listing in listings for reason in explain_missing(listing, pages_by_id)
    ]
    missing += [
        f"post {post.get('id')} has no valid time"
        for _, listing in listings
        for post in listing.items
        if post_time(post) is None
    ]
    return CalendarPosts(
        posts, any(listing.truncated for _, listing in listings), list(dict.fromkeys(missing))
    )


def explain_missing(listing: PostList, pages: Mapping[str, Page]) -> list[str]:
    """Return why posts may be missing from a list; `pages` are those of the account by ID."""
    if not listing.truncated:
        return []
    ids = sorted(listing.truncated_pages)
    names = ", ".join(page_alias(pages.get(page_id, {"id": page_id})) for page_id in ids)
    return [f"the API lists at most {MAX_LIST_LIMIT} posts of a page, and {names} may have more"]


def _page_ids(client: Client) -> Iterator[str]:
    # Requested only if the IDs are needed.
    for page in client.pages().items:
        yield str(page["id"])


def _list_all(
    list_posts: _ListPosts, page_ids: Iterable[str], page_id: str | None = None
) -> PostList:
    listing = list_posts(page_id=page_id)
    if not listing.truncated:
        return PostList(listing.items, truncated=False)
    if page_id is not None:
        return PostList(listing.items, truncated=True, truncated_pages=frozenset({page_id}))
    posts = {str(post.get("id")): post for post in listing.items}
    truncated_pages = set()
    # A page of a listed post may be missing from the list of pages.
    listed = {str(post["page_id"]) for post in listing.items if post.get("page_id")}
    for listed_id in sorted({*page_ids} | listed):
        listing = list_posts(page_id=listed_id)
        posts |= {str(post.get("id")): post for post in listing.items}
        if listing.truncated:
            truncated_pages.add(listed_id)
    return PostList(
        list(posts.values()),
        truncated=bool(truncated_pages),
        truncated_pages=frozenset(truncated_pages),
    )


def _calendar_post(
    at: datetime, post: Mapping[str, Any], pages: Mapping[str, Page]
) -> CalendarPost:
    page = pages.get(get_page_id(post), {})
    return CalendarPost(
        at=at,
        alias=page_alias(page) if page else get_page_id(post),
        platform=str(page.get("platform") or post.get("platform") or ""),
        brand=str(page.get("brand_name") or ""),
        post=post,
    )
