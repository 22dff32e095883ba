"""Timestamps as the API writes them; without time zones, whose import is slow."""

from datetime import UTC, datetime, timedelta
from typing import Any

# A day from the ends of the calendar, so that any time zone can represent it.
_MIN = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_MAX = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def parse_timestamp(value: Any) -> datetime:
    """Parse ISO 8601 from the API, including milliseconds; raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004 - the API may send anything
    parsed = datetime.fromisoformat(value)
    return to_utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def timestamp_or_none(value: Any) -> datetime | None:
    """Parse as `parse_timestamp` does; None for an invalid one."""
    try:
        return parse_timestamp(value)
    except ValueError:
        return None


def to_utc(when: datetime) -> datetime:
    """Convert to UTC; raises ValueError if some time zone cannot represent the time."""
    try:
        utc = when.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None
    if not _MIN <= utc <= _MAX:
        raise ValueError("out of range")
    return utc


def format_timestamp(when: datetime) -> str:
    """Format for the API: `2026-05-12T14:30:00Z`."""
    return when.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
