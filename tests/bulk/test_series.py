"""`repeat`: its words and rules, and the times of the occurrences."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from outreply_cli.api.client import Client
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.resolve import RowResolver
from outreply_cli.bulk.series import Expansion, Repeat, expand_series, parse_repeat
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import TimeError
from outreply_cli.media.files import StorageLimits

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATEST = timedelta(days=75)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
    "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "America/Santiago",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("every day", "FREQ=DAILY"),
        ("Daily", "FREQ=DAILY"),
        ("every 2 days", "FREQ=DAILY;INTERVAL=2"),
        ("every other day", "FREQ=DAILY;INTERVAL=2"),
        ("every 3rd day", "FREQ=DAILY;INTERVAL=3"),
        ("every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("every mon-fri", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("every sat-mon", "FREQ=WEEKLY;BYDAY=SA,SU,MO"),
        ("every tue, thu", "FREQ=WEEKLY;BYDAY=TU,TH"),
        ("every  Tuesday and thurs", "FREQ=WEEKLY;BYDAY=TU,TH"),
        ("every 2nd tue", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        ("every other tue", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        ("every week", "FREQ=WEEKLY"),
        ("weekly on mon", "FREQ=WEEKLY;BYDAY=MO"),
        ("every 2 weeks on mon, fri", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR"),
        ("every month", "FREQ=MONTHLY"),
        ("every month on the 15th", "FREQ=MONTHLY;BYMONTHDAY=15"),
        ("monthly on the 1st and the 15th", "FREQ=MONTHLY;BYMONTHDAY=1,15"),
        ("every month on the last day", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("every last day of the month", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("monthly on the first fri", "FREQ=MONTHLY;BYDAY=1FR"),
        ("every 2nd tue of the month", "FREQ=MONTHLY;BYDAY=2TU"),
        ("every last fri of the month", "FREQ=MONTHLY;BYDAY=-1FR"),
        ("every 1st and 3rd tue of each month", "FREQ=MONTHLY;BYDAY=1TU,3TU"),
        ("every 3 months on the last fri", "FREQ=MONTHLY;INTERVAL=3;BYDAY=-1FR"),
        ("every year", "FREQ=YEARLY"),
        ("every 2 years", "FREQ=YEARLY;INTERVAL=2"),
        ("every tue for 10 times", "FREQ=WEEKLY;BYDAY=TU;COUNT=10"),
        ("RRULE:FREQ=WEEKLY;BYDAY=TU", "FREQ=WEEKLY;BYDAY=TU"),
        ("freq=monthly;byday=-1fr;wkst=su", "FREQ=MONTHLY;BYDAY=-1FR;WKST=SU"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", None),
    ],
)
def test_repeat_words_are_parsed_to_their_rule(text: str, rule: str | None) -> None:
    assert parse_repeat(text).rule == (rule or text)


def day_end(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.max)


@pytest.mark.parametrize(
    ("text", "until", "excepted"),
    [
        ("every tue until 2027-03", day_end("2027-03-31"), set()),
        ("every tue until 2028-02", day_end("2028-02-29"), set()),
        ("every tue until 2027-03-02", day_end("2027-03-02"), set()),
        ("every 2nd tue until 2027-03, except 2026-12-29",
         day_end("2027-03-31"), {date(2026, 12, 29)}),
        ("every tue except 2026-12-29 and 2027-01-05 until 2027-03-02",
         day_end("2027-03-02"), {date(2026, 12, 29), date(2027, 1, 5)}),
        ("FREQ=DAILY, except 2026-12-29; 2026-12-30", None,
         {date(2026, 12, 29), date(2026, 12, 30)}),
        ("FREQ=DAILY;UNTIL=20270301", day_end("2027-03-01"), set()),
        ("FREQ=DAILY;UNTIL=20270301T080000", datetime.fromisoformat("2027-03-01T08:00"), set()),
        ("FREQ=DAILY;UNTIL=20270301T080000Z", datetime(2027, 3, 1, 8, tzinfo=UTC), set()),
        ("FREQ=DAILY until 2027-03-01", day_end("2027-03-01"), set()),
    ],
)  # fmt: skip
def test_repeat_words_set_the_end_and_the_exceptions(
    text: str, until: datetime | None, excepted: set[date]
) -> None:
    repeat = parse_repeat(text)
    assert repeat.until == until
    assert set(repeat.excepted) == excepted
    assert repeat.is_endless == (until is None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not understood"),
        ("every", "not understood"),
        ("tuesday", "not understood"),
        ("every blue tue", "'blue tue'"),
        ("every tue at 9", "'tue at 9'"),
        ("every weekend", "'weekend'"),
        ("every 0 days", "'0'"),
        ("every 1st day", "'1st'"),
        ("every first tue", "every first tue of the month"),
        ("every 1st tue", "every 1st tue of the month"),
        ("every last fri", "every last fri of the month"),
        ("every 2nd tue, thu", "every 2 weeks on tue, thu"),
        ("every 2nd weekday", "every 2 weeks on mon-fri"),
        ("every month on the 31st", "on the last day"),
        ("every 30th of the month", "on the last day"),
        ("every month on the 5th fri", "'5th fri'"),
        ("every month on the 15th, first fri", "'15th, first fri'"),
        ("every month on the 0th", "'0th'"),
        ("every year on mon", "'on mon'"),
        ("every day on mon", "'on mon'"),
        ("every tue until 24/12/2026", "'24/12/2026'"),
        ("every tue until 2027-13", "'2027-13'"),
        ("every tue until 2027-02-30", "'2027-02-30'"),
        ("every tue until tomorrow", "'tomorrow'"),
        ("every tue for 0 times", "for 10 times"),
        ("every tue for ten times", "for 10 times"),
        ("every tue for 3 times until 2027-03", "two ends"),
        ("every tue until 2027-03 until 2027-04", "two 'until'"),
        ("every tue except", "'every tue except' is incomplete"),
        ("every tue until", "'every tue until' is incomplete"),
        ("every tue, except 2026-12-29, xmas", "'xmas'"),
        ("every " + "tue, " * 500, "too long"),
        ("FREQ=SECONDLY", "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=HOURLY;INTERVAL=24", "'FREQ=HOURLY'"),
        ("FREQ=DAILY;BYHOUR=9,12", "time of day is that of"),
        ("FREQ=DAILY;BYMINUTE=0", "'BYMINUTE=0'"),
        ("FREQ=DAILY;BYSECOND=0", "'BYSECOND=0'"),
        ("FREQ=DAILY;BYEASTER=0", "'BYEASTER=0'"),
        ("FREQ=DAILY;INTERVAL=0", "'INTERVAL=0'"),
        ("FREQ=DAILY;COUNT=99999", "'COUNT=99999'"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "two ends"),
        ("FREQ=DAILY;COUNT=2 until 2027-01", "two ends"),
        ("FREQ=DAILY;UNTIL=20270230", "UNTIL=20270230"),
        ("FREQ=WEEKLY;FREQ=DAILY", "'FREQ=DAILY'"),
        ("FREQ=WEEKLY;BYDAY=2TU", "FREQ=MONTHLY"),
        ("FREQ=MONTHLY;BYDAY=6TU", "'6TU'"),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=-6TU", "'-6TU'"),
        ("FREQ=YEARLY;BYDAY=54TU", "'54TU'"),
        ("FREQ=MONTHLY;BYDAY=0TU", "invalid rule"),
        ("FREQ=DAILY;BYSETPOS=0", "BYSETPOS=0 is out of range"),
        ("FREQ=YEARLY;BYMONTH=0;BYDAY=1MO", "BYMONTH=0 is out of range"),
        ("FREQ=YEARLY;BYMONTH=-1", "from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,32", "from -31 to 31, except 0"),
        ("FREQ=YEARLY;BYWEEKNO=54", "from -53 to 53, except 0"),
        ("BYDAY=TU", "no FREQ"),
        ("DTSTART:20261201T090000 RRULE:FREQ=DAILY", "not supported"),
    ],
)
def test_invalid_repeat_words_are_refused_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(TimeError) as refused:
        parse_repeat(text)
    assert words in f"{refused.value.message} {refused.value.hint}"
    assert refused.value.hint


@given(st.text(max_size=60) | st.from_regex(r"(every|FREQ=)[ -~]{0,50}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        repeat = parse_repeat(text)
    except TimeError:
        return
    assert repeat.rule.startswith("FREQ=")


@pytest.mark.parametrize(
    ("text", "start", "words"),
    [
        ("every tue", "2026-12-02", "Use 2026-12-08"),
        ("every 2nd tue", "2026-12-02", "Use 2026-12-08"),
        ("every month on the 15th", "2026-12-16", "Use 2027-01-15"),
        ("every 6 months on the 15th", "2026-12-16", "Use 2027-01-15"),
        ("every last fri of the month", "2026-12-04", "Use 2026-12-25"),
        ("every month", "2026-12-31", "on the last day"),
        ("every year", "2028-02-29", "leap years"),
        # A search without bounds would go on to the year 9999.
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "2026-12-01", "no dates"),
        ("FREQ=WEEKLY;BYDAY=TU;BYSETPOS=2", "2026-12-01", "no dates"),
        ("FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6", "2026-12-01", "no dates"),
    ],
)  # fmt: skip
def test_first_post_must_be_in_the_series(text: str, start: str, words: str) -> None:
    with pytest.raises(TimeError) as refused:
        parse_repeat(text).check_start(datetime.fromisoformat(f"{start}T09:00"))
    assert words in f"{refused.value.message}. {refused.value.hint}"


@pytest.mark.parametrize("year", [1999, 2000, 2027, 2100])
def test_searches_end_within_centuries(year: int) -> None:
    repeat = parse_repeat("FREQ=DAILY")
    start = datetime.fromisoformat(f"{year}-02-28T09:00")
    repeat.check_start(start)
    times = list(repeat.occurrences(start, ZoneInfo("UTC")))
    assert times[0] == start
    assert 199 <= times[-1].year - year <= 600
    # Leap days and weekdays stay those of the years.
    assert times[:800] == [start + timedelta(days=n) for n in range(800)]


def expand(
    text: str, start: str | datetime, zone: str = "Europe/Berlin", now: datetime = NOW
) -> Expansion:
    if isinstance(start, str):
        start = datetime.fromisoformat(start)
    repeat = parse_repeat(text)
    return expand_series(repeat, start, ZoneInfo(zone), now=now, latest=now + LATEST)


def get_days(series: Expansion) -> list[str]:
    return [str(occurrence.local.date()) for occurrence in series.occurrences]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        # 09:00 in Berlin is 08:00 UTC.
        ("20261203T080000Z", "2026-12-03"),
        ("20261203T075959Z", "2026-12-02"),
        ("20261203T090000", "2026-12-03"),
        ("20261203T085959", "2026-12-02"),
        ("20261203", "2026-12-03"),
    ],
)
def test_until_of_a_rule_sets_its_last_day(until: str, last: str) -> None:
    assert get_days(expand(f"FREQ=DAILY;UNTIL={until}", "2026-12-01T09:00"))[-1] == last


def test_excepted_posts_count_toward_the_number_of_posts() -> None:
    series = expand("every day for 4 times, except 2026-12-02", "2026-12-01T09:00")
    assert [(o.number, str(o.local.date())) for o in series.occurrences] == [
        (0, "2026-12-01"), (2, "2026-12-03"), (3, "2026-12-04"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("excepted", "unmatched"),
    [
        ("2026-12-30", ["2026-12-30"]),
        ("2031-12-30, 2031-12-29", ["2031-12-29"]),
        # Before the run, before the series and after its end, a date changes nothing.
        ("2026-11-18", []),
        ("2026-11-30", []),
    ],
)
def test_excepted_dates_must_be_in_the_series(excepted: str, unmatched: list[str]) -> None:
    series = expand(f"every tue except {excepted}", "2026-12-01T09:00")
    assert list(map(str, series.unmatched)) == unmatched
    ended = expand(f"every tue until 2026-12 except {excepted}", "2026-12-01T09:00")
    assert not ended.unmatched


@pytest.mark.parametrize(
    ("zone", "start", "gap", "now"),
    [
        ("Europe/Berlin", "2027-03-01T02:30", "2027-03-28", datetime(2027, 2, 1, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-01T02:30", "2026-10-25", datetime(2026, 9, 1, tzinfo=UTC)),
        ("America/Santiago", "2026-08-20T00:30", "2026-09-06", datetime(2026, 8, 1, tzinfo=UTC)),
    ],
)
def test_clock_changes_are_errors_within_reach(
    zone: str, start: str, gap: str, now: datetime
) -> None:
    series = expand("every day", start, zone, now)
    assert [str(local.date()) for local, _ in series.invalid] == [gap]
    assert gap not in get_days(series)
    assert not expand(f"every day except {gap}", start, zone, now).invalid
    assert not expand("every day", start, zone, now - timedelta(days=60)).invalid
    assert not expand("every day", start, zone, now + timedelta(days=70)).invalid


@pytest.mark.parametrize(
    ("text", "is_counted", "later"),
    [
        ("every day until 2027-03-01", True, 23),
        ("every day for 80 times", True, 12),
        ("every day for 1000 times", True, 932),
        ("every day for 9999 times", False, None),
        ("every day", False, None),
    ],
)
def test_later_posts_are_counted(text: str, is_counted: bool, later: int | None) -> None:
    series = expand(text, "2026-12-01T09:00")
    assert series.is_counted == is_counted
    assert later is None or len(series.later) == later
    assert str(series.later[0].local) == "2027-02-07 09:00:00"


# A naive reading of the words, day by day.
Matcher = Callable[[date, date], bool]


def weeks_between(first: date, day: date) -> int:
    monday = first - timedelta(days=first.weekday())
    return (day - monday).days // 7


def is_ordinal(day: date, ordinal: int, weekday: int) -> bool:
    if day.weekday() != weekday:
        return False
    if ordinal < 0:
        return (day + timedelta(days=7)).month != day.month
    return (day.day - 1) // 7 + 1 == ordinal


@st.composite
def repeats(draw: st.DrawFn) -> tuple[str, Matcher]:
    kind = draw(st.sampled_from(["days", "weekdays", "2nd", "weeks", "month_day", "ordinal"]))
    n = draw(st.integers(1, 5))
    weekdays = sorted(draw(st.sets(st.integers(0, 6), min_size=1)))
    names = ", ".join(DAYS[weekday] for weekday in weekdays)
    if kind == "days":
        return f"every {n} days", lambda first, day: (day - first).days % n == 0
    if kind == "weekdays":
        return f"every {names}", lambda _, day: day.weekday() in weekdays
    if kind == "2nd":
        weekday = weekdays[0]
        return (
            f"every {n + 3}th {DAYS[weekday]}",
            lambda first, day: day.weekday() == weekday and (day - first).days % (7 * n + 21) == 0,
        )
    if kind == "weeks":
        return (
            f"every {n} weeks on {names}",
            lambda first, day: day.weekday() in weekdays and weeks_between(first, day) % n == 0,
        )
    if kind == "month_day":
        wanted = draw(st.integers(1, 28))
        return (
            f"every {n} months on the {wanted}th",
            lambda first, day: (
                day.day == wanted
                and (12 * (day.year - first.year) + day.month - first.month) % n == 0
            ),
        )
    ordinal = draw(st.sampled_from([(1, "first"), (2, "2nd"), (3, "third"), (-1, "last")]))
    return (
        f"every {ordinal[1]} {DAYS[weekdays[0]]} of the month",
        lambda _, day: is_ordinal(day, ordinal[0], weekdays[0]),
    )


def find_start(matches: Matcher, earliest: date) -> date:
    days = (earliest + timedelta(days=n) for n in range(400))
    return next(day for day in days if matches(day, day))


def naive_days(matches: Matcher, first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        if matches(first, day):
            yield day


TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
STARTS = st.dates(date(2024, 1, 1), date(2028, 12, 31))


@given(
    repeats(), STARTS, st.tuples(TIMES, st.sampled_from(ZONES)), st.integers(-600, 200), st.data()
)
def test_occurrences_agree_with_reading_day_by_day(
    repeat: tuple[str, Matcher],
    earliest: date,
    clock: tuple[time, str],
    ahead: int,
    data: st.DataObject,
) -> None:
    (text, matches), (time_of_day, zone) = repeat, clock
    start = find_start(matches, earliest)
    now = datetime.combine(start, time(12), tzinfo=UTC) - timedelta(days=ahead)
    last = (now + 2 * LATEST).date() + timedelta(days=2)
    days = list(naive_days(matches, start, last))
    excepted = data.draw(st.sets(st.sampled_from(days), max_size=5)) if days else set()
    if excepted:
        text += f" except {', '.join(map(str, excepted))}"
    series = expand(text, datetime.combine(start, time_of_day), zone, now)
    reach = now + 2 * LATEST
    first_day = now.date() - timedelta(days=400)
    expected = [
        (number, day)
        for number, day in enumerate(days)
        if day not in excepted
        and day >= first_day
        and datetime.combine(day, time_of_day, ZoneInfo(zone)).astimezone(UTC) <= reach
    ]
    invalid = {local.date() for local, _ in series.invalid}
    assert [(o.number, o.local.date()) for o in series.occurrences] == [
        (number, day) for number, day in expected if day not in invalid
    ]
    assert not series.unmatched
    for occurrence in series.occurrences:
        assert occurrence.local.time() == time_of_day
        if occurrence.at <= now + LATEST:
            back = occurrence.at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            assert back == occurrence.local or occurrence.at <= now
    for local, _ in series.invalid:
        # A clock change skips or repeats it.
        offsets = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1)}
        assert len(offsets) == 2


@given(
    repeats(), TIMES, st.sampled_from(ZONES),
    st.lists(st.integers(1, 75 * 24 * 60), min_size=2, max_size=12),
)  # fmt: skip
def test_chain_of_runs_makes_each_post_once(
    repeat: tuple[str, Matcher], time_of_day: time, zone: str, pauses: list[int]
) -> None:
    text, matches = repeat
    start = datetime.combine(find_start(matches, date(2026, 11, 25)), time_of_day)
    now = NOW
    made: dict[datetime, datetime] = {}
    numbers: dict[datetime, int] = {}
    invalid: set[datetime] = set()
    for pause in pauses:
        series = expand(text, start, zone, now)
        invalid |= {local for local, _ in series.invalid}
        for occurrence in series.occurrences:
            assert numbers.setdefault(occurrence.local, occurrence.number) == occurrence.number
            if now < occurrence.at <= now + LATEST:
                made[occurrence.local] = occurrence.at
        last = now + LATEST
        now += timedelta(minutes=pause)
    wanted = takewhile(
        lambda local: local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) <= last,
        Repeat(text, parse_repeat(text).rule).occurrences(start, ZoneInfo(zone)),
    )
    assert sorted(made) == [local for local in wanted if local not in invalid]
    assert len(set(made.values())) == len(made)


RULES = st.builds(
    lambda frequency, parts: ";".join([f"FREQ={frequency}", *parts]),
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.lists(
        st.one_of(
            st.builds("INTERVAL={}".format, st.integers(1, 999)),
            st.builds("COUNT={}".format, st.integers(1, 9999)),
            st.builds("BYMONTH={}".format, st.integers(-1, 13)),
            st.builds("BYMONTHDAY={}".format, st.integers(-40, 40)),
            st.builds("BYYEARDAY={}".format, st.integers(-400, 400)),
            st.builds("BYWEEKNO={}".format, st.integers(-60, 60)),
            st.builds("BYSETPOS={}".format, st.integers(-20, 20)),
            st.builds("BYDAY={}{}".format, st.integers(-54, 54), st.sampled_from(["MO", "SU"])),
            st.builds("WKST={}".format, st.sampled_from(["MO", "SU"])),
        ),
        max_size=4,
        unique_by=lambda part: part.partition("=")[0],
    ),
)


@given(RULES, STARTS)
def test_any_rule_is_expanded_or_refused(rule: str, day: date) -> None:
    start = datetime.combine(day, time(9))
    try:
        repeat = parse_repeat(rule)
        repeat.check_start(start)
    except TimeError:
        return
    series = expand_series(repeat, start, ZoneInfo("UTC"), now=NOW, latest=NOW + LATEST)
    assert all(occurrence.local >= start for occurrence in series.occurrences)
    assert not series.is_empty


def test_number_of_posts_is_bounded(
    emulator: EmulatorServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreply_cli.bulk.resolve._MAX_SERIES_POSTS", 1_000)
    path = tmp_path / "c.csv"
    row = "facebook:acme,2025-01-01 09:00,Europe/Berlin,every day,Row\n"
    path.write_text("page,scheduled_at,timezone,repeat,message\n" + row * 4)
    resolved = RowResolver(
        load_calendar(str(path)),
        client.pages().items,
        zone=None,
        brand_zone=client.brand_zone,
        now=NOW,
        storage=StorageLimits.from_account(None),
        has_secret=lambda _: False,
        latest=NOW + LATEST,
    ).resolve()
    # 400 past days, and 150 to come.
    assert 2 * 549 <= len(resolved.posts) <= 2 * 551
    assert [(problem.line, problem.message) for problem in resolved.problems] == [
        (4, "the calendar has more than 1,000 posts; split it"),
        (5, "the calendar has more than 1,000 posts; split it"),
    ]
