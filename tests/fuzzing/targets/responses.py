"""Arbitrary HTTP responses: a value, or an error that can be printed.

`responses-socket` sends the input over a real socket; `responses` builds responses in this process,
which is much faster.
"""

import gzip
import json
import zlib
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from outreply_cli.api.client import Client, ListResult, post_time
from outreply_cli.api.errors import ApiError, InvalidResponseError, NetworkError
from outreply_cli.api.rate_limit import MachineRateLimiter
from outreply_cli.api.raw_request import merge_pages, request_pages
from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import Transport
from outreply_cli.errors import OutReplyError
from outreply_cli.spec.token import Token
from outreply_cli.ui.errors import format_error
from tests.clocks import ManualClock
from tests.fuzzing.raw_server import RawServer
from tests.fuzzing.target import InputReader, Refused, Target, scratch

_TOKEN = Token("outreply_live_" + "s3cr3t" * 6)
_CALLS: tuple[Callable[[Client], Any], ...] = (
    Client.me,
    Client.pages,
    Client.error_catalog,
    lambda client: client.page("1"),
    lambda client: client.media_item("1"),
    lambda client: client.scheduled_posts(limit=150),
    lambda client: client.get_post("1"),
    lambda client: client.schedule({"message": "x"}),
    lambda client: client.cancel("1"),
    lambda client: merge_pages(
        [a.body for a in request_pages(client.transport, ApiRequest("GET", "/x"),
         paginate=True)]
    ),
)  # fmt: skip


@cache
def _server() -> RawServer:
    return RawServer(lambda _: b"")


@cache
def _rate_limit_file() -> Path:
    return scratch() / "rate_limit.db"


def _transport(url: str) -> Transport:
    clock = ManualClock()
    return Transport(
        base_url=url, token=_TOKEN, clock=clock,
        retry_policy=RetryPolicy(max_failures=2, max_rate_limited=2),
        rate_limiter=MachineRateLimiter(_rate_limit_file(), _TOKEN, url, clock), timeout=3,
        on_request=lambda exchange: assert_printable(exchange.path + exchange.outcome),
    )  # fmt: skip


def assert_printable(text: str) -> None:
    """Check that a text can be printed on one line."""
    assert isinstance(text, str)
    assert "\n" not in text


def _check_socket(data: bytes) -> None:
    reader = InputReader(data)
    call = _CALLS[reader.number(len(_CALLS))]
    raw = reader.rest()
    server = _server()
    server.respond = lambda _: raw
    _check(_transport(server.url), call)


def _check_parts(data: bytes) -> None:
    reader = InputReader(data)
    call = _CALLS[reader.number(len(_CALLS))]
    status = 200 + reader.number(256) * 2
    headers = [
        (name.strip(), value.strip())
        for name, colon, value in (line.partition(b":") for line in reader.part().split(b"\n"))
        if (colon and name.strip().isalnum()) or b"-" in name
    ]
    body = reader.rest()
    transport = _transport("http://127.0.0.1:1/api/v1")
    transport._http.close()
    transport._http = httpx.Client(
        transport=httpx.MockTransport(
            lambda _: httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
        ),
        base_url="http://127.0.0.1:1",
    )
    _check(transport, call)


def _check(transport: Transport, call: Callable[[Client], Any]) -> None:
    try:
        _check_value(call(Client(transport)))
    except OutReplyError as error:
        assert isinstance(error, (ApiError, InvalidResponseError, NetworkError))
        assert error.message.strip()
        assert error.exit_code in {1, 4, 5, 6, 7}
        for line in format_error(error, as_json=False).splitlines():
            assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in line)
        printed = json.loads(format_error(error, as_json=True))["error"]
        assert printed["code"] == error.code
        raise Refused from None
    finally:
        assert isinstance(transport.now(), datetime)
        transport.close()


def _check_value(value: Any) -> None:
    if isinstance(value, ListResult):
        assert all(isinstance(item, dict) for item in value.items)
        for item in value.items:
            at = post_time(item)
            assert at is None or at.tzinfo is not None
    json.dumps(value.items if isinstance(value, ListResult) else value, allow_nan=False)


