"""`outreply emulator advance`."""

from datetime import timedelta
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    running_emulator,
    show_time_of,
    state_directory,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.times import parse_duration, parse_time
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from outreply_cli.ui.output import Column


@command(api=False)
def run(
    context: Context,
    time: Annotated[
        str, typer.Argument(metavar="2h|TIME", help="How far, or until when; until TIME works too.")
    ],
    until: Annotated[str | None, typer.Argument(metavar="", hidden=True)] = None,
    state: StateOption = None,
) -> None:
    """Move its clock; posts that fall due are published.

    Example: outreply emulator advance 2h

    Example: outreply emulator advance until 'tomorrow 18:00'
    """
    running = running_emulator(state_directory(context, state))
    text = until if time == "until" and until is not None else time
    try:
        span: timedelta | None = parse_duration(text.removeprefix("+"))
    except InvalidInputError:
        span = None
    if span is not None and until is None:
        result = running.request("advance", seconds=span.total_seconds())
    else:
        now = parse_timestamp(running.request("status")["now"])
        moment = parse_time(text, now=now, zone=context.zone())
        result = running.request("advance", to=format_timestamp(moment))
    context.output.print_one(
        result,
        [
            Column("Now", "now", lambda it: show_time_of(context, it)),
            Column("Published", "published"),
        ],
        id_field=None,
    )
