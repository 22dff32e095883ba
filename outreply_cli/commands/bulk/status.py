"""`outreply bulk status`."""

from typing import TYPE_CHECKING, Any

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.bulk.options import (
    Columns,
    DateOrder,
    File,
    bulk_context,
    load_calendars,
    parse_options,
)
from outreply_cli.context import Context
from outreply_cli.pages import page_alias
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from outreply_cli.ui.output import Column

if TYPE_CHECKING:
    from outreply_cli.bulk.status import RowSyncStatus


@command()
def run(
    context: Context,
    file: File,
    columns: Columns = None,
    date_order: DateOrder = None,
    tz: TimeZone = None,
) -> None:
    """Compare a calendar file with what was sent and what the account holds; sends nothing.

    Example: outreply bulk status launch.csv

    Example: outreply bulk status launch.csv --json
    """
    from outreply_cli.bulk.status import compare_rows

    settings = parse_options(context, tz=tz, date_order=date_order)
    calendars = load_calendars([file], columns)
    with bulk_context(context, settings, [], wait_lock=None, calendars=calendars) as bulk:
        known = bulk.run.diff(calendars[0], bulk.view, settle=False)
    for problem in known.problems:
        context.warn(problem.text)
    zone = settings.zone or context.zone()
    aliases = {str(page["id"]): page_alias(page) for page in bulk.view.pages}
    states = compare_rows(known.matched, known.gone, known.statuses)
    context.output.print_list([_state_object(calendars[0], state) for state in states], [
        Column("Line", "line"),
        Column("Key", "key", shrinkable=True),
        Column("When", "scheduled_at",
               lambda it: format_time(parse_timestamp(it["scheduled_at"]), zone),
               short=lambda it: format_time_short(parse_timestamp(it["scheduled_at"]), zone)),
        Column("Page", "page_id", lambda it: aliases.get(it["page_id"]) or str(it["page_id"]),
               shrinkable=True),
        Column("State", "state", style=lambda it: "" if it["state"] == "in step" else "yellow"),
    ])  # fmt: skip


def _state_object(calendar: Calendar, state: "RowSyncStatus") -> dict[str, Any]:
    return {
        "file": calendar.name,
        "line": state.line,
        "key": state.key,
        "page_id": state.page_id,
        "scheduled_at": format_timestamp(state.scheduled_at),
        "id": state.post_id,
        "state": state.state,
    }
