"""`outreply quota show`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from outreply_cli.cli.options import command
from outreply_cli.commands.quota.meters import Meter
from outreply_cli.commands.quota.output import quota_meters, use_object
from outreply_cli.context import Context
from outreply_cli.times import format_time
from outreply_cli.ui.output import Column

if TYPE_CHECKING:
    pass


@command()
def run(context: Context) -> None:
    """Show the month's buckets, storage, rate limit and the guardrails of each page.

    A guardrail's figure is the most posts in any hour, or any 24 hours,
    that contains now: of what went out and what is scheduled.

    Example: outreply quota show

    Example: outreply quota show --json
    """
    from outreply_cli.quota.guardrail_usage import fetch_guardrail_usage
    from outreply_cli.quota.quota import Quota

    client, zone = context.client(), context.zone()
    account = client.account()
    uses = fetch_guardrail_usage(client, account)
    if context.options.output != "table" or context.options.fields:
        told = None if uses is None else [use_object(use) for use in uses]
        context.output.write_json({**account, "guardrail_use": told})
        return
    quota = Quota.from_account(account)
    left = client.transport.requests_left
    _show_meters(context, quota_meters(quota, uses or [], left, zone))
    if uses is None:
        context.info("What is used of the guardrails needs read:pages and read:posts.")
    if quota.resets_at is not None:
        context.info(f"The month's limits reset on {format_time(quota.resets_at, zone)}.")


def _show_meters(context: Context, meters: Sequence[Meter]) -> None:
    output = context.output
    if output.can_draw and not output.quiet:
        from outreply_cli.commands.quota.bars import print_meters

        print_meters(output, meters)
        return
    output.print_list(
        [
            {
                "name": meter.label,
                "used": meter.used,
                "limit": meter.limit,
                "left": meter.left,
                "percent": meter.percent,
            }
            for meter in meters
        ],
        [
            Column("Limit", "name", shrinkable=True),
            Column("Used", "used"),
            Column("Of", "limit"),
            Column("Left", "left", style=lambda row: "red" if row["left"] == "0" else ""),
            Column("Percent", "percent"),
        ],
        id_field=None,
    )
