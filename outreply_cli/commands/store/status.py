"""`outreply store status`."""

import shlex
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.cli.options import DisplayZone, command
from outreply_cli.context import Context
from outreply_cli.failed_posts import RETRY_KEY_PREFIX
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import EntryState, JournalEntry, Lease
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.sender import AGENT_KEY_PREFIX, KEY_CALENDAR_PREFIX
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from outreply_cli.ui.columns import Column, Item

_DETAILS = {
    EntryState.SENT: "may have been sent",
    EntryState.CANCELLING: "may have been cancelled",
}
# The fields of an item, in the order of the output.
_NOTHING = dict.fromkeys((
    "calendar", "row", "page_id", "scheduled_at", "status", "detail", "sent_at", "id", "message",
    "command", "holder", "expires_at",
))  # fmt: skip


@command(api=False)
def run(context: Context, tz: DisplayZone = None) -> None:
    """List requests with an unknown outcome, in all accounts and calendars.

    Each is listed with the command that resolves it. With a team's store, also lists the calendars
    that a command is working on, and the targets that a receiver forwards webhooks to. Nothing is
    sent.

    Example: outreply store status

    Example: outreply store status --json
    """
    store, zone = context.store, context.zone(tz)
    items: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    if store.exists:
        with closing(store.open(allow_readonly=True)) as journal:
            items = [_to_dict(journal, entry) for entry in journal.list_unsettled()]
            held = [_lease_to_dict(lease) for lease in journal.leases()]
    context.output.print_list([*held, *items], [
        Column("Calendar", "calendar", shrinkable=True),
        Column("Page", "page_id", shrinkable=True),
        Column("When", "scheduled_at", lambda item: _format(item, format_time, zone),
               short=lambda item: _format(item, format_time_short, zone)),
        Column("Detail", "detail"),
        Column("Resolve with", "command"),
    ])  # fmt: skip
    if not items:
        context.info("The journal has no request with an unknown outcome.")


def _format(item: Item, format_at: Callable[[datetime, ZoneInfo], str], zone: ZoneInfo) -> str:
    """Return the time of a post, or the time until which a calendar is held."""
    at = format_at(parse_timestamp(item["scheduled_at"] or item["expires_at"]), zone)
    return at if item["scheduled_at"] else f"until {at}"


def _lease_to_dict(lease: Lease) -> dict[str, Any]:
    return {
        **_NOTHING,
        "calendar": lease.calendar,
        "status": "held",
        "detail": f"held by {lease.holder}",
        "holder": lease.holder,
        "expires_at": format_timestamp(lease.expires_at),
    }


def _to_dict(journal: Journal, entry: JournalEntry) -> dict[str, Any]:
    path = journal.calendars(entry.account).get(entry.calendar)
    new = entry if entry.replaces is not None else journal.get_replacement(entry)
    if path is not None:
        # A damaged journal may have lost the path.
        words = ["bulk", "reconcile", path or "FILE"]
    elif new is not None and new.replaces is not None:
        old_id = str(journal.entry(new.replaces).post_id)
        words = ["posts", "reschedule", old_id, "--at", format_timestamp(new.scheduled_at)]
    elif entry.state == EntryState.CANCELLING:
        words = ["posts", "cancel", str(entry.post_id)]
    else:
        words = _repeat_post(entry, entry.calendar.removeprefix(KEY_CALENDAR_PREFIX))
    return {
        **_NOTHING,
        "calendar": entry.calendar,
        "row": entry.row,
        "page_id": entry.page_id,
        "scheduled_at": format_timestamp(entry.scheduled_at),
        "status": "unknown",
        "detail": "is still to be sent" if entry.is_unsent else _DETAILS[entry.state],
        "sent_at": format_timestamp(entry.sent_at) if entry.sent_at else None,
        "id": entry.post_id,
        "message": entry.body.get("message"),
        "command": shlex.join(["outreply", *words]),
    }


def _repeat_post(entry: JournalEntry, key: str) -> list[str]:
    """Return the command that sent a post with `--key`; again, it finds the post or sends it."""
    body = entry.body
    time = ["--at", str(body["scheduled_at"])] if body.get("scheduled_at") else []
    if key.startswith(RETRY_KEY_PREFIX):
        return ["posts", "retry", key.removeprefix(RETRY_KEY_PREFIX), *time, "--yes"]
    if key.startswith(AGENT_KEY_PREFIX):
        # Only the plan may send it again: the user may have rejected that.
        return ["mcp", "plans"]
    verb = ["schedule", *time] if time else ["publish", "--yes"]
    content = PostContent.from_body(body).to_flags()
    return ["posts", *verb, "--page", entry.page_id, "--key", key, *content]
