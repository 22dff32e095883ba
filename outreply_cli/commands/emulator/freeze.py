"""`outreply emulator freeze`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, show_clock
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """Freeze the emulator's clock; only `advance` moves it.

    Example: outreply emulator freeze

    Example: outreply emulator freeze -q && outreply emulator advance 1h
    """
    show_clock(context, running_emulator(context, state).request("freeze", on=True))
