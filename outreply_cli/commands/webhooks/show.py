"""`outreply webhooks show`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.output import WEBHOOK_COLUMNS
from outreply_cli.commands.webhooks.shared import resolve_webhook
from outreply_cli.context import Context


@command()
def run(
    context: Context, webhook: Annotated[str, typer.Argument(metavar="ID", help="Webhook ID.")]
) -> None:
    """Show a webhook.

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1)

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1) --json
    """
    client = context.client()
    context.output.print_one(client.webhook(resolve_webhook(client, webhook)), WEBHOOK_COLUMNS)
