"""`outreply bulk plan`."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

from outreply_cli.bulk.calendar import STDIN, is_calendar_url
from outreply_cli.bulk.reports import build_report, results_from_plan
from outreply_cli.cli.options import command, option
from outreply_cli.commands.bulk.compose import RowComposeOptions, compose_rows
from outreply_cli.commands.bulk.options import File, PlanOptions, ReadOptions
from outreply_cli.commands.bulk.output import show_plans
from outreply_cli.commands.bulk.shared import bulk_context, load_calendars, plan_calendars, recall
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.storage.files import check_replaceable
from outreply_cli.ui.output import FORMATS


@command()
def run(
    context: Context,
    file: File,
    output: Annotated[Path, option("PLAN", "Save the plan to this file.", "-o", "--output")],
    planning: PlanOptions,
    reading: ReadOptions,
    composing: RowComposeOptions,
) -> None:
    """Save the plan of `bulk schedule` for review.

    Apply the saved plan with `bulk apply`. Texts from --compose-with are kept in the file or the
    journal, where `bulk apply` finds them.

    Example: outreply bulk plan launch.csv -o launch.plan

    Example: outreply bulk plan launch.csv --prune -o launch.plan
    """
    from outreply_cli.bulk.plan_file import is_plan, save_plan

    if str(output) in {*FORMATS, "-"}:
        raise InvalidInputError(
            f"-o: a plan requires a file, not {output}",
            hint="Use a name such as launch.plan; for JSON, add --json.",
        )
    if file == STDIN or is_calendar_url(file):
        raise InvalidInputError("FILE: a plan requires a file", hint="Save the calendar to a file.")
    tz, forgets = reading.tz, reading.forget
    # The plan must not depend on the time zone of the machine that applies it.
    reading = replace(recall(context, file, reading), tz=tz or context.zone().key, forget=True)
    options = replace(
        reading.to_options(context, planning),
        checks_zone=tz is None and not forgets,
        composes=composing.compose_with is not None,
    )
    calendars = load_calendars(context, [file], reading)
    paths = [calendar.path for calendar in calendars]
    check_replaceable("-o", output, "a plan", is_plan, paths)
    with bulk_context(context, options, calendars) as bulk:
        compose_rows(bulk, calendars, composing)
        now = bulk.client.now()
        (planned,) = plan_calendars(bulk, calendars, reconcile=False)
    show_plans(context, [planned], tz)
    saved = {**asdict(planning), **asdict(reading)}
    # Not saved: a plan is untrusted input, so `bulk apply` takes its own --allow-outside.
    del saved["allow_outside"]
    apply = f"outreply bulk apply {output}{' --allow-outside' if reading.allow_outside else ''}"
    save_plan(output, planned, saved, now=now)
    if context.wants_json:
        name = planned.calendar.file_name
        report = build_report([(name, result) for result in results_from_plan(planned.plan)])
        context.output.print_data({"file": str(output), **report})
    context.info(f"Saved the plan to {output}. Apply it with: {apply}")
