"""Whether a request is sent again, and after how long, at the boundaries of each limit."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from outreply_cli.api.errors import (
    ApiError,
    InvalidResponseError,
    LimitExceededError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from outreply_cli.api.retry import (
    RetryPolicy,
    RetryState,
    clock_difference,
    is_ambiguous,
    is_definitive,
    is_lasting_limit,
    is_rate_limited,
    parse_http_date,
    retry_after,
    retry_delay,
)
from outreply_cli.errors import OutReplyError

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
MAX_SECONDS = 4e9
NOT_SENT = NetworkError("CONNECTION_FAILED", "no connection")
LOST = NetworkError("CONNECTION_LOST", "the connection was lost")
HTML = InvalidResponseError("HTML_RESPONSE", "a page", status=200)


def server_error(requested: float | None = None, code: str = "SERVER_ERROR") -> ServerError:
    return ServerError(503, {"code": code}, retry_after_seconds=requested)


def rate_limit(requested: float | None = None, code: str = "RATE_LIMITED") -> LimitExceededError:
    return LimitExceededError(429, {"code": code}, retry_after_seconds=requested)


def delay(
    error: OutReplyError,
    state: RetryState | None = None,
    *,
    policy: RetryPolicy | None = None,
    elapsed: float = 0.0,
    repeatable: bool = True,
    jitter: float = 1.0,
) -> float | None:
    return retry_delay(
        error,
        state or RetryState(failures=1, rate_limited=1),
        policy or RetryPolicy(),
        elapsed=elapsed,
        repeatable=repeatable,
        jitter=jitter,
    )


def parse_wait(
    *,
    header: str | None = None,
    in_body: object = None,
    resets_at: object = None,
    reset: str | None = None,
    date: str | None = None,
) -> float | None:
    headers = {"retry-after": header, "x-ratelimit-reset": reset, "date": date}
    return retry_after(
        {name: value for name, value in headers.items() if value is not None},
        {"retry_after_seconds": in_body, "resets_at": resets_at},
        now=NOW,
        is_rate_limit=True,
    )


def test_backoff_doubles_with_each_failure_up_to_20_seconds() -> None:
    policy = RetryPolicy(max_wait=None, max_failures=99)
    delays = [delay(LOST, RetryState(failures=n), policy=policy) for n in (1, 2, 3, 5, 6, 98)]
    assert delays == [1.0, 2.0, 4.0, 16.0, 20.0, 20.0]


def test_backoff_is_random() -> None:
    assert delay(LOST, jitter=0.0) == 0.0
    assert delay(LOST, jitter=0.25) == 0.25


def test_backoff_of_a_rate_limit_counts_rate_limits_only() -> None:
    assert delay(rate_limit(), RetryState(failures=5, rate_limited=2)) == 2.0
    assert delay(LOST, RetryState(failures=2, rate_limited=5)) == 2.0


@pytest.mark.parametrize("error", [server_error(7.0), rate_limit(7.0)], ids=["503", "429"])
def test_requested_wait_gets_up_to_half_a_second_more(error: ApiError) -> None:
    assert delay(error, jitter=0.0) == 7.0
    assert delay(error, jitter=0.5) == 7.25


def test_requested_wait_of_a_day_is_the_limit() -> None:
    policy = RetryPolicy(max_wait=None)
    assert delay(rate_limit(86_400.0), policy=policy, jitter=0.0) == 86_400.0
    assert delay(rate_limit(86_400.5), policy=policy) is None


def test_failures_are_final_at_their_limit() -> None:
    policy = RetryPolicy(max_failures=3)
    assert delay(LOST, RetryState(failures=2, rate_limited=9), policy=policy) is not None
    assert delay(LOST, RetryState(failures=3), policy=policy) is None


def test_rate_limits_are_final_at_their_limit() -> None:
    policy = RetryPolicy(max_rate_limited=3, max_failures=1)
    assert delay(rate_limit(), RetryState(failures=9, rate_limited=2), policy=policy) is not None
    assert delay(rate_limit(), RetryState(rate_limited=3), policy=policy) is None


def test_default_policy_is_60_seconds_6_failures_and_60_rate_limits() -> None:
    policy = RetryPolicy()
    assert (policy.max_wait, policy.max_failures, policy.max_rate_limited) == (60.0, 6, 60)


def test_wait_may_end_a_second_after_max_wait() -> None:
    policy = RetryPolicy(max_wait=60.0)
    assert policy.allows(11.0, 50.0)
    assert not policy.allows(11.0, 50.1)
    assert RetryPolicy(max_wait=None).allows(0.0, 1e9)


def test_max_wait_is_compared_with_the_requested_wait_without_jitter() -> None:
    assert delay(rate_limit(61.0), jitter=0.9) == 61.45
    assert delay(rate_limit(61.1), jitter=0.0) is None
    assert delay(rate_limit(7.0), elapsed=54.0) == 7.5
    assert delay(rate_limit(7.0), elapsed=55.0) is None


def test_max_wait_is_compared_with_the_backoff() -> None:
    assert delay(LOST, elapsed=60.0) == 1.0
    assert delay(LOST, elapsed=60.1) is None


@pytest.mark.parametrize("error", [LOST, HTML, server_error()], ids=["lost", "HTML", "503"])
def test_unrepeatable_request_is_not_sent_again_if_it_may_have_been_received(
    error: OutReplyError,
) -> None:
    assert delay(error) is not None
    assert delay(error, repeatable=False) is None


def test_unrepeatable_request_is_sent_again_if_it_was_not_received() -> None:
    assert delay(NOT_SENT, repeatable=False) is not None
    assert delay(rate_limit(), repeatable=False) is not None


@pytest.mark.parametrize(
    "error",
    [
        ApiError(400, {"code": "MISSING_FIELD"}),
        rate_limit(1.0, "QUOTA_EXCEEDED"),
        NetworkError("CERTIFICATE_NOT_TRUSTED", "unknown issuer"),
        InvalidResponseError("REDIRECT_REFUSED", "a redirect", status=302),
    ],
    ids=lambda error: error.code,
)
def test_lasting_error_is_final(error: OutReplyError) -> None:
    assert delay(error) is None


@pytest.mark.parametrize(
    ("code", "is_lasting"),
    [
        ("MONTHLY_QUOTA_EXCEEDED", True), ("DAILY_LIMIT_EXCEEDED", True), ("QUOTA_EXCEEDED", True),
        ("SANDBOX_EXHAUSTED", True), ("PAGE_PUBLISH_GUARDRAIL", True), ("NEW_GUARDRAIL", True),
        ("RATE_LIMITED", False), ("GUARDRAIL_X", False), (None, False), (429, False),
        ([], False), ({}, False), (["QUOTA_EXCEEDED"], False),
    ],
)  # fmt: skip
def test_quota_and_guardrail_codes_are_lasting_limits(code: object, *, is_lasting: bool) -> None:
    assert is_lasting_limit(code) == is_lasting


def test_rate_limit_is_a_429_that_does_not_last() -> None:
    assert is_rate_limited(rate_limit())
    assert not is_rate_limited(rate_limit(code="PAGE_PUBLISH_GUARDRAIL"))
    assert not is_rate_limited(LimitExceededError(402, {"code": "RATE_LIMITED"}))
    assert not is_rate_limited(ApiError(429, {"code": "RATE_LIMITED"}))
    assert not is_rate_limited(LOST)


def test_ambiguous_errors_leave_open_whether_a_request_was_carried_out() -> None:
    assert [is_ambiguous(error) for error in (LOST, HTML, server_error())] == [True] * 3
    assert [is_ambiguous(error) for error in (NOT_SENT, rate_limit())] == [False] * 2


def test_definitive_errors_come_after_the_check_for_a_repeated_request() -> None:
    body = {"code": "INVALID_FIELD"}
    definitive = [ApiError(status, body) for status in (400, 422)]
    mismatch = ApiError(409, {"code": "IDEMPOTENCY_KEY_MISMATCH"})
    assert all(is_definitive(error) for error in (*definitive, mismatch, NotFoundError(404, body)))
    in_use = ApiError(409, {"code": "IDEMPOTENCY_KEY_IN_USE"})
    denied = PermissionDeniedError(403, body)
    for error in (in_use, denied, rate_limit(), server_error(), LOST, HTML):
        assert not is_definitive(error)


def test_request_in_progress_is_repeated_once_it_was_sent() -> None:
    in_use = ApiError(409, {"code": "IDEMPOTENCY_KEY_IN_USE"})
    assert delay(in_use, RetryState(failures=1, sent_at=0.0)) == 1.0
    assert delay(in_use, RetryState(failures=6, sent_at=0.0)) is None
    assert delay(in_use) is None


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_error_without_a_code_may_be_that_of_a_gateway(status: int) -> None:
    for body in ({}, {"error": "Not Found"}, {"code": None}, {"code": ""}, {"code": 7}):
        assert not is_definitive(ApiError(status, body))


def test_state_is_maybe_applied_once_an_attempt_was_sent() -> None:
    assert not RetryState().maybe_applied
    assert RetryState(sent_at=0.0).maybe_applied


def test_header_is_preferred_to_the_body() -> None:
    sources = {"in_body": 2, "resets_at": NOW.timestamp() + 3, "reset": f"{NOW.timestamp() + 4}"}
    assert parse_wait(header="1", **sources) == 1.0  # type: ignore[arg-type]
    assert parse_wait(header="soon", **sources) == 2.0  # type: ignore[arg-type]
    del sources["in_body"]
    assert parse_wait(**sources) == 3.0  # type: ignore[arg-type]
    del sources["resets_at"]
    assert parse_wait(**sources) == 4.0  # type: ignore[arg-type]
    assert parse_wait() is None


def test_seconds_are_limited_to_4_billion() -> None:
    assert parse_wait(header="4e9") == parse_wait(header="5e9") == MAX_SECONDS
    assert parse_wait(in_body=5e9) == MAX_SECONDS
    assert parse_wait(header="inf") == MAX_SECONDS


def test_http_date_is_relative_to_the_server() -> None:
    server_now = NOW + timedelta(hours=3)
    header = format_datetime(server_now + timedelta(seconds=9), usegmt=True)
    assert parse_wait(header=header, date=format_datetime(server_now, usegmt=True)) == 9.0
    assert parse_wait(header=header) == 3 * 3600 + 9
    assert parse_wait(header=header, date="yesterday") == 3 * 3600 + 9


def test_http_date_in_the_past_means_now() -> None:
    assert parse_wait(header=format_datetime(NOW - timedelta(seconds=9), usegmt=True)) == 0.0
    far = "Fri, 31 Dec 9999 23:59:59 GMT"
    assert parse_wait(header=far) == MAX_SECONDS


def test_time_in_the_body_is_text_or_a_timestamp() -> None:
    later = NOW + timedelta(seconds=9)
    for resets_at in (later.isoformat(), later.timestamp(), str(later.timestamp())):
        assert parse_wait(resets_at=resets_at) == 9.0
    assert parse_wait(resets_at="2020-01-01T00:00:00Z") == 0.0


def test_timestamp_after_the_year_2096_is_ignored() -> None:
    assert parse_wait(reset="3999999999") == 3_999_999_999 - NOW.timestamp()
    assert parse_wait(reset="4000000000") is None
    assert parse_wait(resets_at="4000000000", reset=str(NOW.timestamp() + 9)) == 9.0


def test_reset_of_the_rate_limit_is_not_the_wait_of_another_error() -> None:
    headers = {"x-ratelimit-reset": str(NOW.timestamp() + 50)}
    assert retry_after(headers, {}, now=NOW, is_rate_limit=True) == 50.0
    assert retry_after(headers, {}, now=NOW, is_rate_limit=False) is None


@pytest.mark.parametrize("value", [True, None, {}, [], "soon", "", "nan", "-1", -1, 10**400])
def test_value_that_is_not_a_number_of_seconds_is_ignored(value: object) -> None:
    assert parse_wait(in_body=value) is None
    assert parse_wait(resets_at=value) is None


def test_no_wait_may_be_requested() -> None:
    assert parse_wait(header="0") == parse_wait(in_body=0) == 0.0


def test_clock_difference_of_less_than_10_seconds_is_none() -> None:
    for seconds in (9.9, -9.9):
        assert clock_difference(NOW + timedelta(seconds=seconds), NOW) == timedelta(0)
    for seconds in (10, -10, 3_600):
        difference = timedelta(seconds=seconds)
        assert clock_difference(NOW + difference, NOW) == difference
    assert clock_difference(None, NOW) == timedelta(0)


def test_http_date_is_converted_to_utc() -> None:
    paris = timezone(timedelta(hours=1))
    parsed = parse_http_date("Tue, 01 Dec 2026 13:00:00 +0100")
    assert parsed == NOW.astimezone(paris)
    assert parsed is not None
    assert parsed.tzinfo is UTC


@pytest.mark.usefixtures("machine_in_tokyo")
def test_http_date_of_an_unknown_zone_is_in_utc_on_every_machine() -> None:
    assert parse_http_date("Tue, 01 Dec 2026 12:00:00 -0000") == NOW


@pytest.mark.parametrize(
    "text", [None, "", "soon", "Tue, 99 Dec 2026 12:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1400"]
)
def test_invalid_http_date_is_none(text: str | None) -> None:
    assert parse_http_date(text) is None
