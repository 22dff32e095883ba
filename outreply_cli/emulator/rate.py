"""The per-minute limit of each token (reference: Tiers & limits).

Windows end after a real minute, since clients wait in real time, or when the emulator's clock is
moved.
"""

import threading
from dataclasses import dataclass

from outreply_cli.clock import Clock

_WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class Window:
    """The rate limit window of a token.

    Attributes:
        exceeded: Whether the limit was already reached.
        remaining: The requests that remain.
        seconds_left: The seconds until the window ends.
    """

    exceeded: bool
    remaining: int
    seconds_left: float


class RateWindows:
    """One-minute windows, one per token, each opened by a request."""

    def __init__(self, clock: Clock) -> None:
        self._lock, self._clock = threading.Lock(), clock
        self._open: dict[str, tuple[float, int]] = {}

    def get(self, token_id: str, limit: int, *, spend: bool) -> Window:
        """The current window of a token, after one more request if `spend`."""
        now = self._clock.monotonic()
        with self._lock:
            started_at, used = self._open.get(token_id, (now, 0))
            if now - started_at >= _WINDOW_SECONDS:
                started_at, used = now, 0
            exceeded = used >= limit
            if spend:
                used += not exceeded
                self._open[token_id] = (started_at, used)
            return Window(exceeded, limit - used, started_at + _WINDOW_SECONDS - now)

    def advance(self, seconds: float) -> None:
        """Age all windows by the time that the clock was moved."""
        with self._lock:
            self._open = {
                token_id: (started_at - seconds, used)
                for token_id, (started_at, used) in self._open.items()
            }

    def clear(self) -> None:
        """Drop all windows."""
        with self._lock:
            self._open.clear()
