"""Parsing of times and days that people and programs write.

A text is split into its parts: a date, a time of day, a weekday, an offset or zone. Each part
occurs at most once, a weekday must match the date, and no part is ignored: an ambiguous text, or
one with an unknown word, is rejected. Parsed times are aware, in UTC and, except for `--since`, in
whole seconds.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from outreply_cli.errors import TimeError
from outreply_cli.formats.json import load_data
from outreply_cli.times import day_start, local_time, parse_duration, parse_zone, to_utc_time

DATE_ORDERS = ("dmy", "mdy", "ymd")
_MAX_CHARACTERS = 200
_PAST_HINT = "Accepted formats: 7d, '2h ago', 2026-11-01, 'yesterday 09:00'"
_FORMATS_HINT = (
    "Accepted formats: 2026-12-24 18:00, 2026-12-24T18:00+01:00, 'tomorrow 09:00', 'fri 17:30', "
    "'in 2h', '+3d'"
)


def _number_words(languages: Iterable[Sequence[str]], start: int) -> dict[str, int]:
    """Map each word to the number of its group in one of the languages."""
    return {
        word: number
        for groups in languages
        for number, group in enumerate(groups, start)
        for word in group.split()
    }


# Without accents.
_WORDS = load_data(__file__, "time_words.json")
_MONTHS = _number_words(_WORDS["months"].values(), 1)
# From Monday, 0, to Sunday, 6.
WEEKDAYS = _number_words([_WORDS["weekdays"]["en"]], 0)
# Without "mar", which is March in English, and Tuesday in French and Spanish.
_WEEKDAYS = _number_words(_WORDS["weekdays"].values(), 0)
_WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_OFFSETS = {"yesterday": -1, "today": 0, "tomorrow": 1}
# All offsets in use are whole hours from -12 to +14, or one of these, in minutes.
_UNEVEN_OFFSETS = {-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825}
# RFC 2822, section 4.3; used only to suggest the offset in an error.
_US_ZONES = {
    "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00",
    "MST": "-07:00", "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00",
}  # fmt: skip
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d)([Tt ])"
    r"([01]\d|2[0-3])(:?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?) ?([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)

# A time with an offset, or the start and the end of a range.
_RANGE = re.compile(
    r"(?:^|[\s,])((\d\d?)(:?)(\d\d)) ?-(\d\d)(?:\3(\d\d))?(?![\d:-]|\s*[(\[])", re.ASCII
)


def _alternatives(words: dict[str, int]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    return rf"(?:{'|'.join(map(re.escape, longest_first))})(?![a-z])"


_MONTH = rf"(?P<month>{_alternatives(_MONTHS)})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|°)?"
# A year is not the beginning of an ISO date, a time or a longer number.
_YEAR = r"(?P<year>\d{4})(?![\d:])"
_PARTS = {
    "zone": r"\[(?P<zone>[^\]\s]+)\]|(?P<name>[a-z_]+(?:/[a-z_-]+){1,2})(?![\w+-])",
    "comment": r"\((?P<comment>[^()]*)\)",
    "year_first": r"(?P<year>\d{4})(?P<separator>[-/.])(?P<month>\d{1,2})(?P=separator)"
    r"(?P<day>\d{1,2})(?!\d)|(?P<digits>\d{8})(?!\d)",
    "numeric": r"(?P<first>\d{1,2})(?P<separator>[-/.])\s?(?P<second>\d{1,2})(?P=separator)"
    r"\s?(?P<third>\d{4}|\d{2})(?![\d:])",
    "year_month_day": rf"{_YEAR}[\s/-]{_MONTH}[\s/-]{_DAY}(?![\d:])",
    "day_month": rf"{_DAY}\.?(?:[\s/-]|de\b|of\b)*{_MONTH}"
    rf"(?:(?:[\s/,-]|de\b|del\b|of\b)*{_YEAR}|(?![\s/-]?\d\d(?![\d:h.]|\s?[ap]\.?\s?m)))",
    "month_day": rf"{_MONTH}[\s-]*{_DAY}(?![\d:.h]|\s?[ap]\.?\s?m)(?:(?:,\s?|\s){_YEAR})?",
    "french_time": r"(?P<hour>\d{1,2})\s?h\s?(?P<minute>\d\d)(?!\d)",
    "time": r"(?P<hour>\d{1,2})(?:(?P<colon>[:.])(?P<minute>\d\d)"
    r"(?:(?P=colon)(?P<second>\d\d)(?:[.,]\d{1,9})?)?)?(?![\d:])"
    r"(?:\s?(?P<half>[ap])\.?\s?m\b\.?)?(?P<unit>\s?(?:uhr|h)\b)?",
    "noon": r"noon\b",
    "offset": r"(?P<word>utc|gmt)?\s?"
    r"(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?(?![\d:])",
    "utc": r"(?:utc|gmt|ut|z)(?![\w+-])",
    "day_word": rf"({'|'.join(_DAY_OFFSETS)})\b",
    "weekday": rf"(?P<next>next\s)?(?P<weekday>{_alternatives(_WEEKDAYS)})\.?",
    "year": _YEAR,
}
_SEPARATOR = re.compile(
    r"[\s,]+(?:(?:at|on|um|den|le|el|a las|as|a)\s(?=\d|noon\b))?|t(?=\d)", re.IGNORECASE
)
_ZONE_WORD = re.compile(
    r"(?:utc|gmt|[a-z]{2,5})(?:[+-]\d{1,4})?(?![\w:/])", re.ASCII | re.IGNORECASE
)
# What `format_time` and `format_time_short` print.
_DISPLAYED = re.compile(
    r"([A-Z][a-z]{2} \d\d [A-Z][a-z]{2}(?: \d{4})? \d\d:\d\d(?::\d\d)?)(?: \S+)? "
    r"\((?:(\d\d) [A-Z][a-z]{2} |([A-Z][a-z]{2}) )?"
    r"((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)(?: UTC|Z)\)"
)


# Patterns of the same part; "date" and "time" come from several.
_KINDS = {
    "year_first": "date", "numeric": "date", "year_month_day": "date", "day_month": "date",
    "month_day": "date", "french_time": "time", "noon": "time", "utc": "offset",
}  # fmt: skip
_NEEDS_NO_SEPARATOR = {"offset", "zone"}
_Found = tuple[str, re.Match[str]]


class DateOrderError(TimeError):
    """The day and the month of a numeric date could be swapped."""


class PassedTimeError(TimeError):
    """A time of day without a day has passed today."""


def parse_time(
    text: str, *, now: datetime, zone: ZoneInfo, date_order: str | None = None
) -> datetime:
    """Parse a time.

    Args:
        text: ISO 8601, RFC 2822, `in 2h`, `+3d`, `tomorrow 09:00`, `fri 17:30`, a date in numbers
            or words with a time, or a time as this program prints it. Days and weeks keep the time
            of day; hours are exact. A time of day alone is today's.
        now: Current time.
        zone: Time zone of a time without an offset.
        date_order: Order of day, month and year in numeric dates, such as `dmy`; without it, a date
            is accepted only if it is unambiguous.

    Raises:
        DateOrderError: The order of day and month is not known.
        PassedTimeError: The time has no day, and has passed today.
        TimeError: The text is not a time, lacks the time of day, is ambiguous, or is a local time
            that a clock change skips or repeats.
    """
    at = _parse(text, now, zone, date_order, is_past=False)
    return at.replace(microsecond=0) if at.microsecond else at


def parse_past_time(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Parse a time of `--since`: a duration counts back from now, a date means its start.

    A time with a fraction of a second, as the API shows it, keeps it.

    Raises:
        TimeError: The time is invalid or ambiguous.
    """
    words = text.strip().lower()
    duration = words.removesuffix("ago").removeprefix("-").strip()
    with suppress(TimeError):
        return (now - parse_duration(duration)).replace(microsecond=0)
    today = now.astimezone(zone).date()
    try:
        if words in _DAY_OFFSETS:
            return day_start(today + timedelta(days=_DAY_OFFSETS[words]), zone)
        day = date.fromisoformat(words)
    except ValueError:
        try:
            return _parse(text, now, zone, None, is_past=True)
        except TimeError as error:
            raise error.replace(hint=error.hint and _PAST_HINT) from None
    return day_start(day, zone)


