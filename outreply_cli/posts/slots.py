"""Posting times of a page: their text, their times across clock changes, and the next free one.

Without I/O: what is scheduled and what is claimed is passed in.
"""

import re
import shlex
from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from outreply_cli.errors import ExitCode, InvalidInputError, TimeError
from outreply_cli.pages import Page, page_alias
from outreply_cli.posts.guardrails import GuardrailLimits, has_brand_capacity, has_capacity
from outreply_cli.spec.limits import SCHEDULE_EARLIEST, SCHEDULE_LATEST
from outreply_cli.time_parser import parse_weekdays

# The time that stands for the next free slot.
NEXT_SLOT = "next-slot"
# A post must still be ten minutes ahead when a long run sends it.
SLOT_EARLIEST = SCHEDULE_EARLIEST + timedelta(minutes=5)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_GROUPS = {"daily": range(7), "weekdays": range(5), "weekends": range(5, 7)}
_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?(am|pm)?")
_EXAMPLE = "Write days and times, such as: 'mon-fri 09:00,17:30; sat 11:00'"
# A week of slots every ten minutes.
_MAX_SLOTS = 1_008


class NoSlotsError(InvalidInputError):
    """A page has no slots, or none that is free."""

    code = "NO_SLOT"


class UnknownSlotsError(NoSlotsError):
    """No slots are set for a page or brand that was named."""

    exit_code = ExitCode.NOT_FOUND


def no_slots_error(page: Page) -> NoSlotsError:
    """Return the error for a page without slots."""
    return NoSlotsError(
        f"{page_alias(page)} has no slots", hint=f"Set them with: {slots_set_command(page)}"
    )


def no_free_slot_error(page: Page) -> NoSlotsError:
    """Return the error for a page whose slots are all taken."""
    return NoSlotsError(
        f"{page_alias(page)} has no free slot within {SCHEDULE_LATEST.days} days",
        hint=f"Set more slots with: {slots_set_command(page)}",
    )


def slots_set_command(page: Page) -> str:
    """Return a command that sets slots of a page."""
    return f"outreply slots set {shlex.quote(page_alias(page))} 'daily 09:00,17:30'"


