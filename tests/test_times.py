"""Parsing and formatting of times, durations and time zones."""

import sys
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzlocal
from hypothesis import given, strategies as st

from outreply_cli.errors import TimeError
from outreply_cli.time_parser import parse_time
from outreply_cli.times import (
    day_start,
    format_api_time,
    format_duration,
    format_time,
    format_time_short,
    local_time,
    machine_zone,
    parse_duration,
    parse_zone,
    to_utc_time,
)
from outreply_cli.timestamps import format_timestamp, parse_timestamp, to_utc

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday, 13:00 in Paris
ZONES = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "UTC",
]


@given(
    naive=st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)),
    zone=st.sampled_from(ZONES),
)
def test_local_time_requires_one_reading(naive: datetime, zone: str) -> None:
    naive = naive.replace(microsecond=0)
    tz = ZoneInfo(zone)
    # Independently: all UTC times within a day whose local time is this one.
    offsets = {
        (naive.replace(tzinfo=UTC) + timedelta(hours=h)).astimezone(tz).utcoffset()
        for h in range(-26, 27)
    }
    readings = {
        utc
        for offset in offsets
        if offset is not None
        for utc in [(naive - offset).replace(tzinfo=UTC)]
        if utc.astimezone(tz).replace(tzinfo=None, fold=0) == naive
    }
    if len(readings) == 1:
        assert local_time(naive.date(), naive.time(), tz) in readings
    else:
        with pytest.raises(TimeError, match="ambiguous" if readings else "nonexistent"):
            local_time(naive.date(), naive.time(), tz)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_timestamp_roundtrip(when: datetime) -> None:
    whole = when.replace(microsecond=0)
    assert parse_timestamp(format_timestamp(whole)) == whole
    assert parse_time(format_timestamp(whole), now=NOW, zone=PARIS) == whole


def test_format_time_shows_local_time_and_utc() -> None:
    when = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
    assert format_time(when, PARIS) == "Thu 24 Dec 2026 18:00 CET (17:00 UTC)"
    assert format_time(when, ZoneInfo("UTC")) == "Thu 24 Dec 2026 17:00 UTC"
    late = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
    assert format_time(late, PARIS) == "Fri 25 Dec 2026 00:30 CET (24 Dec 23:30 UTC)"


def test_durations_are_converted_and_unknown_zones_rejected() -> None:
    assert parse_duration("1h30m") == timedelta(minutes=90)
    assert format_duration(timedelta(days=2, hours=3, minutes=4)) == "2d 3h"
    assert format_duration(timedelta(0)) == "0s"
    for bad in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(TimeError, match="unknown time zone"):
            parse_zone(bad)


def test_day_without_midnight_starts_at_its_first_moment() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    assert format_timestamp(day_start(date(2026, 11, 24), PARIS)) == "2026-11-23T23:00:00Z"
    assert format_timestamp(day_start(date(2026, 3, 29), beirut)) == "2026-03-28T22:00:00Z"


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", None, 7, "soon"]
)
def test_parse_timestamp_raises_value_error_for_invalid_input(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the documented type
        parse_timestamp(text)


def test_parse_zone_rejects_paths() -> None:
    for name in ("a/" * 500 + "b", "../UTC", "/etc/localtime", "UTC\0", "Europe"):
        with pytest.raises(TimeError):
            parse_zone(name)
    assert parse_zone("America/Argentina/Ushuaia").key == "America/Argentina/Ushuaia"


def test_parse_duration_accepts_at_most_a_century() -> None:
    assert parse_duration("36525d") == timedelta(days=36_525)
    with pytest.raises(TimeError, match="longer than a century"):
        parse_duration("36525d 1s")


@pytest.mark.usefixtures("machine_in_tokyo")
def test_times_do_not_depend_on_the_zone_of_the_machine() -> None:
    when = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
    assert format_time(when, PARIS) == "Thu 24 Dec 2026 18:00 CET (17:00 UTC)"
    assert format_time_short(when, PARIS) == "Thu 24 Dec 18:00 (17:00Z)"
    assert format_timestamp(when) == "2026-12-24T17:00:00Z"
    assert day_start(date(2026, 12, 24), PARIS).tzinfo is UTC
    assert to_utc(when.astimezone(PARIS)).tzinfo is UTC
    assert parse_timestamp("2026-12-24T17:00:00") == when


def test_zone_whose_file_is_damaged_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "Damaged").write_text("no zone")
    zoneinfo.reset_tzpath([tmp_path])
    try:
        error = get_error(lambda: parse_zone("Damaged"))
    finally:
        zoneinfo.reset_tzpath()
    assert error.message == "unknown time zone 'Damaged'"


