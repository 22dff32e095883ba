"""The store of webhook deliveries in SQLite: on disk before a delivery is acknowledged.

Each forward target has a queue. However many receivers share the store, only the one that holds the
lease of a target forwards to it.
"""

import hashlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from outreply_cli.errors import ExitCode, OutReplyError, StorageError
from outreply_cli.ids import expand_id
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.spec.events import matches
from outreply_cli.storage.sqlite import FileSchema, file_lock
from outreply_cli.storage.tables import LocalTables
from outreply_cli.webhooks.models import (
    GIVEN_UP_STATES,
    MAX_DUE_SECONDS,
    OPEN_STATES,
    Attempt,
    Delivery,
    Forward,
    ForwardState,
    IncomingDelivery,
    QueuedDelivery,
    QueueLength,
    attempt_from_row,
    attempt_values,
    delivery_from_row,
    delivery_values,
    forward_from_row,
)

if TYPE_CHECKING:
    from outreply_cli.storage.team_tables import TeamTables

RETENTION_SECONDS = 30 * 86_400.0
MAX_REJECTED = 200
# Per delivery and target: one that is down for days would fill the store.
MAX_ATTEMPTS_KEPT = 50
_PRUNE_EVERY = 1_000
_PAGE_SIZE = 500
# A filter reads whole deliveries, of up to 1 MiB each.
_FILTERED_PAGE_SIZE = 50
_INTERRUPTED = "interrupted: the receiver stopped while the command was running"
_FILE = FileSchema(
    "the webhook store",
    Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"),
    version=2,
    durable=True,
)
_OPEN = "('queued', 'running')"
# False only in a damaged store.
_IS_STORED = "EXISTS (SELECT 1 FROM deliveries WHERE deliveries.number = forwards.delivery)"
_HAS_FAILED = (
    "number IN (SELECT delivery FROM forwards "
    "WHERE state IN ('failed', 'skipped') OR (state = 'queued' AND attempts > 0))"
)
# One index lookup per event name, however many deliveries have it.
_EVENT_NAMES = """
WITH RECURSIVE names (event) AS (
    SELECT min(event) FROM deliveries
    UNION ALL SELECT (SELECT min(event) FROM deliveries WHERE event > names.event) FROM names
    WHERE names.event IS NOT NULL
)
SELECT event FROM names WHERE event IS NOT NULL
"""


# Name of the file in the state directory.
DELIVERIES_FILE = "webhooks.db"


class DeliveryNotFoundError(OutReplyError):
    """No stored delivery has that ID or number."""

    code = "NOT_FOUND"
    exit_code = ExitCode.NOT_FOUND


class TargetTakenOverError(StorageError):
    """Another receiver forwards to the target, because this one did not respond for too long."""

    code = "TARGET_TAKEN_OVER"


class TargetLease(Protocol):
    """The right to forward to a target, which one receiver has at a time."""

    def is_held(self) -> bool:
        """Whether this receiver may start an attempt."""

    def release(self) -> None:
        """Let other receivers forward to the target."""


class _FileLease:
    """A lock file, which the operating system releases when the process ends."""

    def __init__(self, lock: ExitStack) -> None:
        self._lock = lock

    def is_held(self) -> bool:
        """Whether this receiver may start an attempt."""
        return True

    def release(self) -> None:
        """Let other receivers forward to the target."""
        self._lock.close()


@dataclass(frozen=True)
class HistoryEntry:
    """A delivery, and its state at each forward target."""

    delivery: Delivery
    forwards: Sequence[Forward]


