"""`outreply emulator unfreeze`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, show_clock
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """Resume the emulator's clock from its current time.

    Example: outreply emulator unfreeze

    Example: outreply emulator unfreeze --json
    """
    show_clock(context, running_emulator(context, state).request("freeze", on=False))
