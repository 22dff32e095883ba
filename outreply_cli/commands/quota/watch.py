"""`outreply quota watch`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from outreply_cli.cli.options import PollCount, command, option, parse_interval
from outreply_cli.commands.quota.output import Meter, quota_meters
from outreply_cli.context import Context
from outreply_cli.quota.quota import Quota
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp

if TYPE_CHECKING:
    from outreply_cli.quota.snapshot import QuotaSnapshot


@command(streams=True)
def run(
    context: Context,
    interval: Annotated[str, option("DURATION", "Polling interval.")] = "1m",
    count: PollCount = None,
) -> None:
    """Poll quotas continuously.

    Redraws on a terminal; prints one line per poll when piped. Each poll uses one read of the
    quota. If the API does not respond, polls until it does.

    Example: outreply quota watch --interval 2s --count 2

    Example: outreply quota watch --count 1 -o jsonl
    """
    from outreply_cli.quota.snapshot import poll_account

    seconds = parse_interval(interval)
    output = context.output
    client = context.client(max_wait=None, gives_up=False)
    snapshots = poll_account(client, context.clock, interval=seconds, count=count)
    if output.format == "table" and output.fields is None and output.can_draw:
        from outreply_cli.commands.quota.bars import live_meters

        live_meters(output, _screens(context, snapshots))
        return
    for snapshot in snapshots:
        if output.format == "jsonl" or output.fields is not None:
            output.print_data({"at": format_timestamp(snapshot.at), **snapshot.account})
        else:
            output.print_text(_line(snapshot))
        context.stdout.flush()


def _screens(
    context: Context, snapshots: "Iterator[QuotaSnapshot]"
) -> Iterator[tuple[str, Sequence[Meter]]]:
    zone = context.zone()
    for snapshot in snapshots:
        quota = Quota.from_account(snapshot.account)
        heading = format_time(snapshot.at, zone)
        if quota.resets_at is not None:
            heading += f"; resets {format_time_short(quota.resets_at, zone)}"
        yield heading, list(quota_meters(quota, [], snapshot.requests_left, zone))


def _line(snapshot: "QuotaSnapshot") -> str:
    figures = [
        f"{bucket.name} {bucket.used}/{'-' if bucket.limit is None else bucket.limit}"
        for bucket in Quota.from_account(snapshot.account).buckets
    ]
    return "\t".join([format_timestamp(snapshot.at), *figures])
