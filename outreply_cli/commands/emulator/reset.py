"""`outreply emulator reset`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, save_and_show
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None, yes: Yes = False) -> None:
    """Reset the emulator to the built-in account.

    Example: outreply emulator reset --yes

    Example: outreply emulator reset --yes --json
    """
    handle = running_emulator(context, state)
    context.confirm("Delete all data in the emulator?", yes=yes)
    save_and_show(context, state, handle, handle.request("reset"))
