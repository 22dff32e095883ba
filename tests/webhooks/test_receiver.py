"""The receiver on a real socket: valid, invalid, malformed and slow requests."""

import gzip
import http.client
import resource
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from outreply_cli.webhooks import sign
from outreply_cli.webhooks.conditions import parse_conditions
from outreply_cli.webhooks.metrics import ReceiverMetrics
from outreply_cli.webhooks.mock_responses import ResponseScript, parse_script
from outreply_cli.webhooks.models import QueueLength
from outreply_cli.webhooks.receiver import MAX_BODY_BYTES, ReceiverConfig
from outreply_cli.webhooks.retry_simulator import RetrySimulator
from outreply_cli.webhooks.signature import Tolerance
from tests.clocks import ManualClock
from tests.postgres import run_sql
from tests.webhooks.conftest import open_team_store
from tests.webhooks.handler_server import wait_for
from tests.webhooks.receiver_fixture import SECRET, event_body, run_receiver

MIB = b'{"a": "' + b"x" * (MAX_BODY_BYTES - 9) + b'"}'


def test_valid_delivery_is_stored(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        body = event_body()
        status, _ = receiver.send(body)
        assert status == 200
        (entry,) = receiver.store.history(limit=5)
        assert entry.delivery.body == body
        assert entry.delivery.is_verified
        assert receiver.received[0].status == 200


def test_redelivery_is_a_duplicate(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        body = event_body()
        assert [receiver.send(body)[0] for _ in range(3)] == [200] * 3
        assert [received.delivery.times_seen for received in receiver.received] == [0, 1, 2]


def test_invalid_delivery_is_not_deduplicated(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        body = event_body()
        assert receiver.send(body, signature="sha256=" + "0" * 64)[0] == 401
        assert receiver.send(body, signature=None)[0] == 401
        assert receiver.send(body)[0] == 200
        assert [received.delivery.is_duplicate for received in receiver.received] == [False] * 3
        assert len(receiver.store.history(limit=9, only_invalid=True)) == 2


def test_invalid_deliveries_are_capped(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        for number in range(230):
            receiver.send(b"%d" % number + b"x" * 100_000, signature="no")
        invalid = receiver.store.history(limit=1_000, only_invalid=True)
        assert len(invalid) == 200
        assert max(len(entry.delivery.body) for entry in invalid) == 64 * 1024


@pytest.mark.parametrize(
    ("body", "reason"), [(MIB, "timestamp outside tolerance"), (MIB[:-1], "body is not valid JSON")]
)
def test_signed_delivery_is_stored_whole(tmp_path: Path, body: bytes, reason: str) -> None:
    """Otherwise, it could not be verified or replayed to find the mistake."""
    headers = {"X-OutReply-Timestamp": "9"} if body == MIB else {}
    config = ReceiverConfig([SECRET], tolerance=Tolerance(300))
    with run_receiver(tmp_path, config) as receiver:
        receiver.send(body, headers=headers)
        (entry,) = receiver.store.history(limit=9)
    assert (entry.delivery.reason, entry.delivery.body) == (reason, body)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{}", 200), (MIB, 200), (MIB + b" ", 413), (MIB + b" " * 70_000, 413),
        (MIB * 3, 413),
        (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b'{"a": NaN}', 400), (b'{"a":1,"a":2}', 200),
        (gzip.compress(b"{}", mtime=0), 400), (b"[]", 400), (b"null", 400),
    ],
    ids=lambda value: str(value)[:14],
)  # fmt: skip
def test_signed_body_is_accepted_if_it_is_an_object_of_at_most_1_mib(
    tmp_path: Path, body: bytes, status: int
) -> None:
    with run_receiver(tmp_path) as receiver:
        assert receiver.send(body)[0] == status
        assert receiver.send(event_body())[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 405), ("PUT", "/", 405), ("DELETE", "/", 405), ("POST", "/other", 404),
     ("GET", "/healthz", 200), ("HEAD", "/healthz", 200), ("POST", "/healthz", 405),
     ("GET", "/%00", 404), ("POST", "/../etc", 404)],
)  # fmt: skip
def test_each_route_accepts_only_its_methods(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    with run_receiver(tmp_path) as receiver:
        assert receiver.send(b"", method=method, path=path)[0] == status


def test_chunked_body_is_accepted(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        body = event_body()
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            f"X-OutReply-Signature: {sign(body, SECRET)}\r\n\r\n"
        ).encode()
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:]))
        assert b" 200 " in receiver.send_raw(head + chunks + b"0\r\n\r\n").split(b"\r\n")[0]
        assert receiver.stored_ids()


