"""`outreply emulator revoke-token`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import (
    StateOption,
    TokenArgument,
    running_emulator,
    token_columns,
)
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, token: TokenArgument, state: StateOption = None) -> None:
    """Revoke a token; its requests fail with 401 TOKEN_REVOKED.

    Example: outreply emulator revoke-token emulator

    Example: outreply emulator revoke-token emulator --json
    """
    revoked = running_emulator(context, state).request("revoke-token", token=token)
    context.output.print_one(revoked, token_columns(context))
