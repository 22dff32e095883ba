"""`outreply quota watch`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.cli.options import PollCount, command, parse_interval
from outreply_cli.commands.quota.meters import Meter
from outreply_cli.commands.quota.output import quota_meters
from outreply_cli.context import Context
from outreply_cli.times import format_time, format_time_short
from outreply_cli.timestamps import format_timestamp

if TYPE_CHECKING:
    from outreply_cli.quota.snapshot import QuotaSnapshot


@command()
def run(
    context: Context,
    interval: Annotated[str, typer.Option(metavar="T", help="Time between looks.")] = "1m",
    most: PollCount = None,
) -> None:
    """Look again and again: one screen that is redrawn, or a line a look in a pipe.

    Each look is one read.

    Example: outreply quota watch --interval 2s --max 2

    Example: outreply quota watch --max 1 -o jsonl
    """
    from outreply_cli.quota.snapshot import poll_account

    seconds = parse_interval(interval)
    client, output = context.client(patient=True), context.output
    found = poll_account(client, context.clock, interval=seconds, most=most)
    if output.format != "table" or output.fields is not None:
        for look in found:
            output.write_json({"at": format_timestamp(look.at), **look.account})
            context.stdout.flush()
        return
    if output.can_draw:
        from outreply_cli.commands.quota.bars import live_meters

        live_meters(output, _screens(context, found))
        return
    for look in found:
        output.print_text(_line_of(look))
        context.stdout.flush()


def _screens(
    context: Context, found: "Iterator[QuotaSnapshot]"
) -> Iterator[tuple[str, Sequence[Meter]]]:
    from outreply_cli.quota.quota import Quota

    zone = context.zone()
    for look in found:
        quota = Quota.from_account(look.account)
        heading = format_time(look.at, zone)
        if quota.resets_at is not None:
            heading += f"; reset {format_time_short(quota.resets_at, zone)}"
        yield heading, quota_meters(quota, [], look.requests_left, zone)


def _line_of(look: "QuotaSnapshot") -> str:
    from outreply_cli.quota.quota import Quota

    quota = Quota.from_account(look.account)
    figures = [
        f"{bucket.name} {bucket.used}/{'-' if bucket.limit is None else bucket.limit}"
        for bucket in quota.buckets
    ]
    return "\t".join([format_timestamp(look.at), *figures])
