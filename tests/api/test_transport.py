"""The transport against a scripted server on a real socket."""

import gzip
import json
import socket
import uuid
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from outreply_cli.api.base_url import check_base_url
from outreply_cli.api.errors import (
    ApiError,
    AuthenticationError,
    InvalidResponseError,
    LimitExceededError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
)
from outreply_cli.api.rate_limit import MachineRateLimiter
from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import RequestRecord, Transport
from outreply_cli.errors import ExitCode, InvalidInputError
from outreply_cli.spec.token import Token
from outreply_cli.ui.errors import format_error
from tests.clocks import ManualClock
from tests.scripted_server import DROP, ScriptedServer, response

SECRET = "outreply_live_" + "s3cr3t" * 6


def make_transport(server: ScriptedServer, clock: ManualClock, **options: Any) -> Transport:
    return Transport(base_url=server.url, token=Token(SECRET), clock=clock, **options)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_read_request_has_token_and_no_idempotency_key(clock: ManualClock) -> None:
    with ScriptedServer([response(200, {"x": 1, "new_field": [None]})]) as server:
        result = make_transport(server, clock).get("/me", query={"limit": 5})
    assert result.body == {"x": 1, "new_field": [None]}
    (request,) = server.received
    assert request.path == "/api/v1/me?limit=5"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert "idempotency-key" not in request.headers


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_retries_share_idempotency_key(clock: ManualClock, method: str) -> None:
    script = [
        DROP,
        response(500, {"error": "oops", "code": "SERVER_ERROR"}),
        response(201, {"ok": 1}),
    ]
    with ScriptedServer(script) as server:
        sender = make_transport(server, clock)
        sender.send(ApiRequest(method, "/posts/schedule", {"message": "hé"}))
        sender.send(ApiRequest(method, "/posts/schedule", {"message": "hé"}))
    keys = [request.headers["idempotency-key"] for request in server.received]
    assert uuid.UUID(keys[0]).version == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert {request.body for request in server.received} == {server.received[0].body}
    assert json.loads(server.received[0].body) == {"message": "hé"}


def test_explicit_idempotency_key_is_sent(clock: ManualClock) -> None:
    with ScriptedServer([response(201)]) as server:
        make_transport(server, clock).send(
            ApiRequest("POST", "/x", {}, idempotency_key="release-1")
        )
    assert server.received[0].headers["idempotency-key"] == "release-1"


def test_retry_waits_double_until_the_sixth_failure(clock: ManualClock) -> None:
    clock.next_random = 0.999
    with ScriptedServer([response(503, {"error": "down"})]) as server:
        with pytest.raises(ServerError) as error:
            make_transport(server, clock).get("/me")
        assert len(server.received) == 6
    assert error.value.exit_code == ExitCode.NETWORK
    assert [round(wait) for wait in clock.sleeps] == [1, 2, 4, 8, 16]


def test_wait_longer_than_max_wait_is_an_error_without_retry(clock: ManualClock) -> None:
    with ScriptedServer([response(429, {"code": "RATE_LIMITED"}, retry_after="62")]) as server:
        with pytest.raises(LimitExceededError) as error:
            make_transport(server, clock).get("/me")
        assert len(server.received) == 1
    assert clock.sleeps == []
    assert error.value.retry_after_seconds == 62
    assert error.value.exit_code == ExitCode.LIMIT_EXCEEDED


def test_wait_of_an_hour_is_kept_without_max_wait(clock: ManualClock) -> None:
    script = [response(429, {"code": "RATE_LIMITED"}, retry_after="3600"), response(200)]
    with ScriptedServer(script) as server:
        make_transport(server, clock, retry_policy=RetryPolicy(max_wait=None)).get("/me")
    assert 3600 <= clock.sleeps[0] < 3601


