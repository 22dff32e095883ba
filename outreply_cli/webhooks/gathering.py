"""One write to the disk for all deliveries that arrive together.

While one thread writes, the deliveries that arrive meanwhile wait, and the first of them writes for
all of them next.
"""

import threading
from collections.abc import Callable, Sequence

from outreply_cli.webhooks.records import Arrival

_GATHER_SECONDS = 0.003


class Gathering:
    """Deliveries on their way to the disk; safe for several threads.

    Args:
        commit: Puts a batch on the disk, or sets each one's `failure`; called by one thread at a
            time, and never raises.
    """

    def __init__(self, commit: Callable[[Sequence[Arrival]], None]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._pending: list[Arrival] = []
        self._is_committing = False
        self._expected = 1
        self._gathered = threading.Event()

    def store(self, arrival: Arrival) -> None:
        """Return once `arrival` is on the disk, or has failed to get there."""
        with self._lock:
            self._pending.append(arrival)
            commits, self._is_committing = not self._is_committing, True
            if len(self._pending) == self._expected:
                self._gathered.set()
        if not commits:
            arrival.turn.acquire()
        if not arrival.is_settled:
            # It is the oldest that waits: it commits for all.
            self._commit_pending()

    def _commit_pending(self) -> None:
        if len(self._pending) < self._expected:
            # Senders that were answered together come back together.
            self._gathered.wait(_GATHER_SECONDS)
        with self._lock:
            batch, self._pending = self._pending, []
        self._commit(batch)
        for arrival in batch:
            arrival.is_settled = True
        with self._lock:
            self._gathered.clear()
            self._expected = len(batch) + len(self._pending)
            self._is_committing = bool(self._pending)
            following = self._pending[:1]
        for arrival in [*following, *batch]:
            arrival.turn.release()
