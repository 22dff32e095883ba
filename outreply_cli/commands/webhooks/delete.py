"""`outreply webhooks delete`."""

from outreply_cli.api.request_builders import delete_webhook
from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.commands.webhooks.shared import WebhookArgument, resolve_webhook
from outreply_cli.context import Context


@command(has_print_option=True)
def run(context: Context, webhook: WebhookArgument, yes: Yes = False) -> None:
    """Delete a webhook and its pending deliveries.

    Example: outreply webhooks delete $(outreply webhooks list -q | head -n 1) --yes

    Example: outreply webhooks list -q | xargs -n 1 outreply webhooks delete --yes
    """
    client = context.client()
    webhook = resolve_webhook(client, webhook)
    if context.options.print_as:
        print_requests(context, client, [delete_webhook(webhook)])
        return
    context.confirm(f"Delete webhook {webhook}?", yes=yes)
    client.delete_webhook(webhook)
    context.report({"id": webhook, "success": True}, f"Deleted webhook {webhook}.")