def get_error(call: Callable[[], object]) -> TimeError:
    with pytest.raises(TimeError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Mars/Olympus", "Use an IANA name such as Europe/Paris, America/New_York or UTC."),
        ("right/Europe/Paris", "Use Europe/Paris."),
        (" right/UTC ", "Use UTC."),
        ("localtime", "Use an IANA name such as Europe/Paris, America/New_York or UTC."),
        ("posixrules", "Use an IANA name such as Europe/Paris, America/New_York or UTC."),
        ("Romance Standard Time", "Use Europe/Paris."),
        ("romance standard time", "Use Europe/Paris."),
    ],
)
def test_unknown_zone_names_a_known_one(name: str, hint: str) -> None:
    error = get_error(lambda: parse_zone(name))
    assert (error.message, error.hint) == (f"unknown time zone {name!r}", hint)


def test_zone_may_have_spaces_around_it() -> None:
    assert parse_zone(" Europe/Paris\n") == PARIS


@pytest.mark.skipif(sys.platform == "win32", reason="Python cannot set the zone of Windows")
@pytest.mark.usefixtures("machine_in_tokyo")
@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "/etc/localtime", "Europe/Paris"])
def test_local_times_of_a_machine_in_an_unknown_zone_are_rejected(
    monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.setattr(tzlocal, "get_localzone_name", lambda: name)
    zone = machine_zone()
    # Times are shown in UTC.
    assert zone.key == "UTC"
    for text in ("2026-12-24 18:00", "tomorrow 9am", "+3d", "fri 17:30"):
        with pytest.raises(TimeError, match="time zone of this machine is unknown"):
            parse_time(text, now=NOW, zone=zone)
    assert parse_time("2026-12-24T18:00+01:00", now=NOW, zone=zone)
    assert parse_time("in 2h", now=NOW, zone=zone)
    error = get_error(lambda: local_time(NOW.date(), time(9), zone))
    assert error.message.startswith("the time zone of this machine is unknown: its clock shows ")
    assert error.hint == "Set OUTREPLY_TIMEZONE to an IANA name such as America/New_York."


@pytest.mark.skipif(sys.platform == "win32", reason="Python cannot set the zone of Windows")
@pytest.mark.usefixtures("machine_in_tokyo")
def test_machine_zone_has_an_iana_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tzlocal, "get_localzone_name", lambda: "Asia/Tokyo")
    assert machine_zone().key == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)), ("15 min", timedelta(minutes=15)),
        ("2 hours", timedelta(hours=2)), ("3 days", timedelta(days=3)), ("1w", timedelta(weeks=1)),
        (" 1W 2D 3H 4M 5S ", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        ("999999s", timedelta(seconds=999_999)), ("0s", timedelta(0)),
    ],
)  # fmt: skip
def test_duration_is_read_in_any_units(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "5", "s", "1x", "1h30", "1h 2h", "1h1hour", "1.5h", "-1h"]
)
def test_invalid_duration_names_the_formats(text: str) -> None:
    error = get_error(lambda: parse_duration(text))
    assert error.message == f"invalid duration {text!r}"
    assert error.hint == "Accepted formats: 30s, 15m, 2h, 1h30m, 3d, 1w"


