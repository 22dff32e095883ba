"""`outreply bulk convert`."""

import shlex

from outreply_cli.bulk.convert import convert_calendar
from outreply_cli.bulk.service import calendar_error
from outreply_cli.cli.options import command
from outreply_cli.commands.bulk.options import File, ReadOptions
from outreply_cli.commands.bulk.shared import load_calendars
from outreply_cli.context import Context
from outreply_cli.times import BRAND_ZONE


@command(api=False)
def run(context: Context, file: File, reading: ReadOptions) -> None:
    """Print a calendar of any format as CSV with outreply's own columns.

    Requires no account. Running `bulk schedule` on the result plans the same posts.

    Example: outreply bulk convert launch.yaml > launch.csv

    Example: outreply bulk convert launch.yaml --tz Europe/Paris > launch.csv
    """
    (calendar,) = load_calendars(context, [file], reading)
    if reading.tz == BRAND_ZONE:
        # Without an account, the zone is not known.
        calendar.timezone = calendar.timezone or BRAND_ZONE
    zone = context.zone(None if reading.tz == BRAND_ZONE else reading.tz)
    text, row_problems = convert_calendar(calendar, zone, context.clock.now())
    problems = [*calendar.problems, *row_problems]
    if not all(problem.is_warning for problem in problems):
        raise calendar_error(problems, outcome="")
    for problem in problems:
        context.warn(problem.text)
    context.output.write_document(text)
    if calendar.name is not None:
        context.info(f"The calendar has a name; set it with: --name {shlex.quote(calendar.name)}")
    if reading.utm or calendar.settings.utm:
        context.info("UTM parameters are not in the file; set them with: --utm")
