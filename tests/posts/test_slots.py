"""Slots: their text, their times over clock changes, and the next free one."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from outreply_cli.errors import TimeError
from outreply_cli.posts.guardrails import GuardrailLimits, page_violations
from outreply_cli.posts.slots import SLOT_EARLIEST, PageSlots, SlotSchedule
from outreply_cli.spec.limits import SCHEDULE_LATEST

LIMITS = GuardrailLimits.from_account(None)
PARIS = ZoneInfo("Europe/Paris")
# With half-hour and midnight clock changes, negative daylight time, and a day that was left out.
ZONES = (
    "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
    "Europe/Dublin", "Africa/Casablanca", "Pacific/Apia", "Asia/Beirut",
)  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
utc_times = st.integers(0, 20 * 365 * 86_400).map(
    lambda seconds: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
times_of_day = st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0))
weeks = st.lists(
    st.lists(times_of_day, max_size=4, unique=True).map(lambda day: tuple(sorted(day))),
    min_size=7,
    max_size=7,
).map(tuple).filter(any)  # fmt: skip
platforms = st.sampled_from(["linkedin", "instagram", "facebook", "tiktok", "twitter", "youtube"])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("mon-fri 09:00,17:30; sat 11:00", "mon-fri 09:00,17:30; sat 11:00"),
        ("daily 9am", "daily 09:00"),
        ("Mon,Wed 12:00", "mon,wed 12:00"),
        ("tue 5pm", "tue 17:00"),
        ("tuesday 12am, 12pm, 5:30pm", "tue 00:00,12:00,17:30"),
        ("fri-mon 10:00", "mon,fri-sun 10:00"),
        ("weekdays 9:00; weekends 10:00;", "mon-fri 09:00; sat,sun 10:00"),
        ("mon 9:00; mon 8:00; mon 9:00", "mon 08:00,09:00"),
        ("mon - wed 9:00", "mon-wed 09:00"),
    ],
)
def test_slots_are_written_in_canonical_form(text: str, canonical: str) -> None:
    assert str(SlotSchedule.parse(text, PARIS)) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the slots are empty"),
        ("; ;", "the slots are empty"),
        ("mon", "'mon' has no times of day"),
        ("09:00", "'09:00' has no days"),
        ("mon 9", "invalid time of day '9' in 'mon 9'"),
        ("mon 25:00", "invalid time of day '25:00'"),
        ("mon 13pm", "invalid time of day '13pm'"),
        ("sat 11:00; foo 9am", "unknown day 'foo' in 'foo 9am'"),
        ("mon-xyz 9am", "unknown day 'mon-xyz'"),
        ("mon 9am tue 10am", "'tue' follows a time of day in 'mon 9am tue 10am'"),
    ],
)
def test_invalid_part_is_named(text: str, message: str) -> None:
    with pytest.raises(TimeError) as caught:
        SlotSchedule.parse(text, PARIS)
    assert message in caught.value.message
    assert caught.value.hint


def test_too_many_slots_are_rejected() -> None:
    minutes = ",".join(f"{minute // 60:02}:{minute % 60:02}" for minute in range(200))
    with pytest.raises(TimeError, match="more than 1008 slots a week"):
        SlotSchedule.parse(f"daily {minutes}", PARIS)


@given(weeks)
def test_canonical_text_is_read_back(times: tuple[tuple[time, ...], ...]) -> None:
    schedule = SlotSchedule(times, PARIS)
    assert SlotSchedule.parse(str(schedule), PARIS) == schedule


@cache
def find_changes(zone: ZoneInfo) -> list[datetime]:
    """Return the days before the clock changes of a zone."""
    days = [datetime(2010, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(20 * 365)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [days[n] for n in range(len(days) - 1) if offsets[n] != offsets[n + 1]]


@settings(max_examples=150, deadline=None)
@given(st.data(), weeks, zones, st.integers(0, 3 * 1440), st.integers(0, 3 * 1440))
def test_slots_over_clock_changes_equal_those_found_minute_by_minute(
    data: st.DataObject,
    times: tuple[tuple[time, ...], ...],
    zone: ZoneInfo,
    before: int,
    minutes: int,
) -> None:
    start = data.draw(st.sampled_from(find_changes(zone))) - timedelta(minutes=before)
    until = start + timedelta(minutes=minutes)
    slots = list(SlotSchedule(times, zone).after(start, until))
    # Look at each minute of the period, and of the hours before, for a slot's local time.
    expected = []
    seen = set()
    for minute in range(-180, minutes + 1):
        at = start + timedelta(minutes=minute)
        local = at.astimezone(zone).replace(tzinfo=None)
        if local.time() in times[local.weekday()] and local not in seen and minute >= 0:
            expected.append(at)
        seen.add(local)
    assert slots == expected


def test_skipped_time_has_no_slot_and_repeated_one_counts_once() -> None:
    schedule = SlotSchedule.parse("daily 02:30,03:15", PARIS)
    forward = schedule.after(
        datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 3, 28, 12, tzinfo=UTC)
    )
    assert list(forward) == [datetime(2027, 3, 28, 1, 15, tzinfo=UTC)]
    back = schedule.after(
        datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    )
    assert list(back) == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 15, tzinfo=UTC),
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.builds(SlotSchedule, weeks, zones), utc_times, platforms,
    st.lists(st.integers(0, 6 * 86_400), max_size=12),
    st.lists(st.integers(0, 100), max_size=8),
)  # fmt: skip
def test_free_slots_hold_the_guardrails(
    schedule: SlotSchedule,
    now: datetime,
    platform: str,
    seconds: list[int],
    taken_numbers: list[int],
) -> None:
    every = list(schedule.after(now + SLOT_EARLIEST, now + SCHEDULE_LATEST))
    posts = [now + timedelta(seconds=second) for second in seconds]
    # Existing posts that violate a guardrail by themselves are out of scope.
    if list(page_violations(sorted(set(posts)), platform, LIMITS)):
        return
    taken = [every[number] for number in taken_numbers if number < len(every)]
    slots = PageSlots(schedule, platform, LIMITS, now=now, posts=posts, taken=taken)
    chosen = []
    while (at := slots.take_next_free()) is not None:
        chosen.append(at)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(every)
    together = sorted({*posts, *chosen})
    assert list(page_violations(together, platform, LIMITS)) == []
    gaps = [abs(at - other) for at in chosen for other in (*posts, *taken)]
    assert all(gap >= LIMITS.min_gap for gap in gaps)
    # A slot that was passed over is near a taken one, or allows no further post.
    for at in set(every) - set(chosen):
        is_taken = any(abs(at - other) < LIMITS.min_gap for other in taken)
        violations = list(page_violations(sorted([*together, at]), platform, LIMITS))
        assert is_taken or violations


def test_brand_limit_holds() -> None:
    limits = GuardrailLimits(LIMITS.min_gap, 3, LIMITS.per_page)
    now = datetime(2026, 12, 1, tzinfo=UTC)
    others = [now + timedelta(hours=hour) for hour in (8, 9, 10)]
    slots = PageSlots(
        SlotSchedule.parse("daily 12:00", ZoneInfo("UTC")), "facebook", limits,
        now=now, posts=(), brand_posts=others,
    )  # fmt: skip
    assert slots.take_next_free() == now + timedelta(days=1, hours=12)
