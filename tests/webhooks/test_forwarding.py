"""Forwarding: the same bytes, in order, with retries, across restarts."""

import json
import os
import shlex
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.clock import SystemClock
from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.net.deliver import deliver, validate_url
from outreply_cli.net.ssrf import Reach
from outreply_cli.webhooks import forward, sign
from outreply_cli.webhooks.conditions import parse_conditions
from outreply_cli.webhooks.conformance import HandlerConformance
from outreply_cli.webhooks.forward import CommandTarget, UrlTarget
from outreply_cli.webhooks.models import ForwardState, QueuedDelivery
from outreply_cli.webhooks.receiver import ReceiverConfig
from outreply_cli.webhooks.store import DeliveryStore
from tests.clocks import ManualClock
from tests.webhooks.handler_server import run_handler, wait_for
from tests.webhooks.receiver_fixture import SECRET, RunningReceiver, event_body, run_receiver


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


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "RETRY_SECONDS", (0.05,))
    monkeypatch.setattr(forward, "UNREACHABLE_SECONDS", (0.05,))


@pytest.mark.usefixtures("fast_retries")
def test_retries_keep_the_order(tmp_path: Path) -> None:
    with run_handler() as app:
        app.script = [500, 500]
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            first, second = event_body(), event_body()
            receiver.send(first)
            receiver.send(second)
            wait_for(lambda: len(receiver.forwarded) == 4)
            assert [body for _, body in app.requests] == [first, first, first, second]
            assert [attempt.attempt for attempt in receiver.forwarded] == [1, 2, 3, 1]


@pytest.mark.usefixtures("fast_retries")
def test_rejected_delivery_is_retried_until_it_is_accepted(tmp_path: Path) -> None:
    with run_handler() as app:
        app.script = [500] * 30
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            receiver.send(event_body())
            wait_for(lambda: _has_forwarded(receiver, 31))
            assert receiver.forwarded[-1].result.is_accepted
            assert all(attempt.retry_in is not None for attempt in receiver.forwarded[:-1])
            assert receiver.store.queue_lengths() == []


def test_rejected_delivery_does_not_block_unordered_queue(tmp_path: Path) -> None:
    with run_handler() as app:
        refused, accepted = event_body("post.failed"), event_body()
        app.refuses = lambda body: body == refused
        target = UrlTarget(app.url, is_ordered=False)
        with run_receiver(tmp_path, targets=[target]) as receiver:
            receiver.send(refused)
            wait_for(lambda: _has_forwarded(receiver, 1))
            receiver.send(accepted)
            wait_for(lambda: accepted in [body for _, body in app.requests])
            # The handler has the request before the receiver has recorded its response.
            wait_for(lambda: [queue.count for queue in receiver.store.queue_lengths()] == [1])


def test_skipped_delivery_does_not_block_the_queue(tmp_path: Path) -> None:
    with run_handler() as app:
        refused, accepted = event_body("post.failed"), event_body()
        both_sent = threading.Event()
        app.refuses = lambda body: both_sent.wait(30) and body == refused
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            receiver.send(refused)
            receiver.send(accepted)
            both_sent.set()
            wait_for(lambda: bool(receiver.forwarded))
            assert receiver.forwarded[0].waiting == 1
            (first, _) = receiver.store.queue()
            assert receiver.store.skip([first.forward], time.time()) == 1
            wait_for(lambda: accepted in [body for _, body in app.requests])
            (entry,) = receiver.store.history(limit=9, only_failed=True)
            assert entry.forwards[0].state == "skipped"


def test_retried_delivery_keeps_its_place(tmp_path: Path) -> None:
    with run_handler() as app:
        bodies = [event_body() for _ in range(3)]
        app.refuses = lambda _body: True
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            for body in bodies:
                receiver.send(body)
            wait_for(lambda: bool(receiver.forwarded))
        # Between the two changes, a receiver could forward the second one.
        with closing(DeliveryStore(tmp_path / "receiver" / "webhooks.db")) as store:
            first = store.queue()[0].forward
            assert store.skip([first], time.time()) == 1
            assert store.retry([first], time.time()) == 1
        app.refuses = lambda _body: False
        app.requests.clear()
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]):
            wait_for(lambda: len(app.requests) == 3)
        assert [body for _, body in app.requests] == bodies


