"""Time, waiting and chance, passed in wherever they are needed so that tests decide them."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What code that needs the time is handed."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, from an arbitrary start."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...

    def random(self) -> float:
        """A random number from 0 up to, not including, 1."""
        ...


class SystemClock:
    """This machine's clock and chance."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards, from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)

    def random(self) -> float:
        """A random number from 0 up to, not including, 1."""
        import random

        return random.random()  # noqa: S311 - spreads retries, guards nothing
