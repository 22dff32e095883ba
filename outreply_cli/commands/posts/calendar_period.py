"""A week or a month as the days that a calendar shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Period:
    """The days that a calendar shows.

    Attributes:
        weeks: Each from Monday to Sunday.
        month: The month that is shown; None for a week.
        today: Is marked.
    """

    weeks: Sequence[Sequence[date]]
    month: int | None
    today: date

    @classmethod
    def of(cls, day: date, today: date, *, whole_month: bool) -> "Period":
        """The week, or the month, that holds `day`."""
        if whole_month:
            return cls(month_weeks(day), day.month, today)
        return cls([week_days(day)], None, today)

    @property
    def first(self) -> date:
        """The first day that is shown."""
        return next(day for day in self.weeks[0] if self.has(day))

    @property
    def after(self) -> date:
        """The first day that is no longer shown."""
        last = next(day for day in reversed(self.weeks[-1]) if self.has(day))
        return last + timedelta(days=1)

    @property
    def title(self) -> str:
        """What it is called: `November 2026`, or `Week 48: 23 – 29 November 2026`."""
        if self.month is not None:
            return f"{self.first:%B %Y}"
        first, last = self.first, self.after - timedelta(days=1)
        begin = f"{first.day}"
        if first.year != last.year:
            begin += f" {first:%B %Y}"
        elif first.month != last.month:
            begin += f" {first:%B}"
        return f"Week {first.isocalendar().week}: {begin} – {last.day} {last:%B %Y}"

    def has(self, day: date) -> bool:
        """Whether `day` is one of those that are shown."""
        return self.month is None or day.month == self.month


def week_days(day: date) -> list[date]:
    """Monday to Sunday of the week that holds `day`."""
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=number) for number in range(7)]


def month_weeks(day: date) -> list[list[date]]:
    """The weeks, from Monday on, that hold the month of `day`."""
    monday = day.replace(day=1)
    monday -= timedelta(days=monday.weekday())
    weeks = [week_days(monday)]
    while (following := weeks[-1][0] + timedelta(days=7)).month == day.month:
        weeks.append(week_days(following))
    return weeks
