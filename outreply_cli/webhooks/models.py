"""Webhook deliveries as the store keeps them."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from outreply_cli.storage.sqlite import check_types, wrap_corruption

_COLUMN_TYPES = {"id": str, "event": str, "received_at": float, "reason": str | None, "status": int,
                 "body": bytes}  # fmt: skip


@dataclass
class IncomingDelivery:
    """A delivery that is about to be stored; the store sets `number` and `times_seen`.

    Attributes:
        id: Key of the event, the same for each redelivery; a digest of the body if invalid.
        event: Event name; empty if unknown.
        reason: Reason that the delivery is invalid; None if valid.
        status: HTTP status of the response.
        targets: Names of the forward targets.
        times_seen: Number of earlier deliveries of the event.
    """

    id: str
    received_at: float
    event: str
    is_verified: bool
    reason: str | None
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    targets: Sequence[str] = ()
    forward_if_duplicate: bool = False
    number: int = 0
    times_seen: int = 0

    @property
    def is_duplicate(self) -> bool:
        """Whether the event was delivered before."""
        return self.times_seen > 0


@dataclass(frozen=True)
class Delivery:
    """A stored delivery."""

    number: int
    id: str
    received_at: float
    event: str
    is_verified: bool
    reason: str | None
    is_duplicate: bool
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, repeated ones joined by commas; None if absent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True)
class QueuedDelivery:
    """A delivery in a forward target's queue."""

    number: int
    attempts: int
    due_at: float
    delivery: Delivery


def delivery_state(reason: str | None, *, is_duplicate: bool) -> str:
    """The state of a delivery in words; `reason` is why it is invalid."""
    if reason is not None:
        return f"invalid: {reason}"
    return "verified (duplicate)" if is_duplicate else "verified"


def delivery_from_row(row: sqlite3.Row) -> Delivery:
    """The delivery in a row of the store; raises sqlite3.DatabaseError if the row is damaged."""
    with wrap_corruption():
        check_types(row, _COLUMN_TYPES)
        return Delivery(
            number=row["number"],
            id=row["id"],
            received_at=row["received_at"],
            event=row["event"],
            is_verified=bool(row["verified"]),
            reason=row["reason"],
            is_duplicate=bool(row["duplicate"]),
            status=row["status"],
            headers=[(str(name), str(value)) for name, value in json.loads(row["headers"])],
            body=row["body"],
        )
