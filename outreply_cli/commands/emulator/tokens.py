"""`outreply emulator tokens`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, running_emulator, token_columns
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, state: StateOption = None) -> None:
    """List the tokens of the emulator, without their secrets.

    Example: outreply emulator tokens

    Example: outreply emulator tokens --json
    """
    tokens = running_emulator(context, state).request("tokens")["tokens"]
    context.output.print_list(tokens, token_columns(context))