def _response(status: bytes, body: bytes, *headers: bytes) -> bytes:
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


_ITEM = {"id": "1", "scheduled_at": "2026-12-24T17:00:00.000Z", "media_id": "1"}
_BODIES = [
    json.dumps(body).encode()
    for body in (
        {"pages": [_ITEM], "scheduled_posts": [_ITEM], "published_posts": [_ITEM],
        "errors": [_ITEM],
         "media": [_ITEM], "page": _ITEM, "scheduled_post": _ITEM, "reply": _ITEM, "success": True},
        {"data": [_ITEM], "cursor": "abc", "has_more": True},
        {"data": _ITEM},
        {"error": "no", "code": "RATE_LIMITED", "retry_after_seconds": 3, "request_id": "r"},
        {"message": "no", "details": {"a": [1]}, "required_scope": "x", "your_scopes": ["y"]},
    )
]  # fmt: skip
_LIMITS = b"X-RateLimit-Limit: 30\r\nX-RateLimit-Remaining: 28\r\nX-RateLimit-Reset: 1744963280"
_DATE = b"Date: Mon, 23 Nov 2026 12:00:00 GMT"
_BOMB = gzip.compress(gzip.compress(bytes(1_000_000)))
_SOCKET_SEEDS = [
    *(_response(b"200 OK", body, _LIMITS, _DATE) for body in _BODIES),
    _response(b"429 Too Many", _BODIES[3], b"Retry-After: 3", _LIMITS),
    _response(b"429 Too Many", _BODIES[3], b"Retry-After: Mon, 23 Nov 2026 12:00:09 GMT", _DATE),
    _response(b"503 Down", b"<html>", b"Content-Type: text/html"),
    _response(b"301 Moved", b"", b"Location: /api/v1/elsewhere"),
    _response(b"307 Moved", b"", b"Location: https://example.com/"),
    _response(b"200 OK", gzip.compress(_BODIES[0]), b"Content-Encoding: gzip"),
    _response(b"200 OK", _BOMB, b"Content-Encoding: gzip, gzip"),
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n',
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\n" + _BODIES[1],
]  # fmt: skip
_PARTS_SEEDS = [
    bytes([call, status]) + headers + b"\0\0" + body
    for call in range(len(_CALLS))
    for status, headers, body in (
        (0, _LIMITS.replace(b"\r", b"") + b"\n" + _DATE, _BODIES[0]),
        (0, b"X-Request-Id: r", _BODIES[1]),
        (1, b"", _BODIES[2]),
        (100, b"X-Request-Id: r", _BODIES[4]),
        (115, b"Retry-After: 3", _BODIES[3]),
        (0, b"Content-Encoding: deflate", zlib.compress(_BODIES[0])),
        (54, b"Location: ?x", b""),
    )
]  # fmt: skip
_WORDS = (
    b"Content-Encoding: gzip\r\n", b"Content-Encoding: gzip, gzip, deflate\r\n", b"Location: ",
    b"Content-Length: 99999999999", b"Transfer-Encoding: chunked\r\n", b"Set-Cookie: a=b\r\n",
    b"Retry-After: ", b"X-RateLimit-Limit: ", b"X-RateLimit-Remaining: ", b"X-RateLimit-Reset: ",
    b"Date: ", b"-1", b"1e300", b"1e18", b"99999999999999999999", b"inf", b"+999999999999", b"\xe9",
    b"http://[", b"//evil", b"\\", b"http://127.0.0.1:1/x", b"\xff", b"NaN", b"[" * 3000, b'"',
    b'"\\ud800"', b"\r\n\r\n", b"HTTP/1.1 ", b"429", b"has_more", b"cursor", b"null", b"[]",
    b"9" * 5000,
)  # fmt: skip
TARGETS = (
    Target(
        "responses-socket", _check_socket,
        [bytes([n % len(_CALLS)]) + seed for n, seed in enumerate(_SOCKET_SEEDS * 3)], _WORDS,
        smoke=80,
    ),
    Target("responses", _check_parts, _PARTS_SEEDS, _WORDS, smoke=100),
)  # fmt: skip
