"""`outreply webhooks list`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import COLUMNS, explained
from outreply_cli.context import Context


@command()
def run(context: Context) -> None:
    """List the account's webhooks.

    Example: outreply webhooks list

    Example: outreply webhooks list --json
    """
    with explained():
        found = context.client().webhooks().items
    context.output.print_list(found, COLUMNS)
