"""`outreply emulator reset`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    running_emulator,
    save_profile,
    show_emulator,
    state_directory,
)
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None, yes: Yes = False) -> None:
    """Forget everything in it and begin anew with the built-in account.

    Example: outreply emulator reset --yes

    Example: outreply emulator reset --yes --json
    """
    running = running_emulator(state_directory(context, state))
    context.confirm("Forget everything in the emulator?", yes=yes)
    status = running.request("reset")
    save_profile(context, running, status)
    show_emulator(context, running, status)
