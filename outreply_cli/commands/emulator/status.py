"""`outreply emulator status`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    running_emulator,
    show_emulator,
    state_directory,
)
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """Show where it is, its time, its posts and tokens.

    Example: outreply emulator status

    Example: outreply emulator status --json
    """
    directory = state_directory(context, state)
    running = running_emulator(directory)
    show_emulator(context, running, {**running.request("status"), "state": str(directory)})