@pytest.mark.parametrize("skew_hours", [-1, 0, 1])
@pytest.mark.parametrize("source", ["seconds", "date", "body", "reset"])
def test_wait_is_read_from_each_source_despite_clock_skew(
    clock: ManualClock, source: str, skew_hours: int
) -> None:
    clock.next_random = 0.0
    server_now = clock.now() + timedelta(hours=skew_hours)
    later = server_now + timedelta(seconds=7)
    headers = {"date": format_datetime(server_now, usegmt=True)}
    body: dict[str, object] = {"error": "slow", "code": "RATE_LIMITED"}
    match source:
        case "seconds":
            headers["retry_after"] = "7"
        case "date":
            headers["retry_after"] = format_datetime(later, usegmt=True)
        case "body":
            body["retry_after_seconds"] = 7
        case _:
            headers["x_ratelimit_reset"] = str(int(later.timestamp()))
    with ScriptedServer([response(429, body, **headers), response(200)]) as server:
        make_transport(server, clock).get("/me")
    assert clock.sleeps == [7.0]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "MONTHLY_QUOTA_EXCEEDED"),
        (429, "DAILY_LIMIT_EXCEEDED"),
        (429, "PAGE_PUBLISH_GUARDRAIL"),
        (429, "BRAND_PUBLISH_GUARDRAIL"),
        (429, "QUOTA_EXCEEDED"),
        (402, "SANDBOX_EXHAUSTED"),
        (400, "MISSING_FIELD"),
        (401, "TOKEN_REVOKED"),
        (403, "MISSING_SCOPE"),
        (404, "NOT_FOUND"),
        (409, "IDEMPOTENCY_KEY_MISMATCH"),
        (413, "FILE_TOO_LARGE"),
        (422, "MISSING_FIELD"),
    ],
)
def test_permanent_errors_are_not_retried(clock: ManualClock, status: int, code: str) -> None:
    body = {"error": "no", "code": code, "retry_after_seconds": 1}
    with ScriptedServer([response(status, body, retry_after="1")]) as server:
        with pytest.raises(ApiError) as caught:
            make_transport(server, clock).send(ApiRequest("POST", "/x", {}))
        assert len(server.received) == 1
    assert caught.value.code == code


def test_error_has_code_request_id_and_details_of_the_response(clock: ManualClock) -> None:
    body = {
        "error": "This API token is missing the required scope: write:posts",
        "code": "MISSING_SCOPE",
        "required_scope": "write:posts",
        "your_scopes": ["read:posts"],
    }
    with ScriptedServer([response(403, body, x_request_id="req_1")]) as server:
        with pytest.raises(PermissionDeniedError) as caught:
            make_transport(server, clock).get("/x")
    error = caught.value
    assert (error.status, error.code, error.request_id) == (403, "MISSING_SCOPE", "req_1")
    assert error.details == {"required_scope": "write:posts", "your_scopes": ["read:posts"]}
    assert error.message.startswith("This API token is missing")


@pytest.mark.parametrize(
    ("status", "error_class", "exit_code"),
    [
        (400, ApiError, 1),
        (401, AuthenticationError, 4),
        (402, LimitExceededError, 6),
        (403, PermissionDeniedError, 4),
        (404, NotFoundError, 5),
        (409, ApiError, 1),
        (413, LimitExceededError, 6),
        (418, ApiError, 1),
    ],
)
def test_error_without_json_body_is_classified_by_its_status(
    clock: ManualClock, status: int, error_class: type[ApiError], exit_code: int
) -> None:
    with ScriptedServer([response(status, None, b"<html>no</html>")]) as server:
        with pytest.raises(error_class) as caught:
            make_transport(server, clock).get("/x")
    assert caught.value.exit_code == exit_code
    assert caught.value.code == f"HTTP_{status}"


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (response(200, None, b"<!doctype html><p>Sign in to the hotel"), "HTML_RESPONSE"),
        (response(200, None, b""), "EMPTY_RESPONSE"),
        (response(200, None, b"  \n "), "EMPTY_RESPONSE"),
        (response(200, None, b'{"a": '), "INVALID_JSON_RESPONSE"),
        (response(200, None, b'{"a": NaN}'), "INVALID_JSON_RESPONSE"),
        (response(200, None, b"\xff\xfe\x00"), "INVALID_JSON_RESPONSE"),
        (response(200, None, b"[" * 100_000), "INVALID_JSON_RESPONSE"),
        (response(200, None, b'{"a": 1', content_length="99"), "CONNECTION_LOST"),
        (response(200, None, b"xx", content_encoding="gzip"), "CONNECTION_LOST"),
        (response(200, None, gzip.compress(b" " * 40_000_000, mtime=0), content_encoding="gzip"),
         "RESPONSE_TOO_LARGE"),
        (b"HTTP/1.1 200\x00garbage\r\n\r\n", "CONNECTION_LOST"),
        (DROP, "CONNECTION_LOST"),
    ],
)  # fmt: skip
def test_invalid_responses_are_retried(clock: ManualClock, reply: bytes, name: str) -> None:
    with ScriptedServer([reply]) as server:
        with pytest.raises((InvalidResponseError, NetworkError)) as error:
            make_transport(server, clock, retry_policy=RetryPolicy(max_failures=2)).get("/x")
        assert len(server.received) == 2
    assert error.value.code == name
    assert error.value.exit_code == ExitCode.NETWORK


