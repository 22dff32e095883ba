"""The per-minute limit of each token, in real time (reference: Tiers & limits)."""

import threading
from dataclasses import dataclass

_WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class Window:
    """Where a token stands after one more request; times in seconds."""

    refused: bool
    remaining: int
    seconds_left: float


class RateWindows:
    """A window of a minute for each token, opened by its first request."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._open: dict[str, tuple[float, int]] = {}

    def spend(self, token_id: str, limit: int, now: float) -> Window:
        """Count one request at the monotonic time `now`; refused once `limit` is spent."""
        with self._turn:
            began, spent = self._open.get(token_id, (now, 0))
            if now - began >= _WINDOW_SECONDS:
                began, spent = now, 0
            refused = spent >= limit
            spent += not refused
            self._open[token_id] = (began, spent)
            return Window(refused, limit - spent, began + _WINDOW_SECONDS - now)
