"""`outreply emulator deliveries`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context
from outreply_cli.times import format_time
from outreply_cli.timestamps import parse_timestamp
from outreply_cli.ui.output import Column, Item


@command(api=False)
def run(
    context: Context,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many.")] = 50,
    state: StateOption = None,
) -> None:
    """Show the webhooks that it sent, newest first, and when it tries again.

    Example: outreply emulator deliveries

    Example: outreply emulator deliveries --limit 5 --json
    """
    found = running_emulator(state_directory(context, state)).request("deliveries", limit=limit)[
        "deliveries"
    ]
    context.output.print_list(
        found,
        [
            Column("Delivery", "id"),
            Column("Event", "event"),
            Column("Attempts", "attempts"),
            Column("Answer", "status", lambda it: str(it["status"] or it["error"] or "")),
            Column("Next", "next_attempt_at", lambda it: _show_when(context, it)),
        ],
    )


def _show_when(context: Context, item: Item) -> str:
    moment = item["next_attempt_at"]
    return "" if moment is None else format_time(parse_timestamp(str(moment)), context.zone())
