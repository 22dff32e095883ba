"""`outreply bulk schedule`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from outreply_cli.bulk.reports import ReportFile, results_from_plan
from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.bulk.compose import RowComposeOptions, compose_rows
from outreply_cli.commands.bulk.options import (
    Concurrency,
    Files,
    NoAdopt,
    NoUpload,
    PlanOptions,
    ReadOptions,
    ReportName,
    WaitLock,
)
from outreply_cli.commands.bulk.output import finish_run, show_plans, show_results, write_report
from outreply_cli.commands.bulk.shared import (
    apply_plans,
    bulk_context,
    load_calendars,
    plan_calendars,
    write_slot_times,
)
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    files: Files,
    *,
    dry_run: Annotated[bool, switch("Show the plan without sending anything.")] = False,
    planning: PlanOptions,
    approved: Annotated[
        Path | None,
        option("FILE", "Send only what this approval file approves; see: outreply help calendar"),
    ] = None,
    no_adopt: NoAdopt = False,
    no_upload: NoUpload = False,
    concurrency: Concurrency = 4,
    reading: ReadOptions,
    report: ReportName = None,
    wait_lock: WaitLock = "30s",
    write_times: Annotated[
        bool | None,
        switch(
            "Write the times chosen for rows without one into the CSV file (default: ask on a "
            "terminal; --no-write-times: never).",
            "--write-times/--no-write-times",
        ),
    ] = None,
    composing: RowComposeOptions,
) -> None:
    """Sync an account's scheduled posts with a calendar file.

    Run it again after editing the file: new rows are scheduled, edited rows replace their posts,
    and unchanged rows are skipped. A row without a time takes the next free slot of its page, and
    keeps it in later runs; see: outreply help slots. With --compose-with, the text of a row without
    one is composed once, and kept in the file or the journal; see: outreply help compose

    With --approved, a post that was edited after its approval is held, and reported with its line.
    Posts that are already scheduled stay as they are, unless an approved version replaces them.
    --prune cancels nothing until every new post is approved.

    Example: outreply bulk schedule launch.csv --dry-run

    Example: outreply bulk schedule launch.csv --prune --report done.csv

    Example: outreply bulk schedule launch.csv --approved launch.approval.json
    """
    options = replace(
        reading.to_options(context, planning), adopt=not no_adopt, concurrency=concurrency,
        allow_upload=not no_upload, composes=composing.compose_with is not None,
    )  # fmt: skip
    if approved is not None:
        from outreply_cli.bulk.approval import load_approval

        options = replace(options, approval=load_approval(approved))
    calendars = load_calendars(context, files, reading)
    report_file = ReportFile.for_calendars(report, calendars) if report is not None else None
    lock = None if dry_run else wait_lock
    with bulk_context(context, options, calendars, wait_lock=lock) as bulk:
        compose_rows(bulk, calendars, composing)
        plans = plan_calendars(bulk, calendars, reconcile=not dry_run, claim=not dry_run)
        show_plans(context, plans, reading.tz)
        if dry_run:
            results = [
                (planned.calendar.file_name, result)
                for planned in plans
                for result in results_from_plan(planned.plan)
            ]
            show_results(context, results)
            if report_file is not None:
                write_report(report_file, results, plans)
            context.info("Dry run: nothing was sent.")
            return
        results = apply_plans(bulk, plans)
        if write_times is not False:
            for calendar in calendars:
                own = [result for name, result in results if name == calendar.file_name]
                write_slot_times(bulk, calendar, own, yes=write_times is True)
    finish_run(context, results, bulk.stop, reading, report_file, plans)
