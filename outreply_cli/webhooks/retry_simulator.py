"""Prediction of how the sender of a webhook reacts to responses."""

from outreply_cli.spec.webhooks import (
    FAILURES_BEFORE_DISABLING,
    RESPONSE_TIMEOUT_SECONDS,
    RETRY_SECONDS,
)

_SLOW_SECONDS = 8.0


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
