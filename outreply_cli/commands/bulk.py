"""`outreply bulk`: a whole calendar file, exactly once."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from outreply_cli.bulk.account_view import read_account
from outreply_cli.bulk.engine import Result, Stop, StoppableClock
from outreply_cli.bulk.plan import Kind
from outreply_cli.bulk.reading import read_calendar, read_columns
from outreply_cli.bulk.reports import planned_results, report_object, write_report
from outreply_cli.bulk.run import BulkRun, Prepared, Settings, calendar_error, joined_error
from outreply_cli.bulk.targets import BRAND_ZONE, DATE_ORDERS
from outreply_cli.bulk.template import template
from outreply_cli.commands.options import TimeZone, command, new_group
from outreply_cli.errors import (
    CalendarError,
    InvalidInputError,
    NotSignedInError,
    OutReplyError,
    PartialFailureError,
)
from outreply_cli.posting.account_posts import JOURNAL_FILE
from outreply_cli.posting.journal import Journal
from outreply_cli.posting.locks import calendar_lock
from outreply_cli.terminal.plans import aliases_of, show_plan
from outreply_cli.terminal.progress import progress
from outreply_cli.terminal.session import Session
from outreply_cli.times import read_duration

app = new_group("Schedule a whole calendar file, exactly once.")

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="CSV or YAML calendars.")]


@command(app, "schedule")
def bulk_schedule(
    session: Session,
    files: Files,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; do nothing.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Cancel posts whose rows were taken out.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over equal posts that the account has already.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, max=32, help="Requests in flight at most.")
    ] = 4,
    columns: Annotated[
        str | None,
        typer.Option(metavar="A=B,…", help="Rename columns: 'Text=message,Date=scheduled_at'."),
    ] = None,
    date_order: Annotated[
        str | None,
        typer.Option(metavar="dmy|mdy|ymd", help="How 24/12/2026 is read; refused without."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rows and how they went as CSV.")
    ] = None,
    wait_lock: Annotated[
        str, typer.Option(metavar="T", help="How long to wait for another run of the calendar.")
    ] = "30s",
    tz: TimeZone = None,
) -> None:
    """Make the account hold exactly the posts of a calendar file.

    Run it again after editing the file: new rows are scheduled, edited ones replaced, the rest is
    left alone.

    Example: outreply bulk schedule launch.csv --dry-run
    """
    if date_order is not None and date_order not in DATE_ORDERS:
        raise InvalidInputError(
            f"--date-order {date_order!r} is unknown", hint=f"Choose: {', '.join(DATE_ORDERS)}"
        )
    settings = Settings(
        zone=None if tz == BRAND_ZONE else session.zone(tz),
        date_order=date_order,
        prune=prune,
        adopt=adopt,
        concurrency=concurrency,
    )
    calendars = [read_calendar(name, read_columns(columns)) for name in dict.fromkeys(files)]
    stop = Stop()
    try:
        client = session.client(patient=True, clock=StoppableClock(session.clock, stop))
        view = read_account(client)
    except NotSignedInError:
        # Without an account, what is wrong with the files by themselves is still worth telling.
        problems = [problem for calendar in calendars for problem in calendar.problems]
        if problems:
            raise calendar_error(problems) from None
        raise
    with ExitStack() as stack:
        journal = Journal(session.state_dir / JOURNAL_FILE)
        stack.callback(journal.close)
        run = BulkRun(client, journal, settings)
        account = run.account_of(view)
        seconds = read_duration(wait_lock).total_seconds()
        if not dry_run:
            for path in sorted(str(calendar.path) for calendar in calendars):
                stack.enter_context(calendar_lock(session.state_dir, account, path, wait=seconds))
        prepared = []
        wrong: list[Mapping[str, Any]] = []
        for calendar in calendars:
            try:
                prepared.append(run.prepare(calendar, view, settle=not dry_run))
            except CalendarError as error:
                wrong += error.problems
        if wrong:
            raise joined_error(wrong)
        _show_plans(session, prepared, tz)
        results = _carry_out(session, run, prepared, stop, dry_run=dry_run)
    _report(session, results, report)
    if dry_run:
        session.note("Nothing was sent: --dry-run.")
        return
    _end(session, results, stop)


@command(app, "template", api=False)
def bulk_template(
    session: Session,
    kind: Annotated[str, typer.Argument(metavar="yaml|csv", help="Which format.")] = "yaml",
) -> None:
    """Print a calendar file to begin with.

    Example: outreply bulk template csv > launch.csv
    """
    if kind not in {"yaml", "csv"}:
        raise InvalidInputError(f"{kind!r} is no kind of calendar", hint="Choose yaml or csv.")
    session.output.show_text(template(kind, session.clock.now()))


def _show_plans(session: Session, prepared: Sequence[Prepared], tz: str | None) -> None:
    zone = session.zone(None if tz == BRAND_ZONE else tz)
    for one in prepared:
        for problem in one.warnings:
            session.warn(problem.text)
        if session.choices.output == "table" and not session.choices.quiet:
            aliases = aliases_of(one.plan, one.view.pages)
            show_plan(session.output, one.calendar.name, one.plan, zone, aliases)


def _carry_out(
    session: Session, run: BulkRun, prepared: Sequence[Prepared], stop: Stop, *, dry_run: bool
) -> list[tuple[str, Result]]:
    results: list[tuple[str, Result]] = []
    for one in prepared:
        name = one.calendar.name
        if dry_run:
            results += [(name, result) for result in planned_results(one.plan)]
            continue
        total = len(one.plan.of_kind(Kind.CREATE, Kind.CHANGE, Kind.CANCEL))
        with progress(session.notes, "Scheduling", total) as bar:
            done = run.carry_out(one, stop, lambda _: bar.step())
        results += [(name, result) for result in done.results]
    return results


def _report(session: Session, results: Sequence[tuple[str, Result]], path: Path | None) -> None:
    if path is not None:
        write_report(path, results)
    document = report_object(results)
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


def _end(session: Session, results: Sequence[tuple[str, Result]], stop: Stop) -> None:
    summary = report_object(results)["summary"]
    told = ", ".join(f"{count} {name}" for name, count in summary.items() if count)
    session.note(f"Done: {told or 'nothing to do'}.")
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


def _with_advice(cause: OutReplyError, pending: int) -> OutReplyError:
    cause.hint = (
        f"{pending} rows are still planned; run the same command again to go on. {cause.hint or ''}"
    ).strip()
    return cause
