"""`outreply emulator stop`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, state_directory
from outreply_cli.context import Context
from outreply_cli.emulator.client import STATE_VARIABLE, find_running
from outreply_cli.emulator.errors import EmulatorNotRunningError
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """Stop the emulator; its state is kept.

    Example: outreply emulator stop

    Example: outreply emulator start --state demo && outreply emulator stop --state demo
    """
    from outreply_cli.emulator.daemon import stop

    if state is None and STATE_VARIABLE in context.environ:
        raise InvalidInputError(
            "an emulator started by `emulator exec` stops by itself when its command exits",
            hint="To stop another one, use --state DIR.",
        )
    directory = state_directory(context, state)
    handle = find_running(directory)
    if handle is None:
        hint = f"Nothing to stop for {directory}. For another emulator, use --state DIR."
        raise EmulatorNotRunningError(hint)
    stop(handle, directory)
    context.report(
        {"stopped": True, "pid": handle.pid, "port": handle.port, "base_url": handle.base_url},
        f"Stopped the emulator on port {handle.port}; its state is kept.",
    )
