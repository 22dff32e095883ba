"""`outreply quota show`."""

from dataclasses import asdict

from outreply_cli.cli.options import command
from outreply_cli.commands.quota.output import quota_meters, usage_object
from outreply_cli.context import Context
from outreply_cli.quota.quota import Quota
from outreply_cli.times import format_time
from outreply_cli.ui.columns import Column


@command()
def run(context: Context) -> None:
    """Show monthly quotas, storage, rate limits and guardrails.

    Guardrails limit how many posts a page or brand may publish per hour and per 24 hours. Usage is
    counted in the busiest rolling window that includes the current time, scheduled posts included.

    Example: outreply quota show

    Example: outreply quota show --json
    """
    from outreply_cli.quota.guardrail_usage import fetch_guardrail_usage

    client, zone = context.client(), context.zone()
    account = client.account()
    usages = fetch_guardrail_usage(client, account)
    if context.options.output != "table" or context.options.fields:
        usage = None if usages is None else [usage_object(usage) for usage in usages]
        context.output.print_data({**account, "guardrail_usage": usage})
        return
    quota = Quota.from_account(account)
    meters = quota_meters(quota, usages or [], client.transport.requests_left, zone)
    output = context.output
    if output.can_draw and not output.quiet:
        from outreply_cli.commands.quota.bars import print_meters

        print_meters(output, list(meters))
    else:
        rows = [
            {**asdict(meter), "label": meter.label, "percent": meter.percent} for meter in meters
        ]
        output.print_list(rows, [
            Column("Quota", "label", shrinkable=True),
            Column("Used", "used"),
            Column("Limit", "limit"),
            Column("Remaining", "remaining",
                   style=lambda row: "red" if row["remaining"] == "0" else ""),
            Column("Percent", "percent"),
        ], id_field=None)  # fmt: skip
    if usages is None:
        context.info("Guardrail usage requires the scopes read:pages and read:posts.")
    if quota.resets_at is not None:
        context.info(f"Monthly quotas reset on {format_time(quota.resets_at, zone)}.")