def test_refused_connection_is_retried_and_reported_as_not_sent(clock: ManualClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sender = Transport(base_url=f"http://127.0.0.1:{port}", token=Token(SECRET), clock=clock)
    with pytest.raises(NetworkError, match=r"cannot connect to 127\.0\.0\.1") as error:
        sender.get("/me")
    assert error.value.sent is False
    assert f":{port}" in error.value.message
    assert "outreply emulator start" in str(error.value.hint)
    assert len(clock.sleeps) == 5


def test_redirect_to_another_host_is_not_followed(
    clock: ManualClock,
) -> None:
    with ScriptedServer([response(200)]) as elsewhere:
        target = f"http://localhost:{elsewhere.port}/me"
        with ScriptedServer([response(302, location=target)]) as server:
            with pytest.raises(
                InvalidResponseError, match="redirect to http://localhost"
            ) as caught:
                make_transport(server, clock).get("/me")
            assert len(server.received) == 1
        assert elsewhere.received == []
    assert caught.value.code == "REDIRECT_REFUSED"


def test_redirect_same_host_keeps_body(
    clock: ManualClock,
) -> None:
    script = [response(308, location="/api/v1/y"), response(201, {"ok": True})]
    with ScriptedServer(script) as server:
        make_transport(server, clock).send(ApiRequest("POST", "/x", {"a": 1}))
    first, second = server.received
    assert (second.method, second.path, second.body) == ("POST", "/api/v1/y", first.body)
    assert second.headers["idempotency-key"] == first.headers["idempotency-key"]


def test_redirect_that_turns_a_write_into_a_read_is_an_error(clock: ManualClock) -> None:
    with ScriptedServer([response(302, location="/api/v1/y")]) as server:
        with pytest.raises(InvalidResponseError, match="become a GET"):
            make_transport(server, clock).send(ApiRequest("POST", "/x", {}))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("status", [300, 302, 304])
def test_redirect_without_an_address_is_not_a_success(
    clock: ManualClock, method: str, status: int
) -> None:
    with ScriptedServer([response(status)]) as server:
        with pytest.raises(InvalidResponseError, match="without a Location header"):
            make_transport(server, clock).send(ApiRequest(method, "/x"))


def test_redirect_loop_is_an_error(clock: ManualClock) -> None:
    with ScriptedServer([response(302, location="/api/v1/x")]) as server:
        with pytest.raises(InvalidResponseError, match="too many redirects"):
            make_transport(server, clock).get("/x")
        assert len(server.received) <= 6


@pytest.mark.parametrize("key", [None, "release-1"])
def test_failed_write_may_be_applied(clock: ManualClock, key: str | None) -> None:
    with ScriptedServer([DROP, response(401, {"error": "x", "code": "TOKEN_REVOKED"})]) as server:
        with pytest.raises(AuthenticationError) as caught:
            make_transport(server, clock).send(ApiRequest("POST", "/x", {}, idempotency_key=key))
    assert caught.value.maybe_applied
    assert ("may have succeeded" in str(caught.value.hint)) == (key is None)


def test_rejected_write_is_not_applied(clock: ManualClock) -> None:
    with ScriptedServer([DROP, response(400, {"error": "x", "code": "INVALID_DATE"})]) as server:
        with pytest.raises(ApiError) as caught:
            make_transport(server, clock).send(ApiRequest("POST", "/x", {}))
    assert not caught.value.maybe_applied


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_error_of_a_gateway_leaves_a_failed_write_open(clock: ManualClock, status: int) -> None:
    html = response(status, None, b"<html>nginx</html>")
    with ScriptedServer([DROP, html]) as server:
        with pytest.raises(ApiError) as caught:
            make_transport(server, clock).send(ApiRequest("POST", "/x", {}, idempotency_key="k"))
    assert caught.value.maybe_applied


def test_rate_limit_after_a_failed_write_keeps_its_outcome_unknown(
    clock: ManualClock, tmp_path: Path
) -> None:
    with ScriptedServer(
        [
            response(
                500,
                x_ratelimit_limit="10",
                x_ratelimit_remaining="0",
                x_ratelimit_reset=str(int(clock.now().timestamp()) + 60),
            )
        ]
    ) as server:
        limiter = MachineRateLimiter(tmp_path / "limits.db", Token(SECRET), server.url, clock)
        policy = RetryPolicy(max_wait=30)
        sender = make_transport(server, clock, rate_limiter=limiter, retry_policy=policy)
        with pytest.raises(LimitExceededError) as caught:
            sender.send(ApiRequest("POST", "/x", {}))
        sender.close()
    assert caught.value.maybe_applied


def test_replace_error_keeps_type_and_facts() -> None:
    error = NotFoundError(404, {"error": "old", "code": "NOT_FOUND", "id": "p1"}, request_id="r1")
    changed = error.replace(message="new", hint="Look.", maybe_applied=True)
    assert (type(changed), str(changed), changed.message) == (NotFoundError, "new", "new")
    assert (changed.hint, changed.maybe_applied) == ("Look.", True)
    assert (changed.code, changed.request_id, changed.details) == ("NOT_FOUND", "r1", {"id": "p1"})
    assert (error.message, error.maybe_applied) == ("old", False)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.outreply.com/api/v1",
        "http://192.168.1.5/api/v1",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "https://user:pass@api.outreply.com/",
        "https://api.outreply.com/?token=x",
        "ftp://api.outreply.com/",
        "api.outreply.com",
        "https://",
        "http://[::1",
    ],
)
def test_insecure_base_url_is_rejected(url: str) -> None:
    with pytest.raises(InvalidInputError):
        check_base_url(url)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8787/api/v1/", "http://localhost:1", "http://[::1]:9", "https://a.b/c"],
)
def test_secure_base_url_is_accepted(url: str) -> None:
    assert check_base_url(url) == url.rstrip("/")


