"""When a request is sent again, and after how long: a pure decision."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from outreply_cli.api.errors import (
    ApiError,
    InvalidResponseError,
    LimitExceededError,
    NetworkError,
    ServerError,
    TLSVerificationError,
)
from outreply_cli.errors import OutReplyError
from outreply_cli.timestamps import to_utc

FAILURES_BEFORE_GIVING_UP = 6
REFUSALS_BEFORE_GIVING_UP = 60
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 20.0
# As a time it is in the year 2096, and as a wait no machine refuses to sleep for it.
_LARGEST_SECONDS = 4e9
# A Date has whole seconds, and the answer took a while to arrive.
_CLOCKS_AGREE = timedelta(seconds=10)

# Waiting a minute does not help against these: they need another day, month, time or token.
_NOT_WORTH_WAITING = frozenset(
    {
        "MONTHLY_QUOTA_EXCEEDED",
        "DAILY_LIMIT_EXCEEDED",
        "QUOTA_EXCEEDED",
        "SANDBOX_EXHAUSTED",
        "PAGE_PUBLISH_GUARDRAIL",
        "BRAND_PUBLISH_GUARDRAIL",
    }
)


@dataclass(frozen=True)
class RetryPolicy:
    """How long retries may go on.

    Attributes:
        max_wait: Seconds of waiting in all; None for as long as it takes.
        failures: Sendings that may fail before the failure is final.
        refusals: Answers `429 RATE_LIMITED` before the refusal is final.
    """

    max_wait: float | None = 60.0
    failures: int = FAILURES_BEFORE_GIVING_UP
    refusals: int = REFUSALS_BEFORE_GIVING_UP


@dataclass
class RetryState:
    """What has been tried for one request so far; `waited` in seconds."""

    failures: int = 0
    refusals: int = 0
    waited: float = 0.0


def is_rate_limited(error: OutReplyError) -> bool:
    """Whether `error` says "too fast, come back": nothing was done and waiting helps."""
    return (
        isinstance(error, LimitExceededError)
        and error.status == 429
        and error.code not in _NOT_WORTH_WAITING
        and not error.code.endswith("_GUARDRAIL")
    )


def is_ambiguous(error: OutReplyError) -> bool:
    """Whether the request that ended in `error` may have been carried out."""
    if isinstance(error, NetworkError):
        return error.sent
    return isinstance(error, (InvalidResponseError, ServerError))


def is_definitive(error: OutReplyError) -> bool:
    """Whether `error` tells that no sending with this key was carried out.

    An idempotent server replays what it did before it judges the request again; only limits and
    permissions are checked earlier.
    """
    return isinstance(error, ApiError) and error.status in {400, 404, 409, 422}


def retry_delay(
    error: OutReplyError,
    attempts: RetryState,
    patience: RetryPolicy,
    *,
    repeatable: bool,
    chance: float,
) -> float | None:
    """Seconds to wait before the same request goes out again, or None when `error` is final.

    Args:
        error: How the last sending ended; it is already counted in `attempts`.
        attempts: What has been tried for this request.
        patience: How long it may go on.
        repeatable: Whether a second arrival does no harm (a read, or a write with its key).
        chance: A random number in [0, 1), for full jitter.
    """
    refused = is_rate_limited(error)
    if refused:
        if attempts.refusals >= patience.refusals:
            return None
    else:
        never_arrived = isinstance(error, NetworkError) and not error.sent
        passing = isinstance(error, (ServerError, NetworkError, InvalidResponseError))
        if not passing or not (repeatable or never_arrived):
            return None
        if error.code == "REDIRECT_REFUSED" or isinstance(error, TLSVerificationError):
            return None
        if attempts.failures >= patience.failures:
            return None
    asked = error.retry_after_seconds if isinstance(error, ApiError) else None
    tries = attempts.refusals if refused else attempts.failures
    ceiling = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(tries, 10))
    # A little chance on top of what was asked keeps many clients from coming back together.
    wait = chance * ceiling if asked is None else asked + chance * _FIRST_BACKOFF
    if patience.max_wait is not None and attempts.waited + wait > patience.max_wait:
        return None
    return wait


def retry_after(
    *,
    retry_after: str | None,
    in_body: object,
    reset: str | None,
    date: str | None,
    now: datetime,
) -> float | None:
    """How many seconds the server asks to wait, or None where it does not say.

    Args:
        retry_after: The `Retry-After` header: seconds, or an HTTP date.
        in_body: The body's `retry_after_seconds`.
        reset: The `X-RateLimit-Reset` header, in Unix seconds.
        date: The answer's `Date`, the clock that dates are measured on: ours may be wrong.
        now: Our own present, used where the answer has no `Date`.
    """
    present = _http_date(date) or now
    if retry_after is not None:
        seconds = _seconds(retry_after)
        if seconds is not None:
            return seconds
        until = _http_date(retry_after)
        if until is not None:
            return max(0.0, (until - present).total_seconds())
    if isinstance(in_body, (int, float)) and not isinstance(in_body, bool):
        return _seconds(str(in_body))
    moment = _seconds(reset) if reset is not None else None
    if moment is None:
        return None
    return max(0.0, moment - present.timestamp())


def parse_http_date(date: str | None) -> float | None:
    """An answer's `Date` in Unix seconds."""
    moment = _http_date(date)
    return moment.timestamp() if moment is not None else None


def clock_difference(date: str | None, now: datetime) -> timedelta:
    """How far an answer's `Date` is ahead of `now`; nothing where they are seconds apart."""
    server_now = _http_date(date)
    if server_now is None or abs(server_now - now) < _CLOCKS_AGREE:
        return timedelta(0)
    return server_now - now


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < _LARGEST_SECONDS else None


def _http_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        return to_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