@pytest.mark.parametrize("text", ["36525d 1s", "999999w", "999999w 999999d"])
def test_duration_of_more_than_a_century_is_rejected(text: str) -> None:
    error = get_error(lambda: parse_duration(text))
    assert error.message == f"{text!r} is longer than a century"
    assert error.hint == "Use a shorter duration."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.4, "0s"), (0.6, "1s"), (59, "59s"), (60, "1m"), (61, "1m 1s"),
        (3_600, "1h"), (3_661, "1h 1m"), (3_601, "1h 1s"), (86_400, "1d"), (86_460, "1d 1m"),
        (90_061, "1d 1h"), (-90, "1m 30s"),
    ],
)  # fmt: skip
def test_duration_is_shown_in_at_most_two_units(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("day", "at", "message", "either", "readings"),
    [
        (date(2026, 10, 25), time(2, 30),
         "ambiguous time 2026-10-25 02:30: clocks in Europe/Paris go back; use",
         "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
         ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
        (date(2026, 3, 29), time(2, 30),
         "nonexistent time 2026-03-29 02:30: clocks in Europe/Paris go forward; use",
         "2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00",
         ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]),
    ],
)  # fmt: skip
def test_local_time_with_no_or_two_readings_names_both(
    day: date, at: time, message: str, either: str, readings: list[str]
) -> None:
    error = get_error(lambda: local_time(day, at, PARIS))
    assert error.message == f"{message} {either}"
    assert error.details == {"readings": readings}


def test_local_time_out_of_range_is_rejected() -> None:
    error = get_error(lambda: local_time(date.max, time(12), PARIS))
    assert error.message == "'9999-12-31 12:00:00+01:00' is out of range"


def test_utc_time_out_of_range_is_rejected() -> None:
    error = get_error(lambda: to_utc_time(datetime.max.replace(tzinfo=UTC), "the text"))
    assert error.message == "'the text' is out of range"


def test_format_time_shows_seconds_that_are_not_zero() -> None:
    when = datetime(2026, 12, 24, 17, 0, 5, tzinfo=UTC)
    assert format_time(when, PARIS) == "Thu 24 Dec 2026 18:00:05 CET (17:00:05 UTC)"
    late = datetime(2026, 12, 24, 23, 30, 5, tzinfo=UTC)
    assert format_time(late, PARIS) == "Fri 25 Dec 2026 00:30:05 CET (24 Dec 23:30:05 UTC)"
    assert format_time(when, ZoneInfo("Etc/GMT")) == "Thu 24 Dec 2026 17:00:05 GMT"


def test_format_time_short_has_the_weekday_of_another_utc_day() -> None:
    when = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
    assert format_time_short(when, PARIS) == "Thu 24 Dec 18:00 (17:00Z)"
    late = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
    assert format_time_short(late, PARIS) == "Fri 25 Dec 00:30 (Thu 23:30Z)"


def test_format_api_time_returns_an_invalid_time_as_it_is() -> None:
    assert format_api_time("2026-12-24T17:00:00Z", PARIS) == (
        "Thu 24 Dec 2026 18:00 CET (17:00 UTC)"
    )
    assert format_api_time("soon", PARIS) == "soon"
    assert format_api_time(None, PARIS) == "None"


def test_timestamp_without_an_offset_is_in_utc() -> None:
    assert parse_timestamp("2026-12-24T17:00:00.250") == datetime(
        2026, 12, 24, 17, 0, 0, 250_000, UTC
    )
    parsed = parse_timestamp("2026-12-24T18:00:00+01:00")
    assert (parsed, parsed.tzinfo) == (datetime(2026, 12, 24, 17, tzinfo=UTC), UTC)


def test_timestamp_that_is_not_text_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"\Anot a string\Z"):
        parse_timestamp(1_750_000_000)


def test_times_a_day_from_the_ends_of_the_calendar_are_in_range() -> None:
    first = datetime(1, 1, 2, tzinfo=UTC)
    last = datetime(9999, 12, 30, 23, 59, 59, 999_999, UTC)
    assert (to_utc(first), to_utc(last)) == (first, last)
    microsecond = timedelta(microseconds=1)
    before_all = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    for outside in (first - microsecond, last + microsecond, before_all):
        with pytest.raises(ValueError, match=r"\Aout of range\Z"):
            to_utc(outside)


def test_format_timestamp_is_in_utc_without_fractions() -> None:
    when = datetime(2026, 12, 24, 18, 0, 5, 999_999, PARIS)
    assert format_timestamp(when) == "2026-12-24T17:00:05Z"
