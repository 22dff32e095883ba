"""Clocks for tests."""

import threading
import time
from datetime import UTC, datetime, timedelta


class ManualClock:
    """A clock that advances by `sleep` and `advance` only; thread-safe.

    Attributes:
        current: The current time.
        sleeps: Seconds of each sleep so far.
        next_random: Return value of `random`.
    """

    def __init__(self, now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) -> None:
        self.current = now
        self.sleeps: list[float] = []
        self.next_random = 0.5
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.current

    def monotonic(self) -> float:
        return self.current.timestamp()

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(seconds)

    def random(self) -> float:
        return self.next_random

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.current += timedelta(seconds=seconds)


class LockstepClock(ManualClock):
    """A clock for several threads: time advances to the next wake-up once all of them sleep.

    As with a real clock, a thread's sleep does not move the time of another one's request.

    Args:
        threads: Number of threads that sleep; each calls `finish` at its end.
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._running = threads
        self._wakeups: list[datetime] = []
        self._changed = threading.Condition()

    def sleep(self, seconds: float) -> None:
        with self._changed:
            self.sleeps.append(seconds)
            wakeup = self.current + timedelta(seconds=seconds)
            self._wakeups.append(wakeup)
            self._stop_running()
            self._changed.wait_for(lambda: self.current >= wakeup)

    def finish(self) -> None:
        with self._changed:
            self._stop_running()

    def _stop_running(self) -> None:
        self._running -= 1
        if self._running == 0 and self._wakeups:
            self.current = max(self.current, min(self._wakeups))
            sleeping = [wakeup for wakeup in self._wakeups if wakeup > self.current]
            self._running = len(self._wakeups) - len(sleeping)
            self._wakeups = sleeping
            self._changed.notify_all()


class HurriedClock(ManualClock):
    """The machine's clock at several times its speed."""

    def __init__(self, speed: float) -> None:
        super().__init__(datetime.now(UTC))
        self._speed, self._started_at = speed, time.monotonic()

    def now(self) -> datetime:
        return self.current + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._started_at) * self._speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)
