"""`outreply bulk schedule`."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.bulk.reports import planned_results
from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.bulk.options import (
    Adopt,
    Columns,
    Concurrency,
    DateOrder,
    Files,
    MaxCancel,
    NoUpload,
    Prune,
    Spread,
    SpreadWindow,
    WaitLock,
    bulk_context,
    load_calendars,
    parse_options,
)
from outreply_cli.commands.bulk.output import finish_run, show_plans, show_results
from outreply_cli.commands.bulk.shared import carry_out, prepare
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    files: Files,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; do nothing.")] = False,
    prune: Prune = False,
    spread: Spread = False,
    spread_window: SpreadWindow = "24h",
    adopt: Adopt = False,
    max_cancel: MaxCancel = None,
    no_upload: NoUpload = False,
    concurrency: Concurrency = 4,
    columns: Columns = None,
    date_order: DateOrder = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows and how they went as CSV.")
    ] = None,
    wait_lock: WaitLock = "30s",
    tz: TimeZone = None,
) -> None:
    """Make the account hold exactly the posts of a calendar file.

    Run it again after editing the file: new rows are scheduled, edited ones replaced, the rest is
    left alone.

    Example: outreply bulk schedule launch.csv --dry-run

    Example: outreply bulk schedule launch.csv --prune --report done.csv
    """
    settings = parse_options(
        context,
        tz=tz,
        date_order=date_order,
        prune=prune,
        adopt=adopt,
        concurrency=concurrency,
        spread=spread,
        spread_window=spread_window,
        max_cancel=max_cancel,
        no_upload=no_upload,
    )
    calendars = load_calendars(files, columns)
    paths = [calendar.path for calendar in calendars]
    lock = None if dry_run else wait_lock
    with bulk_context(context, settings, paths, wait_lock=lock, calendars=calendars) as bulk:
        prepared = prepare(context, bulk, calendars, settle=not dry_run)
        show_plans(context, prepared, tz)
        if dry_run:
            planned = [
                (one.calendar.name, result)
                for one in prepared
                for result in planned_results(one.plan)
            ]
            show_results(context, planned, report)
            context.info("Nothing was sent: --dry-run.")
            return
        results = carry_out(context, bulk, prepared)
    show_results(context, results, report)
    finish_run(context, results, bulk.stop)
