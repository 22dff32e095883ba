"""`outreply bulk plan`."""

from pathlib import Path
from typing import Annotated, Any

import typer

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
    load_calendars,
    parse_options,
)
from outreply_cli.commands.bulk.output import show_plans
from outreply_cli.commands.bulk.shared import prepare
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    file: File,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PLAN", help="The plan file.")],
    prune: Prune = False,
    spread: Spread = False,
    spread_window: SpreadWindow = "24h",
    max_cancel: MaxCancel = None,
    columns: Columns = None,
    date_order: DateOrder = None,
    tz: TimeZone = None,
) -> None:
    """Save what `bulk schedule` would do, for review; `bulk apply` does exactly that.

    Example: outreply bulk plan launch.csv -o launch.plan

    Example: outreply bulk plan launch.csv --prune -o launch.plan
    """
    from outreply_cli.bulk.plan_file import save_plan

    options: dict[str, Any] = {
        "tz": tz or context.zone().key,
        "date_order": date_order,
        "prune": prune,
        "spread": spread,
        "spread_window": spread_window,
        "max_cancel": max_cancel,
    }
    settings = parse_options(context, **options)
    calendars = load_calendars([file], columns)
    with bulk_context(context, settings, [], wait_lock=None, calendars=calendars) as bulk:
        (prepared,) = prepare(context, bulk, calendars, settle=False)
    show_plans(context, [prepared], tz)
    save_plan(
        output,
        prepared.calendar.path,
        prepared.remote.digest,
        {**options, "columns": columns},
        prepared.plan,
    )
    context.info(f"The plan is in {output}. Carry it out with: outreply bulk apply {output}")
