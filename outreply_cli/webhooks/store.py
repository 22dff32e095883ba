"""The store of webhook deliveries in SQLite: on disk before a delivery is acknowledged."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outreply_cli.errors import ExitCode, OutReplyError
from outreply_cli.ids import expand_id
from outreply_cli.storage.sqlite import open_database, transaction, wrap_storage_errors
from outreply_cli.webhooks.models import (
    Delivery,
    IncomingDelivery,
    QueuedDelivery,
    delivery_from_row,
)

if TYPE_CHECKING:
    from outreply_cli.net.deliver import DeliveryResult

RETENTION_SECONDS = 30 * 86_400.0
MAX_REJECTED = 200
QUEUE_MAX = 10_000
_PRUNE_EVERY = 1_000
_SCHEMA = """
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, received_at REAL NOT NULL,
    event TEXT NOT NULL, verified INTEGER NOT NULL, reason TEXT, duplicate INTEGER NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX deliveries_by_id ON deliveries (id, verified);
CREATE INDEX deliveries_by_event ON deliveries (event, number);
CREATE INDEX deliveries_by_time ON deliveries (received_at);
CREATE INDEX deliveries_refused ON deliveries (number) WHERE verified = 0;
CREATE TABLE forwards (
    number INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, target TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due_at REAL, status INTEGER, error TEXT, milliseconds REAL
);
CREATE INDEX forwards_due ON forwards (target, number) WHERE due_at IS NOT NULL;
CREATE INDEX forwards_of ON forwards (delivery);
CREATE INDEX forwards_failed ON forwards (delivery)
    WHERE error IS NOT NULL OR status NOT BETWEEN 200 AND 299;
