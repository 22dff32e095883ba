"""`outreply emulator status`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    running_emulator,
    show_emulator,
    state_directory,
    update_profile,
)
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """Show the URL, token, time and posts of the emulator.

    Example: outreply emulator status

    Example: outreply emulator status --json
    """
    handle = running_emulator(context, state)
    status = {**handle.request("status"), "state": str(state_directory(context, state))}
    update_profile(context, handle, status)
    show_emulator(context, handle, status)
