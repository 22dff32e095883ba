"""Parsing and formatting of times, durations and time zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from outreply_cli.errors import TimeError
from outreply_cli.times import (
    day_start,
    format_duration,
    format_time,
    local_time,
    parse_day,
    parse_duration,
    parse_past_time,
    parse_time,
    parse_zone,
)
from outreply_cli.timestamps import format_timestamp, parse_timestamp

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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-24 18:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24T18:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24T18:00:30-05:00", "2026-12-24T23:00:30Z"),
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24T18:00:00.250Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24 6pm", "2026-12-24T17:00:00Z"),
        ("2026-12-24 at 18:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24 18:00 UTC", "2026-12-24T18:00:00Z"),
        ("2026-12-24 18:00 +05:45", "2026-12-24T12:15:00Z"),
        ("2026-12-4 9:05", "2026-12-04T08:05:00Z"),
        ("in 2h", "2026-11-23T14:00:00Z"),
        ("in 1h30m", "2026-11-23T13:30:00Z"),
        ("in 90 minutes", "2026-11-23T13:30:00Z"),
        ("+3d", "2026-11-26T12:00:00Z"),
        ("+1w", "2026-11-30T12:00:00Z"),
        ("tomorrow 09:00", "2026-11-24T08:00:00Z"),
        ("Tomorrow at 9am", "2026-11-24T08:00:00Z"),
        ("today 17:30", "2026-11-23T16:30:00Z"),
        ("fri 17:30", "2026-11-27T16:30:00Z"),
        ("Friday 17:30", "2026-11-27T16:30:00Z"),
        ("wednesday 12am", "2026-11-24T23:00:00Z"),
        ("mon 12:00", "2026-11-30T11:00:00Z"),
        ("mon 14:00", "2026-11-23T13:00:00Z"),
        ("24 Dec 2026 18:00", "2026-12-24T17:00:00Z"),
        ("December 24, 2026 6pm", "2026-12-24T17:00:00Z"),
        ("24 Dec 2026 18:00 UTC", "2026-12-24T18:00:00Z"),
    ],
)
def test_parse_time(text: str, expected: str) -> None:
    assert format_timestamp(parse_time(text, now=NOW, zone=PARIS)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("2026-12-24", "no time"),
        ("20261224", "no time"),
        ("24 Dec 2026", "no time"),
        ("24/12/2026 18:00", "unsupported date format"),
        ("2026/12/24 18:00", "unsupported date format"),
        ("31/02/2026 18:00", "no such date in"),
        ("03.04.2026 18:00", "ambiguous date"),
        ("2027-02-29 10:00", "no such date: '2027-02-29'"),
        ("2026-13-01 10:00", "no such date: '2026-13-01'"),
        ("0000-01-01 10:00", "no such date: '0000-01-01'"),
        ("2027-02-29", "no such date: '2027-02-29'"),
        ("2026-1-1", "no time"),
        ("2026-12-31 24:00", "invalid time of day '24:00' in '2026-12-31 24:00'"),
        ("2026-12-31 23:59:60", "invalid time of day"),
        ("2026-12-31 10:00 CET", "invalid time of day"),
        ("18:00", "'18:00' has no day"),
        ("9am", "'9am' has no day"),
        ("whenever", "invalid time '"),
        ("tomorrow", "'tomorrow' has no time of day"),
        ("Friday", "'Friday' has no time of day"),
        ("next mon", "'next mon' has no time of day"),
        ("tomorrow 25:00", "invalid time of day"),
        ("tomorrow 9", "invalid time of day"),
        ("fri 13pm", "invalid time of day"),
        ("in two hours", "invalid duration"),
        ("in 2h 2h", "invalid duration"),
        ("in 999999w", "century"),
        ("9999-12-31T23:59:00-10:00", "out of range"),
        ("24 Dec 2026 18:00 XYZ", "invalid time '"),
    ],
)
def test_parse_time_errors(text: str, message: str) -> None:
    with pytest.raises(TimeError) as error:
        parse_time(text, now=NOW, zone=PARIS)
    assert message in error.value.message


def test_parse_past_time_error_shows_past_formats() -> None:
    for text in ("xx", "", "24 foo"):
        with pytest.raises(TimeError) as error:
            parse_past_time(text, now=NOW, zone=PARIS)
        assert "2h ago" in str(error.value.hint)


def test_repeated_local_time() -> None:
    with pytest.raises(
        TimeError, match="ambiguous time 2026-10-25 02:30: clocks in Europe/Paris go back"
    ) as error:
        parse_time("2026-10-25 02:30", now=NOW, zone=PARIS)
    assert "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00" in error.value.message
    assert error.value.details["readings"] == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


def test_skipped_local_time() -> None:
    with pytest.raises(
        TimeError, match="nonexistent time 2026-03-08 02:30: clocks in America/New_York go forward"
    ) as error:
        parse_time("2026-03-08 02:30", now=NOW, zone=ZoneInfo("America/New_York"))
    assert "2026-03-08T01:30:00-05:00 or 2026-03-08T03:30:00-04:00" in error.value.message


def test_relative_times_over_clock_change() -> None:
    before = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)  # noon in Paris, the day before the change
    assert format_timestamp(parse_time("+1d", now=before, zone=PARIS)) == "2026-10-25T11:00:00Z"
    assert format_timestamp(parse_time("in 24h", now=before, zone=PARIS)) == "2026-10-25T10:00:00Z"
    assert format_timestamp(parse_time("in 25h", now=before, zone=PARIS)) == "2026-10-25T11:00:00Z"


@given(
    naive=st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001
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


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_timestamp_roundtrip(when: datetime) -> None:
    whole = when.replace(microsecond=0)
    assert parse_timestamp(format_timestamp(whole)) == whole
    assert parse_time(format_timestamp(whole), now=NOW, zone=PARIS) == whole


@given(st.text(max_size=40))
def test_parse_time_any_text(text: str) -> None:
    try:
        when = parse_time(text, now=NOW, zone=PARIS)
    except TimeError as error:
        assert error.message  # noqa: PT017
    else:
        assert when.utcoffset() == timedelta(0)


def test_parse_past_time() -> None:
    assert format_timestamp(parse_past_time("2h", now=NOW, zone=PARIS)) == "2026-11-23T10:00:00Z"
    assert (
        format_timestamp(parse_past_time("3 days ago", now=NOW, zone=PARIS))
        == "2026-11-20T12:00:00Z"
    )
    assert (
        format_timestamp(parse_past_time("2026-11-01", now=NOW, zone=PARIS))
        == "2026-10-31T23:00:00Z"
    )
    assert (
        format_timestamp(parse_past_time("yesterday", now=NOW, zone=PARIS))
        == "2026-11-21T23:00:00Z"
    )


def test_format_time() -> None:
    when = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
    assert format_time(when, PARIS) == "Thu 24 Dec 2026 18:00 CET (17:00 UTC)"
    assert format_time(when, ZoneInfo("UTC")) == "Thu 24 Dec 2026 17:00 UTC"
    late = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
    assert format_time(late, PARIS) == "Fri 25 Dec 2026 00:30 CET (24 Dec 23:30 UTC)"


def test_durations_and_zones() -> None:
    assert parse_duration("1h30m") == timedelta(minutes=90)
    assert format_duration(timedelta(days=2, hours=3, minutes=4)) == "2d 3h"
    assert format_duration(timedelta(0)) == "0s"
    for bad in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(TimeError, match="unknown time zone"):
            parse_zone(bad)


def test_parse_day() -> None:
    for text, day in (
        ("2026-12-24", date(2026, 12, 24)),
        ("2026-12", date(2026, 12, 1)),
        ("tomorrow", date(2026, 11, 24)),
        ("+1w", date(2026, 11, 30)),
        ("-7d", date(2026, 11, 16)),
    ):
        assert parse_day(text, now=NOW, zone=PARIS) == day
    for bad in ("", "soon", "2026-13", "+", "+99999999w", "24/12/2026"):
        with pytest.raises(TimeError, match="invalid day"):
            parse_day(bad, now=NOW, zone=PARIS)


def test_day_start_without_midnight() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    assert format_timestamp(day_start(date(2026, 11, 24), PARIS)) == "2026-11-23T23:00:00Z"
    assert format_timestamp(day_start(date(2026, 3, 29), beirut)) == "2026-03-28T22:00:00Z"


@pytest.mark.parametrize("text", ["0001-01-01T00:00Z", "9999-12-31T23:59Z", "24Dec2026 18+9999"])
def test_parse_time_at_calendar_end(text: str) -> None:
    with pytest.raises(TimeError):
        parse_time(text, now=NOW, zone=PARIS)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", None, 7, "soon"]
)
def test_parse_timestamp_errors(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the documented type
        parse_timestamp(text)


def test_parse_time_huge_number() -> None:
    with pytest.raises(TimeError):
        parse_time("618:" + "9" * 30, now=NOW, zone=PARIS)


def test_parse_zone_rejects_paths() -> None:
    for name in ("a/" * 500 + "b", "../UTC", "/etc/localtime", "UTC\0", "Europe"):
        with pytest.raises(TimeError):
            parse_zone(name)
    assert parse_zone("America/Argentina/Ushuaia").key == "America/Argentina/Ushuaia"


def test_parse_duration_limit() -> None:
    assert parse_duration("36525d") == timedelta(days=36_525)
    with pytest.raises(TimeError, match="longer than a century"):
        parse_duration("36525d 1s")


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_parse_day_at_calendar_end(text: str) -> None:
    with pytest.raises(TimeError, match="invalid day"):
        parse_day(text, now=NOW, zone=PARIS)
