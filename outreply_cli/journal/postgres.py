"""The journal of a team in PostgreSQL, and the leases of its calendars.

A lease is held by one process at a time. Its fencing token grows with each holder: a process that
was stopped for longer than its lease, and whose calendar another one has taken over, can no longer
record anything. The clock of the database decides when a lease expires.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from outreply_cli.clock import Clock, SystemClock
from outreply_cli.errors import StorageError
from outreply_cli.journal.journal import EntryChangedError, Journal
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.journal.models import JournalEntryDraft, Lease, Origin
from outreply_cli.storage.leases import LEASE_SECONDS, RENEW_SECONDS, LeaseTable, holder_name
from outreply_cli.storage.postgres import PostgresDatabase
from outreply_cli.storage.team_tables import TeamTables

_POLL_SECONDS = 0.5
_LEASES = LeaseTable("leases", ("account", "calendar"))
_HINT = (
    "Nothing more was sent. Check the database with: outreply doctor. Then run the command again."
)


class LeaseLostError(EntryChangedError):
    """Another process has taken over the calendar, because this one did nothing for too long."""

    code = "LEASE_LOST"


@dataclass
class _Lease:
    """A lease of this process; once it has ended, its calendar can no longer be changed."""

    fence: int
    released: threading.Event = field(default_factory=threading.Event)


class PostgresJournal(Journal):
    """The journal of a team; every method raises StorageError if the database cannot be used."""

    _FOR_UPDATE = " FOR UPDATE"

    def __init__(
        self,
        database: PostgresDatabase,
        *,
        origin: Origin = Origin(),  # noqa: B008 - immutable
        clock: Clock | None = None,
    ) -> None:
        """Check the version of the schema.

        Raises:
            StoreSetupError: The store is not set up for this version of outreply.
            StorageError: The database cannot be used.
        """
        self.tables = TeamTables(database, _HINT)
        self._origin = origin
        self._clock = clock or SystemClock()
        self._leases: dict[tuple[str, str], _Lease] = {}

    @contextmanager
    def lock(self, account: str, calendar: str, *, wait: float) -> Iterator[None]:
        """Hold the lease of a calendar while the block runs; it is renewed by a thread.

        Raises:
            CalendarBusyError: Another process held the lease for longer than `wait` seconds.
        """
        key = account, calendar
        lease = _Lease(self._acquire(account, calendar, wait))
        self._leases[key] = lease
        threading.Thread(target=self._renew, args=(key, lease), name="lease", daemon=True).start()
        try:
            yield
        finally:
            lease.released.set()
            # If the database is unavailable, the lease expires. The new fence stops the renewal,
            # and threads that still work on the calendar.
            with suppress(StorageError), self._change() as db:
                _LEASES.release(db, key, lease.fence)

    def check_lease(self, account: str, calendar: str) -> None:
        """Raise LeaseLostError if another process has taken over a calendar."""
        with self._change() as db:
            self._check_lease(db, account, calendar)

    def leases(self) -> list[Lease]:
        """Return the leases that have not expired: of calendars, and of targets of webhooks."""
        with self._change() as db:
            rows = db.execute(
                "SELECT calendar, holder, expires_at FROM leases "
                "WHERE expires_at > clock_timestamp() "
                "UNION ALL SELECT name, holder, expires_at FROM targets "
                "WHERE expires_at > clock_timestamp() ORDER BY calendar"
            ).fetchall()
        return [
            Lease(row["calendar"], row["holder"], row["expires_at"].astimezone(UTC)) for row in rows
        ]

    def _acquire(self, account: str, calendar: str, wait: float) -> int:
        """Return the fencing token of a new lease."""
        until = self._clock.monotonic() + wait
        other: str | None = None
        while True:
            try:
                fence, other = self._try_acquire(account, calendar)
            except StorageError:
                # While waiting for other processes, tolerate a restart of the database.
                if other is None or self._clock.monotonic() >= until:
                    raise
            else:
                if fence is not None:
                    return fence
                if self._clock.monotonic() >= until:
                    raise CalendarBusyError(
                        f"another process is working on this calendar ({other})",
                        hint="Wait until it has finished, then run the command again.",
                        details={"holder": other},
                    )
            self._clock.sleep(_POLL_SECONDS)

    def _try_acquire(self, account: str, calendar: str) -> tuple[int | None, str]:
        """Return the fencing token of a new lease, or None and the holder of the present one."""
        key, holder = (account, calendar), holder_name(self._origin.host)
        with self._change() as db:
            fence = _LEASES.acquire(db, key, holder)
            return (fence, holder) if fence is not None else (None, _LEASES.holder(db, key))

    def _renew(self, key: tuple[str, str], lease: _Lease) -> None:
        while not lease.released.wait(RENEW_SECONDS):
            # If the database is unavailable, each change of an entry fails as well.
            with suppress(StorageError), self._change() as db:
                if not _LEASES.extend(db, key, lease.fence):
                    return

    def _check_lease(self, db: Any, account: str, calendar: str) -> None:
        lease = self._leases.get((account, calendar))
        if lease is not None and not _LEASES.extend(db, (account, calendar), lease.fence):
            raise LeaseLostError(
                "another process has taken over the calendar, because this one did not respond "
                f"for {LEASE_SECONDS:.0f} seconds",
                hint="Nothing more was sent. Run the command again.",
            )

    def _insert_all(self, db: Any, drafts: Sequence[JournalEntryDraft]) -> list[int]:
        rows = db.insert(self._INSERT, [self._to_values(draft) for draft in drafts])
        ids = {(row["calendar"], row["row"], row["generation"]): int(row["id"]) for row in rows}
        if len(ids) < len(drafts):
            raise EntryChangedError(
                "another process has sent posts of the calendar in the meantime",
                hint="Run the command again.",
            )
        return [ids[draft.calendar, draft.row, draft.generation] for draft in drafts]
