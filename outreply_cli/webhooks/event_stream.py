"""Waiting for deliveries until enough have come, the time is over, or somebody ends it."""

import json
import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.errors import InterruptedRunError, InvalidInputError, OutReplyError
from outreply_cli.spec.events import check_event
from outreply_cli.webhooks.forward import ForwardAttempt
from outreply_cli.webhooks.receiver import Received

_POLL_SECONDS = 0.2


class EventTimeoutError(OutReplyError):
    """The time was over before what was waited for came."""

    code = "WAITED_TOO_LONG"


@dataclass(frozen=True)
class StopCondition:
    """When to stop listening.

    Attributes:
        events: After so many good events; None for never.
        seconds: After so long; None for never.
        until: Once an event has these values, by dotted path.
    """

    events: int | None = None
    seconds: float | None = None
    until: Mapping[str, str] | None = None


class EventStream:
    """What receivers and forwarders tell, for one thread that looks at it.

    Args:
        ending: When it is over.

    Attributes:
        started: Whether somebody looks, or has looked.
    """

    def __init__(self, ending: StopCondition) -> None:
        self._ending = ending
        self._told: queue.SimpleQueue[Received | ForwardAttempt | None] = queue.SimpleQueue()
        self.started = False
        self._good = 0
        self._is_met = ending.events is None and ending.until is None

    def put(self, item: Received | ForwardAttempt) -> None:
        """Take something that happened; safe for any thread."""
        self._told.put(item)

    def close(self) -> None:
        """Make `items` stop; safe for any thread and for a signal's handler."""
        self._told.put(None)

    def __iter__(self) -> Iterator[Received | ForwardAttempt]:
        """What happens, as it happens, until it is over.

        Raises:
            NotReceivedError: The time was over, and something was still waited for.
            InterruptedRunError: It was ended, and something was still waited for.
        """
        self.started = True
        began = time.monotonic()
        while True:
            left = self._left(began)
            if left is not None and left <= 0:
                if not self._is_met:
                    raise EventTimeoutError(
                        "what was waited for did not come in time",
                        hint="Wait longer with --timeout; see: outreply webhooks history",
                    )
                return
            try:
                item = self._told.get(timeout=_POLL_SECONDS if left is None else min(left, 1.0))
            except queue.Empty:
                continue
            if item is None:
                if not self._is_met:
                    # A script must not take this for the event that it waits for.
                    raise InterruptedRunError(
                        "ended before what was waited for came",
                        hint="See what came: outreply webhooks history",
                    )
                return
            yield item
            if isinstance(item, Received) and self._is_over(item):
                return

    def drain(self) -> Iterator[Received | ForwardAttempt]:
        """What was told after the end."""
        while True:
            try:
                item = self._told.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                yield item

    def _left(self, began: float) -> float | None:
        if self._ending.seconds is None:
            return None
        return self._ending.seconds - (time.monotonic() - began)

    def _is_over(self, received: Received) -> bool:
        if not received.is_wanted or received.event is None or received.arrival.is_duplicate:
            return False
        self._good += 1
        enough = self._ending.events is not None and self._good >= self._ending.events
        met = self._ending.until is not None and matches(received.event.payload, self._ending.until)
        self._is_met = self._is_met or enough or met
        return enough or met


def parse_conditions(text: str) -> dict[str, str]:
    """`event=post.published,data.post.id=68a1` by path.

    Raises:
        InvalidInputError: A part is no PATH=VALUE, or no event can have that value.
    """
    found = {}
    for part in text.split(","):
        path, equals, value = part.partition("=")
        if not equals or not path.strip() or not value.strip():
            raise InvalidInputError(
                f"--until: {part!r} is no PATH=VALUE",
                hint="Such as: --until event=post.published,data.post.id=68a1",
            )
        found[path.strip()] = value.strip()
    if "event" in found:
        check_event(found["event"], "--until")
    return found


def matches(payload: Mapping[str, Any], conditions: Mapping[str, str]) -> bool:
    """Whether a payload has every value that the conditions name."""
    return all(_text_at(payload, path.split(".")) == value for path, value in conditions.items())


def _text_at(payload: Any, steps: Sequence[str]) -> str | None:
    for step in steps:
        if not isinstance(payload, dict) or step not in payload:
            return None
        payload = payload[step]
    return payload if isinstance(payload, str) else json.dumps(payload)
