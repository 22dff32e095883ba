"""`outreply emulator stop`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """End it; its state stays.

    Example: outreply emulator stop

    Example: outreply emulator start --state rehearsal && outreply emulator stop --state rehearsal
    """
    from outreply_cli.emulator.daemon import stop

    directory = state_directory(context, state)
    running = running_emulator(directory)
    stop(running, directory, context.clock)
    context.info(f"The emulator on port {running.port} has ended; its state is kept.")
