"""The emulator's own time, kept in its state so that it survives a restart."""

import sqlite3
from datetime import UTC, datetime, timedelta

from outreply_cli.clock import Clock


class EmulatorClock:
    """The machine's time plus what `advance` added, or a time that stands still.

    Args:
        system: The clock that goes on by itself.
        connection: The state; its `meta` table keeps the shift in seconds, and the Unix time of a
            frozen clock.
    """

    def __init__(self, system: Clock, connection: sqlite3.Connection) -> None:
        self._system = system
        self._connection = connection
        self.read()

    def read(self) -> None:
        """Take over what the state says, as after a change that was undone."""
        kept = dict(
            self._connection.execute("SELECT key, value FROM meta WHERE key LIKE 'clock_%'")
        )
        self._shift = timedelta(seconds=float(kept.get("clock_shift", 0)))
        frozen = kept.get("clock_frozen")
        self._frozen = None if frozen is None else datetime.fromtimestamp(float(frozen), UTC)

    def now(self) -> datetime:
        """The emulated present, in UTC."""
        return self._frozen or self._system.now() + self._shift

    @property
    def is_frozen(self) -> bool:
        """Whether it moves only when it is told to."""
        return self._frozen is not None

    def monotonic(self) -> float:
        """Real seconds, for what clients wait for in real time: the rate limit."""
        return self._system.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let real time pass: a slow answer is slow for whoever waits for it."""
        self._system.sleep(seconds)

    def set_time(self, moment: datetime) -> None:
        """Make `moment` the present; the caller commits."""
        if self._frozen is not None:
            self._frozen = moment
            self._keep("clock_frozen", moment.timestamp())
            return
        self._shift = moment - self._system.now()
        self._keep("clock_shift", self._shift.total_seconds())

    def freeze(self) -> None:
        """Stand still at the present; the caller commits."""
        self._frozen = self.now()
        self._keep("clock_frozen", self._frozen.timestamp())

    def unfreeze(self) -> None:
        """Go on from the present with the machine's clock; the caller commits."""
        self._shift = self.now() - self._system.now()
        self._frozen = None
        self._connection.execute("DELETE FROM meta WHERE key = 'clock_frozen'")
        self._keep("clock_shift", self._shift.total_seconds())

    def reset(self) -> None:
        """Be the machine's clock again; the caller commits."""
        self._frozen, self._shift = None, timedelta(0)
        self._connection.execute("DELETE FROM meta WHERE key LIKE 'clock_%'")

    def _keep(self, key: str, value: float) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
