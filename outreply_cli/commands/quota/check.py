"""`outreply quota check`."""

from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.times import format_time
from outreply_cli.timestamps import format_timestamp

if TYPE_CHECKING:
    pass

Least = Annotated[int | None, typer.Option(metavar="N", min=0, help="How many must be left.")]


@command()
def run(
    context: Context,
    min_publishes: Least = None,
    min_replies: Least = None,
    min_reads: Least = None,
    warn_at: Annotated[
        str | None, typer.Option(metavar="80%", help="Warn of buckets that are so far used.")
    ] = None,
) -> None:
    """Check that enough is left this month: silent when it is, exit 6 when it is not.

    Without a --min option, a bucket with nothing left is short.
    What --warn-at finds is told on stderr; the exit code stays 0.

    Example: outreply quota check --min-publishes 20 --warn-at 80%

    Example: outreply quota check --min-reads 500 --json
    """
    from outreply_cli.quota.check import (
        QuotaExceededError,
        nearly_used,
        parse_share,
        short_buckets,
    )
    from outreply_cli.quota.quota import Quota

    share = parse_share(warn_at) if warn_at is not None else None
    asked = {"publishes": min_publishes, "replies": min_replies, "reads": min_reads}
    least = {name: figure for name, figure in asked.items() if figure is not None}
    quota = Quota.from_account(context.client().account())
    reset = f"; resets {format_time(quota.resets_at, context.zone())}" if quota.resets_at else ""
    short = short_buckets(quota, least)
    warned = nearly_used(quota, share) if share is not None else []
    for bucket in warned:
        context.warn(
            f"{int((bucket.share or 0) * 100)}% of the month's {bucket.name} are used, "
            f"{bucket.remaining} are left{reset}"
        )
    if short:
        raise QuotaExceededError(
            "; ".join(f"{b.remaining} {b.name} are left, {needed} needed" for b, needed in short)
            + reset,
            details={
                "short": [
                    {"bucket": b.name, "remaining": b.remaining, "needed": needed}
                    for b, needed in short
                ],
                "resets_at": format_timestamp(quota.resets_at) if quota.resets_at else None,
            },
        )
    if context.options.output != "table":
        left = {bucket.name: bucket.remaining for bucket in quota.buckets}
        context.output.write_json(
            {"enough": True, "remaining": left, "warnings": [bucket.name for bucket in warned]}
        )
