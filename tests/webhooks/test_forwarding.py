"""Deliveries passed on: the same bytes, in order, tried again, kept over a restart."""

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
from outreply_cli.errors import InvalidInputError
from outreply_cli.net.deliver import deliver, validate_url
from outreply_cli.net.ssrf import Reach
from outreply_cli.webhooks import verify
from outreply_cli.webhooks.conformance import HandlerConformance
from outreply_cli.webhooks.forward import CommandTarget, UrlTarget
from outreply_cli.webhooks.receiver import ReceiverConfig
from tests.webhooks.receiver_fixture import SECRET, Setup, event_body, receiving


class App(ThreadingHTTPServer):
    """Somebody's handler: answers as it is told, with the statuses of a script first."""

    # As real servers have it: twenty senders at once are not turned away.
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.script: list[int] = []
        self.verifies = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hooks?x=1"


class _Handler(BaseHTTPRequestHandler):
    server: App

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.got.append((headers, body))
        status = self.server.script.pop(0) if self.server.script else 200
        if self.server.verifies and not verify(body, headers.get("x-outreply-signature"), SECRET):
            status = 401
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def handler() -> Iterator[App]:
    app = App()
    thread = threading.Thread(target=app.serve_forever)
    thread.start()
    try:
        yield app
    finally:
        app.shutdown()
        app.server_close()
        thread.join()


def wait_for(met: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.02)


def _has_passed_on(setup: Setup, count: int) -> bool:
    return len(setup.forwarded) == count


def test_the_handlers_own_verifier_passes(tmp_path: Path) -> None:
    with handler() as app, receiving(tmp_path, targets=[UrlTarget(app.url)]) as setup:
        body = event_body("post.published", "data.post.message=ünï\u2028")
        setup.send(body, headers={"X-OutReply-Event": "post.published", "X-Custom": "1"})
        wait_for(lambda: bool(setup.forwarded))
        ((headers, got),) = app.got
        assert got == body
        assert headers["x-custom"] == "1"
        assert headers["host"].startswith("127.0.0.1")
        assert setup.forwarded[0].outcome.status == 200


def test_a_redelivery_is_passed_on_only_when_asked(tmp_path: Path) -> None:
    for number, (asked, wanted) in enumerate(((False, 1), (True, 2))):
        with handler() as app:
            terms = ReceiverConfig([SECRET], forwards_duplicates=asked)
            target = UrlTarget(app.url)
            with receiving(tmp_path / str(number), terms, targets=[target]) as setup:
                body = event_body()
                setup.send(body)
                setup.send(body)
                setup.send(event_body())
                wait_for(partial(_has_passed_on, setup, wanted + 1))
                assert len(app.got) == wanted + 1


def test_what_a_target_refuses_is_tried_again_before_the_next_one_goes(tmp_path: Path) -> None:
    with handler() as app:
        app.script = [500, 500]
        target = UrlTarget(app.url)
        target.retries = (0.05, 0.05, 0.05)
        with receiving(tmp_path, targets=[target]) as setup:
            first, second = event_body(), event_body()
            setup.send(first)
            setup.send(second)
            wait_for(lambda: len(setup.forwarded) == 4)
            assert [body for _, body in app.got] == [first, first, first, second]
            assert [each.attempt for each in setup.forwarded] == [1, 2, 3, 1]


def test_a_queue_survives_the_end_of_the_receiver(tmp_path: Path) -> None:
    with handler() as app:
        url = app.url
    target = UrlTarget(url)
    target.retries = (60.0,)
    with receiving(tmp_path, targets=[target]) as setup:
        body = event_body()
        setup.send(body)
        wait_for(lambda: bool(setup.forwarded))
        assert setup.forwarded[0].outcome.error == "connection refused"
        assert setup.inbox.pending_counts() == {target.name: 1}
    again = UrlTarget(url)
    with receiving(tmp_path, targets=[again]) as setup:
        with setup.inbox._exclusively():
            setup.inbox._db.execute("UPDATE forwards SET due_at = 0 WHERE due_at IS NOT NULL")
        wait_for(lambda: bool(setup.forwarded))
        assert setup.forwarded[0].delivery.body == body
        assert setup.forwarded[0].attempt == 2


def test_given_up_after_the_last_try_and_found_as_failed(tmp_path: Path) -> None:
    with handler() as app:
        app.script = [500, 500]
        target = UrlTarget(app.url)
        target.retries = (0.01,)
        with receiving(tmp_path, targets=[target]) as setup:
            setup.send(event_body())
            wait_for(lambda: len(setup.forwarded) == 2)
            assert setup.forwarded[-1].retry_in is None
            assert len(setup.inbox.history(limit=9, only_failed=True)) == 1
            assert setup.inbox.pending_counts() == {}


