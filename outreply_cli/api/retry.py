"""Retry decisions: whether a request is sent again, and after how long. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from outreply_cli.api.errors import (
    ApiError,
    InvalidResponseError,
    LimitExceededError,
    NetworkError,
    ServerError,
)
from outreply_cli.errors import OutReplyError
from outreply_cli.spec.errors import CATALOG, is_guardrail
from outreply_cli.timestamps import parse_timestamp, to_utc

_INITIAL_BACKOFF = 0.5
# Servers round the end of a window up to the next second, so a wait for a whole minute is
# reported as 61 seconds.
_ROUNDING_SECONDS = 1.0
_MAX_BACKOFF = 20.0
# The year 2096 as a timestamp; as a delay, still accepted by time.sleep.
_MAX_SECONDS = 4e9
# A server that requests a longer wait is broken, or has reached a daily or monthly limit.
_MAX_REQUESTED_SECONDS = 24 * 3600.0
# Date headers have whole seconds and are delayed by the network.
_CLOCK_TOLERANCE = timedelta(seconds=10)

# Retrying within minutes does not help: these need another day, month or token.
_NOT_RETRYABLE = frozenset(
    {"MONTHLY_QUOTA_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "QUOTA_EXCEEDED", "SANDBOX_EXHAUSTED"}
)
_CONFLICTS = frozenset(entry.code for entry in CATALOG if entry.status == 409)


@dataclass(frozen=True, eq=False, repr=False)
class RetryPolicy:
    """Limits of retrying.

    Attributes:
        max_wait: Seconds for attempts and the waits between them; None for no limit.
        max_failures: Failed attempts after which the error is final.
        max_rate_limited: `429 RATE_LIMITED` responses after which the error is final.
        cuts_attempts: Whether an attempt is also cut off after `max_wait`.
        is_per_command: Whether `max_wait` limits all requests of a command together: those that
            fail in a row or, with `cuts_attempts`, all of them.
    """

    max_wait: float | None = 60.0
    max_failures: int = 6
    max_rate_limited: int = 60
    cuts_attempts: bool = False
    is_per_command: bool = True

    def allows(self, elapsed: float, seconds: float) -> bool:
        """Whether a wait of `seconds` is within `max_wait`, plus a second for rounding."""
        if self.max_wait is None:
            return True
        return elapsed + seconds <= self.max_wait + _ROUNDING_SECONDS


@dataclass(eq=False, repr=False)
class RetryState:
    """Attempts of one request so far.

    Attributes:
        started_at: Monotonic time of the start.
        failures: Failed attempts in a row.
        rate_limited: Attempts in a row that exceeded the limit per minute.
        sent_at: Monotonic time of the first attempt that may have been carried out.
        last_error: Error of the last attempt.
    """

    started_at: float = 0.0
    failures: int = 0
    rate_limited: int = 0
    sent_at: float | None = None
    last_error: OutReplyError | None = None

    @property
    def maybe_applied(self) -> bool:
        """Whether an attempt may have been carried out."""
        return self.sent_at is not None


def is_rate_limited(error: OutReplyError) -> bool:
    """Whether `error` is the limit per minute: nothing was done and waiting helps."""
    return (
        isinstance(error, LimitExceededError)
        and error.status == 429
        and not is_lasting_limit(error.code)
    )


def is_lasting_limit(code: object) -> bool:
    """Whether an error code names a limit that lasts longer than minutes."""
    return isinstance(code, str) and (code in _NOT_RETRYABLE or is_guardrail(code))


def is_ambiguous(error: OutReplyError) -> bool:
    """Whether the request that failed with `error` may have been carried out."""
    if isinstance(error, NetworkError):
        return error.sent
    return isinstance(error, (InvalidResponseError, ServerError))


def is_definitive(error: OutReplyError) -> bool:
    """Whether `error` proves that no request with the same key was carried out.

    An idempotent server replays the stored response before it validates the request again; only
    limits and permissions are checked earlier. An error without a code may be that of a gateway,
    which knows nothing about an earlier request.
    """
    return isinstance(error, ApiError) and is_refusal(error.status, error.code)


def is_refusal(status: int | None, code: str) -> bool:
    """Whether the status and the code of an error are definitive."""
    if status == 409:
        # Another conflict may be a first request with the same key that is still in progress.
        return code in _CONFLICTS
    return status in {400, 404, 422} and code != f"HTTP_{status}"


def _is_in_progress(error: OutReplyError) -> bool:
    return isinstance(error, ApiError) and error.status == 409 and not is_definitive(error)


def retry_delay(
    error: OutReplyError,
    state: RetryState,
    policy: RetryPolicy,
    *,
    elapsed: float,
    repeatable: bool,
    jitter: float,
) -> float | None:
    """Return the seconds to wait before the next attempt, or None if `error` is final.

    Args:
        error: Error of the last attempt, already counted in `state`.
        state: Attempts so far.
        policy: Limits of retrying.
        elapsed: Seconds since the start of the first attempt.
        repeatable: Whether a second delivery is harmless (a read, or a write with its key).
        jitter: Random number in [0, 1).
    """
    rate_limited = is_rate_limited(error)
    if rate_limited:
        if state.rate_limited >= policy.max_rate_limited:
            return None
    else:
        not_sent = isinstance(error, NetworkError) and not error.sent
        temporary = isinstance(error, (ServerError, NetworkError, InvalidResponseError)) or (
            state.maybe_applied and _is_in_progress(error)
        )
        if not temporary or not (repeatable or not_sent):
            return None
        if error.code in {"REDIRECT_REFUSED", "CERTIFICATE_NOT_TRUSTED"}:
            return None
        if state.failures >= policy.max_failures:
            return None
    requested = error.retry_after_seconds if isinstance(error, ApiError) else None
    if requested is not None and requested > _MAX_REQUESTED_SECONDS:
        return None
    attempts = state.rate_limited if rate_limited else state.failures
    backoff = min(_MAX_BACKOFF, _INITIAL_BACKOFF * 2.0 ** min(attempts, 10))
    # Jitter on top of a requested delay keeps clients from returning together.
    delay = jitter * backoff if requested is None else requested + jitter * _INITIAL_BACKOFF
    return delay if policy.allows(elapsed, delay if requested is None else requested) else None


def retry_after(
    headers: Mapping[str, str], body: Mapping[str, Any], *, now: datetime, is_rate_limit: bool
) -> float | None:
    """Return the seconds to wait that the server requests, if any; at most 4 billion.

    Args:
        headers: `Retry-After`: seconds, or an HTTP date; `X-RateLimit-Reset`, a Unix timestamp.
            Dates are relative to `Date`, since the local clock may be wrong.
        body: `retry_after_seconds`, and `resets_at`, an ISO 8601 time or a Unix timestamp.
        now: Local time, used without a `Date`.
        is_rate_limit: Whether the limit per minute is reached; its reset does not apply to others.
    """
    server_now = parse_http_date(headers.get("date")) or now
    header = headers.get("retry-after")
    until = _parse_date(header) if header is not None else None
    seconds = _parse_seconds(header)
    if seconds is None and until is not None:
        return _seconds_until(until.timestamp(), server_now)
    if seconds is None:
        seconds = _parse_seconds(body.get("retry_after_seconds"))
    if seconds is not None:
        return min(seconds, _MAX_SECONDS)
    reset = headers.get("x-ratelimit-reset") if is_rate_limit else None
    for at in (_parse_time(body.get("resets_at")), _parse_seconds(reset)):
        if at is not None and at < _MAX_SECONDS:
            return _seconds_until(at, server_now)
    return None


def clock_difference(server_now: datetime | None, now: datetime) -> timedelta:
    """Return how far a `Date` header is ahead of `now`; zero if they are seconds apart."""
    if server_now is None or abs(server_now - now) < _CLOCK_TOLERANCE:
        return timedelta(0)
    return server_now - now


def _seconds_until(timestamp: float, now: datetime) -> float:
    return min(max(0.0, timestamp - now.timestamp()), _MAX_SECONDS)


def _parse_time(value: object) -> float | None:
    try:
        return parse_timestamp(value).timestamp()
    except ValueError:
        return _parse_seconds(value)


def _parse_seconds(value: object) -> float | None:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    # NaN fails this comparison too.
    return seconds if seconds >= 0 else None


def parse_http_date(text: str | None) -> datetime | None:
    """Return the time of a `Date` header, or None if absent or invalid."""
    parsed = _parse_date(text) if text is not None else None
    try:
        return to_utc(parsed) if parsed is not None else None
    except ValueError:
        return None


def _parse_date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
