"""`outreply webhooks show`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.output import WEBHOOK_COLUMNS
from outreply_cli.commands.webhooks.shared import WebhookArgument, resolve_webhook
from outreply_cli.context import Context


@command()
def run(context: Context, webhook: WebhookArgument) -> None:
    """Show a webhook.

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1)

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1) --json
    """
    client = context.client()
    context.output.print_one(client.webhook(resolve_webhook(client, webhook)), WEBHOOK_COLUMNS)
