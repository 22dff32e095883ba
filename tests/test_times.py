"""Parsing and formatting of times, durations and time zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from outreply_cli.errors import TimeError
from outreply_cli.time_parser import parse_time
from outreply_cli.times import (
    day_start,
    format_duration,
    format_time,
    local_time,
    parse_duration,
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


def test_day_start_without_midnight() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    assert format_timestamp(day_start(date(2026, 11, 24), PARIS)) == "2026-11-23T23:00:00Z"
    assert format_timestamp(day_start(date(2026, 3, 29), beirut)) == "2026-03-28T22:00:00Z"


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", None, 7, "soon"]
)
def test_parse_timestamp_errors(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the documented type
        parse_timestamp(text)


def test_parse_zone_rejects_paths() -> None:
    for name in ("a/" * 500 + "b", "../UTC", "/etc/localtime", "UTC\0", "Europe"):
        with pytest.raises(TimeError):
            parse_zone(name)
    assert parse_zone("America/Argentina/Ushuaia").key == "America/Argentina/Ushuaia"


def test_parse_duration_limit() -> None:
    assert parse_duration("36525d") == timedelta(days=36_525)
    with pytest.raises(TimeError, match="longer than a century"):
        parse_duration("36525d 1s")
