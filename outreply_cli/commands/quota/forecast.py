"""`outreply quota forecast`."""

from outreply_cli.cli.options import command
from outreply_cli.commands.quota.output import forecast_objects
from outreply_cli.context import Context
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import parse_timestamp
from outreply_cli.ui.columns import Column, Item


@command()
def run(context: Context) -> None:
    """Forecast when each monthly quota runs out.

    Extrapolates this month's use. A post counts as a publish when it is scheduled, so scheduled
    posts add only their webhook deliveries.

    Example: outreply quota forecast

    Example: outreply quota forecast --json
    """
    from outreply_cli.quota.forecast import fetch_forecast

    zone = context.zone()
    forecast = fetch_forecast(context.client())

    def runs_out(item: Item) -> str:
        at = item["runs_out_at"]
        return "not this month" if at is None else format_time_short(parse_timestamp(at), zone)

    context.output.print_list(
        forecast_objects(forecast),
        [
            Column("Quota", "bucket"),
            Column("Used", "used", lambda item: f"{item['used']:,}"),
            Column("Per day", "per_day", lambda item: f"{item['per_day']:,.1f}"),
            Column("Projected", "at_reset", lambda item: f"{item['at_reset']:,}"),
            Column("Limit", "limit",
                   lambda item: "-" if item["limit"] is None else f"{item['limit']:,}"),
            Column("Exhausted", "runs_out_at", runs_out,
                   style=lambda item: "bold red" if item["runs_out_at"] else "green"),
        ],
        id_field=None,
    )  # fmt: skip
    context.info(f"Monthly quotas reset on {format_time(forecast.resets_at, zone)}.")
    if forecast.scheduled:
        posts = "post is" if forecast.scheduled == 1 else "posts are"
        context.info(f"{forecast.scheduled} scheduled {posts} already counted in publishes.")
