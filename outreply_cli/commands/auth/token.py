"""`outreply auth token`."""

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command()
def run(context: Context) -> None:
    """Print the token, for use in another program.

    Example: outreply auth token --profile emulator

    Example: OUTREPLY_API_KEY=$(outreply auth token) outreply auth status
    """
    token = context.account.credential.token.reveal()
    context.output.print_value(token, {"token": token})
