"""Parsing and formatting of times, durations and time zones.

Parsed times are aware, in UTC and without microseconds. A local time that a clock change skips or
repeats is rejected.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.errors import TimeError
from outreply_cli.timestamps import format_timestamp, parse_timestamp, to_utc

_UNITS = {
    "s": "seconds", "sec": "seconds", "second": "seconds", "seconds": "seconds",
    "m": "minutes", "min": "minutes", "minute": "minutes", "minutes": "minutes",
    "h": "hours", "hr": "hours", "hour": "hours", "hours": "hours",
    "d": "days", "day": "days", "days": "days",
    "w": "weeks", "week": "weeks", "weeks": "weeks",
}  # fmt: skip
_DURATION_PART = re.compile(r"(\d{1,6})\s*([a-z]+)\s*")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = re.compile(
    r"(?:next\s+)?(mon|tue|wed|thu|fri|sat|sun)"
    r"(?:day|s|sday|nes|nesday|r|rs|rsday|ur|urday)?(?:\s+(?:at\s+)?(\S.*))?"
)
_DAY_OFFSETS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_DAY_WORD = re.compile(r"(today|tomorrow|yesterday)(?:\s+(?:at\s+)?(\S.*))?")
_TIME_OF_DAY = re.compile(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?\s*(am|pm)?")
_YEAR_FIRST = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:(?:t|\s+(?:at\s+)?)(\S.*))?")
_OFFSET = re.compile(r"(\d{2}:\d{2}(?::\d{2})?)\s*(?:([+-]\d{2}:?\d{2})|utc|gmt|z)")
_NUMERIC_DATE = re.compile(r"(?<!\d)(\d{4}|\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{1,2})(?!\d)")
_DATE_MAX_CHARACTERS = 10
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}")
# Longer waits overflow in the system.
_MAX_DURATION = timedelta(days=36_525)
_MAX_CHARACTERS = 200
_PAST_HINT = "Accepted formats: 7d, '2h ago', 2026-11-01, 'yesterday 09:00'"
_FORMATS_HINT = (
    "Accepted formats: 2026-12-24 18:00, 2026-12-24T18:00+01:00, 'tomorrow 09:00', 'fri 17:30', "
    "'in 2h', '+3d'"
)


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA time zone `name`; raises TimeError if unknown."""
    # The pattern matters: ZoneInfo opens the name as a path.
    with suppress(KeyError, ValueError, OSError):
        if _ZONE_NAME.fullmatch(name.strip()):
            return ZoneInfo(name.strip())
    raise TimeError(
        f"unknown time zone {name!r}",
        hint="Use an IANA name such as Europe/Paris, America/New_York or UTC.",
    )


