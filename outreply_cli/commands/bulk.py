"""`outreply bulk`: a whole calendar file, exactly once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.executor import Result
from outreply_cli.bulk.loader import calendar_path, read_calendar, read_columns
from outreply_cli.bulk.plan import Action, Kind
from outreply_cli.bulk.reports import planned_results
from outreply_cli.bulk.service import Prepared, joined_error
from outreply_cli.cli.options import TimeZone, Yes, command, new_group
from outreply_cli.commands.bulk_reports import end_run, show_plans, show_results
from outreply_cli.commands.calendars import (
    Adopt,
    Columns,
    Concurrency,
    DateOrder,
    File,
    Files,
    MaxCancel,
    NoUpload,
    OpenBulk,
    Prune,
    Spread,
    SpreadWindow,
    WaitLock,
    open_bulk,
    read_calendars,
    read_settings,
)
from outreply_cli.context import Session
from outreply_cli.errors import CalendarError, InvalidInputError
from outreply_cli.pages import find_page, page_alias
from outreply_cli.times import from_api, show_instant, show_instant_briefly, to_api
from outreply_cli.ui.github_actions import annotate_problems
from outreply_cli.ui.output import Column
from outreply_cli.ui.progress import progress

if TYPE_CHECKING:
    from outreply_cli.bulk.status import RowState

app = new_group("Schedule a whole calendar file, exactly once.")


@command(app, "schedule")
def bulk_schedule(
    session: Session,
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
    settings = read_settings(
        session,
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
    calendars = read_calendars(files, columns)
    paths = [calendar.path for calendar in calendars]
    lock = None if dry_run else wait_lock
    with open_bulk(session, settings, paths, wait_lock=lock, calendars=calendars) as bulk:
        prepared = _prepare(session, bulk, calendars, settle=not dry_run)
        show_plans(session, prepared, tz)
        if dry_run:
            planned = [
                (one.calendar.name, result)
                for one in prepared
                for result in planned_results(one.plan)
            ]
            show_results(session, planned, report)
            session.note("Nothing was sent: --dry-run.")
            return
        results = _carry_out(session, bulk, prepared)
    show_results(session, results, report)
    end_run(session, results, bulk.stop)


@command(app, "plan")
def bulk_plan(
    session: Session,
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
        "tz": tz or session.zone().key,
        "date_order": date_order,
        "prune": prune,
        "spread": spread,
        "spread_window": spread_window,
        "max_cancel": max_cancel,
    }
    settings = read_settings(session, **options)
    calendars = read_calendars([file], columns)
    with open_bulk(session, settings, [], wait_lock=None, calendars=calendars) as bulk:
        (prepared,) = _prepare(session, bulk, calendars, settle=False)
    show_plans(session, [prepared], tz)
    save_plan(
        output,
        prepared.calendar.path,
        prepared.view.digest,
        {**options, "columns": columns},
        prepared.plan,
    )
    session.note(f"The plan is in {output}. Carry it out with: outreply bulk apply {output}")


@command(app, "apply")
def bulk_apply(
    session: Session,
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
    from outreply_cli.bulk.plan_file import load_plan, refuse_drift

    saved = load_plan(plan)
    options = dict(saved.options)
    columns = options.pop("columns", None)
    try:
        settings = read_settings(session, concurrency=concurrency, **options)
    except TypeError:
        raise InvalidInputError(f"{plan} has options that outreply does not know") from None
    calendars = [read_calendar(saved.calendar, read_columns(columns))]
    paths = [calendar.path for calendar in calendars]
    with open_bulk(session, settings, paths, wait_lock=wait_lock, calendars=calendars) as bulk:
        prepared = _prepare(session, bulk, calendars, settle=True)
        refuse_drift(saved, prepared[0].view.digest, prepared[0].plan)
        results = _carry_out(session, bulk, prepared)
    show_results(session, results, report)
    end_run(session, results, bulk.stop)


@command(app, "status")
def bulk_status(
    session: Session,
    file: File,
    columns: Columns = None,
    date_order: DateOrder = None,
    tz: TimeZone = None,
) -> None:
    """Compare a calendar file with what was sent and what the account holds; sends nothing.

    Example: outreply bulk status launch.csv

    Example: outreply bulk status launch.csv --json
    """
    from outreply_cli.bulk.status import row_states

    settings = read_settings(session, tz=tz, date_order=date_order)
    calendars = read_calendars([file], columns)
    with open_bulk(session, settings, [], wait_lock=None, calendars=calendars) as bulk:
        known = bulk.run.compare(calendars[0], bulk.view, settle=False)
    for problem in known.problems:
        session.warn(problem.text)
    zone = settings.zone or session.zone()
    aliases = {str(page["id"]): page_alias(page) for page in bulk.view.pages}
    states = row_states(known.matched, known.gone, known.standing)
    session.output.show_list([_state_object(calendars[0], state) for state in states], [
        Column("Line", "line"),
        Column("Key", "key", flexible=True),
        Column("When", "scheduled_at",
               lambda it: show_instant(from_api(it["scheduled_at"]), zone),
               brief=lambda it: show_instant_briefly(from_api(it["scheduled_at"]), zone)),
        Column("Page", "page_id", lambda it: aliases.get(it["page_id"]) or str(it["page_id"]),
               flexible=True),
        Column("State", "state", style=lambda it: "" if it["state"] == "in step" else "yellow"),
    ])  # fmt: skip


@command(app, "cancel")
def bulk_cancel(
    session: Session, file: File, wait_lock: WaitLock = "30s", yes: Yes = False
) -> None:
    """Cancel every pending post of a calendar; what is out stays.

    Example: outreply bulk cancel launch.csv --yes

    Example: outreply bulk cancel launch.csv --yes --json
    """
    path = calendar_path(file)
    settings = read_settings(session, tz=None)
    with open_bulk(session, settings, [path], wait_lock=wait_lock) as bulk:
        pending = bulk.run.pending_entries(bulk.view, path)
        if not pending:
            session.note(f"There is nothing to cancel: no pending post came from {file}.")
            return
        session.confirm(f"Cancel {len(pending)} pending posts of {file}?", yes=yes)
        actions = [Action.on_entry(Kind.CANCEL, entry, "bulk cancel") for entry in pending]
        with progress(session.notes, "Cancelling", len(actions), bulk.requests_left) as bar:
            done = bulk.run.carry_out_actions(
                bulk.view.digest, path, actions, bulk.stop, on_result=bar.step
            )
    results = [(file, result) for result in done.results]
    show_results(session, results, None)
    end_run(session, results, bulk.stop)


@command(app, "export")
def bulk_export(
    session: Session,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Where to; stdout by default.")
    ] = None,
    page: Annotated[str | None, typer.Option(metavar="P", help="Only of one page.")] = None,
) -> None:
    """Write what is scheduled as a calendar file that `bulk schedule` finds unchanged.

    Example: outreply bulk export --file now.csv

    Example: outreply bulk export --page instagram:acme > acme.csv
    """
    from outreply_cli.bulk.export import export_calendar

    client = session.client(patient=True)
    page_id = str(find_page(client.pages().items, page)["id"]) if page else None
    text, count, cut_off = export_calendar(client, page_id)
    session.write_text(file or Path("-"), text)
    if file is not None:
        session.note(f"{count} posts are in {file}.")
    if cut_off:
        session.warn("the API lists 100 posts at most; export page by page with --page")


@command(app, "template", api=False)
def bulk_template(
    session: Session,
    kind: Annotated[str, typer.Argument(metavar="yaml|csv", help="Which format.")] = "yaml",
) -> None:
    """Print a calendar file to begin with.

    Example: outreply bulk template csv > launch.csv

    Example: outreply bulk template yaml > launch.yaml
    """
    from outreply_cli.bulk.template import template

    if kind not in {"yaml", "csv"}:
        raise InvalidInputError(f"{kind!r} is no kind of calendar", hint="Choose yaml or csv.")
    session.output.show_text(template(kind, session.clock.now()))


def _prepare(
    session: Session, bulk: OpenBulk, calendars: Sequence[Calendar], *, settle: bool
) -> list[Prepared]:
    prepared: list[Prepared] = []
    wrong: list[Mapping[str, Any]] = []
    for calendar in calendars:
        try:
            prepared.append(bulk.run.prepare(calendar, bulk.view, settle=settle))
        except CalendarError as error:
            wrong += error.problems
    if wrong:
        annotate_problems(session, wrong)
        raise joined_error(wrong)
    return prepared


def _carry_out(
    session: Session, bulk: OpenBulk, prepared: Sequence[Prepared]
) -> list[tuple[str, Result]]:
    results: list[tuple[str, Result]] = []
    for one in prepared:
        total = len(one.plan.of_kind(Kind.CREATE, Kind.CHANGE, Kind.CANCEL))
        with progress(session.notes, "Scheduling", total, bulk.requests_left) as bar:
            done = bulk.run.carry_out(one, bulk.stop, bar.step)
        results += [(one.calendar.name, result) for result in done.results]
    return results


def _state_object(calendar: Calendar, state: "RowState") -> dict[str, Any]:
    return {
        "file": calendar.name,
        "line": state.line,
        "key": state.key,
        "page_id": state.page_id,
        "scheduled_at": to_api(state.scheduled_at),
        "id": state.post_id,
        "state": state.state,
    }