def test_queue_survives_restart_and_is_due_immediately(tmp_path: Path) -> None:
    with run_handler() as app:
        url = app.url
    with run_receiver(tmp_path, targets=[UrlTarget(url)]) as receiver:
        bodies = [event_body() for _ in range(3)]
        for body in bodies:
            receiver.send(body)
        wait_for(lambda: bool(receiver.forwarded))
        assert receiver.forwarded[0].result.error == "connection refused"
        (queue,) = receiver.store.queue_lengths()
        assert (queue.target, queue.count) == (url, 3)
    clock = ManualClock()
    with run_receiver(tmp_path, targets=[UrlTarget(url)], clock=clock) as receiver:
        wait_for(lambda: bool(receiver.forwarded))
        assert receiver.forwarded[0].delivery.body == bodies[0]
        assert receiver.forwarded[0].attempt > 1


@pytest.mark.parametrize("has_crashed", [False, True])
def test_only_one_receiver_forwards_to_a_target(tmp_path: Path, has_crashed: bool) -> None:
    with run_handler() as app:
        bodies = [event_body() for _ in range(20)]
        targets = [UrlTarget(app.url)]
        with run_receiver(tmp_path, targets=targets) as first:
            first.send(bodies[0])
            wait_for(lambda: _has_forwarded(first, 1))
            with run_receiver(tmp_path, targets=targets) as second:
                for index, body in enumerate(bodies[1:]):
                    (first, second)[index % 2].send(body)
                wait_for(lambda: _has_forwarded(first, 20))
                assert second.forwarded == []
                assert second.taken == [app.url]
                assert sorted(body for _, body in app.requests) == sorted(bodies)
                if has_crashed:
                    # The operating system releases the lock of a process that died.
                    for forwarder in first.server._forwarders:
                        assert forwarder._lease is not None
                        forwarder._lease.release()
                        forwarder.stop()
                else:
                    first.server.__exit__()
                second.send(event_body())
                wait_for(lambda: _has_forwarded(second, 1))


def test_target_gets_matching_events(tmp_path: Path) -> None:
    with run_handler() as app:
        conditions = parse_conditions("event=post.*,data.post.platform!=x", "--forward-to")
        target = UrlTarget(app.url, conditions=conditions)
        with run_receiver(tmp_path, targets=[target]) as receiver:
            matching = event_body("post.published")
            for body in (
                event_body("comment.received"),
                event_body("post.published", "data.post.platform=x"),
                matching,
            ):
                assert receiver.send(body)[0] == 200
            wait_for(lambda: _has_forwarded(receiver, 1))
            assert [body for _, body in app.requests] == [matching]
            assert len(receiver.received) == 3


def test_response_is_stored_without_secrets(tmp_path: Path) -> None:
    with run_handler() as app:
        app.response_headers = {"Set-Cookie": "session=1", "X-Note": SECRET}
        app.response_body = f"stored with {SECRET}".encode()
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            receiver.send(event_body())
            wait_for(lambda: _has_forwarded(receiver, 1))
            (attempt,) = receiver.store.attempts(1)
            response = attempt.result.response
            assert response is not None
            headers = dict(response.headers)
            assert (headers["Set-Cookie"], headers["X-Note"]) == ("(hidden)", "(hidden)")
            assert response.body == b"stored with (hidden)"
            assert SECRET.encode() not in (tmp_path / "receiver" / "webhooks.db").read_bytes()


