"""The emulator's clock, stored in the state so that it survives a restart."""

import sqlite3
from datetime import UTC, datetime, timedelta

from outreply_cli.clock import Clock


def truncate(at: datetime) -> datetime:
    """Drop the microseconds that the API does not show."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


class EmulatorClock:
    """The machine's clock with an offset, or a frozen time.

    The `meta` table stores the offset in seconds and the Unix time of a frozen clock.

    Attributes:
        system: The machine's clock, by which clients wait.
    """

    def __init__(self, system: Clock, connection: sqlite3.Connection) -> None:
        self.system, self._connection = system, connection
        self.reload()

    def reload(self) -> None:
        """Read the clock from the database, as after a rollback."""
        values = dict(
            self._connection.execute("SELECT key, value FROM meta WHERE key LIKE 'clock_%'")
        )
        self._shift = timedelta(seconds=float(values.get("clock_shift", 0)))
        frozen = values.get("clock_frozen")
        self._frozen = None if frozen is None else datetime.fromtimestamp(float(frozen), UTC)

    def now(self) -> datetime:
        """The emulated time in UTC, in whole milliseconds: the precision that the API shows."""
        return truncate(self._frozen or self.system.now() + self._shift)

    @property
    def is_frozen(self) -> bool:
        """Whether the time changes only by `set_time`."""
        return self._frozen is not None

    def set_time(self, at: datetime) -> None:
        """Set the time; the caller commits."""
        if self._frozen is not None:
            self._frozen = at
            self._save("clock_frozen", at.timestamp())
            return
        self._shift = at - self.system.now()
        self._save("clock_shift", self._shift.total_seconds())

    def freeze(self) -> None:
        """Stop the clock; the caller commits."""
        self._frozen = self.now()
        self._save("clock_frozen", self._frozen.timestamp())

    def unfreeze(self) -> None:
        """Resume the clock from its current time; the caller commits."""
        self._shift = self.now() - self.system.now()
        self._frozen = None
        self._connection.execute("DELETE FROM meta WHERE key = 'clock_frozen'")
        self._save("clock_shift", self._shift.total_seconds())

    def reset(self) -> None:
        """Return to the machine's time; the caller commits."""
        self._frozen, self._shift = None, timedelta(0)
        self._connection.execute("DELETE FROM meta WHERE key LIKE 'clock_%'")

    def _save(self, key: str, value: float) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
