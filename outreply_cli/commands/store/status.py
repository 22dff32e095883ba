"""`outreply store status`."""

import shlex
from contextlib import closing
from typing import Any

from outreply_cli.cli.options import TimeZone, command
from outreply_cli.context import Context
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.journal.models import EntryState, JournalEntry
from outreply_cli.posts.service import KEY_CALENDAR
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from outreply_cli.ui.columns import Column

_DETAILS = {
    EntryState.SENT: "may have been sent",
    EntryState.CANCELLING: "may have been cancelled",
}


@command(api=False)
def run(context: Context, tz: TimeZone = None) -> None:
    """List requests with an unknown outcome, in all accounts and calendars.

    Each has the next step that settles it. Nothing is sent.

    Example: outreply store status

    Example: outreply store status --json
    """
    path = context.state_dir / JOURNAL_FILE
    items: list[dict[str, Any]] = []
    if path.exists():
        with closing(Journal(path, may_be_readonly=True)) as journal:
            for entry in journal.list_unsettled():
                paths = journal.calendars(entry.account)
                items.append(_to_dict(entry, paths.get(entry.calendar)))
    zone = context.zone(tz)
    context.output.print_list(items, [
        Column("Calendar", "calendar", shrinkable=True),
        Column("Page", "page_id", shrinkable=True),
        Column("When", "scheduled_at",
               lambda it: format_time(parse_timestamp(it["scheduled_at"]), zone),
               short=lambda it: format_time_short(parse_timestamp(it["scheduled_at"]), zone)),
        Column("Detail", "detail"),
        Column("Settle with", "command"),
    ])  # fmt: skip
    if not items:
        context.info("The journal has no request with an unknown outcome.")


def _to_dict(entry: JournalEntry, path: str | None) -> dict[str, Any]:
    if path is not None:
        settle = f"outreply bulk reconcile {shlex.quote(path)}"
    elif entry.calendar.startswith(KEY_CALENDAR):
        key = shlex.quote(entry.calendar.removeprefix(KEY_CALENDAR))
        settle = f"the same command with --key {key}"
    else:
        settle = "the same outreply posts reschedule command"
    return {
        "calendar": entry.calendar,
        "row": entry.row,
        "page_id": entry.page_id,
        "scheduled_at": format_timestamp(entry.scheduled_at),
        "status": "unknown",
        "detail": _DETAILS[entry.state],
        "sent_at": format_timestamp(entry.sent_at) if entry.sent_at else None,
        "id": entry.post_id,
        "message": entry.body.get("message"),
        "command": settle,
    }
