"""`outreply auth token`."""

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command()
def run(context: Context) -> None:
    """Print the token, for a pipe into another program.

    Example: outreply auth token --profile emulator

    Example: OUTREPLY_API_KEY=$(outreply auth token) outreply auth status
    """
    context.output.print_text(context.account.credential.token.reveal())