@pytest.mark.parametrize("kept", [6, 7, len(SECRET) - 1])
def test_secret_that_is_cut_off_is_not_stored(tmp_path: Path, kept: int) -> None:
    with run_handler() as app:
        app.response_body = b"x" * (65_536 - kept) + SECRET.encode() + b"more"
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            receiver.send(event_body())
            wait_for(lambda: _has_forwarded(receiver, 1))
            response = receiver.store.attempts(1)[0].result.response
            assert response is not None
            assert response.body == b"x" * (65_536 - kept)


def test_attempt_in_progress_is_finished_before_exit(tmp_path: Path) -> None:
    with run_handler() as app:
        gate = threading.Event()
        app.gate = gate
        waiting: list[str] = []

        def on_waiting(work: str) -> None:
            waiting.append(work)
            gate.set()

        with run_receiver(
            tmp_path, targets=[UrlTarget(app.url)], on_waiting=on_waiting
        ) as receiver:
            receiver.send(event_body())
            wait_for(lambda: bool(app.requests))
        assert waiting == ["1 forward attempt"]
        assert [attempt.result.status for attempt in receiver.forwarded] == [200]


def test_forwarding_resumes_after_the_store_could_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = DeliveryStore.next_pending
    failures = [StorageError("the disk failed")] * 2

    def next_pending(store: DeliveryStore, *args: Any, **kwargs: Any) -> QueuedDelivery | None:
        if failures:
            raise failures.pop()
        return read(store, *args, **kwargs)

    monkeypatch.setattr(DeliveryStore, "next_pending", next_pending)
    with run_handler() as app, run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
        receiver.send(event_body())
        wait_for(lambda: _has_forwarded(receiver, 1))
    assert len(app.requests) == 1
    assert receiver.failures == ["the disk failed"]


def test_attempt_is_not_repeated_while_it_cannot_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = DeliveryStore.record_forward
    failures = [StorageError("the disk is full")] * 3
    monkeypatch.setattr(forward, "_RECORD_SECONDS", 0.05)

    def record_forward(store: DeliveryStore, *args: Any) -> None:
        if failures:
            raise failures.pop()
        record(store, *args)

    monkeypatch.setattr(DeliveryStore, "record_forward", record_forward)
    with run_handler() as app, run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
        receiver.send(event_body())
        wait_for(lambda: _has_forwarded(receiver, 1))
        assert receiver.store.queue() == []
    assert failures == []
    assert len(app.requests) == 1


@pytest.mark.parametrize("is_ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize("hours", [-5, 5])
def test_clock_change_does_not_stop_the_queue(tmp_path: Path, hours: int, is_ordered: bool) -> None:
    clock = ManualClock()
    with run_handler() as app:
        app.script = [500]
        target = UrlTarget(app.url, is_ordered=is_ordered)
        with run_receiver(tmp_path, targets=[target], clock=clock) as receiver:
            receiver.send(event_body())
            wait_for(lambda: _has_forwarded(receiver, 1))
            clock.advance(hours * 3_600)
            wait_for(lambda: _has_forwarded(receiver, 2))
            receiver.send(event_body())
            wait_for(lambda: _has_forwarded(receiver, 3))


def test_sender_gets_the_status_of_the_target(tmp_path: Path) -> None:
    with run_handler() as app:
        app.script = [418, 200]
        config = ReceiverConfig([SECRET], relays_status=True)
        with run_receiver(tmp_path, config, targets=[UrlTarget(app.url)]) as receiver:
            body = event_body()
            assert [receiver.send(body)[0], receiver.send(body)[0]] == [418, 200]
            assert len(app.requests) == 2
            entries = receiver.store.history(limit=9)
            assert [entry.delivery.status for entry in entries] == [200, 418]
    with run_receiver(tmp_path, config, targets=[UrlTarget(app.url)]) as receiver:
        assert receiver.send(event_body())[0] == 502


@pytest.mark.parametrize("is_aborted", [False, True])
def test_sender_gets_the_relayed_status_although_the_receiver_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_aborted: bool
) -> None:
    monkeypatch.setattr("outreply_cli.webhooks.server._SHUTDOWN_SECONDS", 0.5)
    waiting: list[str] = []
    with run_handler() as app, ThreadPoolExecutor(1) as pool:
        app.script = [202]
        app.gate = gate = threading.Event()

        def on_waiting(work: str) -> None:
            waiting.append(work)
            if is_aborted:
                receiver.server.abort()
            else:
                # Longer than the server waits for other responses.
                threading.Timer(1.0, gate.set).start()

        with run_receiver(
            tmp_path, ReceiverConfig([SECRET], relays_status=True),
            targets=[UrlTarget(app.url)], on_waiting=on_waiting,
        ) as receiver:  # fmt: skip
            sent = pool.submit(receiver.send, event_body())
            wait_for(lambda: len(app.requests) == 1)
        assert waiting == ["1 forward attempt"]
        # It stopped after the response, unless it was aborted.
        assert gate.is_set() != is_aborted
        gate.set()
        assert sent.result(timeout=60)[0] == 202
    if is_aborted:
        return
    with closing(DeliveryStore(tmp_path / "receiver" / "webhooks.db")) as store:
        (entry,) = store.history(limit=9)
        assert (entry.delivery.status, entry.forwards[0].state) == (202, ForwardState.FORWARDED)


