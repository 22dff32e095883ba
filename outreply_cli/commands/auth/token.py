"""`outreply auth token`."""

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column


@command()
def run(context: Context) -> None:
    """Print the token, for use in another program.

    Example: outreply auth token --profile emulator

    Example: OUTREPLY_API_KEY=$(outreply auth token) outreply auth status
    """
    token = context.account.credential.token.reveal()
    if context.options.output == "table":
        context.output.print_text(token)
    else:
        context.output.print_one({"token": token}, [Column("Token", "token")], id_field="token")
