"""Options and helpers that the commands of `outreply analytics` share."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.context import Context

if TYPE_CHECKING:
    from outreply_cli.analytics.figures import Period
    from outreply_cli.analytics.store import AnalyticsStore

TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[PAGE|POST|brand:NAME]", help="Page, post or brand (default: all pages)."
    ),
]
SinceOption = Annotated[
    str,
    typer.Option(metavar="TIME", help="Start with the day of this time, such as 90d or 1 may."),
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Compare with the period of the same length before.")
]


@contextmanager
def analytics_store(context: Context) -> "Iterator[AnalyticsStore]":
    """Open the snapshots of the account for reading: one read, which names the account."""
    from outreply_cli.analytics.store import open_analytics
    from outreply_cli.journal.account import account_fingerprint

    account = account_fingerprint(context.client())
    with closing(open_analytics(context.store, account, allow_readonly=True)) as store:
        if not store.last_days():
            context.info("There are no snapshots yet. Take them with: outreply analytics collect")
        yield store


def parse_period(context: Context, since: str, tz: str | None) -> "Period":
    """Return the days from `--since` until today, by the clock of the server that was asked."""
    from outreply_cli.analytics.figures import Period
    from outreply_cli.time_parser import parse_past_time

    now, zone = context.client().now(), context.zone(tz)
    first = parse_past_time(since, now=now, zone=zone).astimezone(zone).date()
    return Period(first, now.astimezone(zone).date(), zone)
