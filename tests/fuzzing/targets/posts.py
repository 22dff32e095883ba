"""Posts and requests: valid content is sent unchanged."""

import json
from typing import Any

import httpx

from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.api.transport import Transport
from outreply_cli.errors import InvalidInputError
from outreply_cli.posts.content import PostContent, validate_content
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.fuzzing.target import InputReader, Target, as_argument, expect_errors
from tests.fuzzing.targets.calendars import check_content

_PLATFORMS = ("tiktok", "instagram", "IG", "twitter", "mastodon")


def _check_content(data: bytes) -> None:
    reader = InputReader(data)
    platform = _PLATFORMS[reader.number(len(_PLATFORMS))]
    message, first_comment, link, url = (as_argument(reader.part()) for _ in range(4))
    content = PostContent(
        message=message if message.strip() else None,
        media_urls=(url.strip(),) if url.strip() else (),
        first_comment=first_comment.strip() or None,
        link=link.strip() or None,
    )
    problems = [
        problem for problem in validate_content(content, platform) if not problem.is_warning
    ]
    assert all(problem.message for problem in problems)
    if not problems:
        check_content(content)


def _check_request(data: bytes) -> None:
    reader = InputReader(data)
    method = ("GET", "POST", "DELETE")[reader.number(3)]
    path, key, name, value, text = (as_argument(reader.part()) for _ in range(5))
    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    transport = Transport(
        base_url="http://127.0.0.1:1/api/v1", token=Token("outreply_live_x"), clock=ManualClock()
    )
    transport._http.close()
    transport._http = httpx.Client(transport=httpx.MockTransport(respond))
    body: Any = {"message": text} if method == "POST" else None
    with expect_errors(InvalidInputError):
        transport.send(ApiRequest(
            method, f"/{path.lstrip('/')}", body, idempotency_key=key or None,
            query={name: value} if name else {},
        ))  # fmt: skip
    (request,) = sent
    assert (request.url.scheme, request.url.host, request.url.port) == ("http", "127.0.0.1", 1)
    assert request.headers["authorization"] == "Bearer outreply_live_x"
    assert body is None or json.loads(request.content) == body
    if method != "GET" and key:
        assert request.headers["idempotency-key"].strip() == key.strip()


TARGETS = (
    Target(
        "content", _check_content,
        [bytes([n]) + b"\0\0".join(parts) for n in range(len(_PLATFORMS)) for parts in (
            (b"Hello \xf0\x9f\x8c\xb1", b"first", b"https://e.com", b"https://e.com/a.jpg"),
            (b"  spaces\r\nand lines\n", b"", b"", b""),
            (b"", b"", b"", b"https://cdn.example.com/a.jpg"))],
        [b"a" * 5001, b"\xff", b"\xed\xa0\x80", b";", b"https://e.com/a;b.jpg", b'"', b"http://"],
    ),
    Target(
        "requests", _check_request,
        [bytes([n]) + b"\0\0".join(parts) for n in range(3) for parts in (
            (b"pages", b"key-1", b"limit", b"5", b"Hello"),
            (b"/posts/scheduled/68a1", b"", b"since", b"2026-12-24T17:00:00Z", b""),
            (b"errors/../pages?x=1#y", b"k" * 120, b"a b", b"\xc3\xa9", b"\xf0\x9f\x8c\xb1"))],
        [b"\xff", b"..", b"//", b"?", b"#", b"%", b"@evil", b":80", b"\\", b"\x7f", b"\xc3\xa9"],
        smoke=100,
    ),
)  # fmt: skip
