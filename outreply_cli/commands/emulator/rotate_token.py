"""`outreply emulator rotate-token`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, TokenArgument, running_emulator
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, token: TokenArgument, state: StateOption = None) -> None:
    """Rotate a token and print the new one.

    The previous secret stops working immediately, including in the emulator's profile.

    Example: outreply emulator rotate-token emulator

    Example: outreply emulator rotate-token emulator --json
    """
    rotated = running_emulator(context, state).request("rotate-token", token=token)
    context.output.print_value(str(rotated["token"]), rotated)
