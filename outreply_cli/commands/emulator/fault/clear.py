"""`outreply emulator fault clear`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="All by default.")
    ] = None,
    state: StateOption = None,
) -> None:
    """End one fault, or all of them.

    Example: outreply emulator fault clear

    Example: outreply emulator fault clear 1
    """
    ended = running_emulator(state_directory(context, state)).request("fault", clear=number)[
        "ended"
    ]
    context.info(f"{ended} ended.")