@dataclass(frozen=True)
class SlotSchedule:
    """The weekly slots of a page or brand.

    Attributes:
        times: Local times by the day of the week, each day's sorted.
        zone: Time zone of `times`.
    """

    times: tuple[tuple[time, ...], ...]
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone: ZoneInfo) -> "SlotSchedule":
        """Parse slots such as `mon-fri 09:00,17:30; sat 11:00`.

        Raises:
            TimeError: A part is invalid; the message names it.
        """
        times: list[set[time]] = [set() for _ in _DAYS]
        parts = [part.strip() for part in text.lower().split(";")]
        if not any(parts):
            raise TimeError("the slots are empty", hint=_EXAMPLE)
        for part in filter(None, parts):
            days, times_of_day = _parse_part(part)
            for day in days:
                times[day].update(times_of_day)
        if sum(map(len, times)) > _MAX_SLOTS:
            raise TimeError(f"more than {_MAX_SLOTS} slots a week", hint="Use fewer times of day.")
        return cls(tuple(tuple(sorted(day)) for day in times), zone)

    def __str__(self) -> str:
        """Return the canonical text, which `parse` reads."""
        by_times: dict[tuple[time, ...], list[int]] = {}
        for day, times in enumerate(self.times):
            if times:
                by_times.setdefault(times, []).append(day)
        return "; ".join(
            f"{_format_days(days)} {','.join(f'{at:%H:%M}' for at in times)}"
            for times, days in by_times.items()
        )

    def after(self, start: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the times (UTC) of the slots from `start` to `until`, each later than the last.

        A local time that a clock change skips has no slot on that day; of one that it repeats,
        only the first counts.
        """
        last: datetime | None = None
        # A day more on each side: an offset may change by one.
        day = start.astimezone(self.zone).date() - timedelta(days=1)
        final = until.astimezone(self.zone).date() + timedelta(days=1)
        while day <= final:
            for at in _day_slots(day, self.times[day.weekday()], self.zone):
                if start <= at <= until and (last is None or at > last):
                    last = at
                    yield at
            day += timedelta(days=1)


class PageSlots:
    """The free slots of one page, in order; each is handed out once.

    Args:
        schedule: The slots of the page.
        platform: Platform of the page.
        limits: Guardrails of the account.
        now: The current time.
        posts: Times of the page's posts, scheduled and recently published.
        brand_posts: Times of the posts of the other pages of its brand.
        taken: Times of slots that were taken before, including by posts that were cancelled since.
    """

    def __init__(
        self,
        schedule: SlotSchedule,
        platform: str,
        limits: GuardrailLimits,
        *,
        now: datetime,
        posts: Iterable[datetime],
        brand_posts: Iterable[datetime] = (),
        taken: Collection[datetime] = frozenset(),
    ) -> None:
        self.earliest, self.latest = now + SLOT_EARLIEST, now + SCHEDULE_LATEST
        self._platform = platform
        self._limits = limits
        # Equal times are one post: that of a row, and the same in a list of the server.
        self._posts = sorted(set(posts))
        self._brand = sorted([*self._posts, *brand_posts])
        self._taken = sorted(taken)
        self._times = schedule.after(self.earliest, self.latest)

    def take_next_free(self) -> datetime | None:
        """Return the next free slot, which is not handed out again; None if there is none."""
        # Posts are only added, so a slot that is not free never becomes free.
        for at in self._times:
            if not self.was_taken(at) and self.has_capacity(at):
                self.add(at)
                return at
        return None

    def was_taken(self, at: datetime) -> bool:
        """Return whether a post was meant for the slot's time, or one too near to it."""
        return find_near(self._taken, at, self._limits.min_gap) is not None

    def has_capacity(self, at: datetime) -> bool:
        """Return whether the guardrails allow another post of the page at `at`."""
        return (
            self.earliest <= at <= self.latest
            and has_capacity(at, self._posts, self._platform, self._limits)
            and has_brand_capacity(at, self._brand, self._limits)
        )

    def add(self, at: datetime) -> None:
        """Add a post of the page."""
        insort(self._posts, at)
        insort(self._brand, at)


def find_near(times: Sequence[datetime], at: datetime, gap: timedelta) -> datetime | None:
    """Return the first of the sorted `times` that is less than `gap` away from `at`."""
    index = bisect_right(times, at - gap)
    return times[index] if index < len(times) and times[index] < at + gap else None


def _day_slots(day: date, times: Sequence[time], zone: ZoneInfo) -> Iterator[datetime]:
    for time_of_day in times:
        at = datetime.combine(day, time_of_day, tzinfo=zone).astimezone(UTC)
        # A local time that is skipped comes back as another one.
        local = at.astimezone(zone)
        if (local.date(), local.time()) == (day, time_of_day):
            yield at


def _parse_part(part: str) -> tuple[set[int], set[time]]:
    days: set[int] = set()
    times: set[time] = set()
    for word in filter(None, re.split(r"[,\s]+", re.sub(r"(?<!\s)\s*-\s*", "-", part))):
        if word[:1].isdigit():
            times.add(_parse_time(word, part))
        elif times:
            raise TimeError(
                f"{word!r} follows a time of day in {part!r}",
                hint=f"Separate days that have other times with a semicolon. {_EXAMPLE}",
            )
        else:
            days.update(_parse_days(word, part))
    missing = "times of day" if not times else "days" if not days else ""
    if missing:
        raise TimeError(f"{part!r} has no {missing}", hint=_EXAMPLE)
    return days, times


def _parse_days(word: str, part: str) -> Iterable[int]:
    if word in _DAY_GROUPS:
        return _DAY_GROUPS[word]
    days = parse_weekdays(word)
    if days is None:
        raise TimeError(
            f"unknown day {word!r} in {part!r}",
            hint="Use mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, weekdays, "
            "weekends or daily.",
        )
    return days


def _parse_time(word: str, part: str) -> time:
    match = _TIME.fullmatch(word)
    if match is not None and (match[2] or match[3]):
        hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
        if half and 1 <= hour <= 12:
            hour = hour % 12 + 12 * (half == "pm")
        elif half:
            hour = 24
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise TimeError(
        f"invalid time of day {word!r} in {part!r}", hint="Accepted formats: 09:00, 5pm, 5:30pm"
    )


def _format_days(days: Sequence[int]) -> str:
    if len(days) == len(_DAYS):
        return "daily"
    ranges = []
    # Days in a row have the same distance from their index.
    for _, group in groupby(enumerate(days), lambda pair: pair[1] - pair[0]):
        row = [_DAYS[day] for _, day in group]
        ranges += [f"{row[0]}-{row[-1]}"] if len(row) > 2 else row
    return ",".join(ranges)
