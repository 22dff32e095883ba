"""The transport against a real socket that answers well, badly or not at all."""

import gzip
import json
import socket
import uuid
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

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
from outreply_cli.api.rate_limit import SharedRateLimiter
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import RequestRecord, Transport
from outreply_cli.errors import ExitCode, InvalidInputError
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.scripted_server import DROP, ScriptedServer, answer

SECRET = "outreply_live_" + "s3cr3t" * 6


def transport(server: ScriptedServer, clock: ManualClock, **options: Any) -> Transport:
    return Transport(base_url=server.url, token=Token(SECRET), clock=clock, **options)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_read_carries_the_bearer_token_and_no_key(clock: ManualClock) -> None:
    with ScriptedServer([answer(200, {"x": 1, "new_field": [None]})]) as server:
        got = transport(server, clock).request("GET", "/me", query={"limit": 5})
    assert got.body == {"x": 1, "new_field": [None]}
    (request,) = server.received
    assert request.path == "/api/v1/me?limit=5"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert "idempotency-key" not in request.headers


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_every_retry_of_a_write_carries_the_same_new_uuid(clock: ManualClock, method: str) -> None:
    script = [DROP, answer(500, {"error": "oops", "code": "SERVER_ERROR"}), answer(201, {"ok": 1})]
    with ScriptedServer(script) as server:
        sender = transport(server, clock)
        sender.request(method, "/posts/schedule", body={"message": "hé"})
        sender.request(method, "/posts/schedule", body={"message": "hé"})
    keys = [request.headers["idempotency-key"] for request in server.received]
    assert uuid.UUID(keys[0]).version == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert {request.body for request in server.received} == {server.received[0].body}
    assert json.loads(server.received[0].body) == {"message": "hé"}


def test_the_callers_own_key_is_sent_as_it_is(clock: ManualClock) -> None:
    with ScriptedServer([answer(201)]) as server:
        transport(server, clock).request("POST", "/x", body={}, idempotency_key="release-1")
    assert server.received[0].headers["idempotency-key"] == "release-1"


def test_retries_wait_with_full_jitter_and_end_at_the_cap(clock: ManualClock) -> None:
    clock.next_chance = 0.999
    with ScriptedServer([answer(503, {"error": "down"})]) as server:
        with pytest.raises(ServerError) as failure:
            transport(server, clock).request("GET", "/me")
        assert len(server.received) == 6
    assert failure.value.exit_code == ExitCode.NETWORK
    assert [round(wait) for wait in clock.sleeps] == [1, 2, 4, 8, 16]


def test_no_wait_goes_past_max_wait(clock: ManualClock) -> None:
    with ScriptedServer([answer(429, {"code": "RATE_LIMITED"}, retry_after="61")]) as server:
        with pytest.raises(LimitExceededError) as limit:
            transport(server, clock).request("GET", "/me")
        assert len(server.received) == 1
    assert clock.sleeps == []
    assert limit.value.retry_after_seconds == 61
    assert limit.value.exit_code == ExitCode.LIMIT_EXCEEDED


def test_without_max_wait_a_long_wait_is_taken(clock: ManualClock) -> None:
    script = [answer(429, {"code": "RATE_LIMITED"}, retry_after="3600"), answer(200)]
    with ScriptedServer(script) as server:
        transport(server, clock, patience=RetryPolicy(max_wait=None)).request("GET", "/me")
    assert 3600 <= clock.sleeps[0] < 3601


@pytest.mark.parametrize("skew_hours", [-1, 0, 1])
@pytest.mark.parametrize("way", ["seconds", "date", "body", "reset"])
def test_a_refusal_says_when_to_come_back_in_four_ways(
    clock: ManualClock, way: str, skew_hours: int
) -> None:
    clock.next_chance = 0.0
    server_now = clock.now() + timedelta(hours=skew_hours)
    later = server_now + timedelta(seconds=7)
    headers = {"date": format_datetime(server_now, usegmt=True)}
    body: dict[str, object] = {"error": "slow", "code": "RATE_LIMITED"}
    match way:
        case "seconds":
            headers["retry_after"] = "7"
        case "date":
            headers["retry_after"] = format_datetime(later, usegmt=True)
        case "body":
            body["retry_after_seconds"] = 7
        case _:
            headers["x_ratelimit_reset"] = str(int(later.timestamp()))
    with ScriptedServer([answer(429, body, **headers), answer(200)]) as server:
        transport(server, clock).request("GET", "/me")
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
def test_what_waiting_does_not_mend_is_never_sent_again(
    clock: ManualClock, status: int, code: str
) -> None:
    body = {"error": "no", "code": code, "retry_after_seconds": 1}
    with ScriptedServer([answer(status, body, retry_after="1")]) as server:
        with pytest.raises(ApiError) as refusal:
            transport(server, clock).request("POST", "/x", body={})
        assert len(server.received) == 1
    assert refusal.value.code == code


