"""Loading, planning and applying of calendars, for the commands of `outreply bulk`."""

import gc
from collections.abc import Sequence

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.executor import RowResult
from outreply_cli.bulk.loader import load_calendar, parse_columns
from outreply_cli.bulk.plan import ActionType
from outreply_cli.bulk.service import PlannedCalendar, merge_calendar_errors
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.commands.bulk.options import BulkContext
from outreply_cli.context import Context
from outreply_cli.errors import CalendarError
from outreply_cli.ui.progress import progress

_GC_THRESHOLD = 1_000_000


def load_calendars(names: Sequence[str], columns: str | None) -> list[Calendar]:
    """Return the calendars in the files called `names`, without duplicates."""
    # Rows are many small objects that all stay, so frequent garbage collection only costs time.
    gc.set_threshold(_GC_THRESHOLD)
    fields = parse_columns(columns)
    return [load_calendar(name, fields) for name in dict.fromkeys(names)]


def plan_calendars(
    context: Context, bulk: BulkContext, calendars: Sequence[Calendar], *, reconcile: bool
) -> list[PlannedCalendar]:
    """Plan each calendar; raises CalendarError with the problems of all of them."""
    planned: list[PlannedCalendar] = []
    errors: list[CalendarError] = []
    for calendar in calendars:
        try:
            planned.append(bulk.service.plan(calendar, reconcile=reconcile))
        except CalendarError as error:
            errors.append(error)
    if errors:
        problems = [problem for error in errors for problem in error.problems]
        annotate_problems(context, problems)
        merged = merge_calendar_errors(problems)
        hints = {error.hint for error in errors}
        raise merged.replace(hint=hints.pop()) if len(hints) == 1 else merged
    return planned


def apply_plans(
    context: Context, bulk: BulkContext, plans: Sequence[PlannedCalendar]
) -> list[tuple[str, RowResult]]:
    """Apply each plan with a progress bar, and return the results by file."""
    results: list[tuple[str, RowResult]] = []
    for planned in plans:
        total = len(
            planned.plan.filter_actions(ActionType.CREATE, ActionType.CHANGE, ActionType.CANCEL)
        )
        with progress(context.notes, "Scheduling", total, bulk.requests_left) as bar:
            report = bulk.service.apply(planned, bulk.stop, bar.step)
        results += [(planned.calendar.name, result) for result in report.results]
    return results
