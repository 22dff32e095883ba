"""`outreply webhooks sign`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import (
    FileOption,
    SecretOption,
    read_bytes,
    require_secrets,
)
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, file: FileOption = "-", secret_env: SecretOption = None) -> None:
    """Print the X-OutReply-Signature of a body.

    Example: outreply webhooks sign --file body.json

    Example: outreply webhooks sign < body.json
    """
    from outreply_cli.webhooks.signature import sign

    signature = sign(read_bytes(context, file), require_secrets(context, secret_env).values[0])
    context.output.print_value(signature, {"signature": signature})
