"""The days of a week or a month in a calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Period:
    """The weeks, from Monday to Sunday, that a calendar shows; `month` is None for one week."""

    weeks: Sequence[Sequence[date]]
    month: int | None
    today: date

    @classmethod
    def containing(cls, day: date, *, today: date, whole_month: bool) -> "Period":
        """Return the week, or the month, of `day`."""
        if whole_month:
            return cls(month_weeks(day), day.month, today)
        return cls([week_days(day)], None, today)

    @property
    def first(self) -> date:
        """The first day of the period."""
        return next(day for day in self.weeks[0] if self.has(day))

    @property
    def after(self) -> date:
        """The first day after the period."""
        last = next(day for day in reversed(self.weeks[-1]) if self.has(day))
        return last + timedelta(days=1)

    @property
    def title(self) -> str:
        """Title such as `November 2026` or `Week 48: 23 – 29 November 2026`."""
        if self.month is not None:
            return f"{self.first:%B %Y}"
        first, last = self.first, self.after - timedelta(days=1)
        start = f"{first.day}"
        if first.year != last.year:
            start += f" {first:%B %Y}"
        elif first.month != last.month:
            start += f" {first:%B}"
        return f"Week {first.isocalendar().week}: {start} – {last.day} {last:%B %Y}"

    def has(self, day: date) -> bool:
        """Return whether `day` belongs to the period."""
        return self.month is None or day.month == self.month


def week_days(day: date) -> list[date]:
    """Return Monday to Sunday of the week of `day`."""
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=offset) for offset in range(7)]


def month_weeks(day: date) -> list[list[date]]:
    """Return the weeks, from Monday on, of the month of `day`."""
    weeks = [week_days(day.replace(day=1))]
    while (monday := weeks[-1][0] + timedelta(days=7)).month == day.month:
        weeks.append(week_days(monday))
    return weeks
