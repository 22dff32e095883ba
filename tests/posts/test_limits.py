"""The limits of the reference, at their boundaries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from outreply_cli.posts.content import PostContent, validate_content, validate_time
from outreply_cli.posts.guardrails import (
    GuardrailLimits,
    Violation,
    brand_violations,
    has_brand_capacity,
    has_capacity,
    page_violations,
)
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
def test_time_outside_the_schedule_window_is_rejected(
    ahead: timedelta, *, is_rejected: bool
) -> None:
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
def test_length_is_counted_as_x_counts_it(text: str, length: int) -> None:
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
def test_post_longer_than_280_characters_gets_a_warning_on_x(
    message: str, *, is_long: bool
) -> None:
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
def test_first_comment_is_rejected_where_it_is_not_supported(
    platform: str, *, is_supported: bool
) -> None:
    content = PostContent(message="Hi", first_comment="First")
    assert problem_fields(content, platform) == ([] if is_supported else ["first_comment"])


def test_http_media_url_gets_a_warning() -> None:
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
def test_post_above_a_page_limit_per_hour_or_day_is_a_violation(
    platform: str, per_hour: int, per_day: int
) -> None:
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


def test_short_page_gap_and_post_above_the_brand_limit_are_violations() -> None:
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


def make_limits(
    *, per_brand_day: int = 500, per_hour: int | None = None, per_day: int | None = None
) -> GuardrailLimits:
    """Limits of LinkedIn pages, with posts at least a minute apart."""
    return GuardrailLimits(60 * SECOND, per_brand_day, {"LN": (per_hour, per_day)})


def test_invalid_account_limits_fall_back_to_the_reference() -> None:
    invalid = {
        "minGapBetweenSchedulesMs": "5000",
        "perBrandPer24hSafetyNet": None,
        "perPage": {"LN": None, "TW": 7},
    }
    huge = {"minGapBetweenSchedulesMs": 1e300}
    quotas = [None, *({"publish_guardrails": live} for live in (invalid, huge))]
    for account in ({}, *({"quota": quota} for quota in quotas)):
        assert GuardrailLimits.from_account(account) == LIMITS
    assert (LIMITS.min_gap, LIMITS.per_brand_day, LIMITS.per_page) == (60 * SECOND, 500, {})


def test_limits_of_a_page_that_are_not_whole_numbers_are_not_limits() -> None:
    per_page = {
        "LN": {"perHour": True, "per24h": 1.5},
        "TW": {"perHour": 9, "per24h": "9"},
        "FB": {"perHour": None, "per24h": 9},
    }
    account = {"quota": {"publish_guardrails": {"perPage": per_page}}}
    limits = GuardrailLimits.from_account(account)
    assert limits.per_page == {"LN": (None, None), "TW": (9, None), "FB": (None, 9)}
    assert limits.windows_for("linkedin") == ()
    assert limits.windows_for("x") == ((timedelta(hours=1), 9),)


def test_windows_of_an_unknown_platform_are_unlimited() -> None:
    assert LIMITS.windows_for("mastodon") == ()
    assert LIMITS.windows_for("linkedin") == ((timedelta(hours=1), 3), (timedelta(hours=24), 15))


def test_gap_violation_names_both_posts() -> None:
    first, second, third = NOW, NOW + 59 * SECOND, NOW + 119 * SECOND
    assert list(page_violations([first, second, third], "linkedin", make_limits())) == [
        Violation("posts of a page must be 60 s apart", (first, second))
    ]


def test_window_violation_names_all_posts_of_the_window_once() -> None:
    times = make_times(timedelta(minutes=10), 7)
    assert list(page_violations(times, "linkedin", make_limits(per_hour=2))) == [
        Violation("LinkedIn allows 2 posts per hour, but 6 are planned", tuple(times[:6])),
        Violation("LinkedIn allows 2 posts per hour, but 3 are planned", tuple(times[4:])),
    ]


def test_window_violations_far_apart_are_all_named() -> None:
    times = [NOW + timedelta(hours=hours, minutes=m) for hours in (0, 5) for m in (0, 10)]
    first, second = page_violations(times, "linkedin", make_limits(per_hour=1))
    assert (first.times, second.times) == (tuple(times[:2]), tuple(times[2:]))


def test_brand_violation_names_the_brand_and_its_day() -> None:
    times = make_times(timedelta(hours=6), 4)
    assert list(brand_violations(times, make_limits(per_brand_day=3))) == [
        Violation("a brand may have 3 posts per 24 hours, but 4 are planned", tuple(times))
    ]


@pytest.mark.parametrize("sign", [-1, 1], ids=["before", "after"])
def test_page_has_no_capacity_closer_than_its_gap(sign: int) -> None:
    others = sorted((NOW, NOW + sign * timedelta(minutes=9)))
    for seconds, has_room in ((59, False), (60, True)):
        at = NOW - sign * timedelta(seconds=seconds)
        assert has_capacity(at, others, "linkedin", make_limits()) == has_room
    assert not has_capacity(NOW, others, "linkedin", make_limits())
    assert has_capacity(NOW, [], "linkedin", make_limits())


@pytest.mark.parametrize("sign", [-1, 1], ids=["before", "after"])
def test_page_has_capacity_one_window_away(sign: int) -> None:
    limits = make_limits(per_hour=2)
    others = sorted((NOW, NOW + sign * timedelta(minutes=20)))
    for minutes, has_room in ((39, False), (40, True)):
        at = NOW - sign * timedelta(minutes=minutes)
        assert has_capacity(at, others, "linkedin", limits) == has_room


def test_page_needs_capacity_in_both_windows() -> None:
    others = make_times(timedelta(hours=2), 3)
    at = NOW + timedelta(hours=1)
    assert has_capacity(at, others, "linkedin", make_limits(per_hour=1, per_day=4))
    assert not has_capacity(at, others, "linkedin", make_limits(per_hour=1, per_day=3))
    assert not has_capacity(NOW + SECOND * 60, others, "linkedin", make_limits(per_hour=1))


def test_page_has_capacity_far_from_posts_that_exceed_its_limits() -> None:
    crowded = make_times(timedelta(minutes=10), 3)
    for hours in (-2, 3):
        at = NOW + timedelta(hours=hours)
        assert has_capacity(at, crowded, "linkedin", make_limits(per_hour=1))


def test_page_has_capacity_beside_posts_closer_than_its_gap() -> None:
    close = [NOW + SECOND * seconds for seconds in (0, 1, 2, 200, 201, 202)]
    assert has_capacity(NOW + 100 * SECOND, close, "linkedin", make_limits())


def test_brand_has_capacity_one_day_away() -> None:
    limits = make_limits(per_brand_day=2)
    others = [NOW, NOW]
    day = timedelta(hours=24)
    for at in (NOW - day, NOW + day):
        assert has_brand_capacity(at, others, limits)
    for at in (NOW - day + SECOND, NOW, NOW + day - SECOND):
        assert not has_brand_capacity(at, others, limits)
