"""Hours of the week: comparable ages, sample sizes, clock changes."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from outreply_cli.analytics.best_times import explain_shortage, find_best_times
from outreply_cli.analytics.store import AnalyticsStore
from tests.analytics.conftest import FIRST, add, page, post

PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)


def fill(store: AnalyticsStore, starts: list[datetime]) -> None:
    """Add a post at each time, with more likes each day, and daily snapshots around them."""
    first = (min(starts).date() - FIRST).days
    for number in range(first, first + (max(starts) - min(starts)).days + 12):
        now = datetime.combine(FIRST + number * DAY, datetime.min.time(), UTC) + timedelta(hours=6)
        listed = [
            post(str(index), at, likes=10 * index + (now - at).days)
            for index, at in enumerate(starts)
            if at < now
        ]
        add(store, number, listed)


def test_hour_has_the_median_rate_of_first_snapshots_after_two_days(store: AnalyticsStore) -> None:
    starts = [datetime(2026, 11, 2, 8 + number % 3, tzinfo=UTC) + number * DAY
              for number in range(28)]  # fmt: skip
    fill(store, starts)
    hours = find_best_times(store, page(), PARIS)
    rows = store._rows(
        "SELECT p.published_at, m.value * 1.0 / s.followers FROM analytics_metrics m "
        "JOIN analytics_posts p ON p.number = m.post "
        "JOIN analytics_snapshots s ON s.number = m.snapshot "
        "WHERE s.account = ? AND m.metric = 'likes' AND s.taken_at = ("
        "SELECT min(x.taken_at) FROM analytics_snapshots x WHERE x.page_id = p.page_id "
        "AND x.taken_at - p.published_at BETWEEN 172800 AND 604800)"
    )
    expected: dict[tuple[str, int], list[float]] = defaultdict(list)
    for at, rate in rows:
        local = datetime.fromtimestamp(at, PARIS)
        expected[f"{local:%a}", local.hour].append(float(rate))
    assert {(hour["weekday"], hour["hour"]): hour["engagement_rate"] for hour in hours} == {
        key: pytest.approx(median(rates)) for key, rates in expected.items()
    }
    assert {(hour["weekday"], hour["hour"]): hour["posts"] for hour in hours} == {
        key: len(rates) for key, rates in expected.items()
    }


@pytest.mark.parametrize(("posts", "is_enough"), [(19, False), (20, True)])
def test_page_needs_twenty_posts(store: AnalyticsStore, posts: int, is_enough: bool) -> None:
    fill(store, [datetime(2026, 11, 2, 9, tzinfo=UTC) + number * DAY for number in range(posts)])
    hours = find_best_times(store, page(), PARIS)
    assert sum(hour["posts"] for hour in hours) == posts
    ranked = [hour["posts"] for hour in hours if hour["ranked"]]
    # Twenty days have six weekdays three times.
    assert ranked == ([3] * 6 if is_enough else [])
    shortage = explain_shortage(hours)
    assert (shortage is None) == is_enough
    assert is_enough or f"{posts} posts were measured" in str(shortage)


def test_hour_needs_three_posts(store: AnalyticsStore) -> None:
    fill(store, [datetime(2026, 11, 2, number, tzinfo=UTC) + number * DAY for number in range(24)])
    hours = find_best_times(store, page(), PARIS)
    assert sum(hour["posts"] for hour in hours) == 24
    assert not any(hour["ranked"] for hour in hours)
    assert "3 of them in the same hour of the week" in str(explain_shortage(hours))


def test_hour_repeated_by_a_clock_change_counts_as_one_hour(store: AnalyticsStore) -> None:
    # Clocks in Paris go back from 03:00 to 02:00 on 25 October.
    starts = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    fill(store, [*starts, datetime(2026, 11, 1, 1, 30, tzinfo=UTC)])
    (hour,) = find_best_times(store, page(), PARIS)
    assert (hour["weekday"], hour["hour"], hour["posts"]) == ("Sun", 2, 3)


def test_same_local_time_over_a_clock_change_is_one_hour(store: AnalyticsStore) -> None:
    starts = [datetime(2026, 10, day, 9, tzinfo=PARIS).astimezone(UTC) for day in (18, 25)]
    starts.append(datetime(2026, 11, 1, 9, tzinfo=PARIS).astimezone(UTC))
    assert {at.hour for at in starts} == {7, 8}
    fill(store, starts)
    (hour,) = find_best_times(store, page(), PARIS)
    assert (hour["weekday"], hour["hour"], hour["posts"]) == ("Sun", 9, 3)


def test_posts_that_were_measured_too_early_or_late_are_left_out(store: AnalyticsStore) -> None:
    assert date(2026, 11, 1) == FIRST
    at = datetime(2026, 11, 1, 9, tzinfo=UTC)
    for number in (1, 2):
        add(store, number, [post("young", at, likes=5)])
    add(store, 9, [post("young", at, likes=9), post("late", at, likes=9)])
    assert find_best_times(store, page(), PARIS) == []
    assert "0 posts were measured" in str(explain_shortage([]))
