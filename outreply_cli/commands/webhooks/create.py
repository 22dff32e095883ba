"""`outreply webhooks create`."""

from typing import Annotated

from outreply_cli.api.request_builders import create_webhook
from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.commands.webhooks.output import WEBHOOK_COLUMNS
from outreply_cli.commands.webhooks.shared import keyring_name, wrap_not_found
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.ui.columns import Column


@command(has_print_option=True)
def run(
    context: Context,
    url: Annotated[str, option("URL", "Send deliveries to this URL.")],
    events: Annotated[
        str | None, option("EVENT,...", "Subscribe to these events (default: all).")
    ] = None,
    save_secret: Annotated[
        bool, switch("Save the secret in the keyring for serve-webhook instead of printing it.")
    ] = False,
) -> None:
    """Create a webhook. The secret is shown only once.

    Example: outreply webhooks create --url http://127.0.0.1:8484/ --events post.published

    Example: outreply webhooks create --url http://127.0.0.1:8484/hooks --json
    """
    from outreply_cli.net.urls import is_http_url
    from outreply_cli.spec.events import check_event
    from outreply_cli.spec.limits import EVENTS

    if not is_http_url(url):
        raise InvalidInputError(
            f"--url: {url!r} is not an http or https URL",
            hint="Use a URL such as https://example.com/webhooks.",
        )
    names = [part.strip() for part in events.split(",")] if events else list(EVENTS)
    for name in names:
        check_event(name, "--events")
    if context.options.print_as:
        request = create_webhook(url, names)
        print_requests(context, context.client(), [request])
        return
    keyring = context.keyring(hint="Remove --save-secret to print the secret instead.")
    entry = keyring_name(context.profile_name)
    # Read before the webhook exists, because its secret is returned only once.
    replaced = keyring.read(entry) if save_secret else None
    with wrap_not_found():
        hook = context.client().create_webhook(url, names)
    shown, secret = dict(hook), hook.get("secret")
    is_saved = False
    if secret is None:
        context.warn(
            "the API returned no secret; find it in the dashboard, or delete the webhook and "
            "create it again"
        )
    elif save_secret:
        try:
            keyring.write(entry, str(secret))
            is_saved, shown["secret"] = True, "(in the keyring)"
            if replaced is not None:
                context.warn(
                    "the keyring's earlier webhook secret was replaced; if its webhook still "
                    "exists, serve-webhook rejects its deliveries"
                )
        except OutReplyError as error:
            context.warn(f"{error.message}; the secret is printed instead, only once")
    context.output.print_one(shown, [*WEBHOOK_COLUMNS, Column("Secret", "secret")])
    if secret is None or is_saved:
        return
    fields = context.output.fields
    if context.options.quiet or (fields is not None and "secret" not in fields):
        context.warn(
            "the secret was not printed and is not shown again; delete the webhook with: outreply "
            f"webhooks delete {hook['id']}; then create it with --save-secret"
        )
    else:
        context.info("Save the secret now; it is not shown again.")
