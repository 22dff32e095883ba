"""A stream of deliveries and forward attempts that ends on a stop condition."""

import json
import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.errors import ExitCode, InterruptedRunError, OutReplyError, malformed_value_error
from outreply_cli.spec.events import check_event
from outreply_cli.webhooks.forward import ForwardAttempt
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
        until: Values that an event must have, by dotted path.
    """

    max_events: int | None = None
    timeout: float | None = None
    until: Mapping[str, str] | None = None


class EventStream:
    """Stream of reports from the threads of receivers and forwarders, for a single reader."""

    def __init__(self, stop: StopCondition) -> None:
        self._stop = stop
        self._queue: queue.SimpleQueue[Received | ForwardAttempt | None] = queue.SimpleQueue()
        self.started = False
        self._event_count = 0
        self._satisfied = stop.max_events is None and stop.until is None

    def put(self, item: Received | ForwardAttempt) -> None:
        """Add an item; safe to call from any thread."""
        self._queue.put(item)

    def close(self) -> None:
        """Close the stream; safe to call from any thread and from a signal handler."""
        self._queue.put(None)

    def __iter__(self) -> Iterator[Received | ForwardAttempt]:
        """The items until the stream ends.

        Raises:
            EventTimeoutError: The timeout expired before the awaited event arrived.
            InterruptedRunError: The stream was closed before the awaited event arrived.
        """
        self.started = True
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

    def drain(self) -> Iterator[Received | ForwardAttempt]:
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
        is_last |= stop.until is not None and matches(received.event.payload, stop.until)
        self._satisfied |= is_last
        return is_last


def parse_conditions(text: str) -> dict[str, str]:
    """The values by path in `event=post.published,data.post.id=68a1`.

    Raises:
        InvalidInputError: A part is not PATH=VALUE, or the event is unknown.
    """
    conditions = {}
    for part in text.split(","):
        path, equals, value = part.partition("=")
        if not equals or not path.strip() or not value.strip():
            raise malformed_value_error(
                "--until",
                part,
                "PATH=VALUE",
                hint="Use for example: --until event=post.published,data.post.id=68a1",
            )
        conditions[path.strip()] = value.strip()
    if "event" in conditions:
        check_event(conditions["event"], "--until")
    return conditions


def matches(payload: Mapping[str, Any], conditions: Mapping[str, str]) -> bool:
    """Whether a payload has every value in `conditions`."""
    return all(_text_at(payload, path.split(".")) == value for path, value in conditions.items())


def _text_at(payload: Any, keys: Sequence[str]) -> str | None:
    for key in keys:
        if not isinstance(payload, dict) or key not in payload:
            return None
        payload = payload[key]
    return payload if isinstance(payload, str) else json.dumps(payload)
