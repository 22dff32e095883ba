"""Times, zones and durations: what is taken is one instant that everything can show."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from outreply_cli.commands.posts.calendar_period import month_weeks, week_days
from outreply_cli.errors import TimeError
from outreply_cli.times import (
    day_start,
    format_duration,
    format_time,
    format_time_short,
    parse_day,
    parse_duration,
    parse_past_time,
    parse_time,
    parse_zone,
)
from outreply_cli.timestamps import format_timestamp, parse_timestamp
from tests.fuzzing.target import Taken, Target, as_argument, declared

_NOW = datetime(2026, 11, 24, 12, 0, 0, 123, tzinfo=UTC)
# Far east and west, half hours, changes at midnight, a day that never was, and changes by 30 min.
_ZONES = tuple(
    ZoneInfo(name)
    for name in (
        "UTC", "Europe/Paris", "America/New_York", "Pacific/Apia", "Pacific/Pago_Pago",
        "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "Africa/Casablanca",
        "Pacific/Kiritimati",
    )
)  # fmt: skip


def _check_time(data: bytes) -> None:
    taken = Taken(data)
    zone = _ZONES[taken.number(len(_ZONES))]
    read = (parse_time, parse_past_time)[taken.number(2)]
    text = as_argument(taken.rest())
    with declared(TimeError):
        instant = read(text, now=_NOW, zone=zone)
    assert instant.tzinfo is UTC
    assert not instant.microsecond
    assert parse_timestamp(format_timestamp(instant)) == instant
    assert parse_time(format_timestamp(instant), now=_NOW, zone=zone) == instant
    assert parse_time(instant.astimezone(zone).isoformat(), now=_NOW, zone=zone) == instant
    for other in _ZONES:
        assert format_time(instant, other).isprintable()
        assert format_time_short(instant, other)
    _check_wall_clock(instant, zone)


def _check_wall_clock(instant: datetime, zone: ZoneInfo) -> None:
    # What a clock on the wall shows is that instant again, or is said to be two.
    wall = instant.astimezone(zone).replace(tzinfo=None)
    near = (instant + timedelta(minutes=minutes) for minutes in range(-180, 181, 30))
    meant = {one for one in near if one.astimezone(zone).replace(tzinfo=None) == wall}
    try:
        assert {parse_time(wall.isoformat(), now=_NOW, zone=zone)} == meant
    except TimeError as refused:
        assert {parse_timestamp(one) for one in refused.details["readings"]} == meant
        assert len(meant) == 2


def _check_day(data: bytes) -> None:
    taken = Taken(data)
    zone = _ZONES[taken.number(len(_ZONES))]
    text = as_argument(taken.rest())
    with declared(TimeError):
        day = parse_day(text, now=_NOW, zone=zone)
    assert parse_day(day.isoformat(), now=_NOW, zone=zone) == day
    begin = day_start(day, zone)
    assert begin.tzinfo is UTC
    assert week_days(day)[0] <= day <= month_weeks(day)[-1][-1]
    assert (
        begin.astimezone(zone).date()
        >= day
        > (begin - timedelta(seconds=1)).astimezone(zone).date()
    )
    assert format_time(begin, zone)


def _check_zone(data: bytes) -> None:
    with declared(TimeError):
        zone = parse_zone(as_argument(data))
    assert parse_zone(zone.key).key == zone.key
    assert format_time(_NOW, zone).isprintable()


def _check_duration(data: bytes) -> None:
    text = as_argument(data)
    with declared(TimeError):
        span = parse_duration(text)
    assert timedelta(0) <= span
    # The longest wait that every clock and every lock of the machine takes.
    assert span.total_seconds() < 2**63 / 10**9
    shown = format_duration(span)
    assert parse_duration(shown) <= span or shown == "0s"


def _check_api_time(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with declared(ValueError):
        instant = parse_timestamp(text)
    assert parse_timestamp(instant.isoformat()) == instant
    assert instant - parse_timestamp(format_timestamp(instant)) < timedelta(seconds=1)
    for zone in _ZONES:
        assert format_time(instant, zone)
        assert format_time_short(instant, zone)


_TIMES = (
    b"2026-12-24T18:00+01:00", b"2026-12-24 18:00", b"in 2h", b"+3d", b"tomorrow 09:00",
    b"next fri at 5:30pm", b"Dec 24 2026 18:00 UTC", b"24 December 2026 6pm", b"2026-W52-4T10:00",
    b"20261224T180000Z", b"2026-03-29 02:30", b"2026-10-25 02:30", b"2011-12-30 12:00", b"2h ago",
    b"yesterday", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59Z", b"Thu, 24 Dec 2026 18:00 +0100",
    b"2018-11-04 00:30", b"2026-12-24T24:00", b"2026-12-24T18:00:00,123456+14:00",
)  # fmt: skip
_WORDS = (
    b"today ", b"tomorrow ", b"mon ", b"saturday ", b"noon", b"midnight", b" am", b"pm", b" UTC",
    b"Z", b"+14:00", b"-12:00", b"+23:59", b"+00:00:30", b"EST", b"Jan ", b"th ", b"AD", b" of ",
    b"9999", b"0001", b"999999w", b"h", b"m", b"s", b"w", b"24:00", b"23:59:60", b"W01", b"-366",
    b"2026-12-24", b"00:00", b"1970",
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