def find_weekday(text: str) -> str | None:
    """Return the English name of a weekday in one of the languages of times, or None."""
    word = _strip_accents(text).strip(" .").lower()
    # In a text with other words, it may be March.
    number = 1 if word == "mar" else _WEEKDAYS.get(word)
    return None if number is None else _WEEKDAY_NAMES[number]


def parse_weekdays(text: str) -> list[int] | None:
    """Parse `mon`, or a range such as `mon-fri`, into numbers from 0; None if it is neither."""
    first, dash, last = map(str.strip, text.partition("-"))
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        return None
    start = WEEKDAYS[first]
    length = (WEEKDAYS[last] - start) % 7 if dash else 0
    return [(start + offset) % 7 for offset in range(length + 1)]


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


def _strip_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@cache
def _compile_parts() -> dict[str, re.Pattern[str]]:
    # Compiled when needed, because it takes 10 ms.
    return {name: re.compile(pattern, re.ASCII | re.IGNORECASE) for name, pattern in _PARTS.items()}


def _parse_day(words: str, today: date) -> date:
    if words in _DAY_OFFSETS:
        return today + timedelta(days=_DAY_OFFSETS[words])
    if words[:1] in {"+", "-"}:
        duration = parse_duration(words[1:])
        return today + (duration if words[0] == "+" else -duration)
    return date.fromisoformat(f"{words}-01" if re.fullmatch(r"\d{4}-\d\d", words) else words)


