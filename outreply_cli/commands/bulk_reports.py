"""How the commands on calendars tell their plans and results."""

import os
from collections.abc import Sequence
from pathlib import Path

from outreply_cli.bulk.executor import Result, Status, Stop
from outreply_cli.bulk.plan import Kind
from outreply_cli.bulk.reports import report_object, write_report
from outreply_cli.bulk.resolve import BRAND_ZONE
from outreply_cli.bulk.service import Prepared
from outreply_cli.commands.bulk_output import aliases_of, show_plan
from outreply_cli.context import Session
from outreply_cli.errors import OutReplyError, PartialFailureError
from outreply_cli.storage.private_files import write_private
from outreply_cli.ui.github_actions import annotate_problems, annotate_results

Results = Sequence[tuple[str, Result]]


def show_plans(session: Session, prepared: Sequence[Prepared], tz: str | None) -> None:
    """Show each plan, and what may be wrong with it."""
    zone = session.zone(None if tz == BRAND_ZONE else tz)
    for one in prepared:
        for problem in one.warnings:
            session.warn(problem.text)
        warnings = [problem.as_details() for problem in one.warnings]
        annotate_problems(session, warnings, level="warning")
        if session.choices.output == "table" and not session.choices.quiet:
            aliases = aliases_of(one.plan, one.view.pages)
            show_plan(session.output, one.calendar.name, one.plan, zone, aliases)


def show_results(session: Session, results: Results, report: Path | None) -> None:
    """Show how the rows went, in the session's format, and write the report where one is asked."""
    if report is not None:
        write_report(report, results)
    wanted = session.choices.quiet or session.choices.output != "table"
    document = report_object(results) if wanted else {"rows": []}
    if session.choices.quiet:
        session.output.show_list([row for row in document["rows"] if row["id"]], [])
    elif session.choices.output == "json":
        session.output.show_value(document)
    elif session.choices.output != "table":
        session.output.show_value(document["rows"])
    for name, result in results:
        if result.error is not None:
            row = result.action.matched.target.row if result.action.matched else None
            place = f"{name}:{row.line}" if row else name
            session.note(f"{place}: {result.status.value}: {result.error.message}")
    annotate_results(session, results)


def end_run(session: Session, results: Results, stop: Stop) -> None:
    """Tell how it ended; raises what ended it early, or PartialFailureError for failed rows."""
    summary = report_object(results)["summary"]
    told = ", ".join(f"{count} {name}" for name, count in summary.items() if count)
    session.note(f"Done: {told or 'nothing to do'}.")
    _offer_undo(session, results)
    if stop.cause is not None:
        raise _with_advice(stop.cause, summary["pending"])
    failed, pending = summary["failed"], summary["pending"]
    if failed or pending:
        codes = {result.error.code for _, result in results if result.error is not None}
        raise PartialFailureError(
            f"{failed} of {len(results)} rows failed and {pending} are pending",
            hint="Run the same command again: what is done stays done.",
            details={"failed": failed, "pending": pending, "codes": sorted(codes)},
        )


def _offer_undo(session: Session, results: Results) -> None:
    gone = [
        result.action.entry
        for _, result in results
        if result.action.kind == Kind.CANCEL
        and result.status == Status.DONE
        and result.action.entry is not None
    ]
    if not gone:
        return
    from outreply_cli.bulk.export import undo_calendar

    stamp = f"{session.clock.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    path = session.state_dir / "undo" / f"cancelled-{stamp}.csv"
    write_private(path, undo_calendar(gone))
    session.note(f"To undo the cancelling: outreply bulk schedule '{path}'")


def _with_advice(cause: OutReplyError, pending: int) -> OutReplyError:
    cause.hint = (
        f"{pending} rows are still planned; run the same command again to go on. {cause.hint or ''}"
    ).strip()
    return cause
