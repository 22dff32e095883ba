"""`outreply bulk apply`."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.bulk.loader import load_calendar, parse_columns
from outreply_cli.cli.options import command
from outreply_cli.commands.bulk.options import Concurrency, WaitLock, bulk_context, parse_options
from outreply_cli.commands.bulk.output import finish_run, show_results
from outreply_cli.commands.bulk.shared import carry_out, prepare
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command()
def run(
    context: Context,
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="From `bulk plan`.")],
    concurrency: Concurrency = 4,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows and how they went as CSV.")
    ] = None,
    wait_lock: WaitLock = "30s",
) -> None:
    """Do exactly what a saved plan says; refused when file, account or clock have moved on.

    Example: outreply bulk apply launch.plan

    Example: outreply bulk apply launch.plan --report done.csv
    """
    from outreply_cli.bulk.plan_file import check_drift, load_plan

    saved = load_plan(plan)
    options = dict(saved.options)
    columns = options.pop("columns", None)
    try:
        settings = parse_options(context, concurrency=concurrency, **options)
    except TypeError:
        raise InvalidInputError(f"{plan} has options that outreply does not know") from None
    calendars = [load_calendar(saved.calendar, parse_columns(columns))]
    paths = [calendar.path for calendar in calendars]
    with bulk_context(context, settings, paths, wait_lock=wait_lock, calendars=calendars) as bulk:
        prepared = prepare(context, bulk, calendars, settle=True)
        check_drift(saved, prepared[0].remote.digest, prepared[0].plan)
        results = carry_out(context, bulk, prepared)
    show_results(context, results, report)
    finish_run(context, results, bulk.stop)
