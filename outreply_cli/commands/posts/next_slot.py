"""Scheduling of a post at the next free slot of each of its pages."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from functools import partial

from outreply_cli.commands.posts.shared import PostSender, resolve_zones
from outreply_cli.context import Context
from outreply_cli.journal.journal import Journal
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import Page, page_alias
from outreply_cli.posts.sender import KEY_CALENDAR
from outreply_cli.posts.slot_finder import SlotFinder, SlotStatus, fetch_slot_finder
from outreply_cli.posts.slots import no_free_slot_error, no_slots_error
from outreply_cli.times import format_time


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
        # A repeated command finds its posts, also if the slots were removed since.
        known = journal.rows(finder.account, f"{KEY_CALENDAR}{key}") if key else ()
        for page, schedule in zip(pages, schedules, strict=True):
            if schedule is None and all(history.row != page["id"] for history in known):
                raise no_slots_error(page)
        times = [
            _ask_for_freed(context, finder, page, journal) if is_sent else _next_free(finder, page)
            for page in pages
        ]
    slot_zones = {schedule.zone for schedule in schedules if schedule is not None}
    if tz is not None:
        slot_zones = set(resolve_zones(context, client, pages, tz))
    zone = slot_zones.pop() if len(slot_zones) == 1 else context.zone()
    sender.send(list(zip(pages, times, strict=True)), files, zone, fetch_slots=fetch_slots)


def _next_free(finder: SlotFinder, page: Page) -> datetime:
    slots = finder.open(page)
    at = slots.next_free() if slots is not None else None
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
