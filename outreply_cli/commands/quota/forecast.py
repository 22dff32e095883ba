"""`outreply quota forecast`."""

from collections.abc import Mapping
from typing import Any

from outreply_cli.cli.options import command
from outreply_cli.commands.quota.output import forecast_items
from outreply_cli.context import Context
from outreply_cli.times import format_time, format_time_short
from outreply_cli.ui.output import Column


@command()
def run(context: Context) -> None:
    """Tell when each bucket runs out at this month's pace, with what is scheduled already.

    A post counts as a publish when it is scheduled: those that wait
    use no more of them, but a webhook delivery for each subscription.

    Example: outreply quota forecast

    Example: outreply quota forecast --json
    """
    from outreply_cli.quota.snapshot import fetch_forecast

    zone = context.zone()
    outlook = fetch_forecast(context.client())

    def runs_out(item: Mapping[str, Any]) -> str:
        moment = item["instant"]
        return format_time_short(moment, zone) if moment is not None else "not this month"

    items = forecast_items(outlook)
    if context.options.output != "table":
        items = [{name: item[name] for name in item if name != "instant"} for item in items]
    context.output.print_list(
        items,
        [
            Column("Limit", "bucket"),
            Column("Used", "used", lambda it: f"{it['used']:,}"),
            Column("A day", "per_day", lambda it: f"{it['per_day']:,.1f}"),
            Column("By the reset", "at_reset", lambda it: f"{it['at_reset']:,}"),
            Column("Of", "limit", lambda it: "-" if it["limit"] is None else f"{it['limit']:,}"),
            Column("Runs out", "runs_out_at", runs_out,
                   style=lambda it: "bold red" if it["runs_out_at"] else "green"),
        ],
        id_field=None,
    )  # fmt: skip
    context.info(f"The month's limits reset on {format_time(outlook.resets_at, zone)}.")
    if outlook.scheduled:
        counted = "1 post is" if outlook.scheduled == 1 else f"{outlook.scheduled} posts are"
        context.info(f"{counted} scheduled already, and counted among the publishes.")
