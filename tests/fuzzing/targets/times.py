"""Times, zones and durations: parsing is unambiguous and results can be formatted."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from outreply_cli.commands.posts.calendar_period import Period
from outreply_cli.errors import TimeError
from outreply_cli.time_parser import parse_day, parse_past_time, parse_time
from outreply_cli.times import (
    day_start,
    format_duration,
    format_time,
    format_time_short,
    parse_duration,
    parse_zone,
)
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from tests.fuzzing.target import InputReader, Target, as_argument, expect_errors

_NOW = datetime(2026, 11, 24, 12, 0, 0, 123, tzinfo=UTC)
# Extreme and half-hour offsets, changes at midnight, a skipped day, 30-minute changes.
_ZONES = tuple(
    ZoneInfo(name)
    for name in (
        "UTC", "Europe/Paris", "America/New_York", "Pacific/Apia", "Pacific/Pago_Pago",
        "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "Africa/Casablanca",
        "Pacific/Kiritimati",
    )
)  # fmt: skip


def _check_time(data: bytes) -> None:
    reader = InputReader(data)
    zone = _ZONES[reader.number(len(_ZONES))]
    parse = (parse_time, parse_past_time)[reader.number(2)]
    text = as_argument(reader.rest())
    with expect_errors(TimeError):
        when = parse(text, now=_NOW, zone=zone)
    assert when.tzinfo is UTC
    if parse is parse_past_time:
        # Fractions of a second are kept.
        when = when.replace(microsecond=0)
    assert not when.microsecond
    assert parse_timestamp(format_timestamp(when)) == when
    assert parse_time(format_timestamp(when), now=_NOW, zone=zone) == when
    # Earlier offsets, which no zone has today, are rejected.
    if when.year > 1990:
        assert parse_time(when.astimezone(zone).isoformat(), now=_NOW, zone=zone) == when
    for other in _ZONES:
        assert format_time(when, other).isprintable()
        assert format_time_short(when, other)
    _check_wall_clock(when, zone)


def _check_wall_clock(when: datetime, zone: ZoneInfo) -> None:
    # The local time is either that time again, or reported as ambiguous.
    wall = when.astimezone(zone).replace(tzinfo=None)
    candidates = (when + timedelta(minutes=minutes) for minutes in range(-180, 181, 30))
    readings = {at for at in candidates if at.astimezone(zone).replace(tzinfo=None) == wall}
    try:
        assert {parse_time(wall.isoformat(), now=_NOW, zone=zone)} == readings
    except TimeError as error:
        assert {parse_timestamp(reading) for reading in error.details["readings"]} == readings
        assert len(readings) == 2


def _check_day(data: bytes) -> None:
    reader = InputReader(data)
    zone = _ZONES[reader.number(len(_ZONES))]
    text = as_argument(reader.rest())
    with expect_errors(TimeError):
        day = parse_day(text, now=_NOW, zone=zone)
    assert parse_day(day.isoformat(), now=_NOW, zone=zone) == day
    start = day_start(day, zone)
    assert start.tzinfo is UTC
    for whole_month in (False, True):
        period = Period.containing(day, today=day, whole_month=whole_month)
        assert period.first <= day < period.after
    assert (
        start.astimezone(zone).date()
        >= day
        > (start - timedelta(seconds=1)).astimezone(zone).date()
    )
    assert format_time(start, zone)


def _check_zone(data: bytes) -> None:
    with expect_errors(TimeError):
        zone = parse_zone(as_argument(data))
    assert parse_zone(zone.key).key == zone.key
    assert format_time(_NOW, zone).isprintable()


def _check_duration(data: bytes) -> None:
    text = as_argument(data)
    with expect_errors(TimeError):
        duration = parse_duration(text)
    assert timedelta(0) <= duration
    # The longest timeout that clocks and locks accept.
    assert duration.total_seconds() < 2**63 / 10**9
    text_again = format_duration(duration)
    assert parse_duration(text_again) <= duration or text_again == "0s"


def _check_api_time(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with expect_errors(ValueError):
        when = parse_timestamp(text)
    assert parse_timestamp(when.isoformat()) == when
    assert when - parse_timestamp(format_timestamp(when)) < timedelta(seconds=1)
    for zone in _ZONES:
        assert format_time(when, zone)
        assert format_time_short(when, zone)


_TIMES = (
    b"2026-12-24T18:00+01:00", b"2026-12-24 18:00", b"in 2h", b"+3d", b"tomorrow 09:00",
    b"next fri at 5:30pm", b"Dec 24 2026 18:00 UTC", b"24 December 2026 6pm", b"2026-W52-4T10:00",
    b"20261224T180000Z", b"2026-03-29 02:30", b"2026-10-25 02:30", b"2011-12-30 12:00", b"2h ago",
    b"yesterday", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59Z", b"Thu, 24 Dec 2026 18:00 +0100",
    b"2018-11-04 00:30", b"2026-12-24T24:00", b"2026-12-24T18:00:00,123456+14:00",
    b"Thu Dec 24 2026 18:00:00 GMT+0100 (CET)", b"Thu 24 Dec 2026 18:00 CET (17:00 UTC)",
    b"Fri 25 Dec 00:30 (Thu 23:30Z)", b"24. Dezember 2026 um 18 Uhr", b"So, 27.12.2026 18:00",
    b"jeudi 24 d\xc3\xa9cembre 2026 \xc3\xa0 18h00", b"2026/12/24 6 pm",
    b"24 de dez. de 2026 18:00",
    b"2026-12-24T18:00+01:00[Europe/Paris]", b"Thu Dec 24 18:00:00 UTC 2026", b"Dec 25 9am",
    b"17:30", b"25/12/2026, 6:00:00\xe2\x80\xafPM", b"2026-12-24 18:00 EST",
)  # fmt: skip
_WORDS = (
    b"today ", b"tomorrow ", b"mon ", b"saturday ", b"noon", b"midnight", b" am", b"pm", b" UTC",
    b"Z", b"+14:00", b"-12:00", b"+23:59", b"+00:00:30", b"EST", b"Jan ", b"th ", b"AD", b" of ",
    b"9999", b"0001", b"999999w", b"h", b"m", b"s", b"w", b"24:00", b"23:59:60", b"W01", b"-366",
    b"2026-12-24", b"00:00", b"1970", b"GMT+", b"(UTC)", b"[UTC]", b"(", b")", b"Uhr", b"next ",
    b"mar", b"do", b"Europe/Paris", b" de ", b"1er ", b"\xe2\x80\x8e", b".", b"/",
)  # fmt: skip
TARGETS = (
    Target(
        "times", _check_time,
        [bytes([zone, past]) + text for text in _TIMES for zone in (0, 1, 3) for past in (0, 1)],
        _WORDS,
    ),
    Target(
        "days", _check_day,
        [bytes([zone]) + text for zone in range(len(_ZONES)) for text in
         (b"2026-12-24", b"2026-12", b"today", b"+7d", b"-2w", b"2011-12-30", b"2018-11-04",
          b"0001-01-01", b"9999-12-31")],
        _WORDS,
    ),
    Target(
        "zones", _check_zone,
        [b"Europe/Paris", b"UTC", b"Etc/GMT+12", b"America/Argentina/Ushuaia", b"../../etc/passwd",
         b"posixrules", b"zone.tab", b"Europe", b"/usr/share/zoneinfo/UTC", b"tzdata.zi"],
        [b"/", b"..", b"Europe/", b"right/", b"posix/", b"localtime", b"a" * 300],
    ),
    Target(
        "durations", _check_duration,
        [b"90s", b"1h30m", b"3 days", b"2w 3d 4h 5m 6s", b"0s", b"999999w", b"1 hr 2 min"], _WORDS,
    ),
    Target(
        "api-times", _check_api_time,
        [b"2026-12-24T17:00:00.000Z", b"2026-12-24T17:00:00+05:30", b"2026-12-24",
         b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59.999Z", b"2026-12-24 17:00"], _WORDS,
    ),
)  # fmt: skip
