"""Quotas: checks, forecasts and guardrail usage."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, strategies as st

from outreply_cli.errors import InvalidInputError
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.quota.check import (
    QuotaUnknownError,
    find_insufficient_quotas,
    find_used_quotas,
    parse_share,
)
from outreply_cli.quota.forecast import delivery_times, forecast
from outreply_cli.quota.guardrail_usage import guardrail_usage, window_usage
from outreply_cli.quota.quota import Bucket, Quota, whole_percent

NOW = datetime(2026, 11, 16, 0, 0, tzinfo=UTC)
RESET = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMITS = GuardrailLimits.from_account(None)

counts = st.integers(0, 5_000)
november = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30, 23)).map(
    lambda time: time.replace(tzinfo=UTC)
)
times_around_now = st.lists(
    st.integers(-200, 200).map(lambda minutes: NOW + timedelta(minutes=minutes)), max_size=30
).map(sorted)


def test_forecast_extrapolates_pace() -> None:
    result = forecast(Bucket("publishes", 300, 500), now=NOW, resets_at=RESET)
    assert result.per_day == 20
    assert result.at_reset == 600
    assert result.runs_out_at == NOW + timedelta(days=10)


def test_forecast_uses_certain_uses_above_pace() -> None:
    certain = [NOW + timedelta(days=day) for day in range(1, 11)]
    result = forecast(Bucket("webhooks", 0, 5), now=NOW, resets_at=RESET, known_uses=certain)
    assert (result.runs_out_at, result.at_reset) == (certain[4], 10)


def test_forecast_pace_spans_at_least_one_day() -> None:
    now = datetime(2026, 11, 1, 0, 1, tzinfo=UTC)
    assert forecast(Bucket("reads", 10, 1_000), now=now, resets_at=RESET).per_day == 10


def test_each_subscription_gets_a_delivery_of_each_future_post() -> None:
    assert delivery_times([NOW + HOUR, NOW - HOUR], 2, NOW) == [NOW + HOUR, NOW + HOUR]


@given(counts, st.integers(1, 5_000), november, st.lists(november, max_size=20).map(sorted))
def test_forecast_runs_out_before_reset_or_never(
    used: int, limit: int, now: datetime, times: list[datetime]
) -> None:
    certain = [time for time in times if time > now]
    result = forecast(Bucket("b", used, limit), now=now, resets_at=RESET, known_uses=certain)
    assert result.at_reset >= used
    if result.runs_out_at is None:
        assert used < limit
        assert result.at_reset <= limit
    else:
        assert now <= result.runs_out_at < RESET
        assert result.at_reset >= limit or used >= limit
    assert forecast(Bucket("b", used, None), now=now, resets_at=RESET).runs_out_at is None


@given(counts, counts, st.integers(1, 5_000), november, st.lists(november, max_size=9).map(sorted))
def test_forecast_of_more_use_runs_out_earlier(
    used: int, more: int, limit: int, now: datetime, times: list[datetime]
) -> None:
    def runs_out_at(used: int, certain: list[datetime]) -> datetime:
        result = forecast(Bucket("b", used, limit), now=now, resets_at=RESET, known_uses=certain)
        return result.runs_out_at or RESET

    certain = [time for time in times if time > now]
    assert runs_out_at(used + more, certain) <= runs_out_at(used, certain) <= runs_out_at(used, [])


@given(times_around_now, st.integers(1, 180))
def test_window_usage_equals_brute_force(times: list[datetime], minutes: int) -> None:
    length = timedelta(minutes=minutes)
    usage = window_usage(times, NOW, length, 10)
    starts = [NOW - length + timedelta(minutes=shift) for shift in range(1, minutes + 1)]

    def count(start: datetime) -> int:
        return sum(start <= time < start + length for time in times)

    assert usage.used == max(count(start) for start in starts)
    future = [count(time) for time in times if time > NOW - length]
    assert usage.peak == max(future, default=0)
    assert (usage.peak_at is None) == (not future)
    if usage.peak_at is not None:
        assert count(usage.peak_at) == usage.peak


def test_guardrail_usage_ignores_failed_posts_and_unlimited_pages() -> None:
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


def make_quota(**used: int) -> Quota:
    monthly = {name: {"used": count, "limit": 100} for name, count in used.items()}
    return Quota.from_account({"quota": {"monthly": monthly}})


def test_insufficient_quotas_are_found() -> None:
    short = find_insufficient_quotas(
        make_quota(publishes=90, replies=10), {"publishes": 20, "replies": 20}
    )
    assert [(bucket.name, needed) for bucket, needed in short] == [("publishes", 20)]
    assert find_insufficient_quotas(make_quota(publishes=80), {"publishes": 20}) == []
    short = find_insufficient_quotas(make_quota(publishes=100, reads=99), {})
    assert [bucket.name for bucket, _ in short] == ["publishes"]
    with pytest.raises(QuotaUnknownError, match="does not report these quotas: reads"):
        find_insufficient_quotas(make_quota(publishes=1), {"reads": 1})
    with pytest.raises(QuotaUnknownError, match="does not report its monthly quotas"):
        find_insufficient_quotas(make_quota(), {})


def test_quotas_used_up_to_the_share_are_found() -> None:
    buckets = find_used_quotas(make_quota(publishes=80, reads=79), 0.8)
    assert [bucket.name for bucket in buckets] == ["publishes"]


@given(st.integers(0, 10**6), st.integers(1, 10**6))
@example(285, 500)
@example(499_999_999, 500_000_000)
@example(10**12 - 1, 10**12)
def test_percent_is_rounded_down(used: int, limit: int) -> None:
    assert whole_percent(used / limit) == used * 100 // limit


def test_parse_share_reads_percentages_and_rejects_others() -> None:
    assert parse_share("80%") == parse_share(" 80") == 0.8
    for invalid in ("", "x", "0", "101%", "-5", "nan"):
        with pytest.raises(InvalidInputError, match="--warn-at: "):
            parse_share(invalid)


def test_quota_ignores_invalid_account() -> None:
    for account in ({}, {"quota": None}, {"quota": {"monthly": {"publishes": {"used": "x"}}}}):
        assert Quota.from_account(account).buckets == ()
    assert Quota.from_account({"quota": {"monthly": {"resets_at": "x"}}}).resets_at is None
