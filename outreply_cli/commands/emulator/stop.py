"""`outreply emulator stop`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, state_directory
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """Stop the emulator; its state is kept.

    Example: outreply emulator stop

    Example: outreply emulator start --state demo && outreply emulator stop --state demo
    """
    from outreply_cli.emulator.daemon import stop

    handle = running_emulator(context, state)
    stop(handle, state_directory(context, state))
    context.report(
        {"stopped": True, "pid": handle.pid, "port": handle.port, "base_url": handle.base_url},
        f"Stopped the emulator on port {handle.port}; its state is kept.",
    )
