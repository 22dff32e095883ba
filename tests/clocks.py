"""Clocks of tests: one that is moved by hand, one that hurries."""

import time
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Time stands still but for `sleep` and `advance`; chance is what the test says."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) -> None:
        self.instant = now
        self.sleeps: list[float] = []
        self.next_chance = 0.5

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(seconds)

    def random(self) -> float:
        return self.next_chance

    def advance(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


class HurriedClock(ManualClock):
    """The machine's clock, going faster: what waits a minute by it waits less."""

    def __init__(self, times: float) -> None:
        super().__init__(datetime.now(UTC))
        self._times, self._began = times, time.monotonic()

    def now(self) -> datetime:
        return self.instant + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._times

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._times)