def _parse(
    text: str, now: datetime, zone: ZoneInfo, date_order: str | None, *, is_past: bool
) -> datetime:
    _check_range(text)
    # Nearly all times are ISO 8601.
    if match := _ISO.fullmatch(text.strip()):
        day, separator, hour, rest, offset = match.groups(default="")
        with suppress(ValueError):
            when = datetime.fromisoformat(f"{day}T{hour}{rest}{offset.upper()}")
            if day.isdecimal() and separator in "Tt" and not offset:
                raise TimeError(
                    f"ambiguous time {text!r}: some programs read the T as a time zone",
                    hint=f"Use {when:%Y-%m-%dT%H:%M:%S}.",
                )
            return _resolve(when, zone, text)
    # Browsers insert bidirectional control characters.
    words = " ".join(text.replace("\u200e", "").replace("\u200f", "").split())
    if not words:
        raise TimeError("the time is empty", hint=_FORMATS_HINT)
    if len(words) > _MAX_CHARACTERS:
        raise TimeError(f"invalid time: {words[:20]!r}… is too long", hint=_FORMATS_HINT)
    if words.lower().startswith(("+", "in ")):
        return _add(now, words.lower().removeprefix("+").removeprefix("in ").strip(), zone)
    if match := _DISPLAYED.fullmatch(words):
        return _parse_displayed(match, now, is_past=is_past)
    return _TimeText(words, now, zone, date_order, is_past=is_past).parse()


def _check_range(text: str) -> None:
    match = _RANGE.search(text)
    if match is None:
        return
    start, *numbers = match.group(1, 2, 4, 5, 6)
    first, last = ([int(number or 0) for number in pair] for pair in (numbers[:2], numbers[2:]))
    if first < last:
        raise TimeError(
            f"ambiguous time {text!r}: a range, or a time with an offset",
            hint=f"Use {start} alone, or a T before a time with an offset: 2026-12-24T06:00-08:00",
        )