def test_the_sender_gets_the_apps_own_answer_when_asked(tmp_path: Path) -> None:
    with handler() as app:
        app.script = [418, 200]
        terms = ReceiverConfig([SECRET], relays_status=True)
        with receiving(tmp_path, terms, targets=[UrlTarget(app.url)]) as setup:
            body = event_body()
            assert [setup.send(body)[0], setup.send(body)[0]] == [418, 200]
            assert len(app.got) == 2
            kept = setup.inbox.history(limit=9)
            assert [each["delivery"].status for each in kept] == [200, 418]
    with receiving(tmp_path, terms, targets=[UrlTarget(app.url)]) as setup:
        assert setup.send(event_body())[0] == 502


SCRIPT = (
    "import os, sys, json; body = sys.stdin.buffer.read(); "
    "print(json.dumps([os.environ['OUTREPLY_EVENT'], len(body), "
    "sorted(k for k in os.environ if k.startswith('OUTREPLY'))]), file=open(sys.argv[1], 'a'))"
)


def test_a_command_gets_the_body_and_no_secret(tmp_path: Path) -> None:
    out = tmp_path / "out"
    environ = {"OUTREPLY_API_KEY": "t", "OUTREPLY_WEBHOOK_SECRET": "s", "MINE": "s", "PATH": ""}
    line = f"{sys.executable} -c {json.dumps(SCRIPT)} {out}"
    target = CommandTarget(line, environ, at_once=2, seconds=20, hidden=["MINE"])
    with receiving(tmp_path, targets=[target]) as setup:
        bodies = [event_body() for _ in range(3)]
        for body in bodies:
            setup.send(body)
        wait_for(lambda: len(setup.forwarded) == 3, 20)
        assert all(each.outcome.is_accepted for each in setup.forwarded)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [length for _, length, _ in lines] == [len(body) for body in bodies]
    assert lines[0][0] == "post.published"
    assert lines[0][2] == ["OUTREPLY_DELIVERY", "OUTREPLY_EVENT"]


def test_a_command_that_fails_hangs_or_is_missing_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.symlink_to(sys.executable)
    lines = {
        f"{sys.executable} -c 'raise SystemExit(3)'": "exit code 3",
        f"{sys.executable} -c 'import time; time.sleep(60)'": "ended after 0.5 s",
        str(gone): "it can't be run",
    }
    targets = [CommandTarget(line, {}, at_once=1, seconds=0.5) for line in lines]
    gone.unlink()
    for target, said in zip(targets, lines.values(), strict=True):
        with receiving(tmp_path / str(len(said)), targets=[target]) as setup:
            setup.send(event_body())
            wait_for(partial(_has_passed_on, setup, 1))
            assert said in (setup.forwarded[0].outcome.error or "")
            assert setup.forwarded[0].retry_in is None
    for line in ("", "'", "/no/such/command", str(tmp_path)):
        with pytest.raises(InvalidInputError):
            CommandTarget(line, {}, at_once=1, seconds=1)


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http://a:b@x", "http://x y", "http://x:99999", "http://é"]
)
def test_a_target_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError):
        validate_url(url, "--to")


@pytest.mark.parametrize(
    "url",
    ["http://8.8.8.8/", "http://169.254.169.254/latest", "http://0.0.0.0/", "http://[fe80::1]/",
     "http://[::ffff:8.8.8.8]/", "http://134744072/"],
)  # fmt: skip
def test_nothing_is_sent_beyond_this_machine_and_its_networks(url: str) -> None:
    outcome = deliver(url, b"", [], timeout=1)
    assert outcome.status is None
    assert outcome.error is not None
    assert outcome.error.startswith("not sent")


def test_metadata_addresses_are_refused_even_when_public_ones_are_allowed() -> None:
    outcome = deliver("http://169.254.169.254/", b"", [], timeout=1, reach=Reach.PUBLIC)
    assert (outcome.error or "").startswith("not sent")


def test_a_sound_handler_passes_the_checkup_and_a_careless_one_does_not() -> None:
    with handler() as app:
        sound = list(HandlerConformance(app.url, SECRET, SystemClock().now()).run())
        wrong = {trial.name for trial in sound if not trial.is_right}
        assert wrong == set()
        app.verifies = False
        careless = list(HandlerConformance(app.url, SECRET, SystemClock().now()).run())
        wrong = {trial.name for trial in careless if not trial.is_right}
        assert {"a changed body", "no signature", "another secret's signature"} <= wrong
