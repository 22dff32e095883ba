"""`outreply webhooks show`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.output import WEBHOOK_COLUMNS
from outreply_cli.context import Context


@command()
def run(
    context: Context, webhook: Annotated[str, typer.Argument(metavar="ID", help="Webhook ID.")]
) -> None:
    """Show a webhook.

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1)

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1) --json
    """
    context.output.print_one(context.client().webhook(webhook), WEBHOOK_COLUMNS)
