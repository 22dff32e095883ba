"""Series: rows with `repeat`, and the local times of their occurrences.

The words of `repeat` become a rule of RFC 5545, which python-dateutil evaluates.
"""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.errors import TimeError
from outreply_cli.spec.limits import SCHEDULE_LATEST
from outreply_cli.time_parser import WEEKDAYS, parse_weekdays
from outreply_cli.times import local_time

if TYPE_CHECKING:
    from dateutil.rrule import rrule

_FORMATS_HINT = (
    "Accepted formats: 'every day', 'every tue, thu', 'every 2nd tue until 2027-03', "
    "'every 2 weeks on mon', 'every month on the 15th', 'every last fri of the month', "
    "'every year', or 'RRULE:FREQ=WEEKLY;BYDAY=TU'"
)
# A series that starts further away has a wrong year.
MAX_SERIES_AGE = timedelta(days=20 * 365)
# No post of an older occurrence is still scheduled, even if it was moved.
_PAST_DAYS = 400
_MAX_CHARACTERS = 2_000
_MAX_COUNTED = 1_000
_FREQUENCIES = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_ADVERBS = {
    "daily": "every day", "weekly": "every week", "monthly": "every month",
    "yearly": "every year", "annually": "every year",
}  # fmt: skip
_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "last": -1,
}  # fmt: skip
_KEYWORD = re.compile(r"(?<![\s,;])[\s,;]*\b(until|for|except)\b(?!=)\s*")
_SEPARATOR = re.compile(r"(?<!\s)\s*(?:[,;]|\band\b)\s*(?:and\s+)?(?:the\s+)?")
_EVERY_UNIT = re.compile(
    r"every\s+(?:(?P<interval>other|\d{1,3}|\d{1,3}(?:st|nd|rd|th))\s+)?"
    r"(?P<unit>day|week|month|year)s?(?:\s+on\s+(?:the\s+)?(?P<days>.+))?",
    re.ASCII,
)
_EVERY_DAYS = re.compile(
    r"every\s+(?:(?P<interval>other|\d{1,3}(?:st|nd|rd|th))\s+)?(?P<days>.+)", re.ASCII
)
_OF_THE_MONTH = re.compile(
    r"every\s+(?:month\s+on\s+the\s+)?(?P<days>.+?)\s+"
    r"of\s+(?:the|every|each)\s+month"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_NUMBERS = r"[+-]?\d{1,3}(?:,[+-]?\d{1,3}){0,399}"
# python-dateutil fails, or searches without end, for some numbers beyond these.
_NUMBER_LIMITS = {
    "BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366,
}  # fmt: skip
_WEEKDAY_CODE = rf"(?:{'|'.join(_CODES)})"
# The parts of a rule that keep the time of day.
_RULE_PARTS = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile(r"[1-9]\d{0,2}", re.ASCII),
    "COUNT": re.compile(r"[1-9]\d{0,3}", re.ASCII),
    "UNTIL": re.compile(r"\d{8}(?:T\d{6}Z?)?", re.ASCII),
    "BYDAY": re.compile(
        rf"(?:[+-]?\d{{1,2}})?{_WEEKDAY_CODE}(?:,(?:[+-]?\d{{1,2}})?{_WEEKDAY_CODE}){{0,399}}",
        re.ASCII,
    ),
    "WKST": re.compile(_WEEKDAY_CODE),
    **dict.fromkeys(_NUMBER_LIMITS, re.compile(_NUMBERS, re.ASCII)),
}
# The Gregorian calendar repeats every 400 years, weekdays included.
_CYCLE = 400


