"""`outreply webhooks sign`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import FileOption, SecretOption, require_secrets
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, file: FileOption = "-", secret_env: SecretOption = None) -> None:
    """Print the X-OutReply-Signature of a body.

    Example: outreply webhooks sign --file body.json

    Example: outreply webhooks sign < body.json
    """
    from outreply_cli.ui.files import read_file
    from outreply_cli.webhooks.signature import sign

    body = read_file(file, context.stdin_bytes)
    signature = sign(body, require_secrets(context, secret_env).values[0])
    context.output.print_value(signature, {"signature": signature})