def test_each_attempt_is_recorded_without_the_token(clock: ManualClock) -> None:
    records: list[RequestRecord] = []
    script = [response(500, {"error": "x"}), response(200, {}, x_ratelimit_remaining="28")]
    with ScriptedServer(script) as server:
        make_transport(server, clock, on_request=records.append).get("/me")
    assert [(r.method, r.path, r.outcome, r.requests_left) for r in records] == [
        ("GET", "/api/v1/me", "500 HTTP_500", None),
        ("GET", "/api/v1/me", "200", "28"),
    ]
    assert records[0].retry_in == clock.sleeps[0]
    assert SECRET not in repr(records)


def test_token_repr_is_redacted() -> None:
    token = Token(f" {SECRET}\n")
    assert token.reveal() == SECRET
    for shown in (repr(token), str(token), f"{token}", repr([token]), token.prefix):
        assert "outreply_live_s3cr3" in shown
        assert "s3cr3ts" not in shown
    assert Token("outreply_live_short").prefix == "outreply_live_"
    assert Token("whatever-else").known_prefix is None
    for bad in ("", "  ", "a b", "a\nb: c", "é"):
        with pytest.raises(InvalidInputError) as caught:
            Token(bad)
        assert bad.strip() == "" or bad not in caught.value.message


def test_response_with_a_non_ascii_header_is_read(clock: ManualClock) -> None:
    with ScriptedServer(
        [response(200, {"x": 1}).replace(b": application", b": \xff\xe9 a")]
    ) as server:
        assert make_transport(server, clock).get("/me").body == {"x": 1}