@dataclass(frozen=True)
class Repeat:
    """Rule by which a row is repeated.

    Attributes:
        text: The field as written.
        rule: Rule of RFC 5545 without its UNTIL.
        until: Last time of the series: local, or in UTC with a zone; None for no end.
        excepted: Dates without a post.
        is_rule: Whether the field was written as a rule.
    """

    text: str
    rule: str
    until: datetime | None = None
    excepted: frozenset[date] = frozenset()
    is_rule: bool = False

    @property
    def is_endless(self) -> bool:
        """Whether the series has no last occurrence."""
        return self.until is None and "COUNT=" not in self.rule

    def check_start(self, start: datetime) -> None:
        """Raise TimeError unless the series can start at `start`, a local time."""
        frequency = self.rule.partition(";")[0].removeprefix("FREQ=")
        is_bare = "BY" not in self.rule and not self.is_rule
        if is_bare and (
            (frequency == "MONTHLY" and start.day > 28)
            or (frequency == "YEARLY" and (start.month, start.day) == (2, 29))
        ):
            raise TimeError(
                f"the day of {start.date()} does not occur in every {frequency.lower()[:-2]}",
                hint=f"{_short_month_hint(start.day)}"
                if frequency == "MONTHLY"
                else "Use 02-28, or RRULE:FREQ=YEARLY for leap years only.",
            )
        shift = _shift(start.year)
        first = next(iter(self.build(start, shift).replace(interval=1)), None)
        first = first and _move(first, -shift)
        if first is None:
            raise TimeError(f"{self.text!r} has no dates", hint=_FORMATS_HINT)
        if first != start:
            raise TimeError(
                f"the series does not include its first post, on {start:%a} {start.date()}",
                hint=f"Use {first.date()}, the next date that it includes, or change `repeat`.",
            )

    def occurrences(self, start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the local times of all occurrences from `start` on, including excepted ones."""
        until = self.until
        if until is not None and until.tzinfo is not None:
            until = until.astimezone(zone).replace(tzinfo=None)
        shift = _shift(start.year)
        for shifted in self.build(start, shift):
            local = _move(shifted, -shift)
            if local is None or (until is not None and local > until):
                return
            yield local

    def build(self, start: datetime, shift: int = 0) -> "rrule":
        """Return the rule from `start` on, moved by `shift` years."""
        from dateutil.rrule import rrule, rrulestr

        # A search without a match only ends in the year 9999, so it starts close to that year.
        rule = rrulestr(self.rule, dtstart=_move(start, shift))
        assert isinstance(rule, rrule)
        return rule


class Occurrence(NamedTuple):
    """A post of a series: its number from 0 on, its local time, and its time in UTC."""

    number: int
    local: datetime
    at: datetime


@dataclass
class Expansion:
    """The occurrences of a series in one time zone, without excepted ones.

    Attributes:
        occurrences: Occurrences of the last 400 days, and up to twice as far ahead as the API
            allows.
        coming: Occurrences that are not past, as far as they are known.
        later: Occurrences that are too far ahead to be scheduled, as far as they are known.
        is_counted: Whether `coming` and `later` are complete.
        invalid: Local times that a clock change skips or repeats, and why.
        unmatched: Excepted dates that are not dates of the series.
        is_empty: Whether the series ends before its first post.
    """

    occurrences: list[Occurrence] = field(default_factory=list)
    coming: list[Occurrence] = field(default_factory=list)
    later: list[Occurrence] = field(default_factory=list)
    is_counted: bool = True
    invalid: list[tuple[datetime, TimeError]] = field(default_factory=list)
    unmatched: list[date] = field(default_factory=list)
    is_empty: bool = True


def expand_series(
    repeat: Repeat, start: datetime, zone: ZoneInfo, *, now: datetime, latest: datetime
) -> Expansion:
    """Return the occurrences of the series that starts at `start`, a local time in `zone`.

    `latest` is the latest time that a post can be scheduled at now. A local time that a clock
    change skips or repeats is a problem only up to then.
    """
    reach = now + 2 * SCHEDULE_LATEST
    first_day = now.date() - timedelta(days=_PAST_DAYS)
    last_day = min(max([reach.date(), *repeat.excepted]), (now + MAX_SERIES_AGE).date())
    found = Expansion()
    day, matched = date.min, set()
    for number, local in enumerate(repeat.occurrences(start, zone)):
        day = local.date()
        found.is_empty = False
        if day < first_day:
            continue
        if day in repeat.excepted:
            matched.add(day)
            continue
        occurrence = Occurrence(number, local, local.replace(tzinfo=zone).astimezone(UTC))
        if now < occurrence.at <= latest:
            try:
                local_time(day, local.time(), zone)
            except TimeError as error:
                found.invalid.append((local, error))
                continue
        if occurrence.at <= reach:
            found.occurrences.append(occurrence)
        if occurrence.at > now:
            found.coming.append(occurrence)
        if occurrence.at > latest:
            found.later.append(occurrence)
        if day > last_day and (repeat.is_endless or len(found.later) > _MAX_COUNTED):
            found.is_counted = False
            break
    today = now.astimezone(zone).date()
    found.unmatched = sorted(
        wrong for wrong in repeat.excepted - matched if max(start.date(), today) <= wrong <= day
    )
    return found


def parse_repeat(text: str) -> Repeat:
    """Parse a `repeat` field, in words or as a rule of RFC 5545.

    Raises:
        TimeError: A part is unknown or ambiguous, or changes the time of day.
    """
    if len(text) > _MAX_CHARACTERS:
        raise TimeError(f"{text[:20]!r}… is too long", hint=_FORMATS_HINT)
    words, *clauses = _KEYWORD.split(" ".join(text.lower().split()).removesuffix("."))
    names = clauses[::2]
    for name in names:
        if names.count(name) > 1:
            raise TimeError(f"two {name!r} in {text!r}", hint="Keep one of them.")
    values = dict(zip(names, clauses[1::2], strict=True))
    is_rule = "=" in words
    repeat = _parse_rule(words.upper(), text) if is_rule else Repeat(text, _to_rule(words, text))
    if ("until" in values) + ("for" in values) + (not repeat.is_endless) > 1:
        raise TimeError(f"two ends in {text!r}", hint="Keep one of them.")
    if "until" in values:
        repeat = replace(repeat, until=_parse_until(values["until"], text))
    if "for" in values:
        count = re.fullmatch(r"([1-9]\d{0,3}) times?", values["for"], re.ASCII)
        if count is None:
            raise _repeat_error(f"for {values['for']}", text, "for 10 times")
        repeat = replace(repeat, rule=f"{repeat.rule};COUNT={count[1]}")
    if "except" in values:
        days = [_parse_date(part, text) for part in _SEPARATOR.split(values["except"])]
        repeat = replace(repeat, excepted=frozenset(days))
    return repeat


def _parse_rule(words: str, text: str) -> Repeat:
    parts: dict[str, str] = {}
    for part in words.removeprefix("RRULE:").strip().split(";"):
        name, _, value = part.partition("=")
        pattern = _RULE_PARTS.get(name)
        if pattern is None or not pattern.fullmatch(value) or name in parts:
            names = ", ".join(_RULE_PARTS)
            raise TimeError(
                f"{part[:40]!r} is not supported in {text!r}",
                hint=f"Use each once: {names}; FREQ is DAILY, WEEKLY, MONTHLY or YEARLY. The time "
                "of day is that of `scheduled_at`.",
            )
        parts[name] = value
    frequency = parts.pop("FREQ", None)
    if frequency is None:
        raise TimeError(f"the rule {text!r} has no FREQ", hint=_FORMATS_HINT)
    _check_numbers(frequency, parts, text)
    until = None
    if "UNTIL" in parts:
        if "COUNT" in parts:
            raise TimeError(f"two ends in {text!r}", hint="Keep COUNT or UNTIL.")
        until = _parse_rule_until(parts.pop("UNTIL"), text)
    rest = "".join(f";{name}={value}" for name, value in parts.items())
    repeat = Repeat(text, f"FREQ={frequency}{rest}", until, is_rule=True)
    try:
        repeat.build(datetime(2000, 1, 1))  # noqa: DTZ001 - a local time
    except (ValueError, TypeError) as problem:
        raise TimeError(f"invalid rule {text!r}: {problem}", hint=_FORMATS_HINT) from None
    return repeat


def _check_numbers(frequency: str, parts: Mapping[str, str], text: str) -> None:
    for name, limit in _NUMBER_LIMITS.items():
        numbers = [int(number) for number in parts.get(name, "1").split(",")]
        lowest = 1 if name == "BYMONTH" else -limit
        if not all(lowest <= number <= limit and number for number in numbers):
            raise TimeError(
                f"{name}={parts[name]} is out of range in {text!r}",
                hint=f"Use numbers from {lowest} to {limit}{', except 0' * (lowest < 0)}.",
            )
    limit = 0 if frequency in {"DAILY", "WEEKLY"} else 5
    if frequency == "YEARLY" and "BYMONTH" not in parts:
        limit = 53
    if any(int(number) > limit for number in re.findall(r"\d+", parts.get("BYDAY", ""))):
        raise TimeError(
            f"{parts['BYDAY']!r} counts days that FREQ={frequency} does not have in {text!r}",
            hint="Use, for example, 'FREQ=MONTHLY;BYDAY=2TU'.",
        )


def _parse_rule_until(value: str, text: str) -> datetime:
    """Parse UNTIL: a date stands for its end, `Z` for UTC."""
    try:
        until = datetime.fromisoformat(value)
    except ValueError:
        raise _repeat_error(f"UNTIL={value}", text, "UNTIL=20270331") from None
    return until if "T" in value else datetime.combine(until, time.max)


def _to_rule(words: str, text: str) -> str:
    """Return the rule of `every …` or `monthly …`."""
    first, space, rest = words.partition(" ")
    words = _ADVERBS.get(first, first) + space + rest
    if match := _OF_THE_MONTH.fullmatch(words):
        return f"FREQ=MONTHLY;{_parse_month_days(match['days'], text)}"
    if match := _EVERY_UNIT.fullmatch(words):
        rule = f"FREQ={_FREQUENCIES[match['unit']]}{_parse_interval(match['interval'], text)}"
        days = match["days"]
        if days is None:
            return rule
        if match["unit"] == "week":
            return f"{rule};BYDAY={_parse_weekdays(days, text)}"
        if match["unit"] == "month":
            return f"{rule};{_parse_month_days(days, text)}"
        raise _repeat_error(f"on {days}", text, "every 2 weeks on mon")
    match = _EVERY_DAYS.fullmatch(words)
    if match is None:
        raise _repeat_error(words, text)
    days, interval = match["days"], match["interval"]
    if interval == "1st" or days.partition(" ")[0] in _ORDINALS:
        raise TimeError(
            f"ambiguous {text!r}: days of a month, or of every so many weeks",
            hint=f"Write '{words} of the month', or for example 'every 2 weeks on tue'.",
        )
    if days == "weekday":
        days = "mon-fri"
    codes = _parse_weekdays(days, text)
    if interval is not None and "," in codes:
        raise TimeError(
            f"ambiguous {words!r}: every second week, or every second of these days",
            hint=f"Write 'every 2 weeks on {days}'.",
        )
    return f"FREQ=WEEKLY{_parse_interval(interval, text)};BYDAY={codes}"


def _parse_interval(words: str | None, text: str) -> str:
    if words is None:
        return ""
    number = 2 if words == "other" else int(re.sub(r"\D", "", words))
    if number < 1 or (number == 1 and words != "1"):
        raise _repeat_error(words, text)
    return f";INTERVAL={number}"


def _parse_weekdays(words: str, text: str) -> str:
    codes: list[str] = []
    for part in _SEPARATOR.split(words):
        days = parse_weekdays(part)
        if days is None:
            raise _repeat_error(part, text)
        codes += [_CODES[day] for day in days]
    return ",".join(dict.fromkeys(codes))


def _parse_month_days(words: str, text: str) -> str:
    """Return the part of a rule for `15th`, `last day`, or `1st and 3rd tue`."""
    *ordinals, last = _SEPARATOR.split(words)
    ordinal, _, weekday = last.partition(" ")
    if weekday in WEEKDAYS:
        positions = [*ordinals, ordinal]
        if not all(position in _ORDINALS for position in positions):
            raise _repeat_error(words, text, "the first and third tue")
        return "BYDAY=" + ",".join(
            f"{_ORDINALS[position]}{_CODES[WEEKDAYS[weekday]]}" for position in positions
        )
    return "BYMONTHDAY=" + ",".join(str(_parse_month_day(part, text)) for part in [*ordinals, last])


def _parse_month_day(word: str, text: str) -> int:
    if word == "last day":
        return -1
    match = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", word, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= 31:
        raise _repeat_error(word, text, "the 15th", "the last day")
    if int(match[1]) > 28:
        raise TimeError(
            f"not every month has a {word} ({text!r})", hint=_short_month_hint(int(match[1]))
        )
    return int(match[1])


def _short_month_hint(day: int) -> str:
    return (
        "Use 'every month on the last day', or "
        f"RRULE:FREQ=MONTHLY;BYMONTHDAY={day} for only the months that have it."
    )


def _parse_until(words: str, text: str) -> datetime:
    if month := _MONTH.fullmatch(words):
        with suppress(ValueError):
            last = monthrange(int(month[1]), int(month[2]))[1]
            return datetime.combine(_parse_date(f"{words}-{last}", text), time.max)
    return datetime.combine(_parse_date(words, text), time.max)


def _parse_date(words: str, text: str) -> date:
    if _DATE.fullmatch(words):
        with suppress(ValueError):
            return date.fromisoformat(words)
    raise _repeat_error(words, text, "2027-03-31")


def _repeat_error(part: str, text: str, *examples: str) -> TimeError:
    hint = f"Use, for example, {' or '.join(map(repr, examples))}." if examples else _FORMATS_HINT
    is_incomplete = text and not part
    problem = (
        f"{text!r} is incomplete" if is_incomplete else f"{part!r} is not understood in {text!r}"
    )
    return TimeError(problem, hint=hint)


def _shift(year: int) -> int:
    """Return the multiple of `_CYCLE` that moves `year` 200 to 600 years before 9999."""
    return (9999 - _CYCLE // 2 - year) // _CYCLE * _CYCLE


def _move(local: datetime, years: int) -> datetime | None:
    year = local.year + years
    return local.replace(year=year) if 1 <= year <= 9999 else None
