"""`outreply webhooks trigger`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command, option, switch
from outreply_cli.commands.webhooks.output import print_results, result_to_dict
from outreply_cli.commands.webhooks.shared import (
    DEFAULT_URL,
    PublicOption,
    SecretOption,
    ToOption,
    require_secrets,
)
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    event: Annotated[str, argument("EVENT", "Event to send, such as post.published.")],
    to: ToOption = DEFAULT_URL,
    settings: Annotated[
        list[str] | None,
        option(
            "PATH=VALUE", "Set a field of the payload, such as data.post.message=Hello.", "--set"
        ),
    ] = None,
    rotate: Annotated[bool, switch("Send two signatures, as during a secret rotation.")] = False,
    stale: Annotated[bool, switch("Send a timestamp that is one hour old.")] = False,
    bad_signature: Annotated[
        bool, switch("Send an invalid signature; succeed if it is rejected with 4xx.")
    ] = False,
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Send an example event, signed like a real delivery.

    Example: outreply webhooks trigger post.failed --to localhost:3000/hooks

    Example: outreply webhooks trigger comment.received --stale --to localhost:3000/hooks
    """
    from outreply_cli.net.deliver import deliver, validate_url
    from outreply_cli.net.ssrf import reach_from_option
    from outreply_cli.webhooks.redaction import redact_result
    from outreply_cli.webhooks.samples import delivery_headers, encode_body, sample_event

    reach, now = reach_from_option(allow_public=allow_public), context.clock.now()
    url = validate_url(to, "--to", reach=reach)
    payload = sample_event(event, now, settings or [])
    body = encode_body(payload)
    secrets = require_secrets(context, secret_env).values
    headers = delivery_headers(
        body, event, secrets[0], now,
        is_rotated=rotate, is_stale=stale, is_forged=bad_signature,
    )  # fmt: skip
    result = redact_result(deliver(url, body, headers, reach=reach), secrets)
    item = result_to_dict(event, url, result, id=payload["id"])
    print_results(context, [(item, result)], is_forged=bad_signature)
