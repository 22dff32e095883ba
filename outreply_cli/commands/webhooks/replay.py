"""`outreply webhooks replay`."""

from collections.abc import Iterable
from itertools import chain
from typing import Annotated

from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.webhooks.output import print_results, result_to_dict
from outreply_cli.commands.webhooks.shared import (
    DEFAULT_URL,
    DeliveriesArgument,
    PublicOption,
    SecretOption,
    TeamOption,
    ToOption,
    open_store,
    require_secrets,
    webhook_secrets,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    ids: DeliveriesArgument = None,
    to: ToOption = DEFAULT_URL,
    failed: Annotated[
        bool, switch("Replay deliveries that a forward target did not accept.")
    ] = False,
    since: Annotated[
        str | None, option("TIME", "Replay deliveries newer than TIME, such as 2h.")
    ] = None,
    resign: Annotated[bool, switch("Sign again, with a new timestamp.")] = False,
    edit: Annotated[bool, switch("Edit the body in $EDITOR first, then sign again.")] = False,
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
    team: TeamOption = False,
) -> None:
    """Send received deliveries again.

    Deliveries are sent unchanged with their original signature, unless --resign or --edit is given.
    --failed and --since select valid deliveries only.

    Example: outreply webhooks replay --failed --to localhost:3000/hooks

    Example: outreply webhooks replay --since 2h --resign --to localhost:3000/hooks
    """
    from outreply_cli.net.deliver import deliver, validate_url
    from outreply_cli.net.ssrf import reach_from_option
    from outreply_cli.subprocesses import strip_secrets
    from outreply_cli.time_parser import parse_past_time
    from outreply_cli.ui.editor import edit_message
    from outreply_cli.webhooks.event import check_complete
    from outreply_cli.webhooks.models import Attempt, Delivery
    from outreply_cli.webhooks.redaction import redact_result
    from outreply_cli.webhooks.samples import delivery_headers

    reach, now = reach_from_option(allow_public=allow_public), context.clock.now()
    url = validate_url(to, "--to", reach=reach)
    if not ids and not failed and since is None:
        raise InvalidInputError(
            "no deliveries selected", hint="Specify delivery IDs, or use --failed or --since 2h."
        )
    secret = require_secrets(context, secret_env).values[0] if resign or edit else None
    secrets = webhook_secrets(context, secret_env or []).values
    with open_store(context, team=team) as store:
        deliveries = [store.find(delivery_id) for delivery_id in ids or []]
        selected: Iterable[Delivery] = ()
        if failed or since is not None:
            start = parse_past_time(since, now=now, zone=context.zone()) if since else None
            selected = store.valid_deliveries(since=start, only_failed=failed)
        for delivery in deliveries:
            if not edit:
                check_complete(delivery)
            if resign and not edit and not delivery.is_verified:
                raise InvalidInputError(
                    f"--resign: delivery #{delivery.number} is invalid; anyone may have sent it",
                    hint="Nothing was sent. Leave it out, or replay it without --resign.",
                )
        results = []
        for delivery in chain(deliveries, selected):
            body, headers = delivery.body, list(delivery.headers)
            if edit:
                environ = strip_secrets(context.environ, secret_env or [])
                text = edit_message(environ, body.decode("utf-8", "replace"))
                body = text.encode("utf-8", "surrogatepass")
            if secret is not None:
                headers = delivery_headers(body, delivery.event, secret, now)
            started_at = context.clock.now().timestamp()
            result = redact_result(deliver(url, body, headers, reach=reach), secrets)
            store.record_replay(
                delivery.number, Attempt(url, started_at, result), is_unchanged=not edit
            )
            item = result_to_dict(
                delivery.event, url, result, id=delivery.id, number=delivery.number
            )
            results.append((item, result))
    print_results(context, results)
