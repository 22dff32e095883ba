"""`outreply slots preview`."""

import shlex
from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from typing import Annotated, Any

from outreply_cli.bulk.identity import calendar_label
from outreply_cli.bulk.matching import key_from_name
from outreply_cli.cli.options import argument, command, option
from outreply_cli.commands.posts.shared import TRUNCATED, resolve_zones
from outreply_cli.commands.slots.shared import NO_SLOTS
from outreply_cli.context import Context
from outreply_cli.pages import Page, page_alias, resolve_page, short_page_alias
from outreply_cli.posts.slot_finder import (
    PreviewedSlot,
    SlotStatus,
    fetch_slot_finder,
)
from outreply_cli.posts.slots import no_slots_error
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from outreply_cli.ui.columns import Column, Item

_STYLES = {"free": "green", "claimed": "yellow", "freed": "yellow", "blocked": "red"}


@command()
def run(
    context: Context,
    page: Annotated[
        str | None, argument("PAGE", "Page (default: all pages that have slots).")
    ] = None,
    limit: Annotated[int, option("COUNT", "Show this many slots of each page.", min=1)] = 20,
    tz: Annotated[
        str | None,
        option(
            "ZONE",
            "Show the slots in this zone, such as Europe/Paris, or 'brand' for the page's brand.",
        ),
    ] = None,
) -> None:
    """Show the next slots of a page and what fills them.

    A slot is `free`; `filled` if a post is scheduled within a minute of it; `claimed` by a row or
    command that has not sent its post yet, or whose outcome is unknown; `freed` when its post was
    cancelled or moved; or `blocked` by a guardrail (a limit of posts per hour or 24 hours).
    `next-slot` takes free slots only. To take a freed slot, give its time, as in the command that
    is shown.

    Example: outreply slots preview instagram:acme

    Example: outreply slots preview --limit 5 --json
    """
    client = context.client()
    pages = client.pages().items
    with closing(context.store.open(allow_readonly=True)) as journal:
        finder = fetch_slot_finder(client, pages, journal)
        chosen = [resolve_page(pages, page)] if page is not None else pages
        schedules = {str(item["id"]): finder.schedule_for(item) for item in chosen}
        with_slots = [item for item in chosen if schedules[str(item["id"])] is not None]
        if page is not None and not with_slots:
            raise no_slots_error(chosen[0])
        items = [
            _to_dict(item, slot)
            for item in with_slots
            for slot in islice(finder.preview(item, journal), limit)
        ]
    for item in with_slots:
        if item["id"] in finder.truncated_pages:
            context.warn(f"{page_alias(item)}: {TRUNCATED}, and free slots may be taken")
    by_id = {str(item["id"]): item for item in with_slots}
    zones = {page_id: schedule.zone for page_id, schedule in schedules.items() if schedule}
    if tz is not None:
        zones = dict(zip(by_id, resolve_zones(context, client, with_slots, tz), strict=True))

    def when(item: Item, style: Any = format_time) -> str:
        return str(style(parse_timestamp(item["scheduled_at"]), zones[item["page_id"]]))

    context.output.print_list(items, [
        Column("When", "scheduled_at", when, short=lambda item: when(item, format_time_short)),
        Column("Page", "page", shrinkable=True,
               short=lambda item: short_page_alias(by_id[item["page_id"]])),
        Column("Slot", "status", style=lambda item: _STYLES.get(item["status"], "")),
        Column("Post", "id", shrinkable=True),
        Column("Detail", "detail", shrinkable=True),
        Column("Command", "command", csv_only=True),
    ], id_field=None)  # fmt: skip
    if not items:
        context.info(NO_SLOTS)
    for item in items:
        if item["command"]:
            context.info(f"Freed: {when(item)}. To take it: {item['command']}")


def _to_dict(page: Page, slot: PreviewedSlot) -> dict[str, Any]:
    post: Mapping[str, Any] = slot.post or {}
    command = None
    if slot.status == SlotStatus.FREED:
        words = ["outreply", "posts", "schedule", "--page", page_alias(page), "--at",
                 format_timestamp(slot.at), "--edit"]  # fmt: skip
        command = shlex.join(words)
    return {
        "page_id": str(page["id"]),
        "page": page_alias(page),
        "scheduled_at": format_timestamp(slot.at),
        "status": slot.status.value,
        "id": str(post["id"]) if post else slot.entry.post_id if slot.entry else None,
        "detail": str(post.get("message") or "(media)") if post else _describe(slot),
        "command": command,
    }


def _describe(slot: PreviewedSlot) -> str | None:
    match slot.status:
        case SlotStatus.CLAIMED if slot.entry is not None:
            key, label = key_from_name(slot.entry.row), calendar_label(slot.entry.calendar)
            return f"by {label}, row {key}" if key else f"by {label}"
        case SlotStatus.FREED if slot.entry is not None and slot.entry.post_id is not None:
            return "its post was cancelled or moved"
        case SlotStatus.FREED:
            return "its post was not sent"
        case SlotStatus.BLOCKED:
            return "a guardrail does not allow another post"
    return None