@pytest.mark.parametrize(("blanks", "status"), [(0, 200), (1, 413), (2 * 1024 * 1024, 413)])
def test_chunked_body_has_the_same_limit(tmp_path: Path, blanks: int, status: int) -> None:
    body = MIB + b" " * blanks
    head = (
        f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        f"X-OutReply-Signature: {sign(body, SECRET)}\r\n\r\n"
    ).encode()
    with run_receiver(tmp_path) as receiver:
        response = receiver.send_raw(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert int(response.split()[1]) == status
        assert len(receiver.stored_ids()) == (status == 200)


@pytest.mark.parametrize(
    "request_text",
    [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nX: " + "y" * 40_000 + "\r\n\r\n",
        "POST / HTTP/1.1\r\n" + "".join(f"X-{n}: {n}\r\n" for n in range(5_000)) + "\r\n",
        "nonsense\r\n\r\n",
    ],
    ids=lambda text: text[-20:].strip()[:18],
)
def test_malformed_request_is_rejected(tmp_path: Path, request_text: str) -> None:
    with run_receiver(tmp_path) as receiver:
        first = receiver.send_raw(request_text.encode()).split(b"\r\n")[0]
        assert int(first.split()[1]) in {400, 411, 413, 431, 501}
        assert receiver.send(event_body())[0] == 200


@pytest.mark.parametrize(
    ("tolerance", "seconds_ago", "status"),
    [
        (Tolerance(), 3_600, 200), (Tolerance(), None, 200),
        (Tolerance(300), 0, 200), (Tolerance(300), 3_600, 401), (Tolerance(300), -3_600, 401),
        (Tolerance(300), None, 200), (Tolerance(300, is_required=True), None, 401),
    ],
)  # fmt: skip
def test_timestamp_outside_the_tolerance_is_rejected(
    tmp_path: Path, tolerance: Tolerance, seconds_ago: int | None, status: int
) -> None:
    stamp = None if seconds_ago is None else str(int(time.time()) - seconds_ago)
    headers = {"X-OutReply-Timestamp": stamp} if stamp else None
    with run_receiver(tmp_path, ReceiverConfig(secrets=[SECRET], tolerance=tolerance)) as receiver:
        assert receiver.send(event_body(), headers=headers)[0] == status
        assert (receiver.received[0].event is None) == (status == 401)


def test_either_secret_is_accepted_during_a_rotation(tmp_path: Path) -> None:
    with run_receiver(tmp_path, ReceiverConfig(secrets=["whsec_old", "whsec_new"])) as receiver:
        for number, secrets in enumerate((["whsec_old"], ["whsec_new"], ["x", "whsec_new"], ["x"])):
            body = event_body("post.published", f"data.post.message={number}")
            signature = ", ".join(sign(body, secret) for secret in secrets)
            assert receiver.send(body, signature=signature)[0] == (401 if secrets == ["x"] else 200)


def test_repeated_signature_header_is_accepted_if_one_matches(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        body = event_body()
        wrong, right = "sha256=" + "0" * 64, sign(body, SECRET)
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"X-OutReply-Signature: {wrong}\r\nX-OutReply-Signature: {right}\r\n\r\n"
        ).encode()
        assert b" 200 " in receiver.send_raw(head + body).split(b"\r\n")[0]


@pytest.mark.slow
def test_slow_clients_are_disconnected(
    tmp_path: Path,
) -> None:
    with run_receiver(tmp_path) as receiver:
        address = ("127.0.0.1", receiver.server.port)
        idle = [socket.create_connection(address) for _ in range(500)]
        drip = socket.create_connection(address)
        drip.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started_at, disconnected_at = time.monotonic(), None
        drip.settimeout(0.5)
        while time.monotonic() - started_at < 25:
            assert receiver.send(event_body())[0] == 200
            try:
                drip.sendall(b"x")
                if drip.recv(100) == b"":
                    disconnected_at = time.monotonic()
                    break
            except TimeoutError:
                continue
            except OSError:
                disconnected_at = time.monotonic()
                break
        assert disconnected_at is not None
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
        for sock in [*idle, drip]:
            sock.close()


def test_excluded_event_is_acknowledged(tmp_path: Path) -> None:
    with run_receiver(tmp_path, ReceiverConfig([SECRET], events=["post.*"])) as receiver:
        assert receiver.send(event_body("comment.received"))[0] == 200
        assert receiver.send(event_body())[0] == 200
        assert [received.matches_filter for received in receiver.received] == [False, True]


@pytest.mark.parametrize("field", ["event", "type"])
@pytest.mark.parametrize("pattern", ["post.published", "post.*", "comment.*"])
def test_event_is_filtered_by_either_field(tmp_path: Path, field: str, pattern: str) -> None:
    config = ReceiverConfig([SECRET], conditions=parse_conditions(f"event={pattern}", "--filter"))
    with run_receiver(tmp_path, config) as receiver:
        assert receiver.send(b'{"%s": "post.published"}' % field.encode())[0] == 200
        assert receiver.received[0].matches_filter is pattern.startswith("post.")


def test_responses_follow_the_script(tmp_path: Path) -> None:
    script = ResponseScript(parse_script("500x2,503,200"))
    with run_receiver(tmp_path, script=script) as receiver:
        statuses = [receiver.send(event_body())[0] for _ in range(5)]
    assert statuses == [500, 500, 503, 200, 200]


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body_leaves_the_connection_usable(tmp_path: Path, status: int) -> None:
    """A client would take the bytes of a body for the start of the next response."""
    script = ResponseScript([(status, 1), (200, 1)])
    with run_receiver(tmp_path, script=script) as receiver, httpx.Client() as client:
        statuses = []
        for _ in range(2):
            body = event_body()
            headers = {"X-OutReply-Signature": sign(body, SECRET)}
            url = f"http://127.0.0.1:{receiver.server.port}/"
            statuses.append(client.post(url, content=body, headers=headers).status_code)
    assert statuses == [status, 200]


def test_unverified_delivery_of_a_page_is_refused(tmp_path: Path) -> None:
    """Any page that is open in a browser of this machine could send one."""
    with run_receiver(tmp_path, ReceiverConfig([])) as receiver:
        origin = {"Origin": "http://evil.example"}
        assert receiver.send(event_body(), signature=None, headers=origin)[0] == 403
        assert receiver.stored_ids() == []
        assert receiver.send(event_body(), signature=None)[0] == 200


class GatedClock(ManualClock):
    """A clock whose sleeps last until the gate is open."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self._gate = gate
        self.is_timed_out = False

    def sleep(self, seconds: float) -> None:
        if not self._gate.wait(60):
            self.is_timed_out = True


@pytest.mark.parametrize("is_aborted", [False, True])
def test_stop_waits_for_delayed_responses(tmp_path: Path, is_aborted: bool) -> None:
    gate, waiting = threading.Event(), list[str]()

    def on_waiting(work: str) -> None:
        waiting.append(work)
        if is_aborted:
            receiver.server.abort()
        else:
            # Later than a response that is not delayed would be.
            threading.Timer(0.5, gate.set).start()

    script = ResponseScript(delay=3_600)
    with ThreadPoolExecutor(2) as pool:
        with run_receiver(
            tmp_path, script=script, clock=GatedClock(gate), on_waiting=on_waiting
        ) as receiver:
            sent = [pool.submit(receiver.send, event_body()) for _ in range(2)]
            wait_for(lambda: len(receiver.stored_ids()) == 2)
        is_open = gate.is_set()
        gate.set()
        if not is_aborted:
            assert [future.result()[0] for future in sent] == [200, 200]
    assert waiting == ["2 delayed responses"]
    assert is_open != is_aborted


def test_stop_waits_for_a_delayed_response_only_as_long_as_the_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreply_cli.webhooks.server.RESPONSE_TIMEOUT_SECONDS", 0)
    monkeypatch.setattr("outreply_cli.webhooks.server._SHUTDOWN_SECONDS", 0.5)
    gate = threading.Event()
    clock = GatedClock(gate)

    with ThreadPoolExecutor(1) as pool:
        with run_receiver(tmp_path, script=ResponseScript(delay=3_600), clock=clock) as receiver:
            pool.submit(receiver.send, event_body())
            wait_for(lambda: len(receiver.stored_ids()) == 1)
        gate.set()
    assert not clock.is_timed_out


@pytest.mark.parametrize("is_dropped", [False, True])
def test_response_is_delayed_only_to_a_valid_delivery(tmp_path: Path, is_dropped: bool) -> None:
    clock = ManualClock()
    script = ResponseScript(delay=30.0, drops=is_dropped)
    with run_receiver(tmp_path, script=script, clock=clock) as receiver:
        started_at = clock.now()
        if is_dropped:
            with pytest.raises(http.client.RemoteDisconnected):
                receiver.send(event_body())
        else:
            assert receiver.send(event_body())[0] == 200
        assert (clock.now() - started_at).total_seconds() == 30
        # An invalid delivery is refused at once.
        assert receiver.send(event_body(), signature=None)[0] == 401
        assert (clock.now() - started_at).total_seconds() == 30


def test_deliveries_arrive_while_a_team_store_is_written(tmp_path: Path, postgres_url: str) -> None:
    bodies = [event_body() for _ in range(20)]
    store = open_team_store(postgres_url)
    with run_receiver(tmp_path, store=store) as receiver, ThreadPoolExecutor(8) as pool:
        assert {status for status, _ in pool.map(receiver.send, bodies)} == {200}
        assert len(receiver.stored_ids()) == len(receiver.received) == 20
        assert receiver.send(b"", method="GET", path="/metrics", signature=None)[0] == 200
        run_sql(postgres_url, "ALTER TABLE outreply.deliveries RENAME TO moved")
        assert receiver.send(event_body())[0] == 503
        assert len(receiver.failures) == 1


@pytest.mark.parametrize(("method", "status"), [("GET", 503), ("POST", 405)])
def test_metrics_without_a_store_are_unavailable(tmp_path: Path, method: str, status: int) -> None:
    with (
        run_receiver(tmp_path) as receiver,
        closing(sqlite3.connect(tmp_path / "receiver" / "webhooks.db")) as db,
    ):
        db.execute("ALTER TABLE forwards RENAME TO moved")
        assert receiver.send(b"", method=method, path="/metrics")[0] == status


def test_failure_of_the_store_is_reported_once(tmp_path: Path) -> None:
    with (
        run_receiver(tmp_path) as receiver,
        closing(sqlite3.connect(tmp_path / "receiver" / "webhooks.db")) as db,
    ):
        for count in (1, 2):
            db.execute("ALTER TABLE deliveries RENAME TO moved")
            assert [receiver.send(event_body())[0] for _ in range(2)] == [503, 503]
            assert len(receiver.failures) == count
            assert all("no such table" in reason for reason in receiver.failures)
            db.execute("ALTER TABLE moved RENAME TO deliveries")
            assert receiver.send(event_body())[0] == 200
        assert len(receiver.stored_ids()) == len(receiver.received) == 2


def test_dropped_delivery_is_stored(tmp_path: Path) -> None:
    with run_receiver(tmp_path, script=ResponseScript(drops=True)) as receiver:
        body = event_body()
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"X-OutReply-Signature: {sign(body, SECRET)}\r\n\r\n"
        ).encode()
        assert receiver.send_raw(head + body) == b""
        assert receiver.received[0].status is None
        assert receiver.stored_ids()


def test_fail_rate_is_reproducible() -> None:
    def draw(seed: int) -> list[int]:
        script = ResponseScript(fail_rate=0.5, seed=seed)
        return [script.next_status() for _ in range(50)]

    assert draw(1) == draw(1) != draw(2)
    assert set(draw(1)) == {200, 500}


def test_retry_simulator_predicts_retries_and_disabling() -> None:
    simulator = RetrySimulator()
    assert simulator.predict(200, 0.1, 1) is None
    assert "response took 8.5 s" in (simulator.predict(200, 8.5, 1) or "")
    first = simulator.predict(500, 0.1, 1) or ""
    assert "retry in 30 s" in first
    assert "19 more failures" in first
    assert "2 h" in (simulator.predict(None, 0.1, 5) or "")
    assert "not retry" in (simulator.predict(500, 0.1, 6) or "")
    assert "17 more" not in (simulator.predict(200, 11, 1) or "")
    for _ in range(20):
        last = simulator.predict(500, 0.1, 1) or ""
    assert "webhook is disabled" in last


def test_metrics_have_one_sample_of_targets_that_differ_in_a_secret() -> None:
    """Monitoring systems refuse repeated samples."""
    metrics = ReceiverMetrics()
    targets = ("http://app/hooks?token=a", "http://app/hooks?token=b", "exec:job a", "exec:job b")
    for target in targets:
        metrics.observe_attempt(target, "accepted")
    queues = [QueueLength(name, 2, 100.0 + index) for index, name in enumerate(targets)]
    lines = metrics.render(queues, 110.0).splitlines()
    samples = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    for label, age in (("http://app/hooks", 10.0), ("exec:job", 8.0)):
        attempts = f'attempts_total{{target="{label}",result="accepted"}} 2'
        assert f"outreply_webhook_forward_{attempts}" in lines
        assert f'outreply_webhook_queued{{target="{label}"}} 4' in lines
        assert f'outreply_webhook_queue_age_seconds{{target="{label}"}} {age}' in lines
