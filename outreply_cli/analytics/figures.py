"""Growth and engagement in a period, from snapshots; days without one are never filled in.

The template of the report explains the figures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

from outreply_cli.analytics.store import METRICS, AnalyticsStore, Counts, MeasuredPost, Snapshot
from outreply_cli.times import day_start

DAY = timedelta(days=1)
# A page without a snapshot for longer counts as removed.
_REMOVED_AFTER = 7 * DAY


@dataclass(frozen=True)
class Period:
    """Local days, from `first` to `last`."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> list[date]:
        """All days of the period."""
        return [self.first + DAY * number for number in range((self.last - self.first).days + 1)]

    @property
    def before(self) -> "Period":
        """The period of the same length right before."""
        length = self.last - self.first + DAY
        return replace(self, first=self.first - length, last=self.first - DAY)

    def has(self, at: float | None) -> bool:
        """Whether a Unix time is in the period."""
        if at is None:
            return False
        return (
            self.first <= datetime.fromtimestamp(at, UTC).astimezone(self.zone).date() <= self.last
        )


@dataclass(frozen=True)
class PageHistory:
    """The snapshots of a page by day, and the metrics of its posts by number and day.

    `first` and `last` are the days of its first and its last snapshot, in any period.
    """

    page: Mapping[str, str]
    first: date
    last: date
    snapshots: Mapping[date, Snapshot]
    posts: Sequence[MeasuredPost]
    counts: Mapping[int, Mapping[date, Counts]]

    def is_gap(self, day: date) -> bool:
        """Whether a day has no snapshot, from the first one until the page counts as removed."""
        return day not in self.snapshots and self.first < day <= self.last + _REMOVED_AFTER

    def select(self, post: MeasuredPost) -> "PageHistory":
        """The history with one of the posts only."""
        return replace(self, posts=[post])


@dataclass(frozen=True)
class Figures:
    """The figures of a period; None where they are unknown.

    Attributes:
        followers: Followers at the last snapshot.
        growth: Followers gained; unknown from a single snapshot.
        posts: Number of posts that were published in the period.
        likes, comments, shares, engagement: Gains of the posts in the period.
        total_engagement: Engagement of all posts at their last snapshot in the period.
        engagement_rate: Mean engagement of the posts that were published in the period, each at
            its last snapshot and divided by the followers then.
        days: Number of days of the period.
        days_measured: Number of days with a snapshot.
        days_truncated: Number of days on which the API may have listed only some of the posts.
    """

    followers: int | None = None
    growth: int | None = None
    posts: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    engagement: int | None = None
    total_engagement: int | None = None
    engagement_rate: float | None = None
    days: int = 1
    days_measured: int = 0
    days_truncated: int = 0


def read_history(store: AnalyticsStore, page: Mapping[str, str], period: Period) -> PageHistory:
    """Read the history of a page in a period, and on the day before it."""
    found = store.snapshots(page["id"])
    earliest = period.first - DAY
    snapshots = {item.day: item for item in found if earliest <= item.day <= period.last}
    days = {snapshot.number: day for day, snapshot in snapshots.items()}
    counts: dict[int, dict[date, Counts]] = {}
    for post, number, values in store.counts(page["id"], period.first - DAY):
        if number in days:
            counts.setdefault(post, {})[days[number]] = values
    return PageHistory(
        page, found[0].day, found[-1].day, snapshots, store.posts(page["id"]), counts
    )


def period_figures(
    histories: Sequence[PageHistory], period: Period, *, is_post: bool = False
) -> Figures:
    """The figures of a page, or of all pages of a brand, or of a post with `is_post`."""
    days = period.days
    ends = [found for history in histories if (found := _followers(history, days)) is not None]
    gains: dict[str, list[int]] = {name: [] for name in METRICS}
    totals: list[int] = []
    rates: list[float] = []
    published = 0
    for history in histories:
        for post in history.posts:
            is_new = period.has(post.published_at)
            published += is_new
            values = history.counts.get(post.number, {})
            measured = [day for day in days if day in values]
            if not measured:
                continue
            base = _base(history, post, period)
            for index, name in enumerate(METRICS):
                known = [count for day in measured if (count := values[day][index]) is not None]
                start = base[index]
                if start is None and len(known) > 1:
                    start = known[0]
                if known and start is not None:
                    gains[name].append(known[-1] - start)
            engagement = values[measured[-1]].engagement
            followers = history.snapshots[measured[-1]].followers
            if engagement is not None:
                totals.append(engagement)
                if followers and (is_new or is_post):
                    rates.append(engagement / followers)
    sums = {name: _sum(values) for name, values in gains.items()}
    return Figures(
        followers=_sum(end for _, end in ends),
        growth=None if is_post else _sum(end - start for start, end in ends if start is not None),
        posts=None if is_post else published,
        **sums,
        engagement=_sum(value for value in sums.values() if value is not None),
        total_engagement=_sum(totals),
        engagement_rate=fmean(rates) if rates else None,
        days=len(days),
        days_measured=sum(_is_measured(histories, day) for day in days),
        days_truncated=sum(
            any(day in x.snapshots and x.snapshots[day].truncated for x in histories)
            for day in days
        ),
    )


def daily_figures(
    histories: Sequence[PageHistory], period: Period, *, is_post: bool = False
) -> dict[date, Figures]:
    """The figures of each day; unknown on a gap, as are the gains on the day after it.

    A day is a gap of a brand if it is a gap of one of its pages.
    """
    figures = {}
    for day in period.days:
        figures[day] = Figures()
        if _is_measured(histories, day):
            one_day = replace(period, first=day, last=day)
            figures[day] = period_figures(histories, one_day, is_post=is_post)
            if not _is_measured(histories, day - DAY):
                figures[day] = replace(
                    figures[day], growth=None, likes=None, comments=None, shares=None,
                    engagement=None,
                )  # fmt: skip
    return figures


def _is_measured(histories: Sequence[PageHistory], day: date) -> bool:
    return any(day in history.snapshots for history in histories) and not any(
        history.is_gap(day) for history in histories
    )


def _followers(history: PageHistory, days: Sequence[date]) -> tuple[int | None, int] | None:
    """The followers at the start, if they are known, and at the end of a period, if it has any."""
    known = {
        day: snapshot.followers
        for day in (days[0] - DAY, *days)
        if (snapshot := history.snapshots.get(day)) and snapshot.followers is not None
    }
    if not known or max(known) < days[0]:
        return None
    return known[min(known)] if len(known) > 1 else None, known[max(known)]


def _base(history: PageHistory, post: MeasuredPost, period: Period) -> Sequence[int | None]:
    """The metrics of a post at the start of a period; None where they are unknown."""
    before = history.snapshots.get(period.first - DAY)
    values = history.counts.get(post.number, {}).get(period.first - DAY)
    if values is not None:
        return values
    start = before.taken_at if before else day_start(period.first, period.zone).timestamp()
    is_new = post.published_at is not None and post.published_at >= start
    return (0 if is_new else None,) * len(METRICS)


def _sum(values: Iterable[int]) -> int | None:
    """The sum; None if there are no values."""
    known = list(values)
    return sum(known) if known else None
