"""Stopping a run from another thread or a signal handler."""

import threading
from datetime import datetime

from outreply_cli.clock import Clock
from outreply_cli.errors import InterruptedRunError, OutReplyError

_WAKE_SECONDS = 0.2


class CancellationToken:
    """Cancels a run; the first cause is kept."""

    def __init__(self) -> None:
        self._event = threading.Event()
        # Reentrant, because a signal handler may set it at any point.
        self._lock = threading.RLock()
        self.cause: OutReplyError | None = None

    @property
    def is_set(self) -> bool:
        """Whether the run is cancelled."""
        return self._event.is_set()

    @property
    def is_interrupted(self) -> bool:
        """Whether the user cancelled the run: requests in flight end within seconds."""
        return isinstance(self.cause, InterruptedRunError)

    def set(self, cause: OutReplyError) -> None:
        """Cancel the run because of `cause`."""
        with self._lock:
            self.cause = self.cause or cause
            self._event.set()


class InterruptibleClock:
    """A clock whose waits end when the run is stopped."""

    def __init__(self, clock: Clock, stop: CancellationToken) -> None:
        self._clock = clock
        self._stop = stop

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self._clock.monotonic()

    def random(self) -> float:
        """Return a random number from 0 up to, not including, 1."""
        return self._clock.random()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; raises InterruptedRunError when the run is stopped meanwhile."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            if self._stop.is_set:
                raise InterruptedRunError("the run was stopped while it waited")
            self._clock.sleep(min(left, _WAKE_SECONDS))
