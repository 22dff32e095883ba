"""`outreply bulk plan`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from outreply_cli.bulk.reports import build_report, results_from_plan
from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.bulk.options import (
    Columns,
    DateOrder,
    File,
    MaxCancel,
    Prune,
    Spread,
    SpreadWindow,
    bulk_context,
    parse_options,
)
from outreply_cli.commands.bulk.output import show_plans
from outreply_cli.commands.bulk.shared import load_calendars, plan_calendars
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    file: File,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PLAN", help="Save the plan to this file.")
    ],
    prune: Prune = False,
    spread: Spread = False,
    spread_window: SpreadWindow = "24h",
    max_cancel: MaxCancel = None,
    columns: Columns = None,
    date_order: DateOrder = None,
    tz: TimeZone = None,
) -> None:
    """Save the plan of `bulk schedule` for review.

    Apply the saved plan with `bulk apply`.

    Example: outreply bulk plan launch.csv -o launch.plan

    Example: outreply bulk plan launch.csv --prune -o launch.plan
    """
    from outreply_cli.bulk.plan_file import save_plan

    values: dict[str, Any] = {
        "tz": tz or context.zone().key,
        "date_order": date_order,
        "prune": prune,
        "spread": spread,
        "spread_window": spread_window,
        "max_cancel": max_cancel,
    }
    options = parse_options(context, **values)
    calendars = load_calendars([file], columns)
    with bulk_context(context, options, calendars) as bulk:
        (planned,) = plan_calendars(context, bulk, calendars, reconcile=False)
    show_plans(context, [planned], tz)
    save_plan(
        output,
        planned.calendar.path,
        planned.account.fingerprint,
        {**values, "columns": columns},
        planned.plan,
    )
    if context.wants_json:
        results = [(planned.calendar.name, result) for result in results_from_plan(planned.plan)]
        context.output.write_json({"file": str(output), **build_report(results)})
    context.info(f"Saved the plan to {output}. Apply it with: outreply bulk apply {output}")
