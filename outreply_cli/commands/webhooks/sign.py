"""`outreply webhooks sign`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import FileOption, SecretOption, read_raw, require_secret
from outreply_cli.context import Context


@command(api=False)
def run(context: Context, file: FileOption = "-", secret_env: SecretOption = None) -> None:
    """Print the X-OutReply-Signature of a body.

    Example: outreply webhooks sign --file body.json

    Example: outreply webhooks sign < body.json
    """
    from outreply_cli.webhooks.signature import sign

    signed = sign(read_raw(context, file), require_secret(context, secret_env))
    if context.options.output == "table":
        context.output.print_text(signed)
    else:
        context.output.write_json({"signature": signed})