def test_huge_header_values_cause_neither_error_nor_long_wait(
    clock: ManualClock, tmp_path: Path
) -> None:
    headers = {
        "x_ratelimit_limit": "1e300", "x_ratelimit_remaining": "1e300",
        "x_ratelimit_reset": "1e300", "date": "Mon, 23 Nov 2026 12:00:00 +99999999999",
    }  # fmt: skip
    rejection = response(429, {"code": "RATE_LIMITED"}, **headers)
    with ScriptedServer([response(200, {"x": 1}, **headers), rejection, response(200)]) as server:
        limiter = MachineRateLimiter(tmp_path / "limits.db", Token(SECRET), server.url, clock)
        sender = make_transport(server, clock, rate_limiter=limiter)
        assert sender.get("/me").body == {"x": 1}
        assert sender.get("/me").body == {}
        sender.close()
    assert sum(clock.sleeps) < 10


def test_redirect_to_an_invalid_url_is_an_error(clock: ManualClock) -> None:
    with ScriptedServer([response(301, location="X: i/v1/elsewhere")]) as server:
        with pytest.raises(NetworkError, match="invalid URL"):
            make_transport(server, clock).get("/me")


@pytest.mark.parametrize("path", ["/a\x1b", "/\udc80"])
def test_invalid_request_is_not_sent(clock: ManualClock, path: str) -> None:
    with ScriptedServer([response()]) as server:
        with pytest.raises(InvalidInputError, match="invalid request"):
            make_transport(server, clock).get(path)
        with pytest.raises(InvalidInputError, match="invalid request"):
            make_transport(server, clock).send(ApiRequest("POST", "/x", {"n": float("inf")}))
        assert server.received == []


def test_infinite_number_in_a_response_is_an_error(clock: ManualClock) -> None:
    with ScriptedServer([response(200, None, b'{"n": 1e999}')]) as server:
        with pytest.raises(InvalidResponseError):
            make_transport(server, clock).get("/me")


def test_failed_connection_with_circular_causes_is_an_error(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = httpx.ConnectError("refused")
    failure.__cause__ = RuntimeError("first")
    failure.__cause__.__context__ = failure

    def refuse(*_: object, **__: object) -> None:
        raise failure

    with ScriptedServer([response(200)]) as server:
        sender = make_transport(server, clock, retry_policy=RetryPolicy(max_failures=1))
        monkeypatch.setattr(httpx.Client, "send", refuse)
        with pytest.raises(NetworkError, match="refused"):
            sender.get("/me")


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b'{"a": ', mtime=0) + gzip.compress(b"1}", mtime=0),
        b"".join(gzip.compress(b'{"a": 1}'[i : i + 1], mtime=0) for i in range(8)),
        gzip.compress(b"", mtime=0)
        + gzip.compress(b'{"a": 1}', mtime=0)
        + gzip.compress(b"", mtime=0),
        gzip.compress(b'{"a": ' + b" " * 200_000, mtime=0) + gzip.compress(b"1}", mtime=0),
    ],
    ids=["two", "one per byte", "with empty ones", "large"],
)
def test_gzip_of_several_members_is_read(clock: ManualClock, content: bytes) -> None:
    with ScriptedServer([response(201, None, content, content_encoding="gzip")]) as server:
        result = make_transport(server, clock).send(ApiRequest("POST", "/x", {}))
        assert len(server.received) == 1
    assert result.body == {"a": 1}


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b'{"a": 1}', mtime=0) + b"garbage",
        gzip.compress(b'{"a": ', mtime=0) + gzip.compress(b"1}", mtime=0)[:-4],
        gzip.compress(b'{"a": 1}', mtime=0) + b"\x1f",
        gzip.compress(b'{"a": 1}', mtime=0)[:-9],
    ],
    ids=["garbage after it", "second one cut off", "a byte after it", "cut off"],
)
def test_damaged_gzip_is_a_lost_response(clock: ManualClock, content: bytes) -> None:
    policy = RetryPolicy(max_failures=1)
    with ScriptedServer([response(200, None, content, content_encoding="gzip")]) as server:
        with pytest.raises(NetworkError, match="content encoding"):
            make_transport(server, clock, retry_policy=policy).get("/x")


def test_gzip_of_many_members_is_limited(clock: ManualClock) -> None:
    bomb = gzip.compress(b" " * 8_000_000, mtime=0) * 5
    policy = RetryPolicy(max_failures=1)
    with ScriptedServer([response(200, None, bomb, content_encoding="gzip")]) as server:
        with pytest.raises(InvalidResponseError) as caught:
            make_transport(server, clock, retry_policy=policy).get("/x")
    assert caught.value.code == "RESPONSE_TOO_LARGE"


