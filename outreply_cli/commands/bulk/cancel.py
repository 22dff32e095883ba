"""`outreply bulk cancel`."""

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.loader import calendar_path
from outreply_cli.bulk.plan import Action
from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.bulk.options import (
    File,
    ReadOptions,
    WaitLock,
    bulk_context,
    parse_options,
)
from outreply_cli.commands.bulk.output import finish_run, show_results
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.ui.progress import progress


@command()
def run(context: Context, file: File, wait_lock: WaitLock = "30s", yes: Yes = False) -> None:
    """Cancel all pending posts from a calendar.

    Published posts are not affected.

    Example: outreply bulk cancel launch.csv --yes

    Example: outreply bulk cancel launch.csv --yes --json
    """
    calendar = Calendar(file, calendar_path(file))
    options = parse_options(context, ReadOptions())
    with bulk_context(context, options, [calendar], wait_lock=wait_lock) as bulk:
        pending = bulk.service.pending_entries(calendar.path)
        if not pending and not calendar.path.exists():
            raise InvalidInputError(
                f"calendar not found: {file}; no posts were scheduled from it",
                hint="Name the calendar file as it was scheduled.",
            )
        if not pending:
            show_results(context, [])
            context.info(f"Nothing to cancel: {file} has no pending posts.")
            return
        context.confirm(f"Cancel {len(pending)} pending posts of {file}?", yes=yes)
        actions = [Action.cancel(entry) for entry in pending]
        with progress(context.notes, "Cancelling", len(actions), bulk.requests_left) as bar:
            report = bulk.service.apply_actions(actions, bulk.stop, bar.step)
    finish_run(context, [(file, result) for result in report.results], bulk.stop)
