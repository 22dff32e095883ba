"""Conformance checks of correct and of flawed handlers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from outreply_cli.clock import SystemClock
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.webhooks import sign, verify
from outreply_cli.webhooks.conformance import (
    ConformanceResult,
    HandlerConformance,
    group_failures,
    slowest_response_check,
)

SECRET = "whsec_of_these_tests"
# Returns the status for the signature header and the body of a delivery.
Respond = Callable[[str, bytes], int]


def verify_delivery(signature: str, body: bytes) -> int:
    return 200 if verify(body, signature, SECRET) else 401


@contextmanager
def run_handler(respond: Respond) -> Iterator[str]:
    """A handler; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = respond(self.headers.get("x-outreply-signature") or "", body)
            reply = f"status {status}".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        # Enough for twenty simultaneous clients.
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run_checks(respond: Respond) -> list[ConformanceResult]:
    with run_handler(respond) as url:
        return list(HandlerConformance(url, SECRET, SystemClock().now()).run())


def failed_names(checks: list[ConformanceResult]) -> set[str]:
    return {check.name for check in checks if not check.passed}


def test_correct_handler_passes_every_check() -> None:
    checks = run_checks(verify_delivery)
    assert failed_names(checks) == set()
    assert len({check.name for check in checks}) == len(checks)
    for check in checks:
        assert check.result.response is not None
        assert check.result.response.body == f"status {check.result.status}".encode()


def test_duplicates_are_concurrent() -> None:
    deliveries: dict[str, threading.Barrier] = {}
    lock = threading.Lock()
    count = 0

    def respond(signature: str, body: bytes) -> int:
        nonlocal count
        with lock:
            count += 1
            # After a valid and a repeated delivery: five pairs.
            is_pair = 2 < count <= 12
            barrier = deliveries.setdefault(signature, threading.Barrier(2))
        # Only concurrent requests pass; the second one fails, as with a unique constraint.
        if is_pair and barrier.wait(30) == 0:
            return 500
        return verify_delivery(signature, body)

    checks = run_checks(respond)
    assert failed_names(checks) == {"same event twice at once"}
    check = next(check for check in checks if not check.passed)
    assert check.detail == "500 (5 of 10 times)"
    assert check.result.status == 500
    assert "unique constraint" in check.hint


def test_events_arrive_newest_first() -> None:
    latest: dict[str, str] = {}
    order: list[tuple[str, str]] = []

    def respond(signature: str, body: bytes) -> int:
        status = verify_delivery(signature, body)
        if status != 200 or not body.endswith(b"}"):
            return status
        event = json.loads(body)
        data = event["data"]
        post_id = data["comment"]["post_id"] if "comment" in data else data["post"]["id"]
        order.append((post_id, event["event"]))
        newest = latest.setdefault(post_id, event["created_at"])
        return 409 if event["created_at"] < newest else 200

    checks = run_checks(respond)
    assert failed_names(checks) == {"events of a post, newest first"}
    check = next(check for check in checks if not check.passed)
    assert check.detail == "409 (2 of 3 times)"
    assert "created_at" in check.hint
    post_id = next(post_id for post_id, event in order if event == "comment.received")
    assert [event for other, event in order if other == post_id] == [
        "comment.received", "post.published", "post.failed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "failed"),
    [
        (lambda header: [header], {"old signature first", "new signature first"}),
        (lambda header: header.split(",")[:1], {"old signature first"}),
        (lambda header: header.split(",")[-1:], {"old signature first", "new signature first"}),
        (lambda header: header.split(", "), {"new signature first"}),
        (lambda header: [part.strip() for part in header.split(",")], set()),
    ],
    ids=["whole header", "first signature", "last signature", "comma and space", "each signature"],
)
def test_handler_that_misreads_two_signatures_fails_rotation_checks(
    parse: Callable[[str], list[str]], failed: set[str]
) -> None:
    def respond(signature: str, body: bytes) -> int:
        return 200 if sign(body, SECRET) in parse(signature) else 401

    checks = run_checks(respond)
    assert failed_names(checks) == {f"secret rotation: {name}" for name in failed}
    assert all("commas" in check.hint for check in checks if not check.passed)


def test_handler_without_verification_fails() -> None:
    checks = run_checks(lambda *_: 200)
    failed = failed_names(checks)
    assert {"missing signature", "two signatures, both from other secrets"} <= failed
    assert "slowest response" not in failed
    (group,) = group_failures(checks)
    assert {check.name for check in group} == failed


@pytest.mark.parametrize(
    ("status", "milliseconds", "passed", "detail"),
    [
        (200, 12.3, True, "12 ms"),
        (200, 7_999.0, True, "8.0 s"),
        (200, 8_001.0, False, "8.0 s"),
        (500, 9_400.0, False, "9.4 s"),
        (None, 10_004.0, False, "timed out after 10 s"),
    ],
)
def test_response_slower_than_8_seconds_fails_the_check(
    status: int | None, milliseconds: float, passed: bool, detail: str
) -> None:
    slowest = DeliveryResult(status, None if status else "timed out", milliseconds)
    check = slowest_response_check([DeliveryResult(200, None, 3.0), slowest])
    assert (check.passed, check.detail, check.milliseconds) == (passed, detail, milliseconds)
    assert check.result is slowest
    assert "then process it" in check.hint
