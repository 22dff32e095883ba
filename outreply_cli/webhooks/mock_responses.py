"""What a receiver answers on purpose, to see how the sender takes it.

Reference: Retries & auto-disable.
"""

import random
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.webhooks import (
    FAILURES_BEFORE_DISABLING,
    RESPONSE_TIMEOUT_SECONDS,
    RETRY_SECONDS,
)

_NEARLY_SECONDS = 8.0
_STEP = re.compile(r"([1-5]\d\d)(?:x([1-9]\d{0,5}))?")


@dataclass(frozen=True)
class ScriptedResponse:
    """One answer.

    Attributes:
        status: Of HTTP.
        delay: Seconds before it.
        is_dropped: Whether the connection is closed in its place.
    """

    status: int = 200
    delay: float = 0.0
    is_dropped: bool = False


class ResponseScript:
    """The answers to good deliveries, one after the other; safe for several threads.

    Args:
        script: Statuses in their order; the last one for ever.
        delay: Seconds before each.
        drops: Whether none is given at all.
        fail_rate: The share that is answered 500 instead.
        seed: Makes that share the same again.
    """

    def __init__(
        self,
        script: Sequence[tuple[int, int]] = ((200, 0),),
        *,
        delay: float = 0.0,
        drops: bool = False,
        fail_rate: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._statuses = chain.from_iterable(repeat(status, times) for status, times in script)
        self._last = script[-1][0]
        self._delay, self._drops, self._fail_rate = delay, drops, fail_rate
        self._chance = random.Random(seed)  # noqa: S311 - plays a part, guards nothing
        self._turn = threading.Lock()

    def next(self) -> ScriptedResponse:
        """The next answer."""
        with self._turn:
            status = next(self._statuses, self._last)
            if self._fail_rate and self._chance.random() < self._fail_rate:
                status = 500
        return ScriptedResponse(status, self._delay, self._drops)


def parse_script(text: str) -> list[tuple[int, int]]:
    """`500x3,200`: statuses and how often, the last one for ever.

    Raises:
        InvalidInputError: It says something else.
    """
    steps = []
    for part in text.split(","):
        found = _STEP.fullmatch(part.strip())
        if found is None or int(found[1]) < 200:
            raise InvalidInputError(
                f"--respond: {part!r} is no answer", hint="Write 500, or 500x3,200."
            )
        steps.append((int(found[1]), int(found[2] or 1)))
    return steps


class RetrySimulator:
    """How a sender takes our answers (reference: Retries & auto-disable)."""

    def __init__(self) -> None:
        self._failures_in_a_row = 0

    def of(self, status: int | None, seconds: float, attempt: int) -> str | None:
        """What the sender does after an answer, where that is not simply content.

        Args:
            status: What it got; None where it got nothing.
            seconds: How long it waited.
            attempt: 1 for an event's first delivery.
        """
        timed_out = seconds > RESPONSE_TIMEOUT_SECONDS
        if status is not None and 200 <= status < 300 and not timed_out:
            self._failures_in_a_row = 0
            if seconds >= _NEARLY_SECONDS:
                return f"this took {seconds:.1f} s; after 10 s the sender gives up"
            return None
        self._failures_in_a_row += 1
        what = "no answer" if status is None else f"this {status}"
        what = f"an answer after {seconds:.1f} s" if timed_out else what
        left = FAILURES_BEFORE_DISABLING - self._failures_in_a_row
        end = f"{left} more in a row disable the webhook" if left > 0 else "the webhook is disabled"
        if attempt > len(RETRY_SECONDS):
            return f"{what} is the last: it is not tried again; {end}"
        return f"{what} is tried again in {_span(RETRY_SECONDS[attempt - 1])}; {end}"


def _span(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3_600 else f"{seconds // 3_600} h"
