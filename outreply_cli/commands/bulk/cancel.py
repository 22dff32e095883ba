"""`outreply bulk cancel`."""

import shlex

from outreply_cli.bulk.calendar import STDIN, is_calendar_url
from outreply_cli.bulk.loader import calendar_path
from outreply_cli.bulk.plan import Action
from outreply_cli.bulk.service import calendar_error
from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.bulk.options import File, ReadOptions, WaitLock
from outreply_cli.commands.bulk.output import finish_run, show_results
from outreply_cli.commands.bulk.shared import bulk_context, load_calendars
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, PartialFailureError


@command()
def run(
    context: Context,
    file: File,
    reading: ReadOptions,
    wait_lock: WaitLock = "30s",
    yes: Yes = False,
) -> None:
    """Cancel all pending posts from a calendar.

    FILE may also be the name of the calendar. Published posts are not affected.

    Example: outreply bulk cancel launch.csv --yes

    Example: outreply bulk cancel launch.csv --yes --json
    """
    options = reading.to_options(context)
    path = calendar_path(file)
    is_calendar = path.exists() or file == STDIN or is_calendar_url(file)
    calendars = load_calendars(context, [file], reading) if is_calendar else []
    with bulk_context(context, options, calendars, wait_lock=wait_lock) as bulk:
        opened = bulk.open_calendars(calendars)
        if opened:
            calendar_id = opened[0].identity.known_id
        else:
            known = bulk.service.find_calendar(reading.name or file, str(path))
            if known is None:
                raise InvalidInputError(
                    f"calendar not found in the journal: {file}",
                    hint="Use the file that was scheduled, or the name of the calendar.",
                )
            calendar_id = known
            assert bulk.lock is not None
            bulk.lock(calendar_id)
        unrecorded = bulk.service.count_unrecorded(opened[0]) if opened else 0
        pending, unknown, forbidden = bulk.service.pending_entries(calendar_id)
        if not pending and opened and not all(item.is_warning for item in opened[0].problems):
            # The rows that cannot be read may be those of the calendar.
            raise calendar_error(opened[0].problems)
        if not pending:
            show_results(context, [])
            _check_kept(file, reading, len(unknown), len(forbidden), unrecorded)
            context.info(f"Nothing to cancel: {file} has no pending posts.")
            return
        has_all_rows = False
        if opened:
            bulk.service.check_own_rows(opened[0], pending)
            orphaned = {entry.id for entry in bulk.service.find_orphaned(opened[0])}
            has_all_rows = orphaned.isdisjoint(entry.id for entry in pending)
        posts = f"{len(pending)} pending post{'s' * (len(pending) != 1)}"
        context.confirm(f"Cancel {posts} from {file}?", yes=yes)
        actions = [Action.cancel(entry) for entry in pending]
        with bulk.progress("Cancelling", len(actions)) as step:
            report = bulk.service.apply_actions(actions, bulk.stop, step)
    results = [(file, result) for result in report.results]
    restored = file if has_all_rows and file != STDIN else None
    finish_run(context, results, bulk.stop, reading, cancelled_file=restored)
    _check_kept(file, reading, len(unknown), len(forbidden), unrecorded)


def _check_kept(
    file: str, reading: ReadOptions, unknown: int, forbidden: int, unrecorded: int
) -> None:
    """Raise PartialFailureError if posts of a calendar may still be scheduled."""
    if forbidden:
        raise PartialFailureError(
            f"not cancelled: {forbidden} post{'s' * (forbidden != 1)} of {file} on brands that the "
            "token cannot access",
            hint="Run this command again with a token for all brands of the calendar.",
        )
    if unknown:
        raise PartialFailureError(
            f"{unknown} posts of {file} may have been sent, and were not cancelled",
            hint="List them with: outreply store status",
        )
    if unrecorded:
        raise PartialFailureError(
            f"{unrecorded} row{'s' * (unrecorded != 1)} of {file} may have posts that the journal "
            "does not know; those were not cancelled",
            hint=f"Run: outreply bulk reconcile {shlex.quote(file)}{reading.to_flags()}; then run "
            "this command again.",
        )
