"""The emulator's own time, kept in its state so that it survives a restart."""

import sqlite3
from datetime import datetime, timedelta

from outreply_cli.clock import Clock


class EmulatorClock:
    """The machine's time plus what `advance` added.

    Args:
        system: The clock that goes on by itself.
        connection: The state; the shift is kept in its `meta` table, in seconds.
    """

    def __init__(self, system: Clock, connection: sqlite3.Connection) -> None:
        self._system = system
        self._connection = connection
        row = connection.execute("SELECT value FROM meta WHERE key = 'clock_shift'").fetchone()
        self._shift = timedelta(seconds=float(row[0])) if row else timedelta(0)

    def now(self) -> datetime:
        """The emulated present, in UTC."""
        return self._system.now() + self._shift

    def system_now(self) -> datetime:
        """The machine's own present, in UTC."""
        return self._system.now()

    def monotonic(self) -> float:
        """Real seconds, for what clients wait for in real time: the rate limit."""
        return self._system.monotonic()

    def shift_to(self, moment: datetime) -> None:
        """Make `moment` the present; the caller commits."""
        self._shift = moment - self._system.now()
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('clock_shift', ?)", (self._shift.total_seconds(),)
        )