def test_stopped_receiver_waits_for_a_response_only_as_long_as_the_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreply_cli.webhooks.server.RESPONSE_TIMEOUT_SECONDS", 0)
    monkeypatch.setattr("outreply_cli.webhooks.server._SHUTDOWN_SECONDS", 0.5)
    waiting: list[str] = []
    with run_handler() as app, ThreadPoolExecutor(1) as pool:
        app.gate = gate = threading.Event()
        fallback = threading.Timer(20, gate.set)
        with run_receiver(
            tmp_path, ReceiverConfig([SECRET], relays_status=True),
            targets=[UrlTarget(app.url)], on_waiting=waiting.append,
        ) as receiver:  # fmt: skip
            sent = pool.submit(receiver.send, event_body())
            wait_for(lambda: len(app.requests) == 1)
            fallback.start()
            receiver.server.drain()
        assert not gate.is_set()
        fallback.cancel()
        gate.set()
        assert sent.exception() is not None
    assert waiting[0] == "1 forward attempt"


def test_result_of_a_relay_is_recorded_although_its_sender_is_gone(tmp_path: Path) -> None:
    body = event_body()
    with run_handler() as app:
        app.gate = gate = threading.Event()
        with run_receiver(
            tmp_path, ReceiverConfig([SECRET], relays_status=True),
            targets=[UrlTarget(app.url)], on_waiting=lambda _: gate.set(),
        ) as receiver:  # fmt: skip
            address = ("127.0.0.1", receiver.server.port)
            with socket.create_connection(address) as sock:
                head = f"X-OutReply-Signature: {sign(body, SECRET)}\r\nContent-Length: {len(body)}"
                sock.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + body)
                wait_for(lambda: len(app.requests) == 1)
    with closing(DeliveryStore(tmp_path / "receiver" / "webhooks.db")) as store:
        (entry,) = store.history(limit=9)
        assert entry.forwards[0].state is ForwardState.FORWARDED


def test_sender_gets_a_relayed_status_that_cannot_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr(DeliveryStore, "record_relay", fail)
    with run_handler() as app:
        app.script = [202]
        config = ReceiverConfig([SECRET], relays_status=True)
        with run_receiver(tmp_path, config, targets=[UrlTarget(app.url)]) as receiver:
            assert receiver.send(event_body())[0] == 202
    assert receiver.failures == ["disk full"]


