"""The days of a week or a month in a calendar."""

from calendar import Calendar
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
        weeks = Calendar().monthdatescalendar(day.year, day.month)
        if whole_month:
            return cls(weeks, day.month, today)
        return cls([week for week in weeks if day in week], None, today)

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
