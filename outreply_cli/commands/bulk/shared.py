"""Options and helpers that the commands of `outreply bulk` share."""

from collections.abc import Mapping, Sequence
from typing import Any

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.executor import RowResult
from outreply_cli.bulk.plan import ActionType
from outreply_cli.bulk.service import PlannedCalendar, merge_calendar_errors
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.commands.bulk.options import BulkContext
from outreply_cli.context import Context
from outreply_cli.errors import CalendarError
from outreply_cli.ui.progress import progress


def prepare(
    context: Context, bulk: BulkContext, calendars: Sequence[Calendar], *, settle: bool
) -> list[PlannedCalendar]:
    prepared: list[PlannedCalendar] = []
    wrong: list[Mapping[str, Any]] = []
    for calendar in calendars:
        try:
            prepared.append(bulk.run.plan(calendar, bulk.view, settle=settle))
        except CalendarError as error:
            wrong += error.problems
    if wrong:
        annotate_problems(context, wrong)
        raise merge_calendar_errors(wrong)
    return prepared


def carry_out(
    context: Context, bulk: BulkContext, prepared: Sequence[PlannedCalendar]
) -> list[tuple[str, RowResult]]:
    results: list[tuple[str, RowResult]] = []
    for one in prepared:
        total = len(one.plan.of_kind(ActionType.CREATE, ActionType.CHANGE, ActionType.CANCEL))
        with progress(context.notes, "Scheduling", total, bulk.requests_left) as bar:
            done = bulk.run.apply(one, bulk.stop, bar.step)
        results += [(one.calendar.name, result) for result in done.results]
    return results
