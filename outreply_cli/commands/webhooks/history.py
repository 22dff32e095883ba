"""`outreply webhooks history`."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import open_inbox
from outreply_cli.context import Context

if TYPE_CHECKING:
    from outreply_cli.webhooks.models import Delivery


@command(api=False)
def run(
    context: Context,
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
    from outreply_cli.commands.webhooks.output import history_columns
    from outreply_cli.spec.events import check_pattern
    from outreply_cli.times import format_time_short, parse_past_time
    from outreply_cli.timestamps import parse_timestamp

    now, zone = context.clock.now(), context.zone()
    with closing(open_inbox(context)) as inbox:
        found = inbox.history(
            limit=limit, event=event, only_failed=failed, only_bad=bad,
            since=parse_past_time(since, now=now, zone=zone) if since else None,
        )  # fmt: skip
    if event is not None and not found:
        # What came may have names that are newer than this program.
        check_pattern(event, "--event")
    items = [_item(each["delivery"], each["forwards"], whole=verbose) for each in found]
    if verbose and context.options.output == "table" and not context.options.quiet:
        context.output.write_json(items)
        return
    context.output.print_list(
        items,
        history_columns(lambda it: format_time_short(parse_timestamp(it["received_at"]), zone)),
    )


def _item(delivery: "Delivery", forwards: list[dict[str, Any]], *, whole: bool) -> dict[str, Any]:
    from datetime import UTC, datetime

    from outreply_cli.timestamps import format_timestamp

    item = {
        "id": delivery.id,
        "number": delivery.number,
        "received_at": format_timestamp(datetime.fromtimestamp(delivery.received_at, UTC)),
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
