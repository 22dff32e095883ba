"""`outreply webhooks history` and `replay`: what was received, and sending it again."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhook_group import (
    OWN_URL,
    PublicOption,
    SecretOption,
    ToOption,
    app,
    one_secret,
    open_inbox,
    sending_object,
    show_sendings,
)
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError

if TYPE_CHECKING:
    from outreply_cli.webhooks.models import Delivery


@command(app, "history", api=False)
def webhooks_history(
    session: Session,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="At most so many.")
    ] = 50,
    event: Annotated[
        str | None, typer.Option(metavar="E", help="Only these, such as 'post.*'.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Such as 2h, yesterday 09:00 or a date.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what a target did not take.")
    ] = False,
    bad: Annotated[bool, typer.Option("--bad", help="Only what was refused.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="With headers and bodies, as JSON.")
    ] = False,
) -> None:
    """Show what serve-webhook received here, newest first.

    Example: outreply webhooks history --failed --since 2h

    Example: outreply webhooks history --event 'post.*' --json
    """
    from outreply_cli.commands.webhooks_output import history_columns
    from outreply_cli.spec.events import check_pattern
    from outreply_cli.times import from_api, read_past_time, show_instant_briefly

    now, zone = session.clock.now(), session.zone()
    with closing(open_inbox(session)) as inbox:
        found = inbox.history(
            limit=limit, event=event, only_failed=failed, only_bad=bad,
            since=read_past_time(since, now=now, zone=zone) if since else None,
        )  # fmt: skip
    if event is not None and not found:
        # What came may have names that are newer than this program.
        check_pattern(event, "--event")
    items = [_item(each["delivery"], each["forwards"], whole=verbose) for each in found]
    if verbose and session.choices.output == "table" and not session.choices.quiet:
        session.output.show_value(items)
        return
    session.output.show_list(
        items,
        history_columns(lambda it: show_instant_briefly(from_api(it["received_at"]), zone)),
    )


@command(app, "replay", api=False)
def webhooks_replay(
    session: Session,
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
    from outreply_cli.times import read_past_time
    from outreply_cli.ui.editor import edit_message
    from outreply_cli.webhooks.fixtures import delivery_headers
    from outreply_cli.webhooks.sending import check_target, post

    url = check_target(to, "--to", allow_public=allow_public)
    if not ids and not failed and since is None:
        raise InvalidInputError("nothing is named", hint="Name IDs, or --failed, or --since 2h.")
    secret = one_secret(session, secret_env) if resign or edit else None
    now = session.clock.now()
    with closing(open_inbox(session)) as inbox:
        chosen = [inbox.find(each) for each in ids or []]
        if failed or since is not None:
            begin = read_past_time(since, now=now, zone=session.zone()) if since else None
            seen = inbox.history(limit=10_000, only_failed=failed, since=begin)
            chosen += [each["delivery"] for each in reversed(seen)]
        items = []
        for delivery in chosen:
            body, headers = delivery.body, list(delivery.headers)
            if edit:
                text = edit_message(session.environ, body.decode("utf-8", "replace"))
                body = text.encode("utf-8", "surrogatepass")
            if secret is not None:
                headers = delivery_headers(body, delivery.event, secret, now)
            outcome = post(url, body, headers, allow_public=allow_public)
            if outcome.is_taken and not edit:
                inbox.taken_elsewhere(delivery.number, url, outcome.status or 200)
            items.append(
                sending_object(delivery.id, delivery.event, url, outcome, number=delivery.number)
            )
    show_sendings(session, items)


def _item(delivery: "Delivery", forwards: list[dict[str, Any]], *, whole: bool) -> dict[str, Any]:
    from datetime import UTC, datetime

    from outreply_cli.times import to_api

    item = {
        "id": delivery.id,
        "number": delivery.number,
        "received_at": to_api(datetime.fromtimestamp(delivery.received_at, UTC)),
        "event": delivery.event,
        "verified": delivery.is_verified,
        "reason": delivery.reason,
        "duplicate": delivery.is_duplicate,
        "bytes": len(delivery.body),
        "status": delivery.status,
        "forwards": forwards,
    }
    if whole:
        item["headers"] = [list(pair) for pair in delivery.headers]
        item["body"] = delivery.body.decode("utf-8", "backslashreplace")
    return item
