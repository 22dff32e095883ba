"""Options and helpers that the commands of `outreply analytics` share."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from outreply_cli.cli.options import DisplayZone, argument, option, switch
from outreply_cli.context import Context
from outreply_cli.errors import TimeError

if TYPE_CHECKING:
    from outreply_cli.analytics.figures import Period
    from outreply_cli.analytics.store import AnalyticsStore
    from outreply_cli.analytics.summary import Subject


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """The options of commands that show the figures of a period."""

    target: Annotated[
        str | None, argument("[PAGE|POST|brand:NAME]", "Page, post or brand (default: all pages).")
    ] = None
    since: Annotated[
        str, option("TIME", "Start on the day of TIME, such as 90d or 2026-05-01.")
    ] = "30d"
    compare: Annotated[bool, switch("Compare with the preceding period of the same length.")] = (
        False
    )
    tz: DisplayZone = None

    def find_subjects(
        self, context: Context, store: "AnalyticsStore"
    ) -> "tuple[list[Subject], Period]":
        """Return the subjects, and the days until today by the clock of the server."""
        from outreply_cli.analytics.figures import Period
        from outreply_cli.analytics.summary import find_subjects
        from outreply_cli.time_parser import parse_past_time

        now, zone = context.client().now(), context.zone(self.tz)
        first = parse_past_time(self.since, now=now, zone=zone).astimezone(zone).date()
        period = Period(first, now.astimezone(zone).date(), zone)
        if period.first > period.last:
            raise TimeError(
                f"--since: {first} is after today", hint="Use an earlier day, such as 30d."
            )
        return find_subjects(store, self.target, period, compare=self.compare), period


@contextmanager
def analytics_store(context: Context) -> "Iterator[AnalyticsStore]":
    """Open the snapshots of the account for reading: one read, which names the account."""
    from outreply_cli.analytics.store import open_analytics
    from outreply_cli.journal.account import account_fingerprint

    account = account_fingerprint(context.client())
    with closing(open_analytics(context.store, account, allow_readonly=True)) as store:
        if not store.last_days():
            context.info("No snapshots yet. Collect one with: outreply analytics collect")
        yield store