@pytest.mark.parametrize(
    "seconds",
    ["3600", "999999999999", "1e300", "1e999", "9" * 400, "inf", "Fri, 31 Dec 9999 23:59:59 GMT"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_long_retry_after_ends_the_request_immediately(
    clock: ManualClock, seconds: str, status: int
) -> None:
    with ScriptedServer([response(status, {"code": "X"}, retry_after=seconds)]) as server:
        with pytest.raises(ApiError) as caught:
            make_transport(server, clock).get("/x")
        assert len(server.received) == 1
    assert clock.sleeps == []
    assert 3600 <= (caught.value.retry_after_seconds or 0) <= 1e12


def test_huge_retry_after_ends_without_max_wait(clock: ManualClock) -> None:
    policy = RetryPolicy(max_wait=None)
    reply = response(429, {"code": "RATE_LIMITED", "retry_after_seconds": 999999999999})
    with ScriptedServer([reply]) as server:
        with pytest.raises(LimitExceededError):
            make_transport(server, clock, retry_policy=policy).get("/x")
        assert len(server.received) == 1


@pytest.mark.parametrize("seconds", ["nan", "-1", "-inf", "soon", ""])
def test_invalid_retry_after_is_ignored(clock: ManualClock, seconds: str) -> None:
    script = [response(429, {"code": "RATE_LIMITED"}, retry_after=seconds), response(200)]
    with ScriptedServer(script) as server:
        make_transport(server, clock).get("/x")
    assert clock.sleeps == [0.5]


def limit_error(clock: ManualClock, body: dict[str, Any], **headers: str) -> LimitExceededError:
    headers.setdefault("x_ratelimit_reset", str(int(clock.now().timestamp()) + 16))
    with ScriptedServer([response(429, body, **headers)]) as server:
        with pytest.raises(LimitExceededError) as caught:
            make_transport(server, clock, retry_policy=RetryPolicy(max_wait=0)).get("/x")
        assert len(server.received) == 1
    return caught.value


@pytest.mark.parametrize(
    "code",
    ["MONTHLY_QUOTA_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "PAGE_PUBLISH_GUARDRAIL", "NEW_GUARDRAIL"],
)
def test_rate_limit_reset_is_not_used_for_quotas(clock: ManualClock, code: str) -> None:
    assert limit_error(clock, {"error": "no", "code": code}).retry_after_seconds is None
    in_an_hour = (clock.now() + timedelta(hours=1)).isoformat()
    body: dict[str, Any]
    for body in (
        {"error": "no", "code": code, "resets_at": in_an_hour},
        {"error": "no", "code": code, "resets_at": int(clock.now().timestamp()) + 3600},
        {"error": {"message": "no", "code": code, "resets_at": in_an_hour}},
    ):
        assert limit_error(clock, body).retry_after_seconds == 3600
    values: tuple[object, ...] = ("soon", None, {}, True, -5, "9999-12-31T23:59:59Z", 10**400)
    for invalid in values:
        body = {"error": "no", "code": code, "resets_at": invalid}
        seconds = limit_error(clock, body).retry_after_seconds
        assert seconds is None or seconds > 1e9


def test_resets_at_in_the_past_means_now(clock: ManualClock) -> None:
    body = {"error": "no", "code": "MONTHLY_QUOTA_EXCEEDED", "resets_at": "2020-01-01T00:00:00Z"}
    assert limit_error(clock, body).retry_after_seconds == 0


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "the words", "code": "MEDIA_GONE"}}, "the words", "MEDIA_GONE"),
        ({"error": {"message": "the words"}, "code": "MEDIA_GONE"}, "the words", "MEDIA_GONE"),
        ({"message": {"error": {"detail": "the words"}}}, "the words", "HTTP_404"),
        ({"errors": [{"message": "a", "code": "X_1"}, {"message": "b"}]}, "a; b", "X_1"),
        ({"errors": ["a", None, "b"]}, "a; b", "HTTP_404"),
        ({"error": "MEDIA_GONE", "message": "the words"}, "the words", "MEDIA_GONE"),
        ({"error": "MEDIA_GONE"}, "the API responded with 404", "MEDIA_GONE"),
        ({"detail": [{"loc": ["body", 0], "msg": "the words"}]}, "the words", "HTTP_404"),
        ({"type": "about:blank", "title": "No", "detail": "words"}, "words", "HTTP_404"),
        ({"error": None, "message": None, "code": None}, "the API responded with 404", "HTTP_404"),
        ({"error": {"x": 1}, "code": 404}, "the API responded with 404", "HTTP_404"),
        ({"error": True}, "the API responded with 404", "HTTP_404"),
        ({"error": []}, "the API responded with 404", "HTTP_404"),
        (["a", "b"], "a; b", "HTTP_404"),
        ("the words", "the words", "HTTP_404"),
        (404, "the API responded with 404", "HTTP_404"),
        ([], "the API responded with 404", "HTTP_404"),
    ],
)  # fmt: skip
def test_message_and_code_are_found_in_error_bodies_of_any_shape(
    clock: ManualClock, body: Any, message: str, code: str
) -> None:
    with ScriptedServer([response(404, None, json.dumps(body).encode())]) as server:
        with pytest.raises(NotFoundError) as caught:
            make_transport(server, clock).get("/x")
    assert (caught.value.message, caught.value.code) == (message, code)
    shown = format_error(caught.value, as_json=False)
    assert not set("{}[]'") & set(shown), shown
    assert "None" not in shown
    assert "True" not in shown


