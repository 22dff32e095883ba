"""`outreply emulator stop`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context
from outreply_cli.emulator.client import STATE_VARIABLE
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
            "an emulator that `emulator exec` started stops once its command exits",
            hint="To stop another one, use --state DIR.",
        )
    handle = running_emulator(context, state)
    stop(handle, state_directory(context, state))
    context.report(
        {"stopped": True, "pid": handle.pid, "port": handle.port, "base_url": handle.base_url},
        f"Stopped the emulator on port {handle.port}; its state is kept.",
    )
