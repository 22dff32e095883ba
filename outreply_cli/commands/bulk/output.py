"""Output of the commands of `outreply bulk`."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from outreply_cli.bulk.executor import CancellationToken, RowResult, RowStatus
from outreply_cli.bulk.plan import Action, ActionType, Plan
from outreply_cli.bulk.reports import build_report, write_report
from outreply_cli.bulk.resolve import BRAND_ZONE
from outreply_cli.bulk.service import PlannedCalendar
from outreply_cli.commands.bulk.github_actions import annotate_problems, annotate_results
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError, PartialFailureError
from outreply_cli.pages import page_alias
from outreply_cli.storage.private_files import write_private
from outreply_cli.ui.output import Output
from outreply_cli.ui.sanitize import sanitize

Results = Sequence[tuple[str, RowResult]]


def show_plans(context: Context, prepared: Sequence[PlannedCalendar], tz: str | None) -> None:
    """Show each plan, and what may be wrong with it."""
    zone = context.zone(None if tz == BRAND_ZONE else tz)
    for one in prepared:
        for problem in one.warnings:
            context.warn(problem.text)
        warnings = [problem.as_details() for problem in one.warnings]
        annotate_problems(context, warnings, level="warning")
        if context.options.output == "table" and not context.options.quiet:
            aliases = aliases_of(one.plan, one.remote.pages)
            show_plan(context.output, one.calendar.name, one.plan, zone, aliases)


def show_results(context: Context, results: Results, report: Path | None) -> None:
    """Show how the rows went, in the context's format, and write the report where one is asked."""
    if report is not None:
        write_report(report, results)
    wanted = context.options.quiet or context.options.output != "table"
    document = build_report(results) if wanted else {"rows": []}
    if context.options.quiet:
        context.output.print_list([row for row in document["rows"] if row["id"]], [])
    elif context.options.output == "json":
        context.output.write_json(document)
    elif context.options.output != "table":
        context.output.write_json(document["rows"])
    for name, result in results:
        if result.error is not None:
            row = result.action.matched.target.row if result.action.matched else None
            place = f"{name}:{row.line}" if row else name
            context.info(f"{place}: {result.status.value}: {result.error.message}")
    annotate_results(context, results)


def finish_run(context: Context, results: Results, stop: CancellationToken) -> None:
    """Tell how it ended; raises what ended it early, or PartialFailureError for failed rows."""
    summary = build_report(results)["summary"]
    told = ", ".join(f"{count} {name}" for name, count in summary.items() if count)
    context.info(f"Done: {told or 'nothing to do'}.")
    _offer_undo(context, results)
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


def _offer_undo(context: Context, results: Results) -> None:
    gone = [
        result.action.entry
        for _, result in results
        if result.action.kind == ActionType.CANCEL
        and result.status == RowStatus.DONE
        and result.action.entry is not None
    ]
    if not gone:
        return
    from outreply_cli.bulk.export import undo_calendar

    stamp = f"{context.clock.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    path = context.state_dir / "undo" / f"cancelled-{stamp}.csv"
    write_private(path, undo_calendar(gone))
    context.info(f"To undo the cancelling: outreply bulk schedule '{path}'")


def _with_advice(cause: OutReplyError, pending: int) -> OutReplyError:
    cause.hint = (
        f"{pending} rows are still planned; run the same command again to go on. {cause.hint or ''}"
    ).strip()
    return cause


_SIGNS = {
    ActionType.CREATE: "+",
    ActionType.CHANGE: "~",
    ActionType.CANCEL: "-",
    ActionType.KEEP: "=",
}
_STYLES = {
    ActionType.CREATE: "green",
    ActionType.CHANGE: "yellow",
    ActionType.CANCEL: "red",
    ActionType.KEEP: "dim",
}
_WORDS = {
    ActionType.CREATE: "to create",
    ActionType.CHANGE: "to change",
    ActionType.CANCEL: "to cancel",
    ActionType.KEEP: "unchanged",
}


@dataclass(frozen=True)
class _Line:
    """A line of a plan: a styled sign, and text of which what follows `kept` may give way."""

    style: str
    sign: str
    text: str = ""
    kept: int = 0


def show_plan(
    output: Output, name: str, plan: Plan, zone: ZoneInfo, aliases: dict[str, str]
) -> None:
    """Write the plan of the calendar called `name`: what is done, and how many are left alone."""
    lines = _plan_lines(name, plan, zone, aliases)
    if not output.is_terminal:
        for line in lines:
            output.print_line(line.sign + line.text)
        return
    from rich.text import Text

    from outreply_cli.ui.cells import fit
    from outreply_cli.ui.tables import console_for

    console = console_for(output)
    for line in lines:
        shown = Text().append(line.sign, style=line.style)
        room = max(12, output.width - len(line.sign) - line.kept)
        text = line.text[: line.kept] + fit(line.text[line.kept :], room)
        console.print(shown.append(text), soft_wrap=True)


def plan_summary(plan: Plan) -> str:
    """`12 to create, 1 to change, 3 unchanged`."""
    counts = [(kind, len(plan.of_kind(kind))) for kind in ActionType]
    return ", ".join(f"{count} {_WORDS[kind]}" for kind, count in counts if count) or "nothing"


def aliases_of(plan: Plan, pages: Sequence[dict[str, object]]) -> dict[str, str]:
    """How people write each page of a plan, by its id."""
    wanted = {action.page_id for action in plan.actions}
    return {
        str(page["id"]): sanitize(page_alias(page)) for page in pages if str(page["id"]) in wanted
    }


def _plan_lines(name: str, plan: Plan, zone: ZoneInfo, aliases: dict[str, str]) -> Iterator[_Line]:
    yield _Line("bold", f"{sanitize(name)}: {plan_summary(plan)}")
    shown = sorted(
        (action for action in plan.actions if action.kind != ActionType.KEEP),
        key=lambda action: (action.instant, aliases.get(action.page_id, "")),
    )
    longest = max((len(aliases.get(a.page_id, a.page_id)) for a in shown), default=0)
    day: date | None = None
    for action in shown:
        local = action.instant.astimezone(zone)
        if local.date() != day:
            day = local.date()
            yield _Line("bold", f"{local:%a %d %b %Y} ({zone.key})")
        yield _line(action, local, aliases, min(longest, 28))
    for entry in plan.orphaned[:5]:
        moment = entry.scheduled_at.astimezone(zone)
        text = f"{moment:%a %d %b %H:%M} {entry.post_id} has no row now; --prune cancels it"
        yield _Line("yellow", "  ! ", text, len(text))
    if len(plan.orphaned) > 5:
        text = f"and {len(plan.orphaned) - 5} more without a row; --prune cancels them"
        yield _Line("yellow", "  ! ", text, len(text))


def _line(action: Action, local: datetime, aliases: dict[str, str], page_width: int) -> _Line:
    page = aliases.get(action.page_id, action.page_id)[:page_width]
    utc = action.instant
    times = f"{local.hour:02}:{local.minute:02} {utc.hour:02}:{utc.minute:02}Z"
    start = f"{times}  {page:<{page_width}}  "
    sign = f"  {_SIGNS[action.kind]} "
    return _Line(_STYLES[action.kind], sign, start + _what(action), len(start))


def _what(action: Action) -> str:
    if action.matched is None:
        return f"{action.entry.post_id if action.entry else ''} ({action.reason})"
    message = sanitize(action.matched.target.content.message or "(media)")
    return f"[{action.reason}] {message}" if action.reason else message
