"""`outreply emulator freeze`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    running_emulator,
    show_clock,
    state_directory,
)
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """Stop its clock: time goes on only by `advance`.

    Example: outreply emulator freeze

    Example: outreply emulator freeze -q && outreply emulator advance 1h
    """
    show_clock(
        context, running_emulator(state_directory(context, state)).request("freeze", on=True)
    )
