"""`outreply webhooks trigger`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import (
    OWN_URL,
    PublicOption,
    SecretOption,
    ToOption,
    delivery_to_dict,
    require_secret,
    show_deliveries,
)
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Such as post.published.")],
    to: ToOption = OWN_URL,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Such as data.post.message=Hello."),
    ] = None,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="With two signatures, as during a rotation.")
    ] = False,
    stale: Annotated[bool, typer.Option("--stale", help="With an hour-old timestamp.")] = False,
    bad_signature: Annotated[
        bool, typer.Option("--bad-signature", help="With a signature that fits nothing.")
    ] = False,
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Send an example event, signed like the real thing.

    Example: outreply webhooks trigger post.failed --to localhost:3000/hooks

    Example: outreply webhooks trigger comment.received --stale --to localhost:3000/hooks
    """
    from outreply_cli.net.deliver import deliver, validate_url
    from outreply_cli.net.ssrf import reach_for
    from outreply_cli.webhooks.fixtures import delivery_headers, encode_body, sample_event

    url = validate_url(to, "--to", reach=reach_for(allow_public=allow_public))
    now = context.clock.now()
    payload = sample_event(event, now, settings or [])
    body = encode_body(payload)
    headers = delivery_headers(
        body, event, require_secret(context, secret_env), now,
        is_rotated=rotate, is_stale=stale, is_bad=bad_signature,
    )  # fmt: skip
    outcome = deliver(url, body, headers, reach=reach_for(allow_public=allow_public))
    show_deliveries(context, [delivery_to_dict(payload["id"], event, url, outcome)])
