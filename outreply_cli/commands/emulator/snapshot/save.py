"""`outreply emulator snapshot save`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.commands.emulator.snapshot.shared import FileArgument
from outreply_cli.context import Context
from outreply_cli.paths import to_path


@command(api=False)
def run(context: Context, file: FileArgument, state: StateOption = None, yes: Yes = False) -> None:
    """Write everything in it to FILE, as of this instant; tokens and secrets too.

    Example: outreply emulator snapshot save before-launch.db

    Example: outreply emulator snapshot save before-launch.db --yes --json
    """
    running = running_emulator(state_directory(context, state))
    path = to_path(file).absolute()
    if path.exists():
        context.confirm(f"Replace {file}?", yes=yes)
    running.request("snapshot", save=str(path))
    context.info(f"Everything in the emulator is in {file}.")