def test_a_typed_error_keeps_everything_the_answer_said(clock: ManualClock) -> None:
    body = {
        "error": "This API token is missing the required scope: write:posts",
        "code": "MISSING_SCOPE",
        "required_scope": "write:posts",
        "your_scopes": ["read:posts"],
    }
    with ScriptedServer([answer(403, body, x_request_id="req_1")]) as server:
        with pytest.raises(PermissionDeniedError) as refusal:
            transport(server, clock).request("GET", "/x")
    error = refusal.value
    assert (error.status, error.code, error.request_id) == (403, "MISSING_SCOPE", "req_1")
    assert error.details == {"required_scope": "write:posts", "your_scopes": ["read:posts"]}
    assert error.message.startswith("This API token is missing")


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
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
def test_a_status_decides_the_exit_code_even_without_a_readable_body(
    clock: ManualClock, status: int, kind: type[ApiError], exit_code: int
) -> None:
    with ScriptedServer([answer(status, None, b"<html>no</html>")]) as server:
        with pytest.raises(kind) as refusal:
            transport(server, clock).request("GET", "/x")
    assert refusal.value.exit_code == exit_code
    assert refusal.value.code == f"HTTP_{status}"


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (answer(200, None, b"<!doctype html><p>Sign in to the hotel"), "HTML_ANSWER"),
        (answer(200, None, b""), "EMPTY_ANSWER"),
        (answer(200, None, b"  \n "), "EMPTY_ANSWER"),
        (answer(200, None, b'{"a": '), "NOT_JSON"),
        (answer(200, None, b'{"a": NaN}'), "NOT_JSON"),
        (answer(200, None, b"\xff\xfe\x00"), "NOT_JSON"),
        (answer(200, None, b"[" * 100_000), "NOT_JSON"),
        (answer(200, None, b'{"a": 1', content_length="99"), "CONNECTION_LOST"),
        (answer(200, None, b"xx", content_encoding="gzip"), "CONNECTION_LOST"),
        (answer(200, None, gzip.compress(b" " * 40_000_000), content_encoding="gzip"),
         "ANSWER_TOO_LARGE"),
        (b"HTTP/1.1 200\x00garbage\r\n\r\n", "CONNECTION_LOST"),
        (DROP, "CONNECTION_LOST"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_the_apis_has_a_name_and_is_tried_again(
    clock: ManualClock, reply: bytes, name: str
) -> None:
    with ScriptedServer([reply]) as server:
        with pytest.raises((InvalidResponseError, NetworkError)) as failure:
            transport(server, clock, patience=RetryPolicy(failures=2)).request("GET", "/x")
        assert len(server.received) == 2
    assert failure.value.code == name
    assert failure.value.exit_code == ExitCode.NETWORK


def test_a_dead_server_is_a_network_error(clock: ManualClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sender = Transport(base_url=f"http://127.0.0.1:{port}", token=Token(SECRET), clock=clock)
    with pytest.raises(NetworkError, match=r"can't connect to 127\.0\.0\.1") as failure:
        sender.request("GET", "/me")
    assert failure.value.sent is False
    assert f":{port}" in failure.value.message
    assert "outreply emulator start" in str(failure.value.hint)
    assert len(clock.sleeps) == 5


def test_a_redirect_to_another_host_is_refused_before_the_token_travels(
    clock: ManualClock,
) -> None:
    with ScriptedServer([answer(200)]) as elsewhere:
        target = f"http://localhost:{elsewhere.port}/me"
        with ScriptedServer([answer(302, location=target)]) as server:
            with pytest.raises(
                InvalidResponseError, match="redirects to http://localhost"
            ) as refusal:
                transport(server, clock).request("GET", "/me")
            assert len(server.received) == 1
        assert elsewhere.received == []
    assert refusal.value.code == "REDIRECT_REFUSED"


def test_a_redirect_on_the_same_host_is_followed_and_a_write_keeps_its_body(
    clock: ManualClock,
) -> None:
    script = [answer(308, location="/api/v1/y"), answer(201, {"ok": True})]
    with ScriptedServer(script) as server:
        transport(server, clock).request("POST", "/x", body={"a": 1})
    first, second = server.received
    assert (second.method, second.path, second.body) == ("POST", "/api/v1/y", first.body)
    assert second.headers["idempotency-key"] == first.headers["idempotency-key"]


def test_a_redirect_that_would_turn_a_write_into_a_read_is_refused(clock: ManualClock) -> None:
    with ScriptedServer([answer(302, location="/api/v1/y")]) as server:
        with pytest.raises(InvalidResponseError, match="become a read"):
            transport(server, clock).request("POST", "/x", body={})


def test_a_circle_of_redirects_ends(clock: ManualClock) -> None:
    with ScriptedServer([answer(302, location="/api/v1/x")]) as server:
        with pytest.raises(InvalidResponseError, match="in circles"):
            transport(server, clock).request("GET", "/x")
        assert len(server.received) <= 6


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
def test_a_token_is_never_sent_where_it_could_be_read(url: str) -> None:
    with pytest.raises(InvalidInputError):
        check_base_url(url)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8787/api/v1/", "http://localhost:1", "http://[::1]:9", "https://a.b/c"],
)
def test_https_and_this_machine_are_fine(url: str) -> None:
    assert check_base_url(url) == url.rstrip("/")


def test_what_verbose_shows_has_the_facts_and_no_secret(clock: ManualClock) -> None:
    seen: list[RequestRecord] = []
    script = [answer(500, {"error": "x"}), answer(200, {}, x_ratelimit_remaining="28")]
    with ScriptedServer(script) as server:
        transport(server, clock, on_exchange=seen.append).request("GET", "/me")
    assert [(e.method, e.path, e.outcome, e.budget_left) for e in seen] == [
        ("GET", "/api/v1/me", "500 HTTP_500", None),
        ("GET", "/api/v1/me", "200", "28"),
    ]
    assert seen[0].retry_in == clock.sleeps[0]
    assert SECRET not in repr(seen)


def test_a_token_does_not_show_itself() -> None:
    token = Token(f" {SECRET}\n")
    assert token.reveal() == SECRET
    for shown in (repr(token), str(token), f"{token}", repr([token]), token.prefix):
        assert "outreply_live_s3cr3" in shown
        assert "s3cr3ts" not in shown
    assert Token("outreply_live_short").prefix == "outreply_live_"
    assert Token("whatever-else").known_prefix is None
    for bad in ("", "  ", "a b", "a\nb: c", "é"):
        with pytest.raises(InvalidInputError) as refusal:
            Token(bad)
        assert bad.strip() == "" or bad not in refusal.value.message


def test_a_header_of_any_encoding_does_no_harm(clock: ManualClock) -> None:
    with ScriptedServer(
        [answer(200, {"x": 1}).replace(b": application", b": \xff\xe9 a")]
    ) as server:
        assert transport(server, clock).request("GET", "/me").body == {"x": 1}


def test_figures_beyond_all_measure_are_not_believed(clock: ManualClock, tmp_path: Path) -> None:
    headers = {
        "x_ratelimit_limit": "1e300", "x_ratelimit_remaining": "1e300",
        "x_ratelimit_reset": "1e300", "date": "Mon, 23 Nov 2026 12:00:00 +99999999999",
    }  # fmt: skip
    refused = answer(429, {"code": "RATE_LIMITED"}, retry_after="99999999999", **headers)
    with ScriptedServer([answer(200, {"x": 1}, **headers), refused, answer(200)]) as server:
        budget = SharedRateLimiter(tmp_path / "budget.db", Token(SECRET), server.url, clock)
        sender = transport(server, clock, budget=budget)
        assert sender.request("GET", "/me").body == {"x": 1}
        assert sender.request("GET", "/me").body == {}
        sender.close()
    assert sum(clock.sleeps) < 10


def test_a_redirect_to_no_url_is_a_failure_of_the_server(clock: ManualClock) -> None:
    with ScriptedServer([answer(301, location="X: i/v1/elsewhere")]) as server:
        with pytest.raises(NetworkError, match="not a URL"):
            transport(server, clock).request("GET", "/me")


@pytest.mark.parametrize("path", ["/a\x1b", "/\udc80"])
def test_what_can_not_be_written_in_a_request_is_wrong_input(clock: ManualClock, path: str) -> None:
    with ScriptedServer([answer()]) as server:
        with pytest.raises(InvalidInputError, match="can't be written"):
            transport(server, clock).request("GET", path)
        with pytest.raises(InvalidInputError, match="can't be written"):
            transport(server, clock).request("POST", "/x", body={"n": float("inf")})
        assert server.received == []


def test_a_number_that_json_can_not_hold_is_no_answer(clock: ManualClock) -> None:
    with ScriptedServer([answer(200, None, b'{"n": 1e999}')]) as server:
        with pytest.raises(InvalidResponseError):
            transport(server, clock).request("GET", "/me")
