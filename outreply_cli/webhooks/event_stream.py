"""A stream of deliveries and forward attempts that ends on a stop condition."""

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass

from outreply_cli.errors import ExitCode, InterruptedRunError, OutReplyError
from outreply_cli.webhooks.conditions import Conditions, matches_all
from outreply_cli.webhooks.forward import ForwardReport
from outreply_cli.webhooks.receiver import Received

_POLL_SECONDS = 0.2


class EventTimeoutError(OutReplyError):
    """The timeout expired before the awaited event arrived."""

    code = "TIMEOUT"
    exit_code = ExitCode.TIMEOUT


@dataclass(frozen=True)
class StopCondition:
    """Stop condition of a stream; None for a part that never stops it.

    Attributes:
        max_events: Number of new valid events.
        timeout: Seconds after which the stream stops.
        until: Conditions of an event.
    """

    max_events: int | None = None
    timeout: float | None = None
    until: Conditions | None = None


class EventStream:
    """Stream of reports from the threads of receivers and forwarders, for a single reader.

    Attributes:
        started: Whether the stream is being read.
        is_closed: Whether the stream has ended, or `close` was called.
        is_interrupted: Whether `close` was called.
    """

    def __init__(self, stop: StopCondition) -> None:
        self._stop = stop
        self._queue: queue.SimpleQueue[Received | ForwardReport | None] = queue.SimpleQueue()
        self.started = False
        self.is_closed = False
        self.is_interrupted = False
        self._event_count = 0
        self._satisfied = stop.max_events is None and stop.until is None

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
        try:
            yield from self._read()
        finally:
            self.is_closed = True

    def _read(self) -> Iterator[Received | ForwardReport]:
        timeout = self._stop.timeout
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                if not self._satisfied:
                    raise EventTimeoutError(
                        "timed out waiting for an event",
                        hint="Increase --timeout, or see: outreply webhooks history",
                    )
                return
            try:
                item = self._queue.get(timeout=_POLL_SECONDS if left is None else min(left, 1.0))
            except queue.Empty:
                continue
            if item is None:
                if not self._satisfied:
                    raise InterruptedRunError(
                        "interrupted while waiting for an event",
                        hint="See: outreply webhooks history",
                    )
                return
            yield item
            if isinstance(item, Received) and self._is_last(item):
                return

    def drain(self) -> Iterator[Received | ForwardReport]:
        """The items that arrived after the end."""
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                yield item

    def _is_last(self, received: Received) -> bool:
        if not received.matches_filter or received.event is None or received.delivery.is_duplicate:
            return False
        self._event_count += 1
        stop = self._stop
        is_last = stop.max_events is not None and self._event_count >= stop.max_events
        is_last |= stop.until is not None and matches_all(received.event.payload, stop.until)
        self._satisfied |= is_last
        return is_last
