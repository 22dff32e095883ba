"""Simulated responses of a receiver to valid deliveries."""

import random
import re
import threading
from collections.abc import Sequence
from itertools import chain, repeat

from outreply_cli.errors import InvalidInputError

_STEP = re.compile(r"([2-5]\d\d)(?:x([1-9]\d{0,5}))?")


class ResponseScript:
    """The responses to valid deliveries, in order; safe to share between threads.

    Args:
        script: Statuses and how often each is used; the last one repeats.
        delay: Seconds before each response.
        drops: Whether connections are closed without a response.
        fail_rate: Fraction of deliveries that get status 500.
        seed: Random seed for the choice of these deliveries.

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
