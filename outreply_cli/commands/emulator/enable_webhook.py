"""`outreply emulator enable-webhook`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, WebhookArgument, running_emulator
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column


@command(api=False)
def run(context: Context, webhook: WebhookArgument, state: StateOption = None) -> None:
    """Re-enable a webhook disabled after 20 consecutive failures.

    Example: outreply emulator enable-webhook $(outreply webhooks list -q | head -n 1)

    Example: outreply emulator enable-webhook $(outreply webhooks list -q | head -n 1) --json
    """
    result = running_emulator(context, state).request("enable", id=webhook)
    context.output.print_one(result, [Column("ID", "id"), Column("Active", "active")])