def _add(now: datetime, text: str, zone: ZoneInfo) -> datetime:
    duration = parse_duration(text)
    if re.fullmatch(r"(?:\d+\s*[dw][a-z]*\s*)+", text):
        local = now.astimezone(zone) + timedelta(days=duration.days)
        return local_time(local.date(), local.time(), zone)
    return to_utc_time(now + duration, f"in {text}")


def _parse_displayed(match: re.Match[str], now: datetime, *, is_past: bool) -> datetime:
    """Parse a time with its UTC time in parentheses; a UTC day is shown where it differs."""
    words, day, weekday, clock = match.groups()
    utc_zone = ZoneInfo("UTC")
    local = _TimeText(words, now, utc_zone, None, is_past=is_past).parse()
    for days in (-1, 0, 1):
        utc = datetime.combine(local.date(), time.fromisoformat(clock), tzinfo=UTC)
        utc += timedelta(days=days)
        is_day = f"{utc:%d}" == day or f"{utc:%a}" == weekday or (not day and not weekday)
        if is_day and (days == 0) == (not day and not weekday) and _is_in_use(local - utc):
            return utc
    raise _time_error(match[0])


class _TimeText:
    """A text that holds an absolute time, or one relative to a day."""

    def __init__(
        self, text: str, now: datetime, zone: ZoneInfo, date_order: str | None, *, is_past: bool
    ) -> None:
        self._text = text
        self._plain = _strip_accents(text)
        self._now = now
        self._zone = zone
        self._date_order = date_order
        self._is_past = is_past
        self._parts: dict[str, _Found] = {}

    def parse(self) -> datetime:
        self._split()
        time_of_day = self._parse_time_of_day()
        zone, offset = self._zone, self._parse_offset()
        if "zone" in self._parts:
            match = self._parts["zone"][1]
            zone = parse_zone(match["zone"] or match["name"])
        tzinfo = None if offset is None else timezone(offset)
        now = self._now.astimezone(tzinfo or zone)
        day = self._parse_day_part(now.replace(tzinfo=None), time_of_day)
        when = _resolve(datetime.combine(day, time_of_day, tzinfo), zone, self._text)
        if tzinfo and "zone" in self._parts and when.astimezone(zone).utcoffset() != offset:
            raise TimeError(f"the offset in {self._text!r} does not match {zone.key}")
        return when

    def _split(self) -> None:
        position, previous = 0, ""
        while position < len(self._plain):
            separator = _SEPARATOR.match(self._plain, position)
            start = separator.end() if separator else position
            is_apart = separator is not None or position == 0
            for name, pattern in _compile_parts().items():
                kind = _KINDS.get(name, name)
                match = pattern.match(self._plain, start)
                if (
                    match is not None
                    and (is_apart or kind in _NEEDS_NO_SEPARATOR)
                    and self._is_allowed(name, match, previous)
                ):
                    break
            else:
                raise self._leftover_error(start)
            if kind in self._parts:
                raise TimeError(
                    f"two {kind}s in {self._text!r}: {self._parts[kind][1][0]!r} and {match[0]!r}",
                    hint="Remove one of them.",
                )
            self._parts[kind] = (name, match)
            position, previous = match.end(), kind

    def _is_allowed(self, name: str, match: re.Match[str], previous: str) -> bool:
        if name == "time":
            # A dot alone may be that of a date.
            return bool(match["colon"] == ":" or match["half"] or match["unit"])
        if name == "offset":
            # "24-Dec-05" is not an offset, and "GMT+2" has the other sign in POSIX.
            is_complete = match["minutes"] is not None or not match["word"]
            return previous == "time" and is_complete
        if name == "comment":
            return previous == "offset"
        if name == "year":
            found = self._parts.get("date")
            return found is not None and found[1].groupdict().get("year", "") is None
        return True

    def _parse_time_of_day(self) -> time:
        if "time" not in self._parts:
            if "date" in self._parts:
                self._parse_date(self._now.date())
            raise TimeError(
                f"{self._text!r} has no time of day", hint=f"Add the time: '{self._text} 09:00'"
            )
        name, match = self._parts["time"]
        if name == "noon":
            return time(12)
        groups = match.groupdict()
        hour, half = int(match["hour"]), groups.get("half")
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half in "pP" else 0)
        elif half:
            hour = 24
        try:
            return time(hour, int(match["minute"] or 0), int(groups.get("second") or 0))
        except ValueError:
            raise self._time_of_day_error(match[0]) from None

    def _parse_offset(self) -> timedelta | None:
        if "offset" not in self._parts:
            return None
        name, match = self._parts["offset"]
        if name == "utc":
            return timedelta(0)
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
        offset = -offset if match["sign"] == "-" else offset
        if not _is_in_use(offset):
            raise _offset_error(self._text)
        return offset

    def _parse_day_part(self, now: datetime, time_of_day: time) -> date:
        """Return the day; `now` is the local time."""
        today = now.date()
        weekday = self._parts["weekday"][1] if "weekday" in self._parts else None
        number = _WEEKDAYS[weekday["weekday"].lower()] if weekday else None
        if "date" in self._parts:
            days = self._parse_date(today)
        elif "day_word" in self._parts:
            word = self._parts["day_word"][1][0].lower()
            days = [today + timedelta(days=_DAY_OFFSETS[word])]
        elif weekday is not None and number is not None:
            first = today + timedelta(days=(number - today.weekday()) % 7)
            if weekday["next"] and first == today:
                raise TimeError(
                    f"ambiguous day in {self._text!r}: today is a {_WEEKDAY_NAMES[number]}",
                    hint=f"Use {first} {time_of_day:%H:%M} "
                    f"or {first + timedelta(weeks=1)} {time_of_day:%H:%M}",
                )
            days = [first + timedelta(weeks=weeks) for weeks in (-1, 0, 1)]
        elif self._is_past:
            days = [today - timedelta(days=1), today]
        elif now.time() < time_of_day:
            days = [today]
        else:
            raise PassedTimeError(
                f"{self._text!r} has already passed today",
                hint=f"Add the day: 'tomorrow {self._text}'",
            )
        day = self._pick_day(days, now, time_of_day)
        if number is not None and day.weekday() != number:
            raise TimeError(
                f"{day} is a {_WEEKDAY_NAMES[day.weekday()]}, not a {_WEEKDAY_NAMES[number]}: "
                f"{self._text!r}",
                hint="Correct the date, or leave out the weekday.",
            )
        return day

    def _pick_day(self, days: list[date], now: datetime, time_of_day: time) -> date:
        """Return the only day, or the one whose time is next (or the last one, in the past)."""
        if len(days) == 1:
            return days[0]
        if self._is_past:
            return max(day for day in days if datetime.combine(day, time_of_day) <= now)
        return min(day for day in days if datetime.combine(day, time_of_day) > now)

    def _parse_date(self, today: date) -> list[date]:
        """Return the date, or those of several years if it has no year."""
        name, match = self._parts["date"]
        if name == "numeric":
            return [self._parse_numeric_date(match)]
        groups = match.groupdict()
        if digits := groups.get("digits"):
            groups = {"year": digits[:4], "month": digits[4:6], "day": digits[6:]}
        month_word = groups["month"].lower()
        month = _MONTHS.get(month_word) or int(month_word)
        year = groups["year"]
        if year is None and "year" in self._parts:
            year = self._parts["year"][1]["year"]
        years = (today.year - 1, today.year, today.year + 1) if year is None else (int(year),)
        days = list(_valid_dates((number, month, groups["day"]) for number in years))
        if not days:
            raise _date_error(match[0])
        return days

    def _parse_numeric_date(self, match: re.Match[str]) -> date:
        numbers = (match["first"], match["second"], match["third"])
        if self._date_order is not None:
            orders = [self._date_order]
        else:
            orders = [order for order in DATE_ORDERS if order != "ymd" or len(match["third"]) == 2]
        readings = [dict(zip(order, numbers, strict=True)) for order in orders]
        days = {
            day
            for reading in readings
            for day in _valid_dates([(_full_year(reading["y"]), reading["m"], reading["d"])])
        }
        if not days and self._date_order is not None:
            raise TimeError(
                f"{match[0]!r} is not a date in the order {self._date_order}",
                hint="Use a date such as 2026-12-24.",
            )
        if not days:
            raise _date_error(match[0])
        if len(days) > 1:
            texts = [self._text.replace(match[0], str(day)) for day in sorted(days)]
            raise DateOrderError(
                f"ambiguous date in {self._text!r}: day first or month first",
                hint=f"Use year, month, day: {' or '.join(texts)}",
            )
        return days.pop()

    def _leftover_error(self, start: int) -> TimeError:
        """Return the error for the text from `start` on."""
        rest = self._plain[start:]
        if rest.lower().startswith("midnight"):
            return TimeError(
                f"ambiguous time in {self._text!r}: midnight is the start or the end of a day",
                hint="Use 00:00 and the date of the day that begins.",
            )
        word = _ZONE_WORD.match(rest)
        if word and "time" in self._parts and not _SEPARATOR.match(rest):
            offset = _US_ZONES.get(word[0].upper(), "+HH:MM")
            if sign := re.search(r"([+-])(\d{1,2})$", word[0]):
                offset = f"{sign[1]}{sign[2]:0>2}:00"
            return TimeError(
                f"unsupported time zone {word[0]!r} in {self._text!r}",
                hint=f"Use an offset: {self._format_local()}{offset}",
            )
        if rest[:1].isdigit() and self._parts and "time" not in self._parts:
            return self._time_of_day_error(rest)
        return _time_error(self._text)

    def _format_local(self) -> str:
        """Return the date and the time in ISO 8601, as far as they are known."""
        with suppress(TimeError, KeyError, ValueError):
            (day,) = self._parse_date(self._now.date())
            return f"{day}T{self._parse_time_of_day():%H:%M}"
        return "2026-12-24T18:00"

    def _time_of_day_error(self, text: str) -> TimeError:
        return TimeError(
            f"invalid time of day {text!r} in {self._text!r}", hint="Accepted formats: 09:00, 5pm"
        )


