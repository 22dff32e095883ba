"""A stream of deliveries and forward attempts that ends on a stop condition."""

import math
import queue
import time
from collections.abc import Iterator

from outreply_cli.errors import ExitCode, InterruptedRunError, OutReplyError
from outreply_cli.webhooks.conditions import Conditions
from outreply_cli.webhooks.forward import ForwardReport
from outreply_cli.webhooks.receiver import Received

_POLL_SECONDS = 0.2


class EventTimeoutError(OutReplyError):
    """The timeout expired before the awaited event arrived."""

    code = "TIMEOUT"
    exit_code = ExitCode.TIMEOUT


class EventStream:
    """Stream of reports from the threads of receivers and forwarders, for a single reader.

    Args:
        max_events: Number of different valid events after which the stream ends; None for no
            limit. One that an earlier run has received also counts.
        timeout: Seconds after which it ends; None for no limit.
        until: Conditions of the event that ends it; None for no such event.

    Attributes:
        started: Whether the stream is being read.
        is_closed: Whether the stream has ended, or `close` was called.
        is_interrupted: Whether `close` was called.
    """

    def __init__(
        self, *, max_events: int | None, timeout: float | None, until: Conditions | None
    ) -> None:
        self._max_events, self._timeout, self._until = max_events, timeout, until
        self._queue: queue.SimpleQueue[Received | ForwardReport | None] = queue.SimpleQueue()
        self.started = False
        self.is_closed = False
        self.is_interrupted = False
        self._ids: set[str] = set()
        self._satisfied = max_events is None and until is None

    def put(self, item: Received | ForwardReport) -> None:
        """Add an item; safe to call from any thread."""
        self._queue.put(item)

    def close(self) -> None:
        """Close the stream; safe to call from any thread and from a signal handler."""
        self.is_closed = self.is_interrupted = True
        self._queue.put(None)

    def __iter__(self) -> Iterator[Received | ForwardReport]:
        """The items until the stream ends.

        Raises:
            EventTimeoutError: The timeout expired before the awaited event arrived.
            InterruptedRunError: The stream was closed before the awaited event arrived.
        """
        self.started = True
        deadline = time.monotonic() + (math.inf if self._timeout is None else self._timeout)
        try:
            while (left := deadline - time.monotonic()) > 0:
                try:
                    item = self._queue.get(timeout=min(left, _POLL_SECONDS))
                except queue.Empty:
                    continue
                if item is None:
                    break
                yield item
                if isinstance(item, Received) and self._is_last(item):
                    return
        finally:
            self.is_closed = True
        if not self._satisfied and self.is_interrupted:
            raise InterruptedRunError(
                "interrupted while waiting for an event", hint="See: outreply webhooks history"
            )
        if not self._satisfied:
            raise EventTimeoutError(
                "timed out waiting for an event",
                hint="Increase --timeout, or see: outreply webhooks history",
            )

    def drain(self) -> Iterator[Received | ForwardReport]:
        """The items that arrived after the end."""
        while not self._queue.empty():
            item = self._queue.get()
            if item is not None:
                yield item

    def _is_last(self, received: Received) -> bool:
        if not received.matches_filter or received.event is None:
            return False
        is_last = self._until is not None and received.event.meets(self._until)
        if self._max_events is not None:
            self._ids.add(received.event.key)
            is_last |= len(self._ids) >= self._max_events
        self._satisfied |= is_last
        return is_last
