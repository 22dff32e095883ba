"""Time, sleep and randomness, passed in so that tests control them."""

import time
from datetime import UTC, datetime
from typing import Protocol

# `time.monotonic` stops while the machine sleeps. On Linux the boot-time clock keeps running, on
# macOS the clock called CLOCK_MONOTONIC, and on Windows `time.monotonic` itself.
_CLOCK_ID: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
# A signal that arrives between Python's check and the system call is handled when the call returns.
_MAX_SLEEP_SECONDS = 1.0


class Clock(Protocol):
    """A source of time, sleep and randomness."""

    def now(self) -> datetime:
        """The current time in UTC."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never decreases, and includes time asleep."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def random(self) -> float:
        """A random number in [0, 1)."""


class SystemClock:
    """The clock and randomness of this machine."""

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never decreases, and includes time asleep."""
        return time.monotonic() if _CLOCK_ID is None else time.clock_gettime(_CLOCK_ID)

    def sleep(self, seconds: float) -> None:
        """Wait; Ctrl-C ends the wait within a second."""
        end = self.monotonic() + seconds
        while (left := end - self.monotonic()) > _MAX_SLEEP_SECONDS:
            time.sleep(_MAX_SLEEP_SECONDS)
        time.sleep(max(left, 0))

    def random(self) -> float:
        """A random number in [0, 1)."""
        import random

        return random.random()  # noqa: S311 - jitter of retries