def _resolve(when: datetime, zone: ZoneInfo, text: str) -> datetime:
    """Return the UTC time of a time with an offset, or of a local one in `zone`."""
    offset = when.utcoffset()
    if offset is None:
        return local_time(when.date(), when.time(), zone)
    if not _is_in_use(offset):
        raise _offset_error(text)
    return to_utc_time(when, text)


@cache
def _is_in_use(offset: timedelta) -> bool:
    minutes, seconds = divmod(offset, timedelta(minutes=1))
    is_whole = minutes % 60 == 0 and -12 * 60 <= minutes <= 14 * 60
    return not seconds and (is_whole or minutes in _UNEVEN_OFFSETS)


def _full_year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) < 4 else 0)


def _valid_dates(candidates: Iterable[tuple[int, int | str, int | str]]) -> Iterator[date]:
    for year, month, day in candidates:
        with suppress(ValueError):
            yield date(year, int(month), int(day))


def _offset_error(text: str) -> TimeError:
    return TimeError(
        f"invalid UTC offset in {text!r}: not used by any time zone",
        hint="Use an offset such as +01:00.",
    )


def _date_error(text: str) -> TimeError:
    return TimeError(f"no such date: {text!r}", hint="Use a date such as 2026-12-24.")


def _time_error(text: str) -> TimeError:
    if text.strip().lower() == "next-slot":
        return TimeError(
            f"{text!r} is for posts schedule and calendars only",
            hint="Use the time of a free slot; see: outreply slots preview",
        )
    return TimeError(f"invalid time {text!r}", hint=_FORMATS_HINT)
