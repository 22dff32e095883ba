"""People's times to UTC instants and back; the only module that knows time zones.

An instant is an aware `datetime` in UTC with whole seconds. A local time that a clock change skips
or repeats is never guessed at.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from outreply_cli.errors import TimeError

# They belong to times as well: who shows some also reads them.
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
    r"(?:day|s|sday|nes|nesday|r|rs|rsday|ur|urday)?\s+(?:at\s+)?(\S.*)"
)
_DAY_WORD = re.compile(r"(today|tomorrow|yesterday)\s+(?:at\s+)?(\S.*)")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?\s*(am|pm)?")
_YEAR_FIRST = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})(?:(?:t|\s+(?:at\s+)?)(\S.*))?")
_OFFSET = re.compile(r"(\d{2}:\d{2}(?::\d{2})?)\s*(?:([+-]\d{2}:?\d{2})|utc|gmt|z)")
_NUMERIC_DATE = re.compile(r"\d{1,2}[/.\-]\d{1,2}[/.\-]\d{2,4}")
_DATE_ALONE_LONGEST = 10
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}")
# Beyond a century the machine's own waits and deadlines give up.
_LONGEST_DURATION = timedelta(days=36_525)
_LONGEST_TEXT = 200
_FORMS = "2026-12-24 18:00, 2026-12-24T18:00+01:00, 'tomorrow 09:00', 'fri 17:30', 'in 2h', '+3d'"


def parse_zone(name: str) -> ZoneInfo:
    """The IANA time zone called `name`; raises TimeError when there is none."""
    plain = name.strip()
    # Names become paths, and a path may lead anywhere, or too deep to follow.
    with suppress(KeyError, ValueError, OSError):
        if _ZONE_NAME.fullmatch(plain):
            return ZoneInfo(plain)
    raise TimeError(
        f"there is no time zone {name!r}",
        hint="Use an IANA name such as Europe/Paris, America/New_York or UTC.",
    )


def machine_zone() -> ZoneInfo:
    """This machine's time zone, or UTC where it has none that can be named."""
    import tzlocal

    try:
        return ZoneInfo(tzlocal.get_localzone_name() or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def parse_duration(text: str) -> timedelta:
    """`90s`, `2h`, `1h30m`, `3 days` as a span of exact length, at most a century.

    Raises:
        TimeError: It is none, or longer.
    """
    rest = text.strip().lower()
    amounts: dict[str, int] = {}
    position = 0
    while position < len(rest):
        part = _DURATION_PART.match(rest, position)
        unit = _UNITS.get(part[2]) if part else None
        if part is None or unit is None or unit in amounts:
            break
        amounts[unit] = int(part[1])
        position = part.end()
    if not amounts or position < len(rest):
        raise TimeError(f"{text!r} is not a duration", hint="Write 30s, 15m, 2h, 1h30m, 3d or 1w.")
    try:
        span = timedelta(**amounts)
    except OverflowError:
        span = timedelta.max
    if span > _LONGEST_DURATION:
        raise TimeError(f"{text!r} is longer than a century", hint="Write a shorter one.")
    return span


def parse_time(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The one instant that `text` names, in UTC.

    Args:
        text: ISO 8601, `in 2h`, `+3d`, `tomorrow 09:00`, `fri 17:30`, `2026-12-24 18:00`, or a
            date in words with a time. Days and weeks keep the wall clock; hours are exact.
        now: The present instant.
        zone: What a time without an offset is read in.

    Raises:
        TimeError: It is no time, a date alone, ambiguous, or a local time that a clock change
            skips or repeats.
    """
    # Nearly every time is ISO 8601: the rest of the forms need not be tried for it.
    if text[:4].isdigit() and len(text) > _DATE_ALONE_LONGEST:
        exact = _read_iso(text.strip(), zone)
        if exact is not None:
            return exact
    words = " ".join(text.split())
    lowered = words.lower()
    if not words:
        raise TimeError("the time is empty", hint=f"Write one of: {_FORMS}")
    if len(words) > _LONGEST_TEXT:
        raise TimeError(f"no time is as long as {words[:20]!r}…", hint=f"Write one of: {_FORMS}")
    if lowered.startswith(("+", "in ")):
        return _after(now, lowered.removeprefix("+").removeprefix("in ").strip(), zone)
    exact = _read_iso(words, zone)
    if exact is not None:
        return exact
    today = now.astimezone(zone).date()
    if match := _DAY_WORD.fullmatch(lowered):
        offset = {"yesterday": -1, "today": 0, "tomorrow": 1}[match[1]]
        return local_instant(today + timedelta(days=offset), _read_clock(match[2], text), zone)
    if match := _WEEKDAY.fullmatch(lowered):
        clock = _read_clock(match[2], text)
        ahead = (_WEEKDAYS.index(match[1]) - today.weekday()) % 7
        instant = local_instant(today + timedelta(days=ahead), clock, zone)
        if instant <= now:
            instant = local_instant(today + timedelta(days=ahead + 7), clock, zone)
        return instant
    return _read_worded(words, zone)


def parse_past_time(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The instant that `--since text` names: a duration counts back, a date starts its day.

    Raises:
        TimeError: As `parse_time`.
    """
    words = text.strip().lower()
    bare = words.removesuffix("ago").removeprefix("-").strip()
    if _DURATION_PART.match(bare):
        try:
            return (now - parse_duration(bare)).replace(microsecond=0)
        except TimeError:
            pass
        except OverflowError:
            raise TimeError(f"{text!r} is before the calendar begins") from None
    if words in {"today", "yesterday"}:
        return parse_time(f"{words} 00:00", now=now, zone=zone)
    try:
        day = date.fromisoformat(words)
    except ValueError:
        return parse_time(text, now=now, zone=zone)
    return local_instant(day, time(0), zone)


def parse_day(text: str, *, now: datetime, zone: ZoneInfo) -> date:
    """The day in `zone` that `text` names: `2026-12-24`, `2026-12`, `today`, `tomorrow` or `+7d`.

    Raises:
        TimeError: It is none of them.
    """
    today = now.astimezone(zone).date()
    try:
        day = _read_day(text.strip().lower(), today)
    except (ValueError, OverflowError, TimeError):
        day = date.min
    # The weeks around it have to be in the calendar too.
    if date.min.year < day.year < date.max.year:
        return day
    raise TimeError(
        f"{text!r} is not a day", hint="Write 2026-12-24, 2026-12, tomorrow, +7d or -7d."
    )


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day` in `zone`, also where a clock change skips its midnight."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def local_instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in `zone` show `day` and `clock`.

    Raises:
        TimeError: A clock change skips or repeats that local time; both readings are shown.
    """
    local = datetime.combine(day, clock.replace(microsecond=0), tzinfo=zone)
    first, second = (_instant(local.replace(fold=fold), local) for fold in (0, 1))
    if first == second:
        return first
    shown = f"{local:%Y-%m-%d %H:%M}"
    readings = sorted((first, second))
    both = " or ".join(f"{reading.astimezone(zone).isoformat()}" for reading in readings)
    verb = "happens twice" if first < second else "is skipped"
    raise TimeError(
        f"{shown} {verb} in {zone.key}, where the clocks change: it could be {both}",
        hint="Write the one you mean with its offset.",
        details={"readings": [format_timestamp(reading) for reading in readings]},
    )


def format_time(instant: datetime, zone: ZoneInfo) -> str:
    """`instant` for people, local and UTC: `Thu 24 Dec 2026 18:00 CET (17:00 UTC)`."""
    local, utc = instant.astimezone(zone), instant.astimezone(UTC)
    seconds = ":%S" if utc.second else ""
    shown = f"{local:%a %d %b %Y %H:%M{seconds} %Z}"
    if local.utcoffset() == timedelta(0):
        return shown
    same_day = local.date() == utc.date()
    return f"{shown} ({utc:%H:%M{seconds} UTC})" if same_day else f"{shown} ({utc:%d %b %H:%M UTC})"


def format_api_time(value: Any, zone: ZoneInfo) -> str:
    """An instant of the API for people; what is none is shown as it came."""
    try:
        return format_time(parse_timestamp(value), zone)
    except ValueError:
        return str(value)


def format_time_short(instant: datetime, zone: ZoneInfo) -> str:
    """`instant` without its year, local and UTC: `Thu 24 Dec 18:00 (17:00Z)`."""
    local, utc = instant.astimezone(zone), instant.astimezone(UTC)
    same_day = local.date() == utc.date()
    return (
        f"{local:%a %d %b %H:%M} ({utc:%H:%MZ})"
        if same_day
        else f"{local:%a %d %b %H:%M} ({utc:%a %H:%MZ})"
    )


def format_duration(span: timedelta) -> str:
    """`span` in its two largest units: `2d 3h`, `15m`, `8s`."""
    seconds = round(abs(span.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return " ".join(parts[:2]) or "0s"


def _read_day(words: str, today: date) -> date:
    named = {"today": 0, "yesterday": -1, "tomorrow": 1}
    if words in named:
        return today + timedelta(days=named[words])
    if words[:1] in {"+", "-"}:
        span = parse_duration(words[1:])
        return today + (span if words[0] == "+" else -span)
    return date.fromisoformat(f"{words}-01" if re.fullmatch(r"\d{4}-\d\d", words) else words)


def _after(now: datetime, duration: str, zone: ZoneInfo) -> datetime:
    span = parse_duration(duration)
    try:
        if re.fullmatch(r"(?:\d+\s*[dw][a-z]*\s*)+", duration):
            local = now.astimezone(zone) + timedelta(days=span.days)
            return local_instant(local.date(), local.time(), zone)
        return _instant(now + span, f"in {duration}")
    except OverflowError:
        raise TimeError(f"'in {duration}' is after the calendar ends") from None


def _read_iso(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) <= _DATE_ALONE_LONGEST and re.fullmatch(r"[\dW-]{7,10}", text):
        _refuse_date_alone(text)
    if moment.tzinfo is None:
        return local_instant(moment.date(), moment.time(), zone)
    return _instant(moment, text)


def _instant(moment: datetime, named: object) -> datetime:
    try:
        return to_utc(moment).replace(microsecond=0)
    except ValueError:
        raise TimeError(f"'{named}' is outside the calendar") from None


def _read_clock(clock: str, whole: str) -> time:
    match = _CLOCK.fullmatch(clock)
    if match and (match[2] or match[4]):
        hour, half = int(match[1]), match[4]
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        elif half:
            hour = 24
        if hour < 24 and int(match[2] or 0) < 60 and int(match[3] or 0) < 60:
            return time(hour, int(match[2] or 0), int(match[3] or 0))
    raise TimeError(f"{clock!r} in {whole!r} is not a time of day", hint="Write 09:00 or 5pm.")


def _read_year_first(day: str, clock: str | None, whole: str, zone: ZoneInfo) -> datetime:
    try:
        exact = date(*map(int, day.split("-")))
    except ValueError:
        raise TimeError(
            f"{day!r} is not in the calendar", hint="Write a day that there is, as 2026-12-24."
        ) from None
    if clock is None:
        _refuse_date_alone(whole)
    if match := _OFFSET.fullmatch(clock):
        moment = _read_iso(f"{exact}T{match[1]}{match[2] or '+00:00'}", zone)
        if moment is not None:
            return moment
    return local_instant(exact, _read_clock(clock, whole), zone)


def _read_worded(text: str, zone: ZoneInfo) -> datetime:
    if match := _YEAR_FIRST.fullmatch(text.lower()):
        return _read_year_first(match[1], match[2], text, zone)
    if _NUMERIC_DATE.search(text):
        raise TimeError(
            f"{text!r} could be read day first or month first",
            hint="Write the date as 2026-12-24 18:00.",
        )
    import warnings

    from dateutil import parser

    readings = []
    # Two defaults that share no part: what differs afterwards was not in the text.
    for default in (datetime(2001, 1, 1, 1), datetime(2002, 2, 2, 2)):  # noqa: DTZ001
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                readings.append(parser.parse(text, default=default))
        except (ValueError, ArithmeticError, TypeError, Warning):
            _refuse(text)
    first, second = readings
    if first.date() == second.date() and first.time() != second.time():
        _refuse_date_alone(text)
    if first != second:
        _refuse(text)
    if first.tzinfo is None:
        return local_instant(first.date(), first.time(), zone)
    if not re.search(r"(?:[+-]\d{2}:?\d{2}|Z|UTC|GMT)$", text):
        _refuse(text)
    return _instant(first, text)


def _refuse(text: str) -> NoReturn:
    raise TimeError(f"{text!r} is not a time that can be read", hint=f"Write one of: {_FORMS}")


def _refuse_date_alone(text: str) -> NoReturn:
    raise TimeError(f"{text!r} has a date but no time", hint=f"Add the time: '{text} 09:00'")
