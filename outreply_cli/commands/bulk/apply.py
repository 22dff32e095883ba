"""`outreply bulk apply`."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

from outreply_cli.bulk.reports import ReportFile
from outreply_cli.cli.options import argument, command
from outreply_cli.commands.bulk.options import (
    AllowOutside,
    Concurrency,
    PlanOptions,
    ReadOptions,
    ReportName,
    WaitLock,
)
from outreply_cli.commands.bulk.output import finish_run
from outreply_cli.commands.bulk.shared import (
    apply_plans,
    bulk_context,
    load_calendars,
    plan_calendars,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.journal.journal import SlotTakenError


@command()
def run(
    context: Context,
    plan: Annotated[Path, argument("PLAN", "Plan saved by `bulk plan`.")],
    concurrency: Concurrency = 4,
    report: ReportName = None,
    wait_lock: WaitLock = "30s",
    allow_outside: AllowOutside = False,
) -> None:
    """Apply a plan saved by `bulk plan`.

    Fails if the plan is stale because the file, the account or the time has changed, or a post of
    the plan was cancelled. An interrupted plan is resumed; applying a plan twice changes nothing.

    Example: outreply bulk apply launch.plan

    Example: outreply bulk apply launch.plan --report done.csv
    """
    from outreply_cli.bulk.plan_file import (
        StalePlanError,
        find_drift,
        load_plan,
        locate_calendar,
    )

    saved = load_plan(plan)
    values = dict(saved.options)
    read_names = {field.name for field in fields(ReadOptions)}
    try:
        reading = ReadOptions(
            **{name: values.pop(name) for name in read_names & values.keys()},
            allow_outside=allow_outside,
        )
        planning = PlanOptions(**values)
    except TypeError:
        raise InvalidInputError(f"{plan} has options that outreply does not know") from None
    options = replace(
        reading.to_options(context, planning), concurrency=concurrency, planned_at=saved.made_at
    )
    calendar = locate_calendar(saved, plan)
    calendars = load_calendars(context, [str(calendar)], reading)
    report_file = ReportFile.for_calendars(report, calendars) if report is not None else None
    with bulk_context(context, options, calendars, wait_lock=wait_lock) as bulk:
        (planned,) = plan_calendars(bulk, calendars, reconcile=True)
        applied, now = bulk.service.cancelled_posts(), bulk.client.now()
        differences = [
            *find_drift(saved, planned, calendar, applied, now=now),
            *bulk.service.describe_undone(planned.plan, saved.made_at),
        ]
        if differences:
            raise StalePlanError(differences)
        try:
            bulk.service.claim_slots([planned])
        except SlotTakenError as error:
            raise StalePlanError([error.message]) from None
        results = apply_plans(bulk, [planned])
    finish_run(context, results, bulk.stop, reading, report_file, [planned])
