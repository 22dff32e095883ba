"""Simulated responses, and the sender's reaction (reference: Retries & auto-disable)."""

import random
import re
import threading
from collections.abc import Sequence
from itertools import chain, repeat

from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.webhooks import (
    FAILURES_BEFORE_DISABLING,
    RESPONSE_TIMEOUT_SECONDS,
    RETRY_SECONDS,
)

_SLOW_SECONDS = 8.0
_STEP = re.compile(r"([2-5]\d\d)(?:x([1-9]\d{0,5}))?")


class ResponseScript:
    """The responses to valid deliveries, in order; safe to share between threads.

    Args:
        script: Statuses and how often each is used; the last one repeats.
        delay: Seconds before each response.
        drops: Whether connections are closed without a response.
        fail_rate: Fraction of deliveries that get status 500.
        seed: Random seed of that share.

    Attributes:
        delay, drops: See the arguments.
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
        self.delay, self.drops, self._fail_rate = delay, drops, fail_rate
        self._random = random.Random(seed)  # noqa: S311 - not for security
        self._lock = threading.Lock()

    def next_status(self) -> int:
        """The status of the next response."""
        with self._lock:
            status = next(self._statuses, self._last)
            is_failure = self._fail_rate and self._random.random() < self._fail_rate
        return 500 if is_failure else status


def parse_script(text: str) -> list[tuple[int, int]]:
    """The statuses and counts in `500x3,200`; raises InvalidInputError if malformed."""
    steps = []
    for part in text.split(","):
        step = _STEP.fullmatch(part.strip())
        if step is None:
            raise InvalidInputError(
                f"--respond: invalid status {part!r}", hint="For example: 500, or 500x3,200"
            )
        steps.append((int(step[1]), int(step[2] or 1)))
    return steps


class RetrySimulator:
    """The sender's reaction to responses (reference: Retries & auto-disable)."""

    def __init__(self) -> None:
        self._consecutive_failures = 0

    def predict(self, status: int | None, seconds: float, attempt: int) -> str | None:
        """Return the reaction of the sender to a response; None if it is satisfied.

        The status is None without a response; the first `attempt` of an event is 1.
        """
        timed_out = seconds > RESPONSE_TIMEOUT_SECONDS
        if status is not None and 200 <= status < 300 and not timed_out:
            self._consecutive_failures = 0
            if seconds >= _SLOW_SECONDS:
                return f"response took {seconds:.1f} s; sender times out after 10 s"
            return None
        self._consecutive_failures += 1
        cause = f"response took {seconds:.1f} s; " if timed_out else ""
        left = FAILURES_BEFORE_DISABLING - self._consecutive_failures
        end = "webhook is disabled"
        if left > 0:
            end = f"webhook disabled after {left} more failure{'s' if left > 1 else ''}"
        if attempt > len(RETRY_SECONDS):
            return f"{cause}sender will not retry, this was the last attempt; {end}"
        return f"{cause}sender will retry in {_format_delay(RETRY_SECONDS[attempt - 1])}; {end}"


def _format_delay(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3_600 else f"{seconds // 3_600} h"
