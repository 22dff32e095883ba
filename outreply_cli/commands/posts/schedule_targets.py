"""Targets of `outreply posts schedule`: a page of the completion cache, the next free slot."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.commands.posts.shared import PostSender, resolve_pages, resolve_zones
from outreply_cli.completion.cache import MAX_VALUES, CompletionCache
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.journal.journal import Journal
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import Page, page_alias, resolve_page
from outreply_cli.posts.content import validate_time
from outreply_cli.posts.sender import KEY_CALENDAR_PREFIX
from outreply_cli.posts.slot_finder import SlotFinder, SlotStatus, fetch_slot_finder
from outreply_cli.posts.slots import no_free_slot_error, no_slots_error
from outreply_cli.time_parser import parse_time
from outreply_cli.times import BRAND_ZONE, format_time

# A time is relative if it differs in a command this much later.
_LATER = timedelta(days=400)


def send_to_cached_page(sender: PostSender, name: str, at: str, tz: str | None) -> bool:
    """Schedule a post on a page that the completion cache knows, without listing the pages.

    The server confirms the ID of the page.

    Returns False, with nothing sent, if more must be known: the list of pages, the time zone of
    the brand, the server's time for `+2h`, or which page has the name of a removed one.
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
        # The same page would fail again, and after a lost response it may already have the post.
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
        # A truncated text may lack `(expired)`.
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


def schedule_at_next_slot(
    sender: PostSender, pages: Sequence[Page], files: Sequence[MediaFile], tz: str | None
) -> None:
    """Claim the next free slot of each page, and send the post at these times."""
    context, client, is_sent = sender.context, sender.client, sender.is_sent
    key = sender.options.key
    fetch_slots = partial(fetch_slot_finder, client, client.pages().items)
    with closing(context.store.open(allow_readonly=not is_sent)) as journal:
        finder = fetch_slots(journal)
        schedules = [finder.schedule_for(page) for page in pages]
        # A repeated command finds its posts, even if the slots were removed since.
        known = journal.rows(finder.account, f"{KEY_CALENDAR_PREFIX}{key}") if key else ()
        for page, schedule in zip(pages, schedules, strict=True):
            if schedule is None and all(history.row != page["id"] for history in known):
                raise no_slots_error(page)
        times = [
            _ask_for_freed(context, finder, page, journal)
            if is_sent
            else _take_next_free(finder, page)
            for page in pages
        ]
    slot_zones = {schedule.zone for schedule in schedules if schedule is not None}
    if tz is not None:
        slot_zones = set(resolve_zones(context, client, pages, tz))
    zone = slot_zones.pop() if len(slot_zones) == 1 else context.zone()
    sender.send(list(zip(pages, times, strict=True)), files, zone, fetch_slots=fetch_slots)


def _take_next_free(finder: SlotFinder, page: Page) -> datetime:
    slots = finder.free_slots(page)
    at = slots.take_next_free() if slots is not None else None
    if at is None:
        raise no_free_slot_error(page)
    return at


def _ask_for_freed(
    context: Context, finder: SlotFinder, page: Page, journal: Journal
) -> datetime | None:
    """Return the time of a freed slot before the next free one, if the user takes it."""
    schedule = finder.schedule_for(page)
    if not context.is_interactive or schedule is None:
        return None
    for slot in finder.preview(page, journal):
        if slot.status == SlotStatus.FREE:
            break
        if slot.status == SlotStatus.FREED:
            when = format_time(slot.at, schedule.zone)
            if context.prompt_yes_no(f"{page_alias(page)}: take the slot freed on {when}?"):
                return slot.at
    return None
