"""The per-minute limit of each token (reference: Tiers & limits).

Real time runs it, since clients wait in real time, and so does moving the emulator's clock.
"""

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

    def look(self, token_id: str, limit: int, now: float, *, spend: bool) -> Window:
        """Where a token stands at the monotonic time `now`, after one more request if `spend`.

        It is refused once `limit` is spent.
        """
        with self._turn:
            began, spent = self._open.get(token_id, (now, 0))
            if now - began >= _WINDOW_SECONDS:
                began, spent = now, 0
            refused = spent >= limit
            if spend:
                spent += not refused
                self._open[token_id] = (began, spent)
            return Window(refused, limit - spent, began + _WINDOW_SECONDS - now)

    def age(self, seconds: float) -> None:
        """Let time pass that was passed by moving the clock."""
        with self._turn:
            self._open = {
                token_id: (began - seconds, spent)
                for token_id, (began, spent) in self._open.items()
            }

    def clear(self) -> None:
        """Begin anew for every token."""
        with self._turn:
            self._open.clear()
