"""Forwarding: the same bytes, in order, with retries, across restarts."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.clock import SystemClock
from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.net.deliver import deliver, validate_url
from outreply_cli.net.ssrf import Reach
from outreply_cli.webhooks import verify
from outreply_cli.webhooks.conformance import HandlerConformance
from outreply_cli.webhooks.forward import CommandTarget, UrlTarget
from outreply_cli.webhooks.models import QueuedDelivery
from outreply_cli.webhooks.receiver import ReceiverConfig
from outreply_cli.webhooks.store import DeliveryStore
from tests.webhooks.receiver_fixture import SECRET, RunningReceiver, event_body, run_receiver


class HandlerServer(ThreadingHTTPServer):
    """A webhook handler: responds with the statuses in `script`, then verifies signatures."""

    # Enough for twenty simultaneous clients.
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RequestHandler)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.script: list[int] = []
        self.verifies = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hooks?x=1"


class _RequestHandler(BaseHTTPRequestHandler):
    server: HandlerServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.requests.append((headers, body))
        status = self.server.script.pop(0) if self.server.script else 200
        if self.server.verifies and not verify(body, headers.get("x-outreply-signature"), SECRET):
            status = 401
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def run_handler() -> Iterator[HandlerServer]:
    app = HandlerServer()
    thread = threading.Thread(target=app.serve_forever)
    thread.start()
    try:
        yield app
    finally:
        app.shutdown()
        app.server_close()
        thread.join()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _has_forwarded(receiver: RunningReceiver, count: int) -> bool:
    return len(receiver.forwarded) == count


def test_forwarded_delivery_is_unchanged(tmp_path: Path) -> None:
    with run_handler() as app, run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
        body = event_body("post.published", "data.post.message=ünï\u2028")
        receiver.send(body, headers={"X-OutReply-Event": "post.published", "X-Custom": "1"})
        wait_for(lambda: bool(receiver.forwarded))
        ((headers, forwarded_body),) = app.requests
        assert forwarded_body == body
        assert headers["x-custom"] == "1"
        assert headers["host"].startswith("127.0.0.1")
        assert receiver.forwarded[0].result.status == 200


def test_redelivery_is_forwarded_on_request(tmp_path: Path) -> None:
    for number, (forwards_duplicates, expected) in enumerate(((False, 1), (True, 2))):
        with run_handler() as app:
            config = ReceiverConfig([SECRET], forwards_duplicates=forwards_duplicates)
            target = UrlTarget(app.url)
            with run_receiver(tmp_path / str(number), config, targets=[target]) as receiver:
                body = event_body()
                receiver.send(body)
                receiver.send(body)
                receiver.send(event_body())
                wait_for(partial(_has_forwarded, receiver, expected + 1))
                assert len(app.requests) == expected + 1


def test_retries_keep_the_order(tmp_path: Path) -> None:
    with run_handler() as app:
        app.script = [500, 500]
        target = UrlTarget(app.url)
        target.retry_seconds = (0.05, 0.05, 0.05)
        with run_receiver(tmp_path, targets=[target]) as receiver:
            first, second = event_body(), event_body()
            receiver.send(first)
            receiver.send(second)
            wait_for(lambda: len(receiver.forwarded) == 4)
            assert [body for _, body in app.requests] == [first, first, first, second]
            assert [attempt.attempt for attempt in receiver.forwarded] == [1, 2, 3, 1]


def test_queue_survives_restart(tmp_path: Path) -> None:
    with run_handler() as app:
        url = app.url
    target = UrlTarget(url)
    target.retry_seconds = (60.0,)
    with run_receiver(tmp_path, targets=[target]) as receiver:
        body = event_body()
        receiver.send(body)
        wait_for(lambda: bool(receiver.forwarded))
        assert receiver.forwarded[0].result.error == "connection refused"
        assert receiver.store.pending_counts() == {target.name: 1}
    with run_receiver(tmp_path, targets=[UrlTarget(url)]) as receiver:
        with receiver.store._lock_store():
            receiver.store._db.execute("UPDATE forwards SET due_at = 0 WHERE due_at IS NOT NULL")
        wait_for(lambda: bool(receiver.forwarded))
        assert receiver.forwarded[0].delivery.body == body
        assert receiver.forwarded[0].attempt == 2


def test_forwarding_goes_on_after_the_store_could_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = DeliveryStore.next_pending
    failures = [StorageError("the disk failed")]

    def next_pending(store: DeliveryStore, *args: Any) -> QueuedDelivery | None:
        if failures:
            raise failures.pop()
        return read(store, *args)

    monkeypatch.setattr(DeliveryStore, "next_pending", next_pending)
    with run_handler() as app, run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
        receiver.send(event_body())
        wait_for(lambda: _has_forwarded(receiver, 1))
    assert len(app.requests) == 1


def test_failed_delivery_after_last_retry(tmp_path: Path) -> None:
    with run_handler() as app:
        app.script = [500, 500]
        target = UrlTarget(app.url)
        target.retry_seconds = (0.01,)
        with run_receiver(tmp_path, targets=[target]) as receiver:
            receiver.send(event_body())
            wait_for(lambda: len(receiver.forwarded) == 2)
            assert receiver.forwarded[-1].retry_in is None
            assert len(receiver.store.history(limit=9, only_failed=True)) == 1
            assert receiver.store.pending_counts() == {}


def test_relayed_status(tmp_path: Path) -> None:
    with run_handler() as app:
        app.script = [418, 200]
        config = ReceiverConfig([SECRET], relays_status=True)
        with run_receiver(tmp_path, config, targets=[UrlTarget(app.url)]) as receiver:
            body = event_body()
            assert [receiver.send(body)[0], receiver.send(body)[0]] == [418, 200]
            assert len(app.requests) == 2
            entries = receiver.store.history(limit=9)
            assert [entry["delivery"].status for entry in entries] == [200, 418]
    with run_receiver(tmp_path, config, targets=[UrlTarget(app.url)]) as receiver:
        assert receiver.send(event_body())[0] == 502


SCRIPT = (
    "import os, sys, json; body = sys.stdin.buffer.read(); "
    "print(json.dumps([os.environ['OUTREPLY_EVENT'], len(body), "
    "sorted(k for k in os.environ if k.startswith('OUTREPLY'))]), file=open(sys.argv[1], 'a'))"
)


def test_exec_gets_body_but_no_secrets(tmp_path: Path) -> None:
    out = tmp_path / "out"
    environ = {"OUTREPLY_API_KEY": "t", "OUTREPLY_WEBHOOK_SECRET": "s", "MINE": "s", "PATH": ""}
    line = f"{sys.executable} -c {json.dumps(SCRIPT)} {out}"
    target = CommandTarget(line, environ, concurrency=2, timeout=20, hidden=["MINE"])
    with run_receiver(tmp_path, targets=[target]) as receiver:
        bodies = [event_body() for _ in range(3)]
        for body in bodies:
            receiver.send(body)
        wait_for(lambda: len(receiver.forwarded) == 3, 20)
        assert all(attempt.result.is_accepted for attempt in receiver.forwarded)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [length for _, length, _ in lines] == [len(body) for body in bodies]
    assert lines[0][0] == "post.published"
    assert lines[0][2] == ["OUTREPLY_DELIVERY", "OUTREPLY_EVENT"]


def test_exec_failure_timeout_and_missing_program(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.symlink_to(sys.executable)
    cases = [
        (f"{sys.executable} -c 'raise SystemExit(3)'", 60, "exit code 3"),
        (f"{sys.executable} -c 'import time; time.sleep(3600)'", 0.5, "killed after 0.5 s"),
        (str(program), 60, "cannot run the command"),
    ]
    targets = [
        (CommandTarget(line, {}, concurrency=1, timeout=timeout), error)
        for line, timeout, error in cases
    ]
    program.unlink()
    for target, error in targets:
        with run_receiver(tmp_path / str(len(error)), targets=[target]) as receiver:
            receiver.send(event_body())
            wait_for(partial(_has_forwarded, receiver, 1))
            assert error in (receiver.forwarded[0].result.error or "")
            assert receiver.forwarded[0].retry_in is None
    for line in ("", "'", "/no/such/command", str(tmp_path)):
        with pytest.raises(InvalidInputError):
            CommandTarget(line, {}, concurrency=1, timeout=1)


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http://a:b@x", "http://x y", "http://x:99999", "http://é"]
)
def test_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(InvalidInputError):
        validate_url(url, "--to")


@pytest.mark.parametrize(
    "url",
    ["http://8.8.8.8/", "http://169.254.169.254/latest", "http://0.0.0.0/", "http://[fe80::1]/",
     "http://[::ffff:8.8.8.8]/", "http://134744072/"],
)  # fmt: skip
def test_public_url_is_blocked_by_default(url: str) -> None:
    result = deliver(url, b"", [], timeout=1)
    assert result.status is None
    assert result.error is not None
    assert result.error.startswith("not sent")


def test_metadata_address_is_always_blocked() -> None:
    result = deliver("http://169.254.169.254/", b"", [], timeout=1, reach=Reach.PUBLIC)
    assert (result.error or "").startswith("not sent")


def test_conformance_checks() -> None:
    with run_handler() as app:
        checks = list(HandlerConformance(app.url, SECRET, SystemClock().now()).run())
        assert [check.name for check in checks if not check.passed] == []
        app.verifies = False
        checks = list(HandlerConformance(app.url, SECRET, SystemClock().now()).run())
        failed = {check.name for check in checks if not check.passed}
        assert {"modified body", "missing signature", "signature from another secret"} <= failed
