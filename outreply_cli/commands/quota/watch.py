"""`outreply quota watch`."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from outreply_cli.cli.options import PollCount, command, option, parse_interval
from outreply_cli.commands.quota.output import Meter, quota_meters
from outreply_cli.context import Context
from outreply_cli.quota.quota import Quota
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp

if TYPE_CHECKING:
    from outreply_cli.api.client import Resource


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
    seconds = parse_interval(interval)
    output = context.output
    client = context.client(max_wait=None, gives_up=False)

    def poll() -> Iterator[tuple[datetime, "Resource"]]:
        for number in itertools.count() if count is None else range(count):
            if number > 0:
                context.clock.sleep(seconds)
            account = client.account()
            yield client.now(), account

    if output.format == "table" and output.fields is None and output.can_draw:
        from outreply_cli.commands.quota.bars import live_meters

        zone = context.zone()
        live_meters(
            output,
            (_screen(at, account, client.transport.requests_left, zone) for at, account in poll()),
        )
        return
    for at, account in poll():
        if output.format == "jsonl" or output.fields is not None:
            output.print_data({"at": format_timestamp(at), **account})
        else:
            output.print_text(_line(at, account))
        context.stdout.flush()


def _screen(
    at: datetime, account: "Resource", requests_left: str | None, zone: ZoneInfo
) -> tuple[str, Sequence[Meter]]:
    quota = Quota.from_account(account)
    heading = format_time(at, zone)
    if quota.resets_at is not None:
        heading += f"; resets {format_time_short(quota.resets_at, zone)}"
    return heading, list(quota_meters(quota, [], requests_left, zone))


def _line(at: datetime, account: "Resource") -> str:
    figures = [
        f"{bucket.name} {bucket.used}/{'-' if bucket.limit is None else bucket.limit}"
        for bucket in Quota.from_account(account).buckets
    ]
    return "\t".join([format_timestamp(at), *figures])
