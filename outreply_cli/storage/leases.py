"""Leases in a team's database: one holder at a time, with a fencing token that grows with each one.

The clock of the database decides when a lease expires.
"""

import os
import secrets
from collections.abc import Sequence
from typing import Any

LEASE_SECONDS = 30.0
RENEW_SECONDS = LEASE_SECONDS / 4
_MAX_FENCE_STEP = 1 << 32


def holder_name(host: str) -> str:
    """Return the name of this process, on `host`, as the holder of a lease."""
    return f"{host}, pid {os.getpid()}"


class LeaseTable:
    """A table of leases with the columns `fence`, `holder` and `expires_at`.

    Args:
        table: Name of the table.
        keys: Columns of its primary key.
    """

    def __init__(self, table: str, keys: Sequence[str]) -> None:
        self._table = table
        self._columns = ", ".join(keys)
        self._values = ", ".join("?" * len(keys))
        self._condition = " AND ".join(f"{name} = ?" for name in keys)

    def acquire(self, db: Any, key: Sequence[str], holder: str) -> int | None:
        """Take a lease, and return its fencing token; None if another process holds it."""
        self._insert(db, key)
        row = db.execute(
            # A random step: after a restore from a backup, the database must not issue a fencing
            # token that a process still holds.
            f"UPDATE {self._table} SET fence = fence + ?, holder = ?, "  # noqa: S608 - constants
            "expires_at = clock_timestamp() + make_interval(secs => ?) "
            f"WHERE {self._condition} AND expires_at < clock_timestamp() RETURNING fence",
            (1 + secrets.randbelow(_MAX_FENCE_STEP), holder, LEASE_SECONDS, *key),
        ).fetchone()
        return None if row is None else int(row["fence"])

    def lock(self, db: Any, key: Sequence[str]) -> None:
        """Lock the row of a lease until the commit, whoever holds it."""
        self._insert(db, key)
        db.execute(
            f"SELECT fence FROM {self._table} WHERE {self._condition} FOR UPDATE",  # noqa: S608
            key,
        )

    def _insert(self, db: Any, key: Sequence[str]) -> None:
        db.execute(
            f"INSERT INTO {self._table} ({self._columns}, fence, holder, expires_at) "  # noqa: S608
            f"VALUES ({self._values}, 0, '', '-infinity') ON CONFLICT DO NOTHING",
            key,
        )

    def extend(self, db: Any, key: Sequence[str], fence: int) -> bool:
        """Renew a lease, and lock it until the commit; return whether it is still held."""
        row = db.execute(
            f"UPDATE {self._table} SET "  # noqa: S608 - constants
            "expires_at = clock_timestamp() + make_interval(secs => ?) "
            f"WHERE {self._condition} AND fence = ? RETURNING fence",
            (LEASE_SECONDS, *key, fence),
        ).fetchone()
        return row is not None

    def release(self, db: Any, key: Sequence[str], fence: int) -> None:
        """Let others take a lease; the new fencing token stops threads that still rely on it."""
        db.execute(
            f"UPDATE {self._table} SET expires_at = '-infinity', fence = fence + 1 "  # noqa: S608
            f"WHERE {self._condition} AND fence = ?",
            (*key, fence),
        )

    def holder(self, db: Any, key: Sequence[str]) -> str:
        """Return the name of the last holder of a lease."""
        row = db.execute(
            f"SELECT holder FROM {self._table} WHERE {self._condition}",  # noqa: S608 - constants
            key,
        ).fetchone()
        return str(row["holder"])
