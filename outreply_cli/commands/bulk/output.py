"""Output of the commands of `outreply bulk`."""

import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.bulk.executor import RowStatus
from outreply_cli.bulk.plan import OTHER_BRAND, Action, ActionType, Plan
from outreply_cli.bulk.reports import ReportFile, Results, build_report, summarize
from outreply_cli.bulk.service import PlannedCalendar
from outreply_cli.cancellation import CancellationToken
from outreply_cli.commands.bulk.github_actions import (
    annotate_problems,
    annotate_results,
    is_github_actions,
)
from outreply_cli.commands.bulk.options import ReadOptions
from outreply_cli.context import Context
from outreply_cli.errors import PartialFailureError
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.pages import page_alias
from outreply_cli.storage.private_files import write_private
from outreply_cli.times import BRAND_ZONE
from outreply_cli.ui.errors import merge_problems
from outreply_cli.ui.output import Output

# Sign, style and text.
_ACTION_STYLES = {
    ActionType.CREATE: ("+", "green", "to create"),
    ActionType.CHANGE: ("~", "yellow", "to change"),
    ActionType.KEEP: ("=", "dim", "unchanged"),
    ActionType.CANCEL: ("-", "red", "to cancel"),
}
_MAX_ORPHANED_SHOWN = 5
_MAX_PAGE_WIDTH = 28


class _Line(NamedTuple):
    """A line of a plan: a styled sign, and text whose part after `fixed` characters may shrink."""

    style: str
    sign: str
    text: str = ""
    fixed: int = 0


def show_plans(context: Context, plans: Sequence[PlannedCalendar], tz: str | None) -> None:
    """Show each plan and its warnings."""
    zone = context.zone(None if tz == BRAND_ZONE else tz)
    for planned in plans:
        warnings = [problem.to_dict() for problem in planned.warnings]
        for text in merge_problems(warnings):
            context.warn(text)
        annotate_problems(context, warnings, level="warning")
        for note in planned.notes:
            context.info(f"{planned.calendar.file_name}: {note}.")
        if context.options.output == "table" and not context.options.quiet:
            show_plan(context.output, planned, zone)


def show_results(context: Context, results: Results) -> None:
    """Show the results."""
    is_table = context.options.output == "table" and not context.options.quiet
    if not is_table or is_github_actions(context):
        report = build_report(results)
        annotate_results(context, report)
        if context.options.quiet:
            context.output.print_list([row for row in report["rows"] if row["id"]], [])
        elif not is_table:
            context.output.print_report(report)
    for file, result in results:
        reason = result.action.reason if result.action.unresolved else ""
        if result.error is not None or reason:
            location = f"{file}:{result.action.line}" if result.action.line else file
            message = result.error.message if result.error is not None else reason
            context.info(f"{location}: {result.status.value}: {message}")


def finish_run(
    context: Context,
    results: Results,
    stop: CancellationToken,
    reading: ReadOptions,
    report: ReportFile | None = None,
    plans: Sequence[PlannedCalendar] = (),
    *,
    cancelled_file: str | None = None,
) -> None:
    """Show results and summary, and write them to `report`.

    `cancelled_file` is the calendar that has all posts that were to be cancelled.

    Raises:
        PartialFailureError: Some rows did not complete.
        StorageError: The report cannot be written.
        OutReplyError: The error that stopped the run.
    """
    show_results(context, results)
    summary = summarize(results)
    counts = ", ".join(f"{count} {name}" for name, count in summary.items() if count)
    context.info(f"Done: {counts or 'nothing to do'}.")
    undo_file = _save_undo_file(context, results)
    if undo_file is not None:
        words = shlex.quote(str(undo_file))
        if cancelled_file is not None:
            words = f"{shlex.quote(cancelled_file)}{reading.to_flags()}"
        context.info(f"To schedule the cancelled posts again: outreply bulk schedule {words}")
        if cancelled_file is not None:
            context.info(f"They are also in {undo_file}")
    if report is not None:
        write_report(report, results, plans)
    unfinished = {name: summary[name] for name in ("failed", "pending", "unknown")}
    reconcile_hint = ""
    files = dict.fromkeys(
        file
        for file, result in results
        if result.status == RowStatus.UNKNOWN and result.action.reason != OTHER_BRAND
    )
    if files:
        commands = " and ".join(
            f"outreply bulk reconcile {shlex.quote(file)}{reading.to_flags()}" for file in files
        )
        reconcile_hint = f"Resolve the unknown rows with: {commands}"
    if stop.cause is not None:
        pending = f"{summary['pending']} of {len(results)} rows are pending. "
        # In the order in which to do them; a period after a command would be copied with it.
        again = "Run the same command again to continue"
        first, *rest = filter(None, (stop.cause.hint, reconcile_hint, again))
        later = [f"; then {step[:1].lower()}{step[1:]}" for step in rest]
        hint = "".join([first.removesuffix("."), *later])
        raise stop.cause.replace(hint=f"{pending if summary['pending'] else ''}{hint}.")
    if any(unfinished.values()):
        counts = ", ".join(f"{count} {name}" for name, count in unfinished.items() if count)
        rows = f"{sum(unfinished.values())} of {len(results)} rows"
        codes = {result.error.code for _, result in results if result.error is not None}
        raise PartialFailureError(
            f"{rows} did not complete: {counts}",
            hint=reconcile_hint or "Run the same command again; finished rows are skipped.",
            details={**unfinished, "codes": sorted(codes)},
        )


