"""`outreply webhooks show`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import COLUMNS
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    webhook: Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")],
) -> None:
    """Show one webhook.

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1)

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1) --json
    """
    context.output.print_one(context.client().webhook(webhook), COLUMNS)