class DeliveryStore:
    """The deliveries received on this machine; safe for several threads and processes.

    Every method raises StorageError if the file, which is created if missing, cannot be used. With
    `allow_readonly`, a file that cannot be written can be read, and a missing one is empty.

    Attributes:
        is_remote: Whether each access is a round trip to another machine.
    """

    is_remote = False

    def __init__(self, path: Path, *, allow_readonly: bool = False) -> None:
        self._path = path
        self._tables: LocalTables | TeamTables = LocalTables(
            path, _FILE, allow_readonly=allow_readonly
        )
        self._since_prune = 0

    def close(self) -> None:
        """Close the file or connection when no thread is using it."""
        self._tables.close()

    def store(self, deliveries: Sequence[IncomingDelivery]) -> None:
        """Store deliveries in one transaction; on return they are on disk and have numbers.

        Raises:
            StorageError: None of them could be stored.
        """
        if deliveries:
            with self._tables.change() as db:
                self._insert(db, deliveries)
                self._prune(db, deliveries)

    def acquire_target(self, target: str) -> TargetLease | None:
        """Take the lease of a target; None if another receiver holds it."""
        digest = hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        path, lock = self._path.with_name(f"{self._path.name}.{digest}.lock"), ExitStack()
        with self._tables.wrap_errors():
            try:
                lock.enter_context(file_lock(path, wait=0))
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                return None
        return _FileLease(lock)

    def resume(self, target: str, now: float, lease: TargetLease) -> list[QueuedDelivery]:
        """Prepare the queue of a target for a new holder of its lease.

        All queued deliveries become due. Commands that an earlier receiver left running are marked
        as failed, and returned: they may have finished, so they are not rerun automatically.
        """
        with self._tables.change() as db:
            self._check_lease(db, lease)
            self._make_due(db, target, now)
            interrupted: list[Forward] = []
            running = "target = ? AND state = 'running' ORDER BY number"
            for forward in self._select_forwards(db, running, [target]):
                db.execute(
                    "UPDATE forwards SET state = 'failed', error = ?, due_at = NULL, "
                    "attempts = attempts + 1 WHERE number = ?",
                    (_INTERRUPTED, forward.number),
                )
                self._insert_note(db, forward, now, _INTERRUPTED)
                interrupted += self._select_forwards(db, "number = ?", [forward.number])
            return self._with_deliveries(db, interrupted)

    def next_pending(
        self,
        target: str,
        now: float,
        *,
        in_flight: Collection[int] = (),
        is_ordered: bool = True,
    ) -> QueuedDelivery | None:
        """The next delivery in the queue of `target`, except those `in_flight`.

        In an ordered queue, this is the oldest one, due or not; otherwise the one that has been due
        for longest. A delivery without attempts is always due, because the clocks of hosts differ.
        """
        excluded = [-1, *in_flight]
        values: list[Any] = [target, *excluded]
        condition, order = "", "number"
        if not is_ordered:
            condition = "AND (attempts = 0 OR due_at <= ? OR due_at > ?)"
            order = "due_at, number"
            values += [now, now + MAX_DUE_SECONDS]
        with self._tables.read() as db:
            forwards = self._select_forwards(
                db,
                "target = ? AND state = 'queued' "
                f"AND number NOT IN {_placeholders(1, len(excluded))} {condition} "
                f"AND {_IS_STORED} ORDER BY {order} LIMIT 1",
                values,
            )
            return next(iter(self._with_deliveries(db, forwards)), None)

    def start_forward(self, forward: Forward, lease: TargetLease) -> bool:
        """Record that a command is about to start; False if its delivery is no longer queued."""
        with self._tables.change() as db:
            self._check_lease(db, lease)
            started = db.execute(
                "UPDATE forwards SET state = ? WHERE number = ? AND state = ?",
                (ForwardState.RUNNING, forward.number, ForwardState.QUEUED),
            )
            return bool(started.rowcount)

    def record_forward(
        self,
        forward: Forward,
        attempt: Attempt,
        state: ForwardState,
        due_at: float | None,
        lease: TargetLease,
    ) -> None:
        """Record an attempt, the new state, and when the next attempt is due."""
        result = attempt.result
        with self._tables.change() as db:
            self._check_lease(db, lease)
            db.execute(
                "UPDATE forwards SET attempts = attempts + 1, status = ?, error = ?, "
                "milliseconds = ? WHERE number = ?",
                (result.status, result.error, float(result.milliseconds), forward.number),
            )
            # If it was skipped in the meantime, it stays so unless the target accepted it.
            is_open = "" if state is ForwardState.FORWARDED else f"AND state IN {_OPEN}"
            db.execute(
                f"UPDATE forwards SET state = ?, due_at = ? WHERE number = ? {is_open}",  # noqa: S608
                (state, due_at, forward.number),
            )
            self._insert_attempt(db, forward.delivery, attempt)
            if state is ForwardState.FORWARDED:
                # The target accepts deliveries again: those that wait for a retry become due.
                self._make_due(db, forward.target, attempt.started_at)
                self._settle(db, forward.delivery, attempt, GIVEN_UP_STATES)

    def record_relay(self, number: int, attempt: Attempt, status: int) -> None:
        """Record an attempt to forward a delivery while its sender waited for its `status`."""
        result = attempt.result
        state = ForwardState.FORWARDED if result.is_accepted else ForwardState.FAILED
        with self._tables.change() as db:
            self._insert_rows(db, "forwards", [{
                "delivery": number, "target": attempt.target, "state": state, "attempts": 1,
                "status": result.status, "error": result.error,
                "milliseconds": float(result.milliseconds),
            }])  # fmt: skip
            self._insert_attempt(db, number, attempt)
            db.execute("UPDATE deliveries SET status = ? WHERE number = ?", (status, number))
            if result.is_accepted:
                self._settle(db, number, attempt, GIVEN_UP_STATES)

    def record_replay(self, number: int, attempt: Attempt, *, is_unchanged: bool) -> None:
        """Record that a user replayed a delivery to a target.

        If it was sent unchanged and accepted, its event is not forwarded to that target again.
        """
        with self._tables.change() as db:
            self._insert_attempt(db, number, attempt)
            if attempt.result.is_accepted and is_unchanged:
                self._settle(db, number, attempt, [*OPEN_STATES, *GIVEN_UP_STATES])

    def requeue(self, delivery: Delivery, target: str, now: float) -> None:
        """Queue a stored delivery for `target` again."""
        with self._tables.change() as db:
            self._enqueue(db, [(delivery.number, target, now)])

    def skip(self, forwards: Sequence[Forward], now: float) -> int:
        """Skip queued deliveries; return how many were still queued."""
        old, new = [ForwardState.QUEUED], ForwardState.SKIPPED
        with self._tables.change() as db:
            skipped = [item for item in forwards if self._set_state(db, item, old, new, None)]
            for forward in skipped:
                self._insert_note(db, forward, now, "skipped")
        return len(skipped)

    def retry(self, forwards: Sequence[Forward], now: float) -> int:
        """Make queued deliveries due now, and requeue failed and skipped ones; return how many."""
        old, new = [ForwardState.QUEUED, *GIVEN_UP_STATES], ForwardState.QUEUED
        with self._tables.change() as db:
            return sum(self._set_state(db, forward, old, new, now) for forward in forwards)

    def queue(
        self,
        *,
        target: str | None = None,
        states: Sequence[ForwardState] = OPEN_STATES,
        limit: int | None = None,
    ) -> list[QueuedDelivery]:
        """Deliveries in one of `states`, for one target or for all of them, in order."""
        with self._tables.read() as db:
            return self._with_deliveries(db, self._select_queued(db, target, states, limit))

    def queued_forwards(
        self, *, target: str | None = None, states: Sequence[ForwardState] = OPEN_STATES
    ) -> list[Forward]:
        """The same as `queue`, without the deliveries, whose bodies may not fit into memory."""
        with self._tables.read() as db:
            return self._select_queued(db, target, states)

    def list_given_up(self, since: float) -> list[Forward]:
        """Forwards that failed or were skipped since a time, in order."""
        with self._tables.read() as db:
            return self._select_forwards(
                db,
                "state IN ('failed', 'skipped') AND EXISTS "  # noqa: S608 - constants
                "(SELECT 1 FROM attempts WHERE attempts.delivery = forwards.delivery "
                "AND attempts.target = forwards.target AND started_at >= ?) "
                f"AND {_IS_STORED} ORDER BY number",
                [since],
            )

    def queue_lengths(self) -> list[QueueLength]:
        """The queues that are not empty."""
        with self._tables.read() as db:
            rows = db.execute(
                "SELECT queue.target, queue.count, "  # noqa: S608 - constants
                # A damaged store may have a queued number without its delivery.
                "COALESCE(received_at, due_at, 0) AS oldest_at FROM "
                "(SELECT target, count(*) AS count, min(number) AS first FROM forwards "
                f"WHERE state IN {_OPEN} GROUP BY target) AS queue "
                "JOIN forwards ON forwards.number = first "
                "LEFT JOIN deliveries ON deliveries.number = delivery ORDER BY queue.target"
            ).fetchall()
            return [
                QueueLength(row["target"], int(row["count"]), float(row["oldest_at"]))
                for row in rows
            ]

    def count_behind(self, forward: Forward) -> int:
        """The number of deliveries behind another one in the queue of its target."""
        ((count,),) = self._tables.tuples(
            "SELECT count(*) FROM forwards WHERE target = ? AND state = 'queued' AND number > ?",
            (forward.target, forward.number),
        )
        return int(count)

    def version(self) -> tuple[Any, ...]:
        """A value that changes when a delivery, an attempt or a queue does."""
        (version,) = self._tables.tuples(
            # PostgreSQL names columns after their function, and its rows are by name.
            "SELECT (SELECT max(number) FROM deliveries) AS delivery, "  # noqa: S608 - constants
            "(SELECT max(number) FROM attempts) AS attempt, "
            "(SELECT max(number) FROM forwards) AS forward, count(*) AS count, "
            f"sum(due_at) AS due FROM forwards WHERE state IN {_OPEN}",
            (),
        )
        return version

    def history(
        self,
        *,
        limit: int,
        event: str | None = None,
        since: datetime | None = None,
        only_failed: bool = False,
        only_invalid: bool = False,
        predicate: Callable[[Delivery], bool] | None = None,
    ) -> list[HistoryEntry]:
        """Deliveries with their forwards, newest first.

        Args:
            limit: Maximum number of deliveries.
            event: Event name to filter by; `*` matches any characters.
            since: Earliest time of receipt.
            only_failed: Whether to leave out deliveries that all targets accepted.
            only_invalid: Whether to leave out deliveries that passed verification.
            predicate: Additional filter, called for each delivery that passes the others.
        """
        conditions, values = _conditions(since, only_failed=only_failed)
        if only_invalid:
            conditions.append("verified = 0")
        if event is None:
            found = self._newest(conditions, values, limit, predicate)
        else:
            # The newest per event name, merged: sorting all matches would slow down as they grow.
            found = [
                delivery
                for name in self.event_names()
                if matches(name, [event])
                for delivery in self._newest(
                    ["event = ?", *conditions], [name, *values], limit, predicate
                )
            ]
            found = sorted(found, key=lambda delivery: -delivery.number)[:limit]
        return [HistoryEntry(delivery, self.forwards(delivery.number)) for delivery in found]

    def valid_deliveries(
        self, *, since: datetime | None = None, only_failed: bool = False
    ) -> Iterator[Delivery]:
        """All valid deliveries, oldest first, selected now and read one after the other.

        Takes `since` and `only_failed` as `history` does. Their bodies may not fit into memory.
        """
        conditions, values = _conditions(since, only_failed=only_failed)
        where = " AND ".join(["verified = 1", *conditions])
        rows = self._tables.tuples(
            f"SELECT number FROM deliveries WHERE {where} ORDER BY number",  # noqa: S608
            values,
        )

        def read() -> Iterator[Delivery]:
            for (number,) in rows:
                with self._tables.read() as db:
                    delivery = self._delivery(db, number)
                # A receiver may have deleted it for its age.
                if delivery is not None:
                    yield delivery

        return read()

    def event_names(self) -> list[str]:
        """The names of all received events; an unknown event has an empty name."""
        return [str(name) for (name,) in self._tables.tuples(_EVENT_NAMES, ())]

    def _newest(
        self,
        conditions: Sequence[str],
        values: Sequence[str | float],
        limit: int,
        predicate: Callable[[Delivery], bool] | None,
    ) -> list[Delivery]:
        found: list[Delivery] = []
        last: int | None = None
        while len(found) < limit:
            size = min(_PAGE_SIZE, limit - len(found))
            if predicate is not None:
                size = _FILTERED_PAGE_SIZE
            page = [*conditions] if last is None else [*conditions, "number < ?"]
            with self._tables.read() as db:
                rows = db.execute(
                    f"SELECT * FROM deliveries WHERE {' AND '.join(page or ['1 = 1'])} "  # noqa: S608
                    f"ORDER BY number DESC LIMIT {size}",
                    [*values, *([] if last is None else [last])],
                ).fetchall()
                deliveries = [delivery_from_row(row) for row in rows]
            found += [item for item in deliveries if predicate is None or predicate(item)]
            if len(rows) < size:
                break
            last = deliveries[-1].number
        return found[:limit]

    def find(self, delivery_id: str) -> Delivery:
        """The first delivery with an ID or a prefix of it, or with a number such as `12` or `#12`.

        Raises:
            AmbiguousIdError: The IDs of several deliveries start with it.
            DeliveryNotFoundError: No delivery has that ID or number.
        """
        with self._tables.read() as db:
            digits = delivery_id.removeprefix("#")
            delivery = None
            if digits.isdecimal() and len(digits) < 19:
                delivery = self._delivery(db, int(digits))
            if delivery is None:
                row = self._first(db, delivery_id) or self._first(db, self._expand(db, delivery_id))
                delivery = None if row is None else delivery_from_row(row)
            if delivery is not None:
                return delivery
        raise DeliveryNotFoundError(
            f"delivery not found: {delivery_id}", hint="See: outreply webhooks history"
        )

    def forwards(self, number: int) -> list[Forward]:
        """The forwards of delivery `number`."""
        with self._tables.read() as db:
            return self._select_forwards(db, "delivery = ? ORDER BY number", [number])

    def attempts(self, number: int) -> list[Attempt]:
        """The latest attempts to forward or replay delivery `number`, oldest first."""
        with self._tables.read() as db:
            rows = db.execute(
                "SELECT * FROM attempts WHERE delivery = ? ORDER BY number", (number,)
            ).fetchall()
            return [attempt_from_row(row) for row in rows]

    def _insert(self, db: Any, batch: Sequence[IncomingDelivery]) -> None:
        # One statement for all: between statements other threads compete for the interpreter.
        seen = self._times_seen(db, {delivery.id for delivery in batch if delivery.is_verified})
        served = self._served_targets(db, [name for name, count in seen.items() if count])
        for delivery in batch:
            if delivery.is_verified:
                delivery.times_seen = seen[delivery.id]
                delivery.is_duplicate = delivery.times_seen > 0
                seen[delivery.id] += 1
                delivery.served_targets = frozenset(served[delivery.id])
                served[delivery.id].update(delivery.targets)
        numbers = self._insert_rows(db, "deliveries", [delivery_values(item) for item in batch])
        for number, delivery in zip(numbers, batch, strict=True):
            delivery.number = number
        self._enqueue(db, [
            (delivery.number, target, delivery.received_at)
            for delivery in batch
            for target in delivery.queued_targets
        ])  # fmt: skip

    def _insert_rows(self, db: Any, table: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        """Insert rows with the same columns, and return their numbers."""
        inserted = db.execute(
            f"INSERT INTO {table} ({', '.join(rows[0])}) "  # noqa: S608 - constants
            f"VALUES {_placeholders(len(rows), len(rows[0]))}",
            [value for row in rows for value in row.values()],
        )
        # Numbers are consecutive within a transaction.
        last = inserted.lastrowid or 0
        return range(last - len(rows) + 1, last + 1)

    def _times_seen(self, db: Any, ids: Collection[str]) -> Counter[str]:
        if not ids:
            return Counter()
        rows = db.execute(
            "SELECT id, count(*) AS count FROM deliveries "  # noqa: S608 - placeholders only
            f"WHERE verified = 1 AND id IN {_placeholders(1, len(ids))} GROUP BY id",
            tuple(ids),
        ).fetchall()
        return Counter({row["id"]: row["count"] for row in rows})

    def _served_targets(self, db: Any, ids: Sequence[str]) -> defaultdict[str, set[str]]:
        """Return the targets that received each event, or will receive it.

        A target that refused an event, so that the sender got no 2xx, does not count.
        """
        served: defaultdict[str, set[str]] = defaultdict(set)
        if ids:
            for row in db.execute(
                "SELECT DISTINCT deliveries.id, forwards.target FROM deliveries "  # noqa: S608 - placeholders only
                "JOIN forwards ON forwards.delivery = deliveries.number "
                f"WHERE deliveries.verified = 1 AND deliveries.id IN {_placeholders(1, len(ids))} "
                "AND (deliveries.status BETWEEN 200 AND 299 "
                "OR forwards.state IN ('queued', 'running', 'forwarded'))",
                tuple(ids),
            ).fetchall():
                served[row["id"]].add(row["target"])
        return served

    def _enqueue(self, db: Any, entries: Sequence[tuple[int, str, float]]) -> None:
        if entries:
            state = ForwardState.QUEUED
            self._insert_rows(db, "forwards", [
                {"delivery": number, "target": target, "state": state, "due_at": due_at}
                for number, target, due_at in entries
            ])  # fmt: skip

    def _insert_attempt(self, db: Any, delivery: int, attempt: Attempt) -> None:
        self._insert_rows(db, "attempts", [{"delivery": delivery, **attempt_values(attempt)}])
        db.execute(
            "DELETE FROM attempts WHERE delivery = ? AND target = ? AND number <= "
            "(SELECT number FROM attempts WHERE delivery = ? AND target = ? "
            "ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (delivery, attempt.target, delivery, attempt.target, MAX_ATTEMPTS_KEPT),
        )

    def _insert_note(self, db: Any, forward: Forward, now: float, text: str) -> None:
        note = Attempt(forward.target, now, DeliveryResult(None, text, 0.0))
        self._insert_attempt(db, forward.delivery, note)

    def _set_state(
        self,
        db: Any,
        forward: Forward,
        old: Sequence[ForwardState],
        new: ForwardState,
        due_at: float | None,
    ) -> bool:
        """Change the state of a forward; return whether it had one of the old states."""
        changed = db.execute(
            "UPDATE forwards SET state = ?, due_at = ? "  # noqa: S608 - placeholders only
            f"WHERE number = ? AND state IN {_placeholders(1, len(old))}",
            (new, due_at, forward.number, *old),
        )
        return bool(changed.rowcount)

    def _settle(
        self, db: Any, number: int, attempt: Attempt, states: Sequence[ForwardState]
    ) -> None:
        """Mark an event as forwarded to a target, whichever of its deliveries was accepted."""
        db.execute(
            "UPDATE forwards SET state = 'forwarded', due_at = NULL, status = ?, error = NULL "  # noqa: S608 - placeholders only
            f"WHERE target = ? AND state IN {_placeholders(1, len(states))} AND delivery IN "
            "(SELECT number FROM deliveries WHERE verified = 1 AND id = "
            "(SELECT id FROM deliveries WHERE number = ? AND verified = 1))",
            (attempt.result.status, attempt.target, *states, number),
        )

    def _make_due(self, db: Any, target: str, now: float) -> None:
        db.execute(
            "UPDATE forwards SET due_at = ? WHERE target = ? AND state = 'queued' AND due_at > ?",
            (now, target, now),
        )

    def _prune(self, db: Any, batch: Sequence[IncomingDelivery]) -> None:
        if any(not delivery.is_verified for delivery in batch):
            rejected = (
                "verified = 0 AND number <= (SELECT number FROM deliveries WHERE verified = 0 "
                "ORDER BY number DESC LIMIT 1 OFFSET ?)"
            )
            _delete(db, rejected, MAX_REJECTED)
        self._since_prune += len(batch)
        if self._since_prune < _PRUNE_EVERY:
            return
        self._since_prune = 0
        _delete(db, "received_at < ?", batch[-1].received_at - RETENTION_SECONDS)

    def _delivery(self, db: Any, number: int) -> Delivery | None:
        row = db.execute("SELECT * FROM deliveries WHERE number = ?", (number,)).fetchone()
        return None if row is None else delivery_from_row(row)

    def _select_forwards(self, db: Any, where: str, values: Sequence[Any]) -> list[Forward]:
        rows = db.execute(f"SELECT * FROM forwards WHERE {where}", values)  # noqa: S608
        return [forward_from_row(row) for row in rows.fetchall()]

    def _select_queued(
        self, db: Any, target: str | None, states: Sequence[ForwardState], limit: int | None = None
    ) -> list[Forward]:
        where = f"state IN {_placeholders(1, len(states))} AND {_IS_STORED}"
        if target is not None:
            where += " AND target = ?"
        limited = "" if limit is None else f" LIMIT {limit}"
        values = [*states] if target is None else [*states, target]
        return self._select_forwards(db, f"{where} ORDER BY target, number{limited}", values)

    def _with_deliveries(self, db: Any, forwards: Sequence[Forward]) -> list[QueuedDelivery]:
        found = [(forward, self._delivery(db, forward.delivery)) for forward in forwards]
        return [
            QueuedDelivery(forward, delivery) for forward, delivery in found if delivery is not None
        ]

    def _first(self, db: Any, delivery_id: str) -> Any:
        return db.execute(
            "SELECT * FROM deliveries WHERE id = ? ORDER BY verified DESC, number LIMIT 1",
            (delivery_id,),
        ).fetchone()

    def _expand(self, db: Any, word: str) -> str:
        rows = db.execute(
            "SELECT DISTINCT id, event FROM deliveries WHERE substr(id, 1, ?) = ?",
            (len(word), word),
        ).fetchall()
        return expand_id(word, {row["id"]: f"({row['event']})" for row in rows}, "delivery")

    def _check_lease(self, db: Any, lease: TargetLease) -> None:
        """Raise TargetTakenOverError if another receiver has taken over the target."""


def _conditions(
    since: datetime | None, *, only_failed: bool
) -> tuple[list[str], list[str | float]]:
    """Conditions on deliveries, and their values."""
    conditions = ["received_at >= ?"] if since is not None else []
    if only_failed:
        conditions.append(_HAS_FAILED)
    return conditions, [] if since is None else [since.timestamp()]


def _delete(db: Any, where: str, value: float) -> None:
    """Delete deliveries with all that belongs to them, unless they still have to be forwarded."""
    numbers = (
        f"SELECT number FROM deliveries WHERE {where} AND NOT EXISTS (SELECT 1 "  # noqa: S608
        f"FROM forwards WHERE delivery = deliveries.number AND state IN {_OPEN})"
    )
    for table, column in (
        ("attempts", "delivery"),
        ("forwards", "delivery"),
        ("deliveries", "number"),
    ):
        db.execute(f"DELETE FROM {table} WHERE {column} IN ({numbers})", (value,))  # noqa: S608


def _placeholders(rows: int, columns: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)
