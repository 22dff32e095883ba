"""`outreply emulator advance`."""

import re
from typing import Annotated

from outreply_cli.cli.options import argument, command, option
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, time_column
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.time_parser import parse_time
from outreply_cli.times import parse_duration
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from outreply_cli.ui.columns import Column

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?P<time>.*)")


@command(api=False)
def run(
    context: Context,
    duration: Annotated[
        str | None,
        argument(
            "[DURATION]", "Advance by this duration, or to this date, such as 2h or 2026-12-24."
        ),
    ] = None,
    to: Annotated[str | None, option("TIME", "Advance to this time.")] = None,
    state: StateOption = None,
) -> None:
    """Advance the clock and publish posts that become due.

    Example: outreply emulator advance 2h

    Example: outreply emulator advance --to 'tomorrow 18:00'
    """
    if duration is not None and to is None and (date := _DATE.fullmatch(duration)):
        duration, to = None, duration if date["time"] else f"{duration} 00:00"
    if (duration is None) == (to is None):
        hint = "Run: outreply emulator advance 2h"
        raise InvalidInputError("exactly one of DURATION and --to is required", hint=hint)
    handle = running_emulator(context, state)
    if duration is not None:
        span = parse_duration(duration.removeprefix("+"))
        result = handle.request("advance", seconds=span.total_seconds())
    else:
        now = parse_timestamp(handle.request("status")["now"])
        target = parse_time(str(to), now=now, zone=context.zone())
        result = handle.request("advance", to=format_timestamp(target))
    columns = [
        time_column(context), Column("Published", "published"), Column("Failed", "failed"),
    ]  # fmt: skip
    context.output.print_one(result, columns, id_field=None)
