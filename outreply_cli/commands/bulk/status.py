"""`outreply bulk status`."""

from outreply_cli.cli.options import TimeZone, command
from outreply_cli.commands.bulk.options import Columns, DateOrder, File, bulk_context, parse_options
from outreply_cli.commands.bulk.output import show_statuses
from outreply_cli.commands.bulk.shared import load_calendars
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    file: File,
    columns: Columns = None,
    date_order: DateOrder = None,
    tz: TimeZone = None,
) -> None:
    """Compare a calendar file with the journal and the account.

    Example: outreply bulk status launch.csv

    Example: outreply bulk status launch.csv --json
    """
    from outreply_cli.bulk.status import compare_rows

    options = parse_options(context, tz=tz, date_order=date_order)
    (calendar,) = calendars = load_calendars([file], columns)
    with bulk_context(context, options, [], wait_lock=None, calendars=calendars) as bulk:
        diff = bulk.service.diff(calendar, reconcile=False)
    for problem in diff.problems:
        context.warn(problem.text)
    statuses = compare_rows(calendar.name, diff.rows, diff.orphaned, diff.statuses)
    show_statuses(context, statuses, bulk.service.account.pages, options.zone)
