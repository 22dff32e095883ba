"""Instants as the API writes them; without time zones, whose tables take a while to find."""

from datetime import UTC, datetime, timedelta
from typing import Any

# Every zone on earth can show what is at least a day away from the ends of the calendar.
_FIRST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def parse_timestamp(text: Any) -> datetime:
    """An instant from the API's ISO 8601 (milliseconds kept); raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("it is no text")  # noqa: TRY004 - it is the API that may send anything
    instant = datetime.fromisoformat(text)
    return to_utc(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def to_utc(instant: datetime) -> datetime:
    """`instant` in UTC; raises ValueError for one that some zone could not show."""
    try:
        moved = instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is outside the calendar") from None
    if not _FIRST <= moved <= _LAST:
        raise ValueError("it is outside the calendar")
    return moved


def format_timestamp(instant: datetime) -> str:
    """`instant` as the API takes it: `2026-05-12T14:30:00Z`."""
    return instant.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
