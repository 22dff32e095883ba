"""Every delivery that came, in SQLite: on the disk before it is acknowledged."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from outreply_cli.errors import InvalidInputError
from outreply_cli.storage.sqlite import open_database, transaction, wrap_storage_errors
from outreply_cli.webhooks.models import (
    Delivery,
    IncomingDelivery,
    QueuedDelivery,
    delivery_from_row,
)

KEPT_SECONDS = 30 * 86_400.0
REJECTED_KEPT = 200
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
# One look at the index for each name, however many deliveries have it.
_EVENT_NAMES = """
WITH RECURSIVE names (event) AS (
    SELECT min(event) FROM deliveries
    UNION ALL SELECT (SELECT min(event) FROM deliveries WHERE event > names.event) FROM names
    WHERE names.event IS NOT NULL
)
SELECT event FROM names WHERE event GLOB ?
"""


class DeliveryStore:
    """The deliveries of this machine; several threads and processes may use it at once.

    Args:
        path: Its SQLite file, made where there is none.

    Raises:
        StorageError: It can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._since_prune = 0
        with self._exclusively():
            self._db = open_database(path, _SCHEMA, version=1, durable=True)

    def close(self) -> None:
        """Close the file, once nobody is at it."""
        with self._turn:
            self._db.close()

    def store(self, arrivals: Sequence[IncomingDelivery]) -> None:
        """Keep deliveries in one write: on return they are on the disk, and have their numbers.

        Raises:
            StorageError: None of them could be kept.
        """
        if arrivals:
            with self._exclusively(), transaction(self._db):
                self._insert(arrivals)
                self._prune_now_and_then(arrivals)

    def _insert(self, batch: Sequence[IncomingDelivery]) -> None:
        # One statement for all: between two of them every other thread may want its turn.
        seen = self._times_seen({each.id for each in batch if each.is_verified})
        for arrival in batch:
            if arrival.is_verified:
                arrival.seen = seen[arrival.id]
                seen[arrival.id] += 1
        inserted = self._db.execute(
            "INSERT INTO deliveries (id, received_at, event, verified, reason, duplicate, "  # noqa: S608
            f"status, headers, body) VALUES {_marks(len(batch), 9)}",
            [
                value
                for each in batch
                for value in (
                    each.id, each.received_at, each.event, each.is_verified, each.reason,
                    each.is_duplicate, each.status, json.dumps(list(each.headers)), each.body,
                )
            ],
        )  # fmt: skip
        # Within a transaction of ours numbers follow one another.
        first = (inserted.lastrowid or 0) - len(batch) + 1
        for number, arrival in enumerate(batch, first):
            arrival.number = number
        self._queue([
            (each.number, target, each.received_at)
            for each in batch
            if each.duplicates_too or not each.is_duplicate
            for target in each.targets
        ])  # fmt: skip

    def _times_seen(self, ids: Collection[str]) -> Counter[str]:
        rows = self._db.execute(
            "SELECT id, count(*) FROM deliveries "  # noqa: S608 - marks alone
            f"WHERE verified = 1 AND id IN {_marks(1, len(ids))} GROUP BY id",
            tuple(ids),
        )
        return Counter({row[0]: row[1] for row in rows})

    def _queue(self, entries: Sequence[tuple[int, str, float]]) -> None:
        if not entries:
            return
        waiting = Counter(self._waiting_counts())
        rows = []
        for number, target, due_at in entries:
            is_full = waiting[target] >= QUEUE_MAX
            waiting[target] += not is_full
            error = "the queue is full" if is_full else None
            rows += [number, target, None if is_full else due_at, error]
        self._db.execute(
            "INSERT INTO forwards (delivery, target, due_at, error) "  # noqa: S608 - marks alone
            f"VALUES {_marks(len(entries), 4)}",
            rows,
        )

    def _waiting_counts(self) -> dict[str, int]:
        return dict(
            self._db.execute(
                "SELECT target, count(*) FROM forwards WHERE due_at IS NOT NULL GROUP BY target"
            ).fetchall()
        )

    def _prune_now_and_then(self, batch: Sequence[IncomingDelivery]) -> None:
        if any(not arrival.is_verified for arrival in batch):
            self._db.execute(
                "DELETE FROM deliveries WHERE verified = 0 AND number <= (SELECT number FROM "
                "deliveries WHERE verified = 0 ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (REJECTED_KEPT,),
            )
        self._since_prune += len(batch)
        if self._since_prune < _PRUNE_EVERY:
            return
        self._since_prune = 0
        oldest = batch[-1].received_at - KEPT_SECONDS
        self._db.execute(
            "DELETE FROM forwards WHERE delivery IN "
            "(SELECT number FROM deliveries WHERE received_at < ?)",
            (oldest,),
        )
        self._db.execute("DELETE FROM deliveries WHERE received_at < ?", (oldest,))

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        hint = "Choose another place with OUTREPLY_STATE_DIR."
        with wrap_storage_errors(f"the inbox {self._path}", hint=hint), self._turn:
            yield

    def requeue(self, delivery: Delivery, target: str, now: float) -> None:
        """Pass a stored delivery on once more."""
        with self._exclusively():
            self._queue([(delivery.number, target, now)])

    def next_pending(self, target: str, under_way: Collection[int] = ()) -> QueuedDelivery | None:
        """The oldest delivery that waits for `target`, due or not, or None.

        Args:
            target: Where it is to go.
            under_way: Numbers of those that are being passed on already.
        """
        marks = ", ".join("?" * len(under_way))
        with self._exclusively():
            row = self._db.execute(
                "SELECT number, attempts, due_at, delivery FROM forwards WHERE target = ? "  # noqa: S608
                f"AND due_at IS NOT NULL AND number NOT IN ({marks}) ORDER BY number LIMIT 1",
                (target, *under_way),
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
        self,
        waiting: QueuedDelivery,
        *,
        status: int | None,
        error: str | None,
        milliseconds: float,
        due_at: float | None,
    ) -> None:
        """Keep how an attempt went, and when the next one is due; None for never."""
        with self._exclusively():
            self._db.execute(
                "UPDATE forwards SET attempts = attempts + 1, status = ?, error = ?, "
                "milliseconds = ?, due_at = ? WHERE number = ?",
                (status, error, milliseconds, due_at, waiting.number),
            )

    def record_sync_forward(
        self,
        number: int,
        target: str,
        *,
        status: int | None,
        error: str | None,
        milliseconds: float,
    ) -> None:
        """Keep how a delivery went that was passed on while its sender waited."""
        with self._exclusively():
            self._db.execute(
                "INSERT INTO forwards (delivery, target, attempts, status, error, milliseconds) "
                "VALUES (?, ?, 1, ?, ?, ?)",
                (number, target, status, error, milliseconds),
            )

    def mark_delivered(self, number: int, target: str, status: int) -> None:
        """Keep that a target has taken a delivery after all: it waits for it no more."""
        with self._exclusively():
            self._db.execute(
                "UPDATE forwards SET due_at = NULL, status = ?, error = NULL "
                "WHERE delivery = ? AND target = ?",
                (status, number, target),
            )

    def record_status(self, number: int, status: int) -> None:
        """Keep what a stored delivery was answered in the end."""
        with self._exclusively():
            self._db.execute("UPDATE deliveries SET status = ? WHERE number = ?", (status, number))

    def pending_counts(self) -> Mapping[str, int]:
        """How many deliveries wait, by target."""
        with self._exclusively():
            return self._waiting_counts()

    def history(
        self,
        *,
        limit: int,
        event: str | None = None,
        since: datetime | None = None,
        only_failed: bool = False,
        only_bad: bool = False,
    ) -> list[dict[str, Any]]:
        """Deliveries with how passing them on went, newest first.

        Args:
            limit: How many at most.
            event: Only these, by name; a trailing `*` stands for any rest.
            since: Only later ones.
            only_failed: Only those that a target has not taken.
            only_bad: Only those that were refused.
        """
        wheres: list[str] = []
        values: list[str | float] = []
        if since is not None:
            wheres.append("received_at >= ?")
            values.append(since.timestamp())
        if only_bad:
            wheres.append("verified = 0")
        if only_failed:
            wheres.append(
                "number IN (SELECT delivery FROM forwards "
                "WHERE error IS NOT NULL OR status NOT BETWEEN 200 AND 299)"
            )
        with self._exclusively():
            if event is None:
                rows = self._newest(wheres, values, limit)
            else:
                names = [row[0] for row in self._db.execute(_EVENT_NAMES, (event,))]
                # The newest of each name, then of all: an order over all of them takes ever longer.
                found = [
                    row
                    for name in names
                    for row in self._newest(["event = ?", *wheres], [name, *values], limit)
                ]
                rows = sorted(found, key=lambda row: -int(row["number"]))[:limit]
            return [
                {"delivery": delivery_from_row(row), "forwards": self._forwards(row)}
                for row in rows
            ]

    def _newest(
        self, wheres: Sequence[str], values: Sequence[str | float], limit: int
    ) -> list[sqlite3.Row]:
        return self._db.execute(
            f"SELECT * FROM deliveries WHERE {' AND '.join(wheres or ['1'])} "  # noqa: S608 - ours
            "ORDER BY number DESC LIMIT ?",
            (*values, limit),
        ).fetchall()

    def find(self, identity: str) -> Delivery:
        """The first delivery with an id, or a number as `#12`.

        Raises:
            InvalidInputError: There is none.
        """
        with self._exclusively():
            if identity.startswith("#") and identity[1:].isdecimal() and len(identity) < 19:
                row = self._db.execute(
                    "SELECT * FROM deliveries WHERE number = ?", (int(identity[1:]),)
                ).fetchone()
            else:
                row = self._db.execute(
                    "SELECT * FROM deliveries WHERE id = ? ORDER BY verified DESC, number LIMIT 1",
                    (identity,),
                ).fetchone()
            if row is not None:
                return delivery_from_row(row)
        raise InvalidInputError(
            f"there is no delivery {identity!r}", hint="See: outreply webhooks history"
        )

    def _forwards(self, row: sqlite3.Row) -> list[dict[str, Any]]:
        return [
            dict(forward)
            for forward in self._db.execute(
                "SELECT target, attempts, status, error, milliseconds, due_at FROM forwards "
                "WHERE delivery = ? ORDER BY number",
                (row["number"],),
            )
        ]


def _marks(rows: int, columns: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)