JOB = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).touch()
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.01)
"""


def make_job(directory: Path) -> tuple[CommandTarget, Path, Path]:
    """A command that creates a file, and runs until another one exists."""
    started, gate = directory / "started", directory / "gate"
    line = shlex.join([sys.executable, "-c", JOB, str(started), str(gate)])
    return CommandTarget(line, dict(os.environ), concurrency=1, timeout=60), started, gate


def test_drain_forwards_what_is_due(tmp_path: Path) -> None:
    target, started, gate = make_job(tmp_path)
    with run_receiver(tmp_path, targets=[target]) as receiver:
        receiver.send(event_body())
        wait_for(started.exists)
        threading.Timer(0.3, gate.touch).start()
        receiver.server.drain()
        assert [attempt.result.is_accepted for attempt in receiver.forwarded] == [True]
        with pytest.raises(ConnectionRefusedError):
            receiver.send(event_body())


@pytest.mark.parametrize("drains", [False, True])
def test_abort_kills_commands(tmp_path: Path, drains: bool) -> None:
    target, started, _ = make_job(tmp_path)
    waiting: list[str] = []
    with run_receiver(tmp_path, targets=[target], on_waiting=waiting.append) as receiver:
        receiver.send(event_body())
        wait_for(started.exists)
        receiver.server.abort()
        if drains:
            receiver.server.drain()
    assert waiting == ["1 forward attempt"]
    with closing(DeliveryStore(tmp_path / "receiver" / "webhooks.db")) as store:
        # It is not run again unless the user retries it.
        assert store.queue() == []
        (entry,) = store.history(limit=9, only_failed=True)
        assert entry.forwards[0].state is ForwardState.FAILED


def test_command_of_a_killed_receiver_is_reported(tmp_path: Path) -> None:
    target, started, _ = make_job(tmp_path)
    with closing(DeliveryStore(tmp_path / "receiver" / "webhooks.db")) as store:
        with run_receiver(tmp_path, targets=[CommandTarget(
            "true", dict(os.environ), concurrency=1, timeout=60
        )]) as receiver:  # fmt: skip
            receiver.send(event_body())
            wait_for(lambda: _has_forwarded(receiver, 1))
        store.requeue(store.find("#1"), target.name, 0.0)
        lease = store.acquire_target(target.name)
        queued = store.next_pending(target.name, 0.0)
        assert lease is not None
        assert queued is not None
        assert store.start_forward(queued.forward, lease)
        lease.release()
    with run_receiver(tmp_path, targets=[target]) as receiver:
        wait_for(lambda: _has_forwarded(receiver, 1))
        assert "the receiver stopped while the command was running" in str(
            receiver.forwarded[0].result.error
        )
    assert not started.exists()


def test_event_that_a_target_refused_is_forwarded_when_it_is_delivered_again(
    tmp_path: Path,
) -> None:
    """A receiver that does not relay the response of its target forwards it too."""
    body = event_body()
    with run_handler() as app:
        target = UrlTarget(app.url)
        app.script = [500]
        config = ReceiverConfig([SECRET], relays_status=True)
        with run_receiver(tmp_path, config, targets=[target]) as receiver:
            assert receiver.send(body)[0] == 500
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            for number in range(3):
                status, response = receiver.send(body)
                assert (status, json.loads(response)["duplicate"]) == (200, True)
                wait_for(lambda: _has_forwarded(receiver, 1))
                assert len(app.requests) == 2, number


@pytest.mark.parametrize("repeats", [False, True])
def test_event_that_a_target_accepted_is_not_relayed_again(tmp_path: Path, repeats: bool) -> None:
    """A sender delivers again if it missed the response."""
    body = event_body()
    config = ReceiverConfig([SECRET], relays_status=True, forwards_duplicates=repeats)
    with run_handler() as app:
        app.script = [500, 202, 500]
        with run_receiver(tmp_path, config, targets=[UrlTarget(app.url)]) as receiver:
            statuses = [receiver.send(body)[0] for _ in range(3)]
            assert statuses == [500, 202, 500 if repeats else 200]
            assert len(app.requests) == (3 if repeats else 2)


def test_event_that_was_received_without_a_target_is_forwarded(tmp_path: Path) -> None:
    body = event_body()
    with run_receiver(tmp_path) as receiver:
        assert receiver.send(body)[0] == 200
    with run_handler() as app, run_handler() as other:
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            receiver.send(body)
            receiver.send(body)
            wait_for(lambda: _has_forwarded(receiver, 1))
        # Another target has not got it yet.
        targets = [UrlTarget(app.url), UrlTarget(other.url)]
        with run_receiver(tmp_path, targets=targets) as receiver:
            receiver.send(body)
            wait_for(lambda: _has_forwarded(receiver, 1))
        assert (len(app.requests), len(other.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://LOCALHOST:80", "http://localhost"),
        ("localhost:3000/hooks?a=B", "http://localhost:3000/hooks?a=B"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
        ("HTTPS://127.0.0.1:443/A", "https://127.0.0.1/A"),
    ],
)
def test_spelling_of_a_target_does_not_matter(url: str, name: str) -> None:
    """Otherwise, deliveries would stay in the queue of the other spelling."""
    assert UrlTarget(url).name == name


SCRIPT = (
    "import os, sys, json; body = sys.stdin.buffer.read(); "
    "print(json.dumps([os.environ['OUTREPLY_EVENT'], len(body), "
    "sorted(k for k in os.environ if k.startswith('OUTREPLY'))]), file=open(sys.argv[1], 'a'))"
)


def test_exec_gets_body_but_no_secrets(tmp_path: Path) -> None:
    out = tmp_path / "out"
    environ = {"OUTREPLY_API_KEY": "t", "OUTREPLY_WEBHOOK_SECRET": "s", "MINE": "s", "PATH": ""}
    line = f"{sys.executable} -c {json.dumps(SCRIPT)} {out}"
    target = CommandTarget(line, environ, concurrency=2, timeout=20, secret_variables=["MINE"])
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


def test_failed_or_timed_out_command_is_not_retried(tmp_path: Path) -> None:
    cases = [
        (f"{sys.executable} -c 'raise SystemExit(3)'", 60, "exit code 3"),
        (f"{sys.executable} -c 'import time; time.sleep(3600)'", 0.5, "killed after 0.5 s"),
    ]
    targets = [
        (CommandTarget(line, {}, concurrency=1, timeout=timeout), error)
        for line, timeout, error in cases
    ]
    for target, error in targets:
        with run_receiver(tmp_path / str(len(error)), targets=[target]) as receiver:
            receiver.send(event_body())
            wait_for(partial(_has_forwarded, receiver, 1))
            assert error in (receiver.forwarded[0].result.error or "")
            assert receiver.forwarded[0].retry_in is None


def test_command_that_could_not_be_started_is_retried(tmp_path: Path) -> None:
    """Its program may be missing while it is replaced."""
    program = tmp_path / "program"
    program.symlink_to("/bin/true")
    target = CommandTarget(str(program), {}, concurrency=1, timeout=60)
    program.unlink()
    with run_receiver(tmp_path, targets=[target]) as receiver:
        receiver.send(event_body())
        wait_for(partial(_has_forwarded, receiver, 1))
        program.symlink_to("/bin/true")
        wait_for(partial(_has_forwarded, receiver, 2))
        assert receiver.store.queue() == []
    missing, accepted = receiver.forwarded
    assert "cannot run the command" in str(missing.result.error)
    assert (missing.retry_in, accepted.result.is_accepted) == (1.0, True)


def test_invalid_command_is_rejected(tmp_path: Path) -> None:
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


def test_conformance_checks_find_a_handler_without_verification() -> None:
    with run_handler() as app:
        checks = list(HandlerConformance(app.url, SECRET, SystemClock().now()).run())
        assert [check.name for check in checks if not check.passed] == []
        app.verifies = False
        checks = list(HandlerConformance(app.url, SECRET, SystemClock().now()).run())
        failed = {check.name for check in checks if not check.passed}
        assert {"modified body", "missing signature", "signature from another secret"} <= failed
