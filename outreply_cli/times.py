"""Time zones, durations and local times, and their formats.

A local time that a clock change skips or repeats is rejected.
"""

import os
import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.errors import TimeError
from outreply_cli.timestamps import format_timestamp, parse_timestamp, to_utc

# The name that stands for the time zone of a page's brand.
BRAND_ZONE = "brand"
_UNITS = {
    "s": "seconds", "sec": "seconds", "second": "seconds", "seconds": "seconds",
    "m": "minutes", "min": "minutes", "minute": "minutes", "minutes": "minutes",
    "h": "hours", "hr": "hours", "hour": "hours", "hours": "hours",
    "d": "days", "day": "days", "days": "days",
    "w": "weeks", "week": "weeks", "weeks": "weeks",
}  # fmt: skip
_DURATION_PART = re.compile(r"(\d{1,6})\s*([a-z]+)\s*")
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}")
_NO_ZONES = ("right/", "localtime", "posixrules")
# Longer waits overflow in the system.
_MAX_DURATION = timedelta(days=36_525)


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA time zone `name`; raises TimeError if unknown.

    The zones below `right/`, which count leap seconds, are rejected: their times are 27 s off. So
    are system files whose zone differs by machine.
    """
    # The pattern matters: ZoneInfo opens the name as a path.
    with suppress(KeyError, ValueError, OSError):
        if _ZONE_NAME.fullmatch(name.strip()) and not name.strip().startswith(_NO_ZONES):
            return ZoneInfo(name.strip())
    raise TimeError(f"unknown time zone {name!r}", hint=f"Use {_suggest_zone(name.strip())}.")


def _suggest_zone(name: str) -> str:
    from tzlocal.windows_tz import win_tz

    if name.startswith("right/"):
        return name.removeprefix("right/")
    windows_names = {windows.lower(): iana for windows, iana in win_tz.items()}
    example = "an IANA name such as Europe/Paris, America/New_York or UTC"
    return windows_names.get(name.lower(), example)


class _UnknownZone(ZoneInfo):
    """UTC, for times that are shown; `local_time` refuses to read times in it."""

    refusal: TimeError


def machine_zone() -> ZoneInfo:
    """Return the time zone of this machine; UTC if it has no IANA name.

    If its clock is in another zone, such as with TZ=EST5EDT, times are shown in UTC, and no local
    time can be read.
    """
    import tzlocal

    try:
        zone = ZoneInfo(tzlocal.get_localzone_name() or "UTC")
    except (KeyError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    if zone.key == os.environ.get("TZ", "").removeprefix(":"):
        # Set by the user in TZ; a system without a time zone database takes it for UTC.
        return zone
    now = datetime.now(UTC)
    # Posts are scheduled up to 75 days ahead.
    for when in (now, now + timedelta(days=75)):
        local = when.astimezone()
        if local.utcoffset() != when.astimezone(zone).utcoffset():
            unknown = _UnknownZone("UTC")
            unknown.refusal = TimeError(
                f"the time zone of this machine is unknown: its clock shows {local:%H:%M %Z}, "
                f"which is not {zone.key}",
                hint="Set OUTREPLY_TIMEZONE to an IANA name such as America/New_York.",
            )
            return unknown
    return zone


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as `90s`, `2h`, `1h30m` or `3 days`.

    Raises:
        TimeError: The duration is invalid, or longer than a century.
    """
    duration = text.strip().lower()
    amounts: dict[str, int] = {}
    position = 0
    while position < len(duration):
        part = _DURATION_PART.match(duration, position)
        unit = _UNITS.get(part[2]) if part else None
        if part is None or unit is None or unit in amounts:
            break
        amounts[unit] = int(part[1])
        position = part.end()
    if not amounts or position < len(duration):
        raise TimeError(
            f"invalid duration {text!r}", hint="Accepted formats: 30s, 15m, 2h, 1h30m, 3d, 1w"
        )
    span = timedelta(**amounts)
    if span > _MAX_DURATION:
        raise TimeError(f"{text!r} is longer than a century", hint="Use a shorter duration.")
    return span


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the start of `day` in `zone`, even if a clock change skips midnight.

    Raises:
        TimeError: Some time zone cannot represent it.
    """
    return to_utc_time(datetime.combine(day, time(0), tzinfo=zone), day)


def local_time(day: date, time_of_day: time, zone: ZoneInfo) -> datetime:
    """Return the UTC time of a local time.

    Raises:
        TimeError: A clock change skips or repeats the local time; `details` has both readings.
    """
    if isinstance(zone, _UnknownZone):
        raise zone.refusal
    local = datetime.combine(day, time_of_day, zone)
    first, second = (to_utc_time(local.replace(fold=fold), local) for fold in (0, 1))
    if first == second:
        return first
    readings = sorted((first, second))
    either = " or ".join(reading.astimezone(zone).isoformat() for reading in readings)
    kind, change = ("ambiguous", "back") if first < second else ("nonexistent", "forward")
    raise TimeError(
        f"{kind} time {local:%Y-%m-%d %H:%M}: clocks in {zone.key} go {change}; use {either}",
        details={"readings": [format_timestamp(reading) for reading in readings]},
    )


def to_utc_time(when: datetime, text: object) -> datetime:
    """Convert to UTC; raises TimeError that shows `text` if out of range."""
    try:
        return to_utc(when)
    except ValueError:
        raise TimeError(f"'{text}' is out of range") from None


def format_time(when: datetime, zone: ZoneInfo) -> str:
    """Format in local time and UTC: `Thu 24 Dec 2026 18:00 CET (17:00 UTC)`."""
    local, utc = when.astimezone(zone), when.astimezone(UTC)
    seconds = ":%S" if utc.second else ""
    text = f"{local:%a %d %b %Y %H:%M{seconds} %Z}"
    if local.tzname() in {"UTC", "GMT"}:
        return text
    day = "" if local.date() == utc.date() else "%d %b "
    return f"{text} ({utc:{day}%H:%M{seconds} UTC})"


def format_api_time(value: Any, zone: ZoneInfo) -> str:
    """Format a timestamp of the API as `format_time` does; an invalid one is returned as is."""
    try:
        return format_time(parse_timestamp(value), zone)
    except ValueError:
        return str(value)


def format_time_short(when: datetime, zone: ZoneInfo) -> str:
    """Format in local time and UTC, without the year: `Thu 24 Dec 18:00 (17:00Z)`."""
    local, utc = when.astimezone(zone), when.astimezone(UTC)
    utc_format = "%H:%MZ" if local.date() == utc.date() else "%a %H:%MZ"
    return f"{local:%a %d %b %H:%M} ({utc:{utc_format}})"


def format_duration(duration: timedelta) -> str:
    """Format in the two largest units: `2d 3h`, `15m`, `8s`."""
    seconds = round(abs(duration.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts[:2]) or "0s"
