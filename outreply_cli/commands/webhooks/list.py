"""`outreply webhooks list`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.output import WEBHOOK_COLUMNS
from outreply_cli.commands.webhooks.shared import wrap_not_found
from outreply_cli.context import Context


@command()
def run(context: Context) -> None:
    """List the account's webhooks.

    Example: outreply webhooks list

    Example: outreply webhooks list --json
    """
    with wrap_not_found():
        hooks = context.client().webhooks().items
    context.output.print_list(hooks, WEBHOOK_COLUMNS)