def test_details_of_an_error_are_shown_as_json() -> None:
    body = {"error": "no", "code": "X", "missing": [{"id": 1}, True], "is_final": False}
    shown = format_error(NotFoundError(404, body), as_json=False)
    assert 'missing: {"id": 1}, true; is final: false' in shown


def test_end_of_max_wait_reports_the_last_error(clock: ManualClock) -> None:
    clock.next_random = 0.6
    policy = RetryPolicy(max_wait=4, cuts_attempts=True, is_per_command=False)
    with ScriptedServer([response(503, {"error": "down", "code": "X"})]) as server:
        sender = make_transport(server, clock, retry_policy=policy)
        with pytest.raises(ServerError, match="down"):
            sender.get("/x")
        with pytest.raises(ServerError, match="down") as caught:
            sender.send(ApiRequest("POST", "/x", {}))
    assert caught.value.maybe_applied


def test_end_of_max_wait_before_the_first_attempt_is_a_timeout(
    clock: ManualClock, tmp_path: Path
) -> None:
    reset = str(int(clock.now().timestamp()) + 4)
    headers = {"x_ratelimit_limit": "1", "x_ratelimit_remaining": "0", "x_ratelimit_reset": reset}
    policy = RetryPolicy(max_wait=3.5, cuts_attempts=True, is_per_command=False)
    with ScriptedServer([response(200, **headers)]) as server:
        limiter = MachineRateLimiter(tmp_path / "limits.db", Token(SECRET), server.url, clock)
        sender = make_transport(server, clock, rate_limiter=limiter, retry_policy=policy)
        sender.get("/x")
        with pytest.raises(NetworkError, match="--max-wait") as caught:
            sender.send(ApiRequest("POST", "/x", {}))
        sender.close()
        assert len(server.received) == 1
    assert caught.value.code == "TIMED_OUT"
    assert caught.value.exit_code == ExitCode.NETWORK
    assert "--max-wait" in str(caught.value.hint)
    assert not caught.value.maybe_applied


def test_failed_requests_share_max_wait(clock: ManualClock) -> None:
    down = response(503, {"error": "down", "code": "X"}, retry_after="20")
    with ScriptedServer([down]) as server:
        sender = make_transport(server, clock)
        started_at = clock.monotonic()
        for _ in range(5):
            with pytest.raises(ServerError, match="down"):
                sender.get("/x")
        assert clock.monotonic() - started_at < 62


def test_max_wait_starts_again_after_a_success(clock: ManualClock) -> None:
    down = response(503, {"error": "down", "code": "X"}, retry_after="40")
    up = response(200)
    with ScriptedServer([down, down, up, down, up]) as server:
        sender = make_transport(server, clock)
        with pytest.raises(ServerError, match="down"):
            sender.get("/x")
        sender.get("/x")
        started_at = clock.monotonic()
        sender.get("/x")
        assert clock.monotonic() - started_at >= 40
