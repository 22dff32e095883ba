"""Every figure is recomputed by independent SQL queries, on both databases."""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from outreply_cli.analytics.figures import Period
from outreply_cli.analytics.report import render_csv, render_html
from outreply_cli.analytics.store import METRICS, AnalyticsStore
from outreply_cli.analytics.summary import Subject, find_subjects
from outreply_cli.times import day_start
from tests.analytics.conftest import FIRST, add, page, post

ZONE = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)
PAGES = ("acme", "other")
# The metrics of the posts of a page in the snapshots of a period and of the day before it.
_VALUES = """
WITH measured AS (
    SELECT p.number AS post, p.published_at, s.day, s.followers, m.metric, m.value
    FROM analytics_snapshots s JOIN analytics_metrics m ON m.snapshot = s.number
    JOIN analytics_posts p ON p.number = m.post
    WHERE s.account = ? AND s.page_id = '{page}' AND s.day BETWEEN '{before}' AND '{last}'
)
"""
_GAIN = """
SELECT sum(final.value - coalesce(base.value,
    CASE WHEN final.published_at >= {start} THEN 0 ELSE initial.value END))
FROM measured final
JOIN measured initial ON initial.post = final.post AND initial.metric = final.metric
LEFT JOIN measured base ON base.post = final.post AND base.metric = final.metric
    AND base.day = '{before}'
WHERE final.metric = '{metric}'
AND final.day = (SELECT max(day) FROM measured x WHERE x.post = final.post
    AND x.metric = final.metric AND x.day >= '{first}')
AND initial.day = (SELECT min(day) FROM measured x WHERE x.post = final.post
    AND x.metric = final.metric AND x.day >= '{first}')
AND (base.value IS NOT NULL OR final.published_at >= {start} OR final.day > initial.day)
"""
_ENGAGEMENT = """
SELECT sum(engagement), avg(CASE WHEN followers > 0 AND published_at >= {first_at}
    AND published_at < {end_at} THEN engagement * 1.0 / followers END)
FROM (
    SELECT post, max(published_at) AS published_at, max(followers) AS followers,
        sum(value) AS engagement
    FROM measured WHERE metric IN ('likes', 'comments', 'shares')
    AND day = (SELECT max(day) FROM measured x WHERE x.post = measured.post
        AND x.day >= '{first}')
    GROUP BY post
) AS final
"""
_FOLLOWERS = """
SELECT followers, count(*) OVER () FROM analytics_snapshots WHERE account = ?
AND page_id = '{page}' AND day BETWEEN '{since}' AND '{last}' AND followers IS NOT NULL
ORDER BY day {order} LIMIT 1
"""