def machine_zone() -> ZoneInfo:
    """Return the time zone of this machine; UTC if it has no IANA name."""
    import tzlocal

    try:
        return ZoneInfo(tzlocal.get_localzone_name() or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


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
    try:
        span = timedelta(**amounts)
    except OverflowError:
        span = timedelta.max
    if span > _MAX_DURATION:
        raise TimeError(f"{text!r} is longer than a century", hint="Use a shorter duration.")
    return span


def parse_time(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Parse a time.

    Args:
        text: ISO 8601, `in 2h`, `+3d`, `tomorrow 09:00`, `fri 17:30`, `2026-12-24 18:00`, or a
            date in words with a time. Days and weeks keep the time of day; hours are exact.
        now: Current time.
        zone: Time zone of a time without an offset.

    Raises:
        TimeError: The text is not a time, lacks the time of day, is ambiguous, or is a local time
            that a clock change skips or repeats.
    """
    # Nearly all times are ISO 8601.
    if text[:4].isdigit() and len(text) > _DATE_MAX_CHARACTERS:
        parsed = _parse_iso(text.strip(), zone)
        if parsed is not None:
            return parsed
    words = " ".join(text.split())
    lowered = words.lower()
    if not words:
        raise TimeError("the time is empty", hint=_FORMATS_HINT)
    if len(words) > _MAX_CHARACTERS:
        raise TimeError(f"invalid time: {words[:20]!r}… is too long", hint=_FORMATS_HINT)
    if lowered.startswith(("+", "in ")):
        return _add(now, lowered.removeprefix("+").removeprefix("in ").strip(), zone)
    parsed = _parse_iso(words, zone)
    if parsed is not None:
        return parsed
    today = now.astimezone(zone).date()
    if match := _DAY_WORD.fullmatch(lowered):
        day = today + timedelta(days=_DAY_OFFSETS[match[1]])
        return local_time(day, _parse_time_of_day(match[2], text), zone)
    if match := _WEEKDAY.fullmatch(lowered):
        time_of_day = _parse_time_of_day(match[2], text)
        days = (_WEEKDAYS.index(match[1]) - today.weekday()) % 7
        when = local_time(today + timedelta(days=days), time_of_day, zone)
        if when <= now:
            when = local_time(today + timedelta(days=days + 7), time_of_day, zone)
        return when
    return _parse_date_in_words(words, zone)


def parse_past_time(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Parse a time of `--since`: a duration counts back from now, a date is its start.

    Raises:
        TimeError: The time is invalid or ambiguous.
    """
    words = text.strip().lower()
    duration = words.removesuffix("ago").removeprefix("-").strip()
    if _DURATION_PART.match(duration):
        try:
            return (now - parse_duration(duration)).replace(microsecond=0)
        except TimeError:
            pass
        except OverflowError:
            raise TimeError(f"{text!r} is before the year 1") from None
    if words in {"today", "yesterday"}:
        return parse_time(f"{words} 00:00", now=now, zone=zone)
    try:
        day = date.fromisoformat(words)
    except ValueError:
        try:
            return parse_time(text, now=now, zone=zone)
        except TimeError as error:
            raise error.replace(hint=error.hint and _PAST_HINT) from None
    return local_time(day, time(0), zone)


def parse_day(text: str, *, now: datetime, zone: ZoneInfo) -> date:
    """Parse a day in `zone`: `2026-12-24`, `2026-12`, `today`, `tomorrow` or `+7d`.

    Raises:
        TimeError: The text is not a day.
    """
    today = now.astimezone(zone).date()
    try:
        day = _parse_day(text.strip().lower(), today)
    except (ValueError, OverflowError, TimeError):
        day = date.min
    # Its whole week and month must be representable.
    if date.min.year < day.year < date.max.year:
        return day
    raise TimeError(
        f"invalid day {text!r}", hint="Accepted formats: 2026-12-24, 2026-12, tomorrow, +7d, -7d"
    )


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the start of `day` in `zone`, even if a clock change skips midnight."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def local_time(day: date, time_of_day: time, zone: ZoneInfo) -> datetime:
    """Return the UTC time of a local time.

    Raises:
        TimeError: A clock change skips or repeats the local time; `details` has both readings.
    """
    local = datetime.combine(day, time_of_day.replace(microsecond=0), tzinfo=zone)
    first, second = (_to_utc(local.replace(fold=fold), local) for fold in (0, 1))
    if first == second:
        return first
    readings = sorted((first, second))
    either = " or ".join(reading.astimezone(zone).isoformat() for reading in readings)
    kind, change = ("ambiguous", "back") if first < second else ("nonexistent", "forward")
    raise TimeError(
        f"{kind} time {local:%Y-%m-%d %H:%M}: clocks in {zone.key} go {change}; use {either}",
        details={"readings": [format_timestamp(reading) for reading in readings]},
    )


def format_time(when: datetime, zone: ZoneInfo) -> str:
    """Format in local time and UTC: `Thu 24 Dec 2026 18:00 CET (17:00 UTC)`."""
    local, utc = when.astimezone(zone), when.astimezone(UTC)
    seconds = ":%S" if utc.second else ""
    text = f"{local:%a %d %b %Y %H:%M{seconds} %Z}"
    if local.utcoffset() == timedelta(0):
        return text
    is_same_day = local.date() == utc.date()
    return (
        f"{text} ({utc:%H:%M{seconds} UTC})" if is_same_day else f"{text} ({utc:%d %b %H:%M UTC})"
    )


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


def _parse_day(words: str, today: date) -> date:
    if words in _DAY_OFFSETS:
        return today + timedelta(days=_DAY_OFFSETS[words])
    if words[:1] in {"+", "-"}:
        duration = parse_duration(words[1:])
        return today + (duration if words[0] == "+" else -duration)
    return date.fromisoformat(f"{words}-01" if re.fullmatch(r"\d{4}-\d\d", words) else words)


def _add(now: datetime, text: str, zone: ZoneInfo) -> datetime:
    duration = parse_duration(text)
    try:
        if re.fullmatch(r"(?:\d+\s*[dw][a-z]*\s*)+", text):
            local = now.astimezone(zone) + timedelta(days=duration.days)
            return local_time(local.date(), local.time(), zone)
        return _to_utc(now + duration, f"in {text}")
    except OverflowError:
        raise TimeError(f"'in {text}' is after the year 9999") from None


def _parse_iso(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) <= _DATE_MAX_CHARACTERS and re.fullmatch(r"[\dW-]{7,10}", text):
        raise _no_time_of_day(text)
    if parsed.tzinfo is None:
        return local_time(parsed.date(), parsed.time(), zone)
    return _to_utc(parsed, text)


def _to_utc(when: datetime, text: object) -> datetime:
    try:
        return to_utc(when).replace(microsecond=0)
    except ValueError:
        raise TimeError(f"'{text}' is out of range") from None


def _parse_time_of_day(text: str | None, whole: str) -> time:
    if text is None:
        raise _no_time_of_day(whole.strip())
    match = _TIME_OF_DAY.fullmatch(text)
    if match and (match[2] or match[4]):
        hour, half = int(match[1]), match[4]
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        elif half:
            hour = 24
        if hour < 24 and int(match[2] or 0) < 60 and int(match[3] or 0) < 60:
            return time(hour, int(match[2] or 0), int(match[3] or 0))
    raise TimeError(
        f"invalid time of day {text!r} in {whole!r}", hint="Accepted formats: 09:00, 5pm"
    )


def _parse_year_first(day: str, time_of_day: str | None, whole: str, zone: ZoneInfo) -> datetime:
    try:
        parsed_day = date(*map(int, day.split("-")))
    except ValueError:
        raise TimeError(f"no such date: {day!r}", hint="Use a date such as 2026-12-24.") from None
    if time_of_day is None:
        raise _no_time_of_day(whole)
    if match := _OFFSET.fullmatch(time_of_day):
        parsed = _parse_iso(f"{parsed_day}T{match[1]}{match[2] or '+00:00'}", zone)
        if parsed is not None:
            return parsed
    return local_time(parsed_day, _parse_time_of_day(time_of_day, whole), zone)


def _parse_date_in_words(text: str, zone: ZoneInfo) -> datetime:
    if match := _YEAR_FIRST.fullmatch(text.lower()):
        return _parse_year_first(match[1], match[2], text, zone)
    if _TIME_OF_DAY.fullmatch(text.lower()) and not text.isdecimal():
        raise TimeError(f"{text!r} has no day", hint=f"Add the day: 'tomorrow {text}'")
    if match := _NUMERIC_DATE.search(text):
        raise _numeric_date_error(text, match)
    import warnings

    from dateutil import parser

    readings = []
    # Parsed with two defaults: parts that differ afterwards were not in the text.
    for default in (datetime(2001, 1, 1, 1), datetime(2002, 2, 2, 2)):  # noqa: DTZ001
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                readings.append(parser.parse(text, default=default))
        except (ValueError, ArithmeticError, TypeError, Warning):
            raise _invalid_time(text) from None
    first, second = readings
    if first.date() == second.date() and first.time() != second.time():
        raise _no_time_of_day(text)
    if first != second:
        raise _invalid_time(text)
    if first.tzinfo is None:
        return local_time(first.date(), first.time(), zone)
    if not re.search(r"(?:[+-]\d{2}:?\d{2}|Z|UTC|GMT)$", text):
        raise _invalid_time(text)
    return _to_utc(first, text)


def _numeric_date_error(text: str, match: re.Match[str]) -> TimeError:
    """The error for a date such as 05/06/2026; its hint has every reading of the date."""
    first, second, third = match.groups()
    orders = [(first, second, third)]
    if len(first) < 4:
        orders = [(third, second, first), (third, first, second)]
    readings = []
    for year, month, day in orders:
        with suppress(ValueError):
            reading = date(int(year) + (2000 if len(year) < 4 else 0), int(month), int(day))
            readings.append(text.replace(match[0], reading.isoformat()))
    if not readings:
        return TimeError(f"no such date in {text!r}", hint="Use a date such as 2026-12-24.")
    hint = f"Use year, month, day: {' or '.join(dict.fromkeys(readings))}"
    if len(set(readings)) == 1:
        return TimeError(f"unsupported date format in {text!r}", hint=hint)
    return TimeError(f"ambiguous date in {text!r}: day first or month first", hint=hint)


def _invalid_time(text: str) -> TimeError:
    return TimeError(f"invalid time {text!r}", hint=_FORMATS_HINT)


def _no_time_of_day(text: str) -> TimeError:
    return TimeError(f"{text!r} has no time of day", hint=f"Add the time: '{text} 09:00'")