"""
# One index lookup per event name, however many deliveries have it.
_EVENT_NAMES = """
WITH RECURSIVE names (event) AS (
    SELECT min(event) FROM deliveries
    UNION ALL SELECT (SELECT min(event) FROM deliveries WHERE event > names.event) FROM names
    WHERE names.event IS NOT NULL
)
SELECT event FROM names WHERE event GLOB ?
"""


# Name of the file in the state directory.
DELIVERIES_FILE = "webhooks.db"


class DeliveryNotFoundError(OutReplyError):
    """No stored delivery has that ID or number."""

    code = "NOT_FOUND"
    exit_code = ExitCode.NOT_FOUND


class DeliveryStore:
    """The deliveries received on this machine; safe for several threads and processes.

    Every method raises StorageError if the file, which is created if missing, cannot be used. With
    `allow_readonly`, a file that cannot be written can be read, and a missing one is empty.
    """

    def __init__(self, path: Path, *, allow_readonly: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._since_prune = 0
        with self._lock_store():
            self._db = open_database(
                path, _SCHEMA, version=1, durable=True, allow_readonly=allow_readonly
            )

    def close(self) -> None:
        """Close the file when no thread is using it."""
        with self._lock:
            self._db.close()

    def store(self, deliveries: Sequence[IncomingDelivery]) -> None:
        """Store deliveries in one transaction; on return they are on disk and have numbers.

        Raises:
            StorageError: None of them could be stored.
        """
        if deliveries:
            with self._lock_store(), transaction(self._db):
                self._insert(deliveries)
                self._prune(deliveries)

    def _insert(self, batch: Sequence[IncomingDelivery]) -> None:
        # One statement for all: between statements other threads compete for the interpreter.
        seen = self._times_seen({delivery.id for delivery in batch if delivery.is_verified})
        for delivery in batch:
            if delivery.is_verified:
                delivery.times_seen = seen[delivery.id]
                seen[delivery.id] += 1
        inserted = self._db.execute(
            "INSERT INTO deliveries (id, received_at, event, verified, reason, duplicate, "  # noqa: S608
            f"status, headers, body) VALUES {_placeholders(len(batch), 9)}",
            [
                value
                for delivery in batch
                for value in (
                    delivery.id, delivery.received_at, delivery.event, delivery.is_verified,
                    delivery.reason, delivery.is_duplicate, delivery.status,
                    json.dumps(list(delivery.headers)), delivery.body,
                )
            ],
        )  # fmt: skip
        # Numbers are consecutive within a transaction.
        first = (inserted.lastrowid or 0) - len(batch) + 1
        for number, delivery in enumerate(batch, first):
            delivery.number = number
        self._enqueue([
            (delivery.number, target, delivery.received_at)
            for delivery in batch
            if delivery.forward_if_duplicate or not delivery.is_duplicate
            for target in delivery.targets
        ])  # fmt: skip

    def _times_seen(self, ids: Collection[str]) -> Counter[str]:
        rows = self._db.execute(
            "SELECT id, count(*) FROM deliveries "  # noqa: S608 - placeholders only
            f"WHERE verified = 1 AND id IN {_placeholders(1, len(ids))} GROUP BY id",
            tuple(ids),
        )
        return Counter({row[0]: row[1] for row in rows})

    def _enqueue(self, entries: Sequence[tuple[int, str, float]]) -> None:
        if not entries:
            return
        pending = Counter(self._pending_counts())
        rows = []
        for number, target, due_at in entries:
            is_full = pending[target] >= QUEUE_MAX
            pending[target] += not is_full
            error = "the queue is full" if is_full else None
            rows += [number, target, None if is_full else due_at, error]
        self._db.execute(
            "INSERT INTO forwards (delivery, target, due_at, error) "  # noqa: S608 - placeholders only
            f"VALUES {_placeholders(len(entries), 4)}",
            rows,
        )

    def _pending_counts(self) -> dict[str, int]:
        rows = self._db.execute(
            "SELECT target, count(*) FROM forwards WHERE due_at IS NOT NULL GROUP BY target"
        )
        return dict(rows.fetchall())

    def _prune(self, batch: Sequence[IncomingDelivery]) -> None:
        if any(not delivery.is_verified for delivery in batch):
            self._db.execute(
                "DELETE FROM deliveries WHERE verified = 0 AND number <= (SELECT number FROM "
                "deliveries WHERE verified = 0 ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (MAX_REJECTED,),
            )
        self._since_prune += len(batch)
        if self._since_prune < _PRUNE_EVERY:
            return
        self._since_prune = 0
        oldest = batch[-1].received_at - RETENTION_SECONDS
        self._db.execute(
            "DELETE FROM forwards WHERE delivery IN "
            "(SELECT number FROM deliveries WHERE received_at < ?)",
            (oldest,),
        )
        self._db.execute("DELETE FROM deliveries WHERE received_at < ?", (oldest,))

    @contextmanager
    def _lock_store(self) -> Iterator[None]:
        hint = "Set OUTREPLY_STATE_DIR to a directory you can write to."
        with wrap_storage_errors(f"the webhook store {self._path}", hint=hint), self._lock:
            yield

    def requeue(self, delivery: Delivery, target: str, now: float) -> None:
        """Queue a stored delivery for `target` again."""
        with self._lock_store():
            self._enqueue([(delivery.number, target, now)])

    def next_pending(self, target: str, in_flight: Collection[int] = ()) -> QueuedDelivery | None:
        """The oldest delivery in the queue of `target`, due or not, except those `in_flight`."""
        placeholders = ", ".join("?" * len(in_flight))
        with self._lock_store():
            row = self._db.execute(
                "SELECT number, attempts, due_at, delivery FROM forwards WHERE target = ? "  # noqa: S608
                f"AND due_at IS NOT NULL AND number NOT IN ({placeholders}) "
                "ORDER BY number LIMIT 1",
                (target, *in_flight),
            ).fetchone()
            if row is None:
                return None
            found = self._db.execute(
                "SELECT * FROM deliveries WHERE number = ?", (row["delivery"],)
            ).fetchone()
            if found is None:
                self._db.execute("DELETE FROM forwards WHERE number = ?", (row["number"],))
                return None
            return QueuedDelivery(
                row["number"], row["attempts"], row["due_at"], delivery_from_row(found)
            )

    def record_forward(
        self, queued: QueuedDelivery, result: "DeliveryResult", due_at: float | None
    ) -> None:
        """Record an attempt, and when the next one is due; None for no further attempt."""
        with self._lock_store():
            self._db.execute(
                "UPDATE forwards SET attempts = attempts + 1, status = ?, error = ?, "
                "milliseconds = ?, due_at = ? WHERE number = ?",
                (result.status, result.error, result.milliseconds, due_at, queued.number),
            )

    def record_sync_forward(self, number: int, target: str, result: "DeliveryResult") -> None:
        """Record an attempt to forward a delivery while its sender waited."""
        with self._lock_store():
            self._db.execute(
                "INSERT INTO forwards (delivery, target, attempts, status, error, milliseconds) "
                "VALUES (?, ?, 1, ?, ?, ?)",
                (number, target, result.status, result.error, result.milliseconds),
            )

    def mark_delivered(self, number: int, target: str, status: int) -> None:
        """Remove a delivery from the queue of `target`, which has accepted it."""
        with self._lock_store():
            self._db.execute(
                "UPDATE forwards SET due_at = NULL, status = ?, error = NULL "
                "WHERE delivery = ? AND target = ?",
                (status, number, target),
            )

    def record_status(self, number: int, status: int) -> None:
        """Record the response status of a stored delivery."""
        with self._lock_store():
            self._db.execute("UPDATE deliveries SET status = ? WHERE number = ?", (status, number))

    def pending_counts(self) -> Mapping[str, int]:
        """The number of queued deliveries by target."""
        with self._lock_store():
            return self._pending_counts()

    def history(
        self,
        *,
        limit: int,
        event: str | None = None,
        since: datetime | None = None,
        only_failed: bool = False,
        only_invalid: bool = False,
    ) -> list[dict[str, Any]]:
        """Deliveries with their forward attempts, newest first.

        Args:
            limit: Maximum number of deliveries.
            event: Event name to filter by; `*` matches any characters.
            since: Earliest time of receipt.
            only_failed: Filter by a target that has not accepted the delivery.
            only_invalid: Filter by failed verification.
        """
        conditions: list[str] = []
        values: list[str | float] = []
        if since is not None:
            conditions.append("received_at >= ?")
            values.append(since.timestamp())
        if only_invalid:
            conditions.append("verified = 0")
        if only_failed:
            conditions.append(
                "number IN (SELECT delivery FROM forwards "
                "WHERE error IS NOT NULL OR status NOT BETWEEN 200 AND 299)"
            )
        with self._lock_store():
            if event is None:
                rows = self._newest(conditions, values, limit)
            else:
                names = [row[0] for row in self._db.execute(_EVENT_NAMES, (event,))]
                # The newest of each name, then of all: sorting all matches would take ever longer.
                found = [
                    row
                    for name in names
                    for row in self._newest(["event = ?", *conditions], [name, *values], limit)
                ]
                rows = sorted(found, key=lambda row: -int(row["number"]))[:limit]
            return [
                {"delivery": delivery_from_row(row), "forwards": self._forwards(row["number"])}
                for row in rows
            ]

    def _newest(
        self, conditions: Sequence[str], values: Sequence[str | float], limit: int
    ) -> list[sqlite3.Row]:
        return self._db.execute(
            f"SELECT * FROM deliveries WHERE {' AND '.join(conditions or ['1'])} "  # noqa: S608 - fixed conditions
            "ORDER BY number DESC LIMIT ?",
            (*values, limit),
        ).fetchall()

    def find(self, delivery_id: str) -> Delivery:
        """The first delivery with an ID or a prefix of it, or with a number such as `12` or `#12`.

        Raises:
            AmbiguousIdError: The IDs of several deliveries start with it.
            DeliveryNotFoundError: No delivery has that ID or number.
        """
        with self._lock_store():
            digits = delivery_id.removeprefix("#")
            row = None
            if digits.isdecimal() and len(digits) < 19:
                row = self._db.execute(
                    "SELECT * FROM deliveries WHERE number = ?", (int(digits),)
                ).fetchone()
            if row is None:
                row = self._first(delivery_id) or self._first(self._expand(delivery_id))
            if row is not None:
                return delivery_from_row(row)
        raise DeliveryNotFoundError(
            f"delivery not found: {delivery_id}", hint="See: outreply webhooks history"
        )

    def _first(self, delivery_id: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM deliveries WHERE id = ? ORDER BY verified DESC, number LIMIT 1",
            (delivery_id,),
        ).fetchone()
        return row

    def _expand(self, word: str) -> str:
        rows = self._db.execute(
            "SELECT DISTINCT id, event FROM deliveries WHERE substr(id, 1, ?) = ?",
            (len(word), word),
        )
        return expand_id(word, {row["id"]: f"({row['event']})" for row in rows}, "delivery")

    def _forwards(self, number: int) -> list[dict[str, Any]]:
        rows = self._db.execute(
            "SELECT target, attempts, status, error, milliseconds, due_at FROM forwards "
            "WHERE delivery = ? ORDER BY number",
            (number,),
        )
        return [dict(row) for row in rows]


def _placeholders(rows: int, columns: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)
