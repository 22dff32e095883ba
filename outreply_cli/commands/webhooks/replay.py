"""`outreply webhooks replay`."""

from contextlib import closing
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import (
    OWN_URL,
    PublicOption,
    SecretOption,
    ToOption,
    delivery_to_dict,
    open_inbox,
    require_secret,
    show_deliveries,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID…]", help="An id, or a number as '#12'.")
    ] = None,
    to: ToOption = OWN_URL,
    failed: Annotated[
        bool, typer.Option("--failed", help="All that a target did not take.")
    ] = False,
    since: Annotated[str | None, typer.Option(metavar="T", help="All since then.")] = None,
    resign: Annotated[
        bool, typer.Option("--resign", help="Signed anew, with a fresh timestamp.")
    ] = False,
    edit: Annotated[
        bool, typer.Option("--edit", help="Change the body in $EDITOR first; it is signed anew.")
    ] = False,
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Send received deliveries again: byte for byte with their own signature, or signed anew.

    Example: outreply webhooks replay --failed --to localhost:3000/hooks

    Example: outreply webhooks replay --since 2h --resign --to localhost:3000/hooks
    """
    from outreply_cli.net.deliver import deliver, validate_url
    from outreply_cli.net.ssrf import reach_for
    from outreply_cli.times import parse_past_time
    from outreply_cli.ui.editor import edit_message
    from outreply_cli.webhooks.fixtures import delivery_headers

    url = validate_url(to, "--to", reach=reach_for(allow_public=allow_public))
    if not ids and not failed and since is None:
        raise InvalidInputError("nothing is named", hint="Name IDs, or --failed, or --since 2h.")
    secret = require_secret(context, secret_env) if resign or edit else None
    now = context.clock.now()
    with closing(open_inbox(context)) as inbox:
        chosen = [inbox.find(each) for each in ids or []]
        if failed or since is not None:
            begin = parse_past_time(since, now=now, zone=context.zone()) if since else None
            seen = inbox.history(limit=10_000, only_failed=failed, since=begin)
            chosen += [each["delivery"] for each in reversed(seen)]
        items = []
        for delivery in chosen:
            body, headers = delivery.body, list(delivery.headers)
            if edit:
                text = edit_message(context.environ, body.decode("utf-8", "replace"))
                body = text.encode("utf-8", "surrogatepass")
            if secret is not None:
                headers = delivery_headers(body, delivery.event, secret, now)
            outcome = deliver(url, body, headers, reach=reach_for(allow_public=allow_public))
            if outcome.is_accepted and not edit:
                inbox.mark_delivered(delivery.number, url, outcome.status or 200)
            items.append(
                delivery_to_dict(delivery.id, delivery.event, url, outcome, number=delivery.number)
            )
    show_deliveries(context, items)
