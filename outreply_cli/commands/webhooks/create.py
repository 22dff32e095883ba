"""`outreply webhooks create`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import COLUMNS, explained
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.ui.output import Column


@command()
def run(
    context: Context,
    url: Annotated[str, typer.Option(metavar="URL", help="Where deliveries are sent.")],
    events: Annotated[
        str | None, typer.Option(metavar="A,B", help="Which events; all by default.")
    ] = None,
    save_secret: Annotated[
        bool, typer.Option("--save-secret", help="Keep the secret in the keyring, for "
                           "serve-webhook, and don't print it.")
    ] = False,
) -> None:  # fmt: skip
    """Subscribe a URL. Its secret is shown this once.

    Example: outreply webhooks create --url http://127.0.0.1:8484/ --events post.published

    Example: outreply webhooks create --url http://127.0.0.1:8484/hooks --json
    """
    from outreply_cli.net.ssrf import is_http_url
    from outreply_cli.spec.events import check_event
    from outreply_cli.spec.limits import EVENTS
    from outreply_cli.webhooks.secrets import keyring_name, webhook_keyring

    if not is_http_url(url):
        raise InvalidInputError(
            f"--url: {url!r} is no http or https URL", hint="Such as https://example.com/webhooks"
        )
    names = [part.strip() for part in events.split(",")] if events else list(EVENTS)
    for name in names:
        check_event(name, "--events")
    keyring = webhook_keyring()
    place = keyring_name(context.profile_name)
    if save_secret:
        # Before the webhook is made: its secret is told only once.
        keyring.read(place)
    with explained():
        made = context.client().create_webhook(url, names)
    shown, secret = dict(made), made.get("secret")
    if secret is None:
        context.warn("the API told no secret; see it in the dashboard")
    elif save_secret:
        try:
            keyring.write(place, str(secret))
            shown["secret"] = "(in the keyring)"  # noqa: S105 - says where it is
        except OutReplyError as problem:
            context.warn(f"{problem.message}; the secret is shown instead, this once")
    context.output.print_one(shown, [*COLUMNS, Column("Secret", "secret")])
    if secret is not None and shown["secret"] == secret:
        context.info("Keep the secret now: it is not shown again. See: outreply serve-webhook -h")
