"""Loading, planning and applying of calendars, for the commands of `outreply bulk`."""

import gc
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from outreply_cli.bulk.calendar import STDIN, Calendar, is_address
from outreply_cli.bulk.executor import RowResult
from outreply_cli.bulk.loader import calendar_path, load_calendar
from outreply_cli.bulk.plan import ActionType
from outreply_cli.bulk.remembered import recall_options, remember_options
from outreply_cli.bulk.service import PlannedCalendar
from outreply_cli.cancellation import CancellationToken
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.commands.bulk.options import REMEMBERED, BulkContext, ReadOptions, collect_errors
from outreply_cli.context import Context
from outreply_cli.errors import CalendarError, ExitCode, InterruptedRunError
from outreply_cli.ui.progress import progress
from outreply_cli.ui.streams import is_terminal

# A progress bar hides the cursor.
_SHOW_CURSOR = b"\x1b[?25h\n"
_GC_THRESHOLD = 1_000_000


def load_calendars(context: Context, names: Sequence[str], reading: ReadOptions) -> list[Calendar]:
    """Return the calendars in the files called `names`, without duplicates."""
    # Rows are many small objects that all stay, so frequent garbage collection only costs time.
    gc.set_threshold(_GC_THRESHOLD)
    calendars = []
    for name in dict.fromkeys(names):
        effective = recall(context, name, reading)
        calendar = load_calendar(
            name,
            effective.to_settings(),
            context.stdin_bytes,
            private=(context.config_dir, context.state_dir),
            cache_dir=context.state_dir,
            allow_outside=reading.allow_outside,
        )
        calendar.options = {
            option: value for option in REMEMBERED if (value := getattr(effective, option))
        }
        calendar.name = reading.name or calendar.name
        for note in calendar.notes:
            context.info(f"{calendar.file_name}: {note}.")
        calendars.append(calendar)
    return calendars


def recall(context: Context, name: str, reading: ReadOptions) -> ReadOptions:
    """Return `reading` with the options that are remembered for the calendar called `name`."""
    if name == STDIN or reading.forget:
        return reading
    source = name if is_address(name) else str(calendar_path(name))
    remembered = {
        option: value
        for option, value in recall_options(context.state_dir, source).items()
        if option in REMEMBERED and getattr(reading, option) is None
    }
    if remembered:
        flags = ReadOptions(**remembered).to_flags()
        context.info(f"{name}: using the remembered options{flags} (--forget drops them).")
    return replace(reading, **remembered)


def plan_calendars(
    context: Context, bulk: BulkContext, calendars: Sequence[Calendar], *, reconcile: bool
) -> list[PlannedCalendar]:
    """Plan each calendar; raises CalendarError with the problems of all of them."""
    try:
        with interruptible(context, bulk.stop):
            opened = bulk.open_calendars(calendars)
            return collect_errors(opened, lambda item: bulk.service.plan(item, reconcile=reconcile))
    except CalendarError as error:
        annotate_problems(context, error.problems)
        raise


def apply_plans(
    context: Context, bulk: BulkContext, plans: Sequence[PlannedCalendar]
) -> list[tuple[str, RowResult]]:
    """Apply each plan with a progress bar, and return the results by file."""
    results: list[tuple[str, RowResult]] = []
    for planned in plans:
        if planned.calendar.source != STDIN:
            remember_options(context.state_dir, planned.calendar.source, planned.calendar.options)
        total = len(
            planned.plan.filter_actions(ActionType.CREATE, ActionType.CHANGE, ActionType.CANCEL)
        )
        with (
            interruptible(context, bulk.stop),
            progress(context.notes, "Scheduling", total, bulk.requests_left) as bar,
        ):
            report = bulk.service.apply(planned, bulk.stop, bar.step)
        results += [(planned.calendar.file_name, result) for result in report.results]
    return results


@contextmanager
def interruptible(context: Context, stop: CancellationToken) -> Iterator[None]:
    """Let Ctrl-C stop the run in the block within seconds, and a second Ctrl-C exit immediately."""

    def interrupt(_signal: int, _frame: object) -> None:
        if stop.is_interrupted:
            # What was sent is in the journal, and the lock ends with the process.
            if is_terminal(context.stderr):
                os.write(2, _SHOW_CURSOR)
            os._exit(ExitCode.INTERRUPTED)
        stop.set(InterruptedRunError("interrupted", hint="Run the same command again to continue."))

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