def fill(store: AnalyticsStore, seed: int) -> None:
    """Add 40 days of two pages: gaps, metrics that shrink or are missing, posts not listed."""
    rng = random.Random(seed)  # noqa: S311
    for name in PAGES:
        posts = [
            (str(number) + name, datetime.combine(FIRST - 10 * DAY, time(9), UTC)
             + timedelta(hours=31 * number), rng.randrange(50))
            for number in range(35)
        ]  # fmt: skip
        for number in range(40):
            if number in {7, 8, 20} or rng.random() < 0.1:
                continue
            now = datetime.combine(FIRST + number * DAY, time(6), UTC)
            listed = [
                post(post_name, at, **{
                    metric: max(0, likes * (now - at).days // 3 + rng.randrange(-4, 9))
                    for metric in METRICS
                    if rng.random() > 0.1
                })
                for post_name, at, likes in posts
                if at < now and rng.random() > 0.1
            ]  # fmt: skip
            followers = None if rng.random() < 0.1 else 1_000 + rng.randrange(-20, 60) * number
            add(store, number, listed, of=page(name, followers), truncated=number % 5 == 0)


def query(store: AnalyticsStore, sql: str, **values: Any) -> tuple[Any, ...]:
    """The first row; numbers as Python has them (PostgreSQL adds to decimals)."""
    rows = store._rows(sql.format(**values))
    return tuple(None if value is None else float(value) for value in rows[0]) if rows else (None,)


@cache
def recompute(store: AnalyticsStore, name: str, first: date, last: date) -> Mapping[str, Any]:
    """The figures of a page in a period, by SQL; periods of a test share their days."""
    before = first - DAY
    first_at = day_start(first, ZONE).timestamp()
    (start,) = query(
        store,
        "SELECT taken_at FROM analytics_snapshots WHERE account = ? AND page_id = '{page}' "
        "AND day = '{before}'",
        page=name, before=before,
    )  # fmt: skip
    values = {
        "page": name, "first": first, "last": last, "before": before, "first_at": first_at,
        "end_at": day_start(last + DAY, ZONE).timestamp(),
        "start": first_at if start is None else start,
    }  # fmt: skip
    end, *_ = query(store, _FOLLOWERS, since=first, order="DESC", **values)
    initial, *count = query(store, _FOLLOWERS, since=before, order="ASC", **values)
    has_growth = end is not None and count[0] > 1
    gains = {
        metric: query(store, _VALUES + _GAIN, metric=metric, **values)[0] for metric in METRICS
    }
    known = [gain for gain in gains.values() if gain is not None]
    total, rate = query(store, _VALUES + _ENGAGEMENT, **values)
    days, truncated = query(
        store,
        "SELECT count(*), coalesce(sum(truncated), 0) FROM analytics_snapshots WHERE account = ? "
        "AND page_id = '{page}' AND day BETWEEN '{first}' AND '{last}'",
        **values,
    )
    (posts,) = query(
        store,
        "SELECT count(*) FROM analytics_posts WHERE account = ? AND page_id = '{page}' "
        "AND published_at >= {first_at} AND published_at < {end_at}",
        **values,
    )
    return {
        "followers": end, "growth": end - initial if has_growth else None, "posts": posts,
        **gains, "engagement": sum(known) if known else None, "total_engagement": total,
        "engagement_rate": None if rate is None else pytest.approx(rate),
        "days": (last - first).days + 1, "days_measured": days, "days_truncated": truncated,
    }  # fmt: skip


def recompute_day(store: AnalyticsStore, name: str, day: date) -> dict[str, Any]:
    """The figures of a day in a series: unknown on a gap, and partly on the day after it."""
    figures = dict(recompute(store, name, day, day))
    names = ("followers", "growth", "posts", *METRICS, "engagement")
    if not figures["days_measured"]:
        return {"date": day.isoformat(), **dict.fromkeys(names)}
    if not recompute(store, name, day - DAY, day - DAY)["days_measured"]:
        figures |= dict.fromkeys(("growth", *METRICS, "engagement"))
    return {"date": day.isoformat(), **{field: figures[field] for field in names}}


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_equals_a_query(store: AnalyticsStore, seed: int) -> None:
    fill(store, seed)
    for since, until in ((10, 39), (0, 39), (21, 30), (8, 20), (20, 20)):
        period = Period(FIRST + since * DAY, FIRST + until * DAY, ZONE)
        subjects = find_subjects(store, None, period, compare=True)
        assert [subject.name for subject in subjects] == ["instagram:acme", "instagram:other"]
        for subject in subjects:
            item = subject.to_dict(period, compare=True)
            expected = recompute(store, subject.id, period.first, period.last)
            assert {name: item[name] for name in expected} == expected
            before = period.before
            assert item["previous"] == recompute(store, subject.id, before.first, before.last)
            days = [recompute_day(store, subject.id, day) for day in period.days]
            assert item["series"] == days


def test_report_has_the_figures_that_queries_have(store: AnalyticsStore) -> None:
    fill(store, 7)
    period = Period(FIRST + 5 * DAY, FIRST + 39 * DAY, ZONE)
    subjects = find_subjects(store, None, period)
    items = [subject.to_dict(period) for subject in subjects]
    html = render_html(store, subjects, items, period, datetime(2026, 12, 11, tzinfo=UTC))
    lines = render_csv(items).splitlines()
    assert len(lines) == 1 + 35 * len(PAGES)
    for subject in subjects:
        figures = recompute(store, subject.id, period.first, period.last)
        assert f"{int(figures['followers']):,}</td>" in html
        assert f"{int(figures['growth']):+,}</td>" in html
        for name in ("engagement", "total_engagement", "posts"):
            assert f">{int(figures[name]):,}</td>" in html
        rate = figures["engagement_rate"].expected
        assert f">{rate:.2%}</td>" in html
        for day in period.days:
            values = recompute_day(store, subject.id, day)
            cells = [day.isoformat(), "page", subject.id, subject.name]
            cells += [
                "" if value is None else f"{value:.0f}" for value in list(values.values())[1:]
            ]
            assert ",".join(cells) in lines


def test_figures_of_a_brand_are_the_sums_of_its_pages(store: AnalyticsStore) -> None:
    fill(store, 1)
    period = Period(FIRST + 10 * DAY, FIRST + 39 * DAY, ZONE)
    brand, *members = (
        subject.to_dict(period) for subject in find_subjects(store, "brand:Acme Co.", period)
    )
    assert (brand["kind"], brand["name"], len(members)) == ("brand", "Acme Co.", 2)
    for name in ("followers", "growth", "posts", *METRICS, "engagement", "total_engagement"):
        assert brand[name] == sum(member[name] for member in members)
    for day, *parts in zip(brand["series"], *(member["series"] for member in members), strict=True):
        if any(part["posts"] is None for part in parts):
            assert set(list(day.values())[1:]) == {None}
        else:
            assert day["posts"] == sum(part["posts"] for part in parts)


def get_item(store: AnalyticsStore, target: str, first: int, last: int) -> dict[str, Any]:
    period = Period(FIRST + first * DAY, FIRST + last * DAY, ZONE)
    return find_subjects(store, target, period)[0].to_dict(period)


def test_post_that_was_published_before_collection_starts_at_its_first_snapshot(
    store: AnalyticsStore,
) -> None:
    at = datetime.combine(FIRST - 30 * DAY, time(9), UTC)
    for number, likes in ((0, 500), (1, 510), (2, 505)):
        add(store, number, [post("old", at, likes=likes)])
    item = get_item(store, "post-old", 0, 2)
    assert (item["engagement"], item["total_engagement"]) == (5, 505)
    assert item["engagement_rate"] == 0.505
    assert [day["engagement"] for day in item["series"]] == [None, 10, -5]
    assert (item["growth"], item["posts"]) == (None, None)


def test_post_that_was_published_after_the_last_snapshot_starts_at_zero(
    store: AnalyticsStore,
) -> None:
    add(store, 0, [])
    add(store, 1, [post("new", datetime.combine(FIRST, time(9), UTC), likes=40)])
    item = get_item(store, "instagram:acme", 1, 1)
    assert item["engagement"] == item["series"][0]["engagement"] == 40


def test_gap_is_not_filled_and_its_gain_is_on_no_day(store: AnalyticsStore) -> None:
    at = datetime.combine(FIRST - DAY, time(9), UTC)
    for number, likes in ((0, 10), (1, 20), (4, 80), (5, 90)):
        add(store, number, [post("a", at, likes=likes)], of=page(followers=100 + likes))
    item = get_item(store, "instagram:acme", 1, 5)
    assert [day["followers"] for day in item["series"]] == [120, None, None, 180, 190]
    assert [day["engagement"] for day in item["series"]] == [10, None, None, None, 10]
    assert (item["engagement"], item["growth"]) == (80, 80)
    assert (item["days"], item["days_measured"]) == (5, 3)


def test_removed_page_ends_and_brand_goes_on(store: AnalyticsStore) -> None:
    for number in range(12):
        add(store, number, [])
        if number < 3:
            add(store, number, [], of=page("other", 50))
    for first in (0, 4):
        brand = get_item(store, "brand:Acme Co.", first, 11)
        followers = [1_050] * 3 + [None] * 7 + [1_000] * 2
        assert [day["followers"] for day in brand["series"]] == followers[first:]
    assert get_item(store, "instagram:other", 0, 5)["days_measured"] == 3
    assert get_item(store, "instagram:other", 4, 5)["followers"] is None


@pytest.mark.parametrize("failed", [{5}, {4, 5}, {0, 1}, {2, 3}, {0, 5}])
def test_brand_has_no_sum_of_a_day_on_which_a_page_was_not_read(
    store: AnalyticsStore, failed: set[int]
) -> None:
    for number in range(-3, 6):
        add(store, number, [], of=page(followers=100 + number))
        if number not in {-1, *failed}:
            add(store, number, [], of=page("other", 50))
    brand = get_item(store, "brand:Acme Co.", 0, 5)
    expected = [None if number in failed else 150 + number for number in range(6)]
    assert [day["followers"] for day in brand["series"]] == expected
    assert brand["days_measured"] == 6 - len(failed)
    assert [day["growth"] for day in brand["series"]] == [
        None if {number - 1, number} & {-1, *failed} else 1 for number in range(6)
    ]


def test_figure_of_a_single_snapshot_is_not_a_gain_of_zero(store: AnalyticsStore) -> None:
    at = datetime.combine(FIRST - DAY, time(9), UTC)
    # Not reported on every day: followers, a metric, and the post itself.
    add(store, 0, [post("a", at, likes=10)], of=page(followers=None))
    add(store, 1, [post("a", at, likes=20, shares=3)], of=page(followers=100))
    item = get_item(store, "instagram:acme", 1, 1)
    assert (item["growth"], item["likes"], item["shares"]) == (None, 10, None)
    assert item["series"][0]["growth"] is None
    first = get_item(store, "instagram:acme", 0, 0)
    assert (first["growth"], first["engagement"], first["total_engagement"]) == (None, None, 10)


def test_page_without_followers_has_no_rate(store: AnalyticsStore) -> None:
    at = datetime.combine(FIRST, time(2), UTC)
    for number, followers in ((0, 0), (1, None)):
        add(store, number, [post("a", at, likes=5)], of=page(followers=followers))
    item = get_item(store, "instagram:acme", 0, 1)
    assert (item["engagement_rate"], item["followers"], item["growth"]) == (None, 0, None)
    assert item["engagement"] == 5


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Los_Angeles", "Pacific/Auckland"])
def test_published_day_is_local(store: AnalyticsStore, zone: str) -> None:
    at = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)
    add(store, 11, [post("a", at, likes=1)])
    day = at.astimezone(ZoneInfo(zone)).date()
    for offset in (-1, 0, 1):
        period = Period(day + offset * DAY, day + offset * DAY, ZoneInfo(zone))
        (subject,) = find_subjects(store, None, period)
        assert isinstance(subject, Subject)
        assert subject.to_dict(period)["posts"] == (offset == 0)
