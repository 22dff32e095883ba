"""Instants as the API writes them; without time zones, whose tables take a while to find."""

from datetime import UTC, datetime


def from_api(text: str) -> datetime:
    """An instant from the API's ISO 8601 (milliseconds kept); raises ValueError."""
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


def to_api(instant: datetime) -> str:
    """`instant` as the API takes it: `2026-05-12T14:30:00Z`."""
    return instant.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
