"""Webhook deliveries of a team in PostgreSQL, for receivers on several hosts."""

import platform
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from outreply_cli.clock import Clock
from outreply_cli.errors import StorageError
from outreply_cli.storage.leases import LEASE_SECONDS, RENEW_SECONDS, LeaseTable, holder_name
from outreply_cli.storage.postgres import CONFLICT_ERRORS, PostgresDatabase
from outreply_cli.storage.team_tables import TeamTables
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.store import DeliveryStore, TargetLease, TargetTakenOverError

_LEASES = LeaseTable("targets", ["name"])
# An attempt takes at most ten seconds; it ends before the lease does.
_TRUSTED_SECONDS = LEASE_SECONDS / 2
_ATTEMPTS = 5


class _Lease:
    """A lease in the database, renewed by a thread."""

    def __init__(self, store: "TeamDeliveryStore", target: str, fence: int, clock: Clock) -> None:
        self.target, self.fence = target, fence
        self._store, self._clock = store, clock
        self._trusted_until = clock.monotonic() + _TRUSTED_SECONDS
        self._released = threading.Event()
        threading.Thread(target=self._renew, name=f"lease {target}", daemon=True).start()

    def is_held(self) -> bool:
        return self._clock.monotonic() < self._trusted_until

    def release(self) -> None:
        self._released.set()
        self._trusted_until = 0.0
        # If the database is unreachable, the lease expires.
        with suppress(StorageError):
            self._store.release(self)

    def drop(self) -> None:
        """Note that another receiver has the lease."""
        self._trusted_until = 0.0

    def _renew(self) -> None:
        while not self._released.wait(RENEW_SECONDS):
            started_at = self._clock.monotonic()
            with suppress(StorageError):
                if not self._store.extend(self):
                    self._trusted_until = 0.0
                    return
                if not self._released.is_set():
                    self._trusted_until = started_at + _TRUSTED_SECONDS


class TeamDeliveryStore(DeliveryStore):
    """The deliveries received by all machines of a team."""

    is_remote = True

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        """Check the version of the schema.

        Raises:
            StoreSetupError: The store is not set up for this version of outreply.
            StorageError: The database cannot be used.
        """
        self._tables, self._database, self._clock = TeamTables(database), database, clock
        self._since_prune = 0

    def store(self, deliveries: Sequence[IncomingDelivery]) -> None:
        """Store deliveries in one transaction; on return they are committed and have numbers.

        Raises:
            StorageError: None of them could be stored.
        """
        with self._tables.wrap_errors():
            for attempt in range(_ATTEMPTS):
                try:
                    with self._database.transaction() as db:
                        self._insert(db, deliveries)
                        self._prune(db, deliveries)
                except CONFLICT_ERRORS:
                    # Another receiver has stored one of the events first: now it is a duplicate.
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return

    def acquire_target(self, target: str) -> TargetLease | None:
        """Take the lease of a target; None if another receiver holds it."""
        with self._tables.change() as db:
            fence = _LEASES.acquire(db, [target], holder_name(platform.node()))
        return None if fence is None else _Lease(self, target, fence, self._clock)

    def extend(self, lease: _Lease) -> bool:
        """Renew a lease; return whether it is still held."""
        with self._tables.change() as db:
            return _LEASES.extend(db, [lease.target], lease.fence)

    def release(self, lease: _Lease) -> None:
        """Let other receivers forward to the target of a lease."""
        with self._tables.change() as db:
            _LEASES.release(db, [lease.target], lease.fence)

    def _check_lease(self, db: Any, lease: TargetLease) -> None:
        assert isinstance(lease, _Lease)
        if not _LEASES.extend(db, [lease.target], lease.fence):
            lease.drop()
            raise TargetTakenOverError(
                f"another receiver has taken over {lease.target}, because this one did not respond "
                f"for {LEASE_SECONDS:.0f} seconds",
                hint="This receiver sends nothing there until the other one stops.",
            )

    def _insert_rows(self, db: Any, table: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        statement = (
            f"INSERT INTO {table} ({', '.join(rows[0])}) "  # noqa: S608 - constants
            f"VALUES ({', '.join('?' * len(rows[0]))}) RETURNING number"
        )
        return [
            int(row["number"]) for row in db.insert(statement, [[*row.values()] for row in rows])
        ]

    def _enqueue(self, db: Any, entries: Sequence[tuple[int, str, float]]) -> None:
        # Numbers are assigned before the commit. Without the lock, a forwarder could see a number
        # before a lower one of another receiver.
        for target in sorted({target for _, target, _ in entries}):
            _LEASES.lock(db, [target])
        super()._enqueue(db, entries)
