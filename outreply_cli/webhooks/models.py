"""Deliveries as the inbox keeps them."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from outreply_cli.storage.sqlite import check_types, wrap_corruption

_KINDS = {"id": str, "event": str, "received_at": float, "reason": str | None, "status": int,
          "body": bytes}  # fmt: skip


@dataclass
class IncomingDelivery:
    """A delivery as it came in, before it has a number.

    Attributes:
        id: What tells redeliveries of its event; for a bad one what tells its body.
        event: Its name, or an empty text.
        is_verified: Whether a secret of ours signed it.
        reason: Why it is bad; None for a good one.
        status: What it is answered.
        headers: Name and value as they came, in their order.
        targets: Where it is to be passed on.
        duplicates_too: Whether it is passed on although its event came before.
        number, is_duplicate: Set once it is stored.
        seen: How often its event came before; set once it is stored.
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
    duplicates_too: bool = False
    number: int = 0
    seen: int = 0

    @property
    def is_duplicate(self) -> bool:
        """Whether its event came before."""
        return self.seen > 0


@dataclass(frozen=True)
class Delivery:
    """A delivery that is stored."""

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
        """The value of a header, several joined by commas; None where there is none."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(found) if found else None


@dataclass(frozen=True)
class QueuedDelivery:
    """A delivery that waits to be passed on."""

    number: int
    attempts: int
    due_at: float
    delivery: Delivery


def delivery_from_row(row: sqlite3.Row) -> Delivery:
    """The delivery that a row of the inbox holds.

    Raises:
        sqlite3.DatabaseError: It is damaged.
    """
    with wrap_corruption():
        check_types(row, _KINDS)
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
