"""`outreply bulk status`."""

import shlex
from dataclasses import replace

from outreply_cli.cli.options import command
from outreply_cli.commands.bulk.options import File, ReadOptions
from outreply_cli.commands.bulk.shared import bulk_context, load_calendars
from outreply_cli.context import Context
from outreply_cli.pages import page_alias
from outreply_cli.ui.columns import Column, time_column


@command()
def run(context: Context, file: File, reading: ReadOptions) -> None:
    """Compare a calendar file with earlier runs and the account.

    The status of a row says whether it is in sync with its post, edited, new, unknown or more than
    75 days ahead. A post whose row was removed from the file is orphaned.

    Example: outreply bulk status launch.csv

    Example: outreply bulk status launch.csv --json
    """
    from outreply_cli.bulk.status import IN_SYNC, UNKNOWN, compare_rows

    # A text may still have to be composed.
    options = replace(reading.to_options(context), composes=True)
    calendars = load_calendars(context, [file], reading)
    with bulk_context(context, options, calendars) as bulk:
        (opened,) = bulk.open_calendars(calendars)
        diff = bulk.service.diff(opened, reconcile=False)
    for problem in diff.problems:
        context.warn(problem.text)
    statuses = compare_rows(file, diff.rows, diff.orphaned, diff.statuses, diff.later)
    zone = options.zone or context.zone()
    aliases = {str(page["id"]): page_alias(page) for page in bulk.service.account.pages}
    context.output.print_list(statuses, [
        Column("Line", "line"),
        Column("Key", "key", shrinkable=True),
        time_column("When", "scheduled_at", zone),
        Column("Page", "page_id", lambda row: aliases.get(row["page_id"]) or str(row["page_id"]),
               shrinkable=True),
        Column("Status", "status", style=lambda row: "" if row["status"] == IN_SYNC else "yellow"),
    ])  # fmt: skip
    for note in opened.notes:
        context.info(f"{file}: {note}.")
    if any(item["status"] == UNKNOWN for item in statuses):
        for item in statuses:
            if item["detail"]:
                context.info(f"{file}:{item['line']}: {item['detail']}")
        words = f"{shlex.quote(file)}{reading.to_flags()}"
        context.info(f"Resolve the unknown rows with: outreply bulk reconcile {words}")
