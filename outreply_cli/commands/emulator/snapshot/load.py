"""`outreply emulator snapshot load`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    running_emulator,
    save_profile,
    show_emulator,
    state_directory,
)
from outreply_cli.commands.emulator.snapshot.shared import FileArgument
from outreply_cli.context import Context
from outreply_cli.paths import to_path


@command(api=False)
def run(context: Context, file: FileArgument, state: StateOption = None, yes: Yes = False) -> None:
    """Put what is in FILE in place of everything in it; its time goes on from then.

    Example: outreply emulator snapshot load before-launch.db --yes

    Example: outreply emulator snapshot load before-launch.db --yes --json
    """
    running = running_emulator(state_directory(context, state))
    context.confirm("Replace everything in the emulator?", yes=yes)
    status = running.request("snapshot", load=str(to_path(file).absolute()))
    save_profile(context, running, status)
    show_emulator(context, running, status)
