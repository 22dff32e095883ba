"""`outreply emulator rotate-secret`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.emulator.shared import StateOption, WebhookArgument, running_emulator
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column


@command(api=False)
def run(context: Context, webhook: WebhookArgument, state: StateOption = None) -> None:
    """Rotate the signing secret of a webhook and print the new one.

    The previous secret stays valid for 24 hours; deliveries carry both signatures.

    Example: outreply emulator rotate-secret $(outreply webhooks list -q | head -n 1)

    Example: outreply emulator rotate-secret $(outreply webhooks list -q | head -n 1) --json
    """
    result = running_emulator(context, state).request("rotate", id=webhook)
    context.output.print_one(result, [Column("ID", "id"), Column("Secret", "secret")])
