"""Limits as values: what is used, what is short, when it runs out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from outreply_cli.errors import InvalidInputError
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.quota.check import (
    QuotaUnknownError,
    nearly_used,
    parse_share,
    short_buckets,
)
from outreply_cli.quota.forecast import delivery_instants, forecast
from outreply_cli.quota.guardrail_usage import guardrail_usage, window_usage
from outreply_cli.quota.quota import Bucket, Quota

NOW = datetime(2026, 11, 16, 0, 0, tzinfo=UTC)
RESET = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMITS = GuardrailLimits.from_account(None)

counts = st.integers(0, 5_000)
moments = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30, 23)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
instants = st.lists(
    st.integers(-200, 200).map(lambda minutes: NOW + timedelta(minutes=minutes)), max_size=30
).map(sorted)


def test_half_a_month_s_pace_goes_on() -> None:
    told = forecast(Bucket("publishes", 300, 500), now=NOW, resets_at=RESET)
    assert told.per_day == 20
    assert told.at_reset == 600
    assert told.runs_out_at == NOW + timedelta(days=10)


def test_what_is_known_to_come_counts_where_it_is_more_than_the_pace() -> None:
    known = [NOW + timedelta(days=day) for day in range(1, 11)]
    told = forecast(Bucket("webhooks", 0, 5), now=NOW, resets_at=RESET, known=known)
    assert (told.runs_out_at, told.at_reset) == (known[4], 10)


def test_the_first_hour_of_a_month_is_no_pace() -> None:
    now = datetime(2026, 11, 1, 0, 1, tzinfo=UTC)
    assert forecast(Bucket("reads", 10, 1_000), now=now, resets_at=RESET).per_day == 10


def test_a_delivery_is_known_for_each_subscription_and_post_to_come() -> None:
    due = [NOW + HOUR, NOW - HOUR]
    assert delivery_instants(due, 2, NOW) == [NOW + HOUR, NOW + HOUR]


@given(counts, st.integers(1, 5_000), moments, st.lists(moments, max_size=20).map(sorted))
def test_it_runs_out_before_the_reset_or_not_at_all(
    used: int, limit: int, now: datetime, known: list[datetime]
) -> None:
    known = [moment for moment in known if moment > now]
    told = forecast(Bucket("b", used, limit), now=now, resets_at=RESET, known=known)
    assert told.at_reset >= used
    if told.runs_out_at is None:
        assert used < limit
        assert told.at_reset <= limit
    else:
        assert now <= told.runs_out_at < RESET
        assert told.at_reset >= limit or used >= limit
    assert forecast(Bucket("b", used, None), now=now, resets_at=RESET).runs_out_at is None


@given(counts, counts, st.integers(1, 5_000), moments, st.lists(moments, max_size=9).map(sorted))
def test_more_use_never_lasts_longer(
    used: int, more: int, limit: int, now: datetime, known: list[datetime]
) -> None:
    def end(spent: int, known: list[datetime]) -> datetime:
        told = forecast(Bucket("b", spent, limit), now=now, resets_at=RESET, known=known)
        return told.runs_out_at or RESET

    known = [moment for moment in known if moment > now]
    assert end(used + more, known) <= end(used, known) <= end(used, [])


@given(instants, st.integers(1, 180))
def test_a_window_s_use_is_what_counting_by_hand_gives(found: list[datetime], minutes: int) -> None:
    length = timedelta(minutes=minutes)
    told = window_usage(found, NOW, length, 10)
    starts = [NOW - length + timedelta(minutes=shift) for shift in range(1, minutes + 1)]

    def held(start: datetime) -> int:
        return sum(start <= moment < start + length for moment in found)

    assert told.used == max(held(start) for start in starts)
    ahead = [held(moment) for moment in found if moment > NOW - length]
    assert told.fullest == max(ahead, default=0)
    assert (told.fullest_at is None) == (not ahead)
    if told.fullest_at is not None:
        assert held(told.fullest_at) == told.fullest


def test_failed_posts_use_nothing_and_pages_without_limits_are_left_out() -> None:
    pages = [
        {"id": "1", "brand_id": "b", "brand_name": "Acme", "platform": "linkedin",
         "username": "acme"},
        {"id": "2", "brand_id": "b", "brand_name": "Acme", "platform": "youtube",
         "username": "acme"},
    ]  # fmt: skip
    posts = [
        {"page_id": "1", "published_at": "2026-11-15T23:30:00Z"},
        {"page_id": "1", "scheduled_at": "2026-11-16T00:10:00Z", "status": "scheduled"},
        {"page_id": "1", "scheduled_at": "2026-11-16T00:20:00Z", "status": "failed"},
        {"page_id": "2", "scheduled_at": "2026-11-16T00:20:00Z", "status": "scheduled"},
    ]
    page, brand = guardrail_usage(pages, posts, LIMITS, NOW)
    assert (page.name, [(window.used, window.limit) for window in page.windows]) == (
        "linkedin:acme", [(2, 3), (2, 15)],
    )  # fmt: skip
    assert (brand.name, brand.page_id, brand.windows[0].used) == ("Acme", None, 3)


def quota(**used: int) -> Quota:
    monthly = {name: {"used": spent, "limit": 100} for name, spent in used.items()}
    return Quota.from_account({"quota": {"monthly": monthly}})


def test_short_is_what_has_less_left_than_asked_for() -> None:
    found = short_buckets(quota(publishes=90, replies=10), {"publishes": 20, "replies": 20})
    assert [(bucket.name, needed) for bucket, needed in found] == [("publishes", 20)]
    assert short_buckets(quota(publishes=80), {"publishes": 20}) == []
    assert [b.name for b, _ in short_buckets(quota(publishes=100, reads=99), {})] == ["publishes"]
    with pytest.raises(QuotaUnknownError):
        short_buckets(quota(publishes=1), {"reads": 1})


def test_a_share_is_a_percentage() -> None:
    assert [bucket.name for bucket in nearly_used(quota(publishes=80, reads=79), 0.8)] == [
        "publishes"
    ]
    assert parse_share("80%") == parse_share(" 80") == 0.8
    for bad in ("", "x", "0", "101%", "-5", "nan"):
        with pytest.raises(InvalidInputError):
            parse_share(bad)


def test_an_account_of_another_shape_tells_nothing() -> None:
    for account in ({}, {"quota": None}, {"quota": {"monthly": {"publishes": {"used": "x"}}}}):
        assert Quota.from_account(account).buckets == ()
    assert Quota.from_account({"quota": {"monthly": {"resets_at": "x"}}}).resets_at is None
