"""The limits of the reference, at their boundaries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from outreply_cli.posts.content import PostContent, validate_content, validate_time
from outreply_cli.posts.guardrails import GuardrailLimits, brand_violations, page_violations
from outreply_cli.spec.x_length import count_for_x

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = GuardrailLimits.from_account(None)


@pytest.mark.parametrize(
    ("ahead", "is_rejected"),
    [
        (-SECOND, True), (timedelta(minutes=10) - SECOND, True), (timedelta(minutes=10), False),
        (timedelta(days=75), False), (timedelta(days=75) + SECOND, True),
    ],
)  # fmt: skip
def test_schedule_window(ahead: timedelta, *, is_rejected: bool) -> None:
    assert (validate_time(NOW + ahead, NOW) is not None) == is_rejected


def problem_fields(
    content: PostContent, platform: str = "youtube", *, warnings: bool = False
) -> list[str]:
    problems = validate_content(content, platform)
    return [problem.field for problem in problems if problem.is_warning == warnings]


def test_message_limit_counts_characters() -> None:
    for character in ("x", "é", "\N{SPARKLES}"):
        assert problem_fields(PostContent(message=character * 5_000)) == []
        assert problem_fields(PostContent(message=character * 5_001)) == ["message"]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("a" * 280, 280),
        ("日" * 141, 282),
        ("hello " * 41 + "okay https://example.com/" + "a" * 280, 274),
        ("http://a.co http://c.de", 47),
        ("(https://example.com/a).", 26),
        ("https://example.com/a日本", 27),
        ("ßéÜж", 4),
        ("e\N{COMBINING ACUTE ACCENT}", 1),
        ("\N{LEFT DOUBLE QUOTATION MARK}a\N{EM DASH}\N{HORIZONTAL ELLIPSIS}", 5),
        ("カ", 2),
        ("\N{SPARKLES}", 2),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", 2),
        ("\U0001f44d\U0001f3fd", 2),
        ("\u2764\ufe0f", 2),
        ("\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea", 4),
        ("1\ufe0f\u20e3", 2),
        ("", 0),
    ],
)
def test_length_as_x_counts(text: str, length: int) -> None:
    assert count_for_x(text) == length


@pytest.mark.parametrize(
    ("message", "is_long"),
    [
        ("日" * 140, False),
        ("日" * 141, True),
        ("hello " * 41 + "okay https://example.com/" + "a" * 280, False),
        ("a" * 250 + " http://a.co", False),
        ("a" * 257 + " http://a.co", True),
        ("\U0001f468\u200d\U0001f469" * 140, False),
        ("a" * 281, True),
    ],
)
def test_long_posts_for_x(message: str, *, is_long: bool) -> None:
    for platform in ("x", "twitter", "TW"):
        fields = problem_fields(PostContent(message=message), platform, warnings=True)
        assert fields == (["message"] if is_long else [])
    assert problem_fields(PostContent(message="日" * 3_000), "linkedin", warnings=True) == []


def test_message_or_media_is_required() -> None:
    assert (
        problem_fields(PostContent()) == problem_fields(PostContent(message=" \n")) == ["message"]
    )
    assert problem_fields(PostContent(media_ids=("m1",))) == []
    assert problem_fields(PostContent(media_urls=("https://cdn.example.com/a.jpg",))) == []


@pytest.mark.parametrize(
    ("platform", "is_supported"),
    [("instagram", True), ("facebook", True), ("linkedin", False), ("tiktok", False),
     ("twitter", False), ("youtube", False), ("mastodon", True)],
)  # fmt: skip
def test_first_comment_platforms(platform: str, *, is_supported: bool) -> None:
    content = PostContent(message="Hi", first_comment="First")
    assert problem_fields(content, platform) == ([] if is_supported else ["first_comment"])


def test_http_media_url_warning() -> None:
    content = PostContent(media_urls=("http://cdn.example.com/a.jpg",))
    assert problem_fields(content, "facebook") == []
    assert problem_fields(content, "facebook", warnings=True) == ["media_urls"]


def make_times(gap: timedelta, count: int) -> Sequence[datetime]:
    return [NOW + gap * index for index in range(count)]


@pytest.mark.parametrize(
    ("platform", "per_hour", "per_day"),
    [("facebook", 10, 40), ("instagram", 8, 30), ("linkedin", 3, 15), ("tiktok", 10, 50),
     ("twitter", 50, 300)],
)  # fmt: skip
def test_page_limits_per_hour_and_day(platform: str, per_hour: int, per_day: int) -> None:
    minute = timedelta(minutes=1)
    assert not list(page_violations(make_times(minute, per_hour), platform, LIMITS))
    (hourly,) = page_violations(make_times(minute, per_hour + 1), platform, LIMITS)
    assert "per hour" in hourly.rule
    spread = timedelta(hours=24) / (per_day + 1)
    assert not list(page_violations(make_times(spread, per_day), platform, LIMITS))
    (daily,) = page_violations(make_times(spread, per_day + 1), platform, LIMITS)
    assert "per 24 hours" in daily.rule
    # A post exactly one window old no longer counts.
    hour = make_times(timedelta(hours=1) / per_hour, per_hour + 1)
    assert not list(page_violations(hour, platform, LIMITS))


def test_page_gap_and_brand_limit() -> None:
    assert not list(page_violations(make_times(60 * SECOND, 2), "youtube", LIMITS))
    assert list(page_violations(make_times(59 * SECOND, 2), "youtube", LIMITS))
    assert not list(brand_violations(make_times(60 * SECOND, 500), LIMITS))
    assert list(brand_violations(make_times(60 * SECOND, 501), LIMITS))


def test_account_limits_override_reference() -> None:
    live = {
        "perPage": {"LN": {"perHour": 1, "per24h": 2}, "XX": {"perHour": 0}},
        "minGapBetweenSchedulesMs": 5_000,
        "perBrandPer24hSafetyNet": 3,
    }
    limits = GuardrailLimits.from_account({"quota": {"publish_guardrails": live}})
    assert not list(page_violations(make_times(5 * SECOND, 2), "twitter", limits))
    assert list(page_violations(make_times(4 * SECOND, 2), "twitter", limits))
    assert list(page_violations(make_times(60 * SECOND, 2), "linkedin", limits))
    assert not list(page_violations(make_times(60 * SECOND, 8), "instagram", limits))
    assert list(brand_violations(make_times(60 * SECOND, 4), limits))
