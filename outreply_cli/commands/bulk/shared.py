"""Loading, planning and applying of calendars, and the context of a run of `outreply bulk`."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from outreply_cli.api.client import Client
from outreply_cli.bulk.calendar import STDIN, Calendar, is_calendar_url
from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.loader import calendar_path, load_calendar
from outreply_cli.bulk.plan import ActionType
from outreply_cli.bulk.remembered_options import recall_options, remember_options
from outreply_cli.bulk.remote_state import fetch_account
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.bulk.service import (
    BulkOptions,
    BulkService,
    OpenCalendar,
    PlannedCalendar,
    calendar_error,
    merge_calendar_errors,
)
from outreply_cli.cancellation import CancellationToken, InterruptibleClock
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.commands.bulk.options import REMEMBERED, ReadOptions
from outreply_cli.commands.interrupts import interruptible
from outreply_cli.context import Context
from outreply_cli.errors import CalendarError, InterruptedRunError, NotSignedInError
from outreply_cli.journal.journal import SlotTakenError
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.times import parse_duration
from outreply_cli.ui.progress import progress

if TYPE_CHECKING:
    from outreply_cli.bulk.write_back import EditedCalendar

_INTERRUPTED = InterruptedRunError("interrupted", hint="Run the same command again to continue.")
_T = TypeVar("_T")
_Result = TypeVar("_Result")
_GC_THRESHOLD = 1_000_000
# Number of plans after which a run gives up because other commands keep taking its slots.
_MAX_CLAIMS = 20


@dataclass(frozen=True)
class BulkContext:
    """A bulk run.

    `lock` holds the lock of the calendar with an ID until the end of the run; None for a command
    that writes nothing.
    """

    context: Context
    client: Client
    service: BulkService
    stop: CancellationToken
    lock: Callable[[str], None] | None

    def open_calendars(self, calendars: Sequence[Calendar]) -> list[OpenCalendar]:
        """Read the rows of `calendars`, identify them, and hold their locks.

        Raises:
            CalendarError: A file cannot be read.
            AmbiguousCalendarError: A file could belong to several calendars.
            CalendarBusyError: Another process holds the lock of a calendar.
        """
        opened = collect_errors(calendars, self.service.open)
        if self.lock is None:
            return opened
        # A fixed order prevents deadlocks between runs.
        # A calendar that gets its name now has two IDs.
        ids = [(item.identity.id, item.identity.known_id) for item in opened]
        for calendar_id in sorted({calendar_id for pair in ids for calendar_id in pair}):
            self.lock(calendar_id)
        return [self.service.identify_again(item) for item in opened]

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[..., None]]:
        """Show the progress of the block, which Ctrl-C can stop; yields what each step calls."""

        def requests_left() -> str:
            left = self.client.transport.requests_left
            return f"{left} request{'s' * (left != '1')} left" if left is not None else ""

        with (
            interruptible(self.context, self.stop, _INTERRUPTED),
            progress(self.context.notes, label, total, requests_left) as step,
        ):
            yield step


@contextmanager
def bulk_context(
    context: Context,
    options: BulkOptions,
    calendars: Sequence[Calendar],
    *,
    wait_lock: str | None = None,
) -> Iterator[BulkContext]:
    """Open the account and the journal for `calendars`.

    `wait_lock` is the maximum wait for a lock; None for a command that writes nothing.

    Raises:
        NotSignedInError: No account is signed in, and the calendars have no problems.
    """
    stop = CancellationToken()
    try:
        clock = InterruptibleClock(context.clock, stop)
        client = context.client(max_wait=None, clock=clock, is_stopped=lambda: stop.is_interrupted)
    except NotSignedInError as failure:
        problems = [problem for calendar in calendars for problem in calendar.problems]
        if all(problem.is_warning for problem in problems):
            check = "`outreply bulk check` checks a calendar without an account"
            raise failure.replace(hint=f"{failure.hint}; {check}") from None
        error = calendar_error(problems)
        annotate_problems(context, error.problems)
        raise error from None
    with ExitStack() as stack:
        journal = stack.enter_context(closing(context.store.open(allow_readonly=wait_lock is None)))
        account = fetch_account(client)
        seconds = None if wait_lock is None else parse_duration(wait_lock).total_seconds()

        def lock(calendar_id: str) -> None:
            try:
                stack.enter_context(
                    journal.lock(account.fingerprint, calendar_id, wait=seconds or 0)
                )
            except CalendarBusyError as error:
                hint = "Wait until it has finished, or wait longer with --wait-lock 10m."
                raise error.replace(hint=hint) from None

        service = BulkService(client, journal, account, options)
        yield BulkContext(context, client, service, stop, None if seconds is None else lock)


def collect_errors(items: Iterable[_T], step: Callable[[_T], _Result]) -> list[_Result]:
    """Return the result of `step` for each item.

    Raises:
        CalendarError: A step failed; the error has the problems of all steps.
    """
    results: list[_Result] = []
    errors: list[CalendarError] = []
    for item in items:
        try:
            results.append(step(item))
        except CalendarError as error:
            errors.append(error)
    if errors:
        problems = [problem for error in errors for problem in error.problems]
        raise merge_calendar_errors(problems)
    return results


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
    source = name if is_calendar_url(name) else str(calendar_path(name))
    # With --name or other options, a copy may be a different calendar.
    is_bare = reading.name is None and all(
        getattr(reading, option) is None for option in REMEMBERED
    )
    remembered = {
        option: value
        for option, value in recall_options(
            context.state_dir, source, match_content=is_bare
        ).items()
        if option in REMEMBERED and getattr(reading, option) is None
    }
    if remembered:
        flags = ReadOptions(**remembered).to_flags()
        context.info(f"{name}: using the remembered options{flags} (--forget ignores them).")
    return replace(reading, **remembered)


def plan_calendars(
    bulk: BulkContext, calendars: Sequence[Calendar], *, reconcile: bool, claim: bool = False
) -> list[PlannedCalendar]:
    """Plan each calendar; with `claim`, no other command can take the slots of the plans.

    Raises:
        CalendarError: A calendar has errors; the error has the problems of all calendars.
        SlotTakenError: Other commands take slots faster than this one can plan.
    """
    try:
        with interruptible(bulk.context, bulk.stop, _INTERRUPTED):
            opened = bulk.service.unify_names(bulk.open_calendars(calendars))
            bulk.service.check_prune(opened)
            bulk.service.check_approval(opened)
            for attempt in range(_MAX_CLAIMS):
                bulk.service.forget_plans()
                plans = collect_errors(
                    opened, lambda item: bulk.service.plan(item, reconcile=reconcile)
                )
                try:
                    if claim:
                        bulk.service.claim_slots(plans)
                except SlotTakenError:
                    if attempt + 1 == _MAX_CLAIMS:
                        raise
                else:
                    break
            return plans
    except CalendarError as error:
        annotate_problems(bulk.context, error.problems)
        raise


def apply_plans(bulk: BulkContext, plans: Sequence[PlannedCalendar]) -> list[tuple[str, RowResult]]:
    """Apply each plan with a progress bar, and return the results by file."""
    context = bulk.context
    results: list[tuple[str, RowResult]] = []
    for planned in plans:
        if planned.calendar.source != STDIN:
            remember_options(context.state_dir, planned.calendar.source, planned.calendar.options)
        total = len(
            planned.plan.filter_actions(ActionType.CREATE, ActionType.CHANGE, ActionType.CANCEL)
        )
        with bulk.progress("Scheduling", total) as step:
            report = bulk.service.apply(planned, bulk.stop, step)
        results += [(planned.calendar.file_name, result) for result in report.results]
    return results


def write_slot_times(
    bulk: BulkContext, calendar: Calendar, results: Sequence[RowResult], *, yes: bool
) -> None:
    """Write the times of rows that have none into their file, after asking unless `yes`.

    Without a terminal nothing is asked; if the file cannot be edited, the journal keeps the times.
    """
    context = bulk.context
    is_new = any(
        result.action.kind == ActionType.CREATE and result.status == RowStatus.DONE
        for result in results
        if result.action.post is not None and result.action.post.takes_slot
    )
    if not yes and not (is_new and context.is_interactive):
        return
    from outreply_cli.bulk.write_back import write_times

    times = _slot_times(bulk, results)
    edited = write_times(calendar, times) if times else None
    if edited is None:
        if yes and times:
            context.info(
                f"{calendar.file_name} has no cells for the times; the journal keeps them."
            )
        return
    question = "" if yes else f"Write the chosen times into {calendar.file_name}?"
    if save_edited(context, edited, "times", question):
        rows = "time of 1 row" if len(times) == 1 else f"times of {len(times)} rows"
        context.info(f"Wrote the {rows} into {calendar.file_name}.")
        remember_options(context.state_dir, calendar.source, calendar.options)


def save_edited(context: Context, edited: "EditedCalendar", what: str, question: str) -> bool:
    """Save a file with chosen times or texts, or warn that the journal keeps them.

    Returns False if it is not saved, because the user says no to the `question` if there is one.
    """
    if question and not context.prompt_yes_no(question):
        return False
    name = edited.calendar.file_name
    try:
        is_saved = edited.save()
    except OSError as failure:
        context.warn(f"cannot write {name}: {failure.strerror}; the journal keeps the {what}")
        return False
    if not is_saved:
        context.warn(f"{name} was changed; the journal keeps the {what}")
    return is_saved


def _slot_times(bulk: BulkContext, results: Sequence[RowResult]) -> dict[int, str]:
    """Return the times of rows that have none and whose posts all exist, by line.

    A row with posts at several times is left out: it has one cell.
    """
    from outreply_cli.bulk.write_back import format_slot

    found: dict[int, set[datetime | None]] = {}
    posts: dict[int, PlannedPost] = {}
    for result in results:
        post = result.action.post
        if post is not None and post.takes_slot:
            is_done = result.status == RowStatus.DONE
            found.setdefault(post.row.line, set()).add(post.scheduled_at if is_done else None)
            posts[post.row.line] = post
    by_page = {post.page_id: post for post in posts.values()}
    zone = {
        page_id: bulk.service.slot_zone(post) or bulk.context.zone()
        for page_id, post in by_page.items()
    }
    return {
        line: format_slot(at, zone[posts[line].page_id])
        for line, times in found.items()
        if len(times) == 1 and (at := next(iter(times))) is not None and not at.microsecond
    }
