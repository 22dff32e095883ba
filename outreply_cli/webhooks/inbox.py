"""Every delivery that came, in SQLite: on the disk before it is acknowledged.

Commits are grouped: whoever finds the database free commits for all who wait, so that one write to
the disk serves as many deliveries as arrived meanwhile.
"""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from outreply_cli.databases import open_database
from outreply_cli.errors import InvalidInputError, StorageError

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
CREATE TABLE forwards (
    number INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, target TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due_at REAL, status INTEGER, error TEXT, milliseconds REAL
);
CREATE INDEX forwards_due ON forwards (target, number) WHERE due_at IS NOT NULL;
CREATE INDEX forwards_of ON forwards (delivery);
"""


@dataclass
class Arrival:
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
    failure: Exception | None = None
    stored: threading.Event = field(default_factory=threading.Event)

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
class Waiting:
    """A delivery that waits to be passed on."""

    number: int
    attempts: int
    due_at: float
    delivery: Delivery


class Inbox:
    """The deliveries of this machine; several threads and processes may use it at once.

    Args:
        path: Its SQLite file, made where there is none.

    Raises:
        StorageError: It can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._pending: list[Arrival] = []
        self._pending_turn = threading.Lock()
        self._since_prune = 0
        try:
            self._db = open_database(path, _SCHEMA, version=1, durable=True)
        except (OSError, sqlite3.Error) as failure:
            raise _unusable(path, failure) from None

    def close(self) -> None:
        """Close the file, once nobody is at it."""
        with self._turn:
            self._db.close()

    def store(self, arrival: Arrival) -> None:
        """Keep a delivery: on return it is on the disk, and its number is set.

        Raises:
            StorageError: It could not be kept.
        """
        with self._pending_turn:
            self._pending.append(arrival)
        with self._turn:
            # Somebody may have committed it while we waited for our turn.
            if not arrival.stored.is_set():
                self._commit_pending()
        if arrival.failure is not None:
            raise _unusable(self._path, arrival.failure)

    def _commit_pending(self) -> None:
        with self._pending_turn:
            batch, self._pending = self._pending, []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for arrival in batch:
                    self._insert(arrival)
                self._prune_now_and_then(batch)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as failure:
            for arrival in batch:
                arrival.failure = failure
        finally:
            for arrival in batch:
                arrival.stored.set()

    def _insert(self, arrival: Arrival) -> None:
        if arrival.is_verified:
            arrival.seen = self._db.execute(
                "SELECT count(*) FROM deliveries WHERE id = ? AND verified = 1", (arrival.id,)
            ).fetchone()[0]
        inserted = self._db.execute(
            "INSERT INTO deliveries (id, received_at, event, verified, reason, duplicate, status, "
            "headers, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (arrival.id, arrival.received_at, arrival.event, arrival.is_verified, arrival.reason,
             arrival.is_duplicate, arrival.status, json.dumps(list(arrival.headers)),
             arrival.body),
        )  # fmt: skip
        arrival.number = inserted.lastrowid or 0
        if arrival.targets and (arrival.duplicates_too or not arrival.is_duplicate):
            self._queue(arrival.number, arrival.targets, arrival.received_at)

    def _queue(self, number: int, targets: Iterable[str], due_at: float) -> None:
        for target in targets:
            waiting = self._db.execute(
                "SELECT count(*) FROM forwards WHERE target = ? AND due_at IS NOT NULL", (target,)
            ).fetchone()[0]
            is_full = waiting >= QUEUE_MAX
            self._db.execute(
                "INSERT INTO forwards (delivery, target, due_at, error) VALUES (?, ?, ?, ?)",
                (number, target, None if is_full else due_at,
                 "the queue is full" if is_full else None),
            )  # fmt: skip

    def _prune_now_and_then(self, batch: Sequence[Arrival]) -> None:
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
        try:
            with self._turn:
                yield
        except sqlite3.Error as failure:
            raise _unusable(self._path, failure) from None

    def queue_again(self, delivery: Delivery, target: str, now: float) -> None:
        """Pass a stored delivery on once more."""
        with self._exclusively():
            self._queue(delivery.number, [target], now)

    def next_waiting(self, target: str, under_way: Collection[int] = ()) -> Waiting | None:
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
        return Waiting(row["number"], row["attempts"], row["due_at"], _delivery(found))

    def record_forward(
        self,
        waiting: Waiting,
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

    def note_forward(
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

    def answered(self, number: int, status: int) -> None:
        """Keep what a stored delivery was answered in the end."""
        with self._exclusively():
            self._db.execute("UPDATE deliveries SET status = ? WHERE number = ?", (status, number))

    def waiting_counts(self) -> Mapping[str, int]:
        """How many deliveries wait, by target."""
        with self._exclusively():
            return dict(
                self._db.execute(
                    "SELECT target, count(*) FROM forwards WHERE due_at IS NOT NULL GROUP BY target"
                ).fetchall()
            )

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
        wheres: list[str] = ["1"]
        values: list[str | float] = []
        if event is not None:
            wheres.append("event GLOB ?")
            values.append(event)
        if since is not None:
            wheres.append("received_at >= ?")
            values.append(since.timestamp())
        if only_bad:
            wheres.append("verified = 0")
        if only_failed:
            wheres.append(
                "EXISTS (SELECT 1 FROM forwards WHERE delivery = deliveries.number "
                "AND (error IS NOT NULL OR status NOT BETWEEN 200 AND 299))"
            )
        with self._exclusively():
            rows = self._db.execute(
                f"SELECT * FROM deliveries WHERE {' AND '.join(wheres)} "  # noqa: S608 - our words
                "ORDER BY number DESC LIMIT ?",
                (*values, limit),
            ).fetchall()
            return [{"delivery": _delivery(row), "forwards": self._forwards(row)} for row in rows]

    def find(self, identity: str) -> Delivery:
        """The first delivery with an id, or a number as `#12`.

        Raises:
            InvalidInputError: There is none.
        """
        with self._exclusively():
            if identity.startswith("#") and identity[1:].isdigit():
                row = self._db.execute(
                    "SELECT * FROM deliveries WHERE number = ?", (int(identity[1:]),)
                ).fetchone()
            else:
                row = self._db.execute(
                    "SELECT * FROM deliveries WHERE id = ? ORDER BY verified DESC, number LIMIT 1",
                    (identity,),
                ).fetchone()
        if row is None:
            raise InvalidInputError(
                f"there is no delivery {identity!r}", hint="See: outreply webhooks history"
            )
        return _delivery(row)

    def _forwards(self, row: sqlite3.Row) -> list[dict[str, Any]]:
        return [
            dict(forward)
            for forward in self._db.execute(
                "SELECT target, attempts, status, error, milliseconds, due_at FROM forwards "
                "WHERE delivery = ? ORDER BY number",
                (row["number"],),
            )
        ]


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        number=row["number"],
        id=row["id"],
        received_at=row["received_at"],
        event=row["event"],
        is_verified=bool(row["verified"]),
        reason=row["reason"],
        is_duplicate=bool(row["duplicate"]),
        status=row["status"],
        headers=[(name, value) for name, value in json.loads(row["headers"])],
        body=row["body"],
    )


def _unusable(path: Path, failure: Exception) -> StorageError:
    return StorageError(
        f"the inbox {path} can't be used: {failure}",
        hint="Choose another place with OUTREPLY_STATE_DIR.",
    )