def write_report(report: ReportFile, results: Results, plans: Sequence[PlannedCalendar]) -> None:
    """Write the results, with the links of published posts; raises StorageError."""
    report.write(results, {key: link for planned in plans for key, link in planned.links.items()})


def show_plan(output: Output, planned: PlannedCalendar, zone: ZoneInfo) -> None:
    """Show the plan of a calendar."""
    lines = _plan_lines(planned, zone)
    if not output.is_terminal:
        for line in lines:
            output.print_line(line.sign + line.text)
        return
    from outreply_cli.ui.cells import fit

    for line in lines:
        room = max(12, output.width - len(line.sign) - line.fixed)
        text = line.text[: line.fixed] + fit(line.text[line.fixed :], room)
        output.print_text(output.style_text(line.sign, line.style) + text)


def plan_summary(plan: Plan) -> str:
    """Return a summary such as `12 to create, 1 to change, 3 unchanged`."""
    counts = Counter(None if action.unresolved else action.kind for action in plan.actions)
    texts = {kind: text for kind, (_, _, text) in _ACTION_STYLES.items()} | {None: "unknown"}
    shown = [f"{counts[kind]} {text}" for kind, text in texts.items() if counts[kind]]
    return ", ".join(shown) or "nothing"


def _save_undo_file(context: Context, results: Results) -> Path | None:
    cancelled = [
        result.action.entry
        for _, result in results
        if result.action.kind == ActionType.CANCEL
        and result.status == RowStatus.DONE
        and result.action.entry is not None
    ]
    if not cancelled:
        return None
    from outreply_cli.bulk.export import undo_calendar

    stamp = f"{context.clock.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    path = context.state_dir / "undo" / f"cancelled-{stamp}.csv"
    write_private(path, undo_calendar(cancelled))
    return path


def _plan_lines(planned: PlannedCalendar, zone: ZoneInfo) -> Iterator[_Line]:
    plan = planned.plan
    aliases = {str(page["id"]): sanitize(page_alias(page)) for page in planned.account.pages}
    yield _Line("bold", f"{sanitize(planned.calendar.file_name)}: {plan_summary(plan)}")
    shown = sorted(
        (action for action in plan.actions if action.kind != ActionType.KEEP or action.unresolved),
        key=lambda action: (action.scheduled_at, aliases.get(action.page_id, "")),
    )
    page_ids = {action.page_id for action in shown}
    page_width = max((len(aliases.get(page_id, page_id)) for page_id in page_ids), default=0)
    day: date | None = None
    for action in shown:
        local = action.scheduled_at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            yield _Line("bold", f"{local:%a %d %b %Y} ({zone.key})")
        yield _action_line(action, local, aliases, min(page_width, _MAX_PAGE_WIDTH))
    for entry in plan.orphaned[:_MAX_ORPHANED_SHOWN]:
        local = entry.scheduled_at.astimezone(zone)
        page = aliases.get(entry.page_id, entry.page_id)
        text = f"{local:%a %d %b %H:%M} {page} is no longer in the file; --prune cancels it"
        yield _Line("yellow", "  ! ", f"{text} ({entry.post_id})", len(text))
    hidden = len(plan.orphaned) - _MAX_ORPHANED_SHOWN
    if hidden > 0:
        text = f"{hidden} more posts are no longer in the file; --prune cancels them"
        yield _Line("yellow", "  ! ", text, len(text))


def _action_line(
    action: Action, local: datetime, aliases: Mapping[str, str], page_width: int
) -> _Line:
    page = aliases.get(action.page_id, action.page_id)[:page_width]
    utc = action.scheduled_at
    # Several times faster than strftime.
    clocks = f"{local.hour:02}:{local.minute:02} {utc.hour:02}:{utc.minute:02}Z"
    start = f"{clocks}  {page:<{page_width}}  "
    text = sanitize(action.message or "(media)")
    if action.reason:
        text = f"[{sanitize(action.reason)}] {text}"
    sign, style, _ = ("?", "yellow", "") if action.unresolved else _ACTION_STYLES[action.kind]
    return _Line(style, f"  {sign} ", start + text, len(start))
