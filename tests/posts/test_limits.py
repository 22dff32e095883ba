"""What the reference limits is refused here, before anything is sent, and not a little less."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from outreply_cli.posts.content import PostContent, validate_content, validate_time
from outreply_cli.posts.guardrails import GuardrailLimits, brand_violations, page_violations

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = GuardrailLimits.from_account(None)


@pytest.mark.parametrize(
    ("ahead", "is_refused"),
    [
        (-SECOND, True), (timedelta(minutes=10) - SECOND, True), (timedelta(minutes=10), False),
        (timedelta(days=75), False), (timedelta(days=75) + SECOND, True),
    ],
)  # fmt: skip
def test_a_post_is_due_in_10_minutes_to_75_days(ahead: timedelta, *, is_refused: bool) -> None:
    assert (validate_time(NOW + ahead, NOW) is not None) == is_refused


def told(content: PostContent, platform: str = "youtube", *, warnings: bool = False) -> list[str]:
    problems = validate_content(content, platform)
    return [problem.field for problem in problems if problem.is_warning == warnings]


def test_a_message_has_at_most_5000_characters_however_many_bytes_those_are() -> None:
    for character in ("x", "é", "\N{SPARKLES}"):
        assert told(PostContent(message=character * 5_000)) == []
        assert told(PostContent(message=character * 5_001)) == ["message"]


def test_a_message_or_one_media_item_is_needed() -> None:
    assert told(PostContent()) == told(PostContent(message=" \n")) == ["message"]
    assert told(PostContent(media_ids=("m1",))) == []
    assert told(PostContent(media_urls=("https://cdn.example.com/a.jpg",))) == []


@pytest.mark.parametrize(
    ("platform", "has_one"),
    [("instagram", True), ("facebook", True), ("linkedin", False), ("tiktok", False),
     ("twitter", False), ("youtube", False), ("mastodon", True)],
)  # fmt: skip
def test_a_first_comment_is_for_instagram_and_facebook(platform: str, *, has_one: bool) -> None:
    content = PostContent(message="Hi", first_comment="First")
    assert told(content, platform) == ([] if has_one else ["first_comment"])


def test_plain_http_media_are_warned_of() -> None:
    content = PostContent(media_urls=("http://cdn.example.com/a.jpg",))
    assert told(content) == []
    assert told(content, warnings=True) == ["media_urls"]


def every(gap: timedelta, count: int) -> Sequence[datetime]:
    return [NOW + gap * number for number in range(count)]


@pytest.mark.parametrize(
    ("platform", "an_hour", "a_day"),
    [("facebook", 10, 40), ("instagram", 8, 30), ("linkedin", 3, 15), ("tiktok", 10, 50),
     ("twitter", 50, 300)],
)  # fmt: skip
def test_a_page_takes_so_many_an_hour_and_a_day(platform: str, an_hour: int, a_day: int) -> None:
    minute = timedelta(minutes=1)
    assert not list(page_violations(every(minute, an_hour), platform, LIMITS))
    (hourly,) = page_violations(every(minute, an_hour + 1), platform, LIMITS)
    assert "1 h" in hourly.rule
    spread = timedelta(hours=24) / (a_day + 1)
    assert not list(page_violations(every(spread, a_day), platform, LIMITS))
    (daily,) = page_violations(every(spread, a_day + 1), platform, LIMITS)
    assert "24 h" in daily.rule
    # A window has an end: what is exactly as old counts no more.
    assert not list(page_violations(every(timedelta(hours=1) / an_hour, an_hour + 1), platform,
                                    LIMITS))  # fmt: skip


def test_posts_of_a_page_are_a_minute_apart_and_of_a_brand_500_a_day() -> None:
    assert not list(page_violations(every(60 * SECOND, 2), "youtube", LIMITS))
    assert list(page_violations(every(59 * SECOND, 2), "youtube", LIMITS))
    assert not list(brand_violations(every(60 * SECOND, 500), LIMITS))
    assert list(brand_violations(every(60 * SECOND, 501), LIMITS))


def test_what_the_account_says_of_its_limits_wins() -> None:
    live = {
        "perPage": {"LN": {"perHour": 1, "per24h": 2}, "XX": {"perHour": 0}},
        "minGapBetweenSchedulesMs": 5_000,
        "perBrandPer24hSafetyNet": 3,
    }
    limits = GuardrailLimits.from_account({"quota": {"publish_guardrails": live}})
    assert not list(page_violations(every(5 * SECOND, 2), "twitter", limits))
    assert list(page_violations(every(4 * SECOND, 2), "twitter", limits))
    assert list(page_violations(every(60 * SECOND, 2), "linkedin", limits))
    assert not list(page_violations(every(60 * SECOND, 8), "instagram", limits))
    assert list(brand_violations(every(60 * SECOND, 4), limits))
