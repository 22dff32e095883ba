"""Scheduling of a post on a page that the completion cache knows, without reading the pages."""

from datetime import timedelta
from typing import Any

from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.commands.posts.shared import PostSender, resolve_pages
from outreply_cli.completion.cache import MAX_VALUES, CompletionCache
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.pages import resolve_page
from outreply_cli.posts.content import validate_time
from outreply_cli.time_parser import parse_time
from outreply_cli.times import BRAND_ZONE

# A time that is the same this much later does not depend on the current time.
_LATER = timedelta(days=400)


def send_to_cached_page(sender: PostSender, name: str, at: str, tz: str | None) -> bool:
    """Schedule a post on the page called `name`; the server confirms its ID.

    Returns False, with nothing sent, if more must be known: the list of pages, the time zone of
    the brand, the server's time for `+2h`, or which page has the name of one that is gone.
    """
    context, client = sender.context, sender.client
    page = _find_page(context, name) if tz != BRAND_ZONE else None
    if page is None:
        return False
    zone, now = context.zone(tz), client.now()
    try:
        time, later = (parse_time(at, now=then, zone=zone) for then in (now, now + _LATER))
    except TimeError:
        return False
    if time != later or validate_time(time, now) is not None:
        return False
    try:
        sender.send([(page, time)], [], zone)
    except (NotFoundError, PermissionDeniedError) as error:
        (current,) = resolve_pages(client, [name])
        # The same page is refused again, and after a lost response it may have the post.
        if error.maybe_applied or current["id"] == page["id"]:
            raise
        return False
    return True


def _find_page(context: Context, name: str) -> dict[str, Any] | None:
    """Return the ID, platform and user name of a page; None if the cache may lack it."""
    now = context.clock.now().timestamp()
    cache = CompletionCache.load(context.completion_cache_path())
    values = cache.get("page", now)
    # A full cache may lack another page of the same name.
    if not cache.is_fresh("page", now) or len(values) >= MAX_VALUES:
        return None
    pages = []
    for alias, text, page_id in values:
        platform, _, username = ("" if alias == page_id else alias).partition(":")
        # A text that was cut may have lost its end.
        expired = text.endswith(("(expired)", "…"))
        names = {"platform": platform, "username": username}
        pages.append({"id": page_id, **names, "expired": expired})
    try:
        found = dict(resolve_page(pages, name))
    except InvalidInputError:
        return None
    # A prefix of an ID may be the name of another page, which the cache does not have.
    is_exact = ":" in name or name.strip() == found["id"]
    return found if is_exact and found["platform"] and not found["expired"] else None
