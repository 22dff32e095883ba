"""The receiver against everything that a socket can bring: the right status, still answering."""

import gzip
import resource
import socket
import time
from pathlib import Path

import pytest

from outreply_cli.webhooks import sign
from outreply_cli.webhooks.mock_responses import ResponseScript, RetrySimulator, parse_script
from outreply_cli.webhooks.receiver import BODY_BYTES_MAX, ReceiverConfig
from outreply_cli.webhooks.signature import Tolerance
from tests.webhooks.receiver_fixture import SECRET, event_body, ids, receiving

MIB = b'{"a": "' + b"x" * (BODY_BYTES_MAX - 9) + b'"}'


def test_a_good_delivery_is_stored_then_acknowledged(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        body = event_body()
        status, _ = setup.send(body)
        assert status == 200
        (kept,) = setup.inbox.history(limit=5)
        assert kept["delivery"].body == body
        assert kept["delivery"].is_verified
        assert setup.received[0].status == 200


def test_the_same_event_again_is_acknowledged_and_known_again(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        body = event_body()
        assert [setup.send(body)[0] for _ in range(3)] == [200] * 3
        assert [each.arrival.seen for each in setup.received] == [0, 1, 2]


def test_a_bad_one_is_refused_kept_apart_and_never_taken_for_the_first(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        body = event_body()
        assert setup.send(body, signature="sha256=" + "0" * 64)[0] == 401
        assert setup.send(body, signature=None)[0] == 401
        assert setup.send(body)[0] == 200
        assert [each.arrival.is_duplicate for each in setup.received] == [False] * 3
        assert len(setup.inbox.history(limit=9, only_bad=True)) == 2


def test_bad_ones_are_capped(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        for number in range(230):
            setup.send(b"%d" % number + b"x" * 100_000, signature="no")
        bad = setup.inbox.history(limit=1_000, only_bad=True)
        assert len(bad) == 200
        assert max(len(each["delivery"].body) for each in bad) == 64 * 1024


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{}", 200), (MIB, 200), (MIB + b" ", 413), (MIB + b" " * 70_000, 413),
        (MIB * 3, 413),
        (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b'{"a": NaN}', 400), (b'{"a":1,"a":2}', 200),
        (gzip.compress(b"{}"), 400), (b"[]", 400), (b"null", 400),
    ],
    ids=lambda value: str(value)[:14],
)  # fmt: skip
def test_a_signed_body_of_any_kind_gets_the_right_status(
    tmp_path: Path, body: bytes, status: int
) -> None:
    with receiving(tmp_path) as setup:
        assert setup.send(body)[0] == status
        assert setup.send(event_body())[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 405), ("PUT", "/", 405), ("DELETE", "/", 405), ("POST", "/other", 404),
     ("GET", "/healthz", 200), ("HEAD", "/healthz", 200), ("POST", "/healthz", 405),
     ("GET", "/%00", 404), ("POST", "/../etc", 404)],
)  # fmt: skip
def test_other_ways_in_are_told_apart(tmp_path: Path, method: str, path: str, status: int) -> None:
    with receiving(tmp_path) as setup:
        assert setup.send(b"", method=method, path=path)[0] == status


def test_a_body_in_chunks_is_one_body(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        body = event_body()
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            f"X-OutReply-Signature: {sign(body, SECRET)}\r\n\r\n"
        ).encode()
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:]))
        assert b" 200 " in setup.raw(head + chunks + b"0\r\n\r\n").split(b"\r\n")[0]
        assert ids(setup)


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
def test_a_request_that_is_none_gets_an_error_and_hurts_nobody(
    tmp_path: Path, request_text: str
) -> None:
    with receiving(tmp_path) as setup:
        first = setup.raw(request_text.encode()).split(b"\r\n")[0]
        assert int(first.split()[1]) in {400, 411, 413, 431, 501}
        assert setup.send(event_body())[0] == 200


@pytest.mark.parametrize(
    ("tolerance", "seconds_ago", "status"),
    [
        (Tolerance(), 3_600, 200), (Tolerance(), None, 200),
        (Tolerance(300), 0, 200), (Tolerance(300), 3_600, 401), (Tolerance(300), -3_600, 401),
        (Tolerance(300), None, 200), (Tolerance(300, is_required=True), None, 401),
    ],
)  # fmt: skip
def test_a_timestamp_matters_where_a_tolerance_was_asked_for(
    tmp_path: Path, tolerance: Tolerance, seconds_ago: int | None, status: int
) -> None:
    stamp = None if seconds_ago is None else str(int(time.time()) - seconds_ago)
    headers = {"X-OutReply-Timestamp": stamp} if stamp else None
    with receiving(tmp_path, ReceiverConfig(secrets=[SECRET], tolerance=tolerance)) as setup:
        assert setup.send(event_body(), headers=headers)[0] == status
        assert (setup.received[0].event is None) == (status == 401)


def test_while_a_secret_is_rotated_the_old_one_and_the_new_one_are_good(tmp_path: Path) -> None:
    with receiving(tmp_path, ReceiverConfig(secrets=["whsec_old", "whsec_new"])) as setup:
        for number, secrets in enumerate((["whsec_old"], ["whsec_new"], ["x", "whsec_new"], ["x"])):
            body = event_body("post.published", f"data.post.message={number}")
            signature = ", ".join(sign(body, secret) for secret in secrets)
            assert setup.send(body, signature=signature)[0] == (401 if secrets == ["x"] else 200)


def test_a_signature_in_two_headers_is_one_list(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        body = event_body()
        wrong, right = "sha256=" + "0" * 64, sign(body, SECRET)
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"X-OutReply-Signature: {wrong}\r\nX-OutReply-Signature: {right}\r\n\r\n"
        ).encode()
        assert b" 200 " in setup.raw(head + body).split(b"\r\n")[0]


def test_idle_and_dripping_senders_are_left_behind_while_others_are_answered(
    tmp_path: Path,
) -> None:
    with receiving(tmp_path) as setup:
        address = ("127.0.0.1", setup.server.port)
        idle = [socket.create_connection(address) for _ in range(500)]
        drip = socket.create_connection(address)
        drip.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, ended = time.monotonic(), None
        drip.settimeout(0.5)
        while time.monotonic() - began < 25:
            assert setup.send(event_body())[0] == 200
            try:
                drip.sendall(b"x")
                if drip.recv(100) == b"":
                    ended = time.monotonic()
                    break
            except TimeoutError:
                continue
            except OSError:
                ended = time.monotonic()
                break
        assert ended is not None
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
        for link in [*idle, drip]:
            link.close()


def test_events_that_do_not_matter_are_acknowledged_all_the_same(tmp_path: Path) -> None:
    with receiving(tmp_path, ReceiverConfig([SECRET], events=["post.*"])) as setup:
        assert setup.send(event_body("comment.received"))[0] == 200
        assert setup.send(event_body())[0] == 200
        assert [each.is_wanted for each in setup.received] == [False, True]


def test_answers_follow_a_script(tmp_path: Path) -> None:
    answering = ResponseScript(parse_script("500x2,503,200"))
    with receiving(tmp_path, answering=answering) as setup:
        statuses = [setup.send(event_body())[0] for _ in range(5)]
    assert statuses == [500, 500, 503, 200, 200]


def test_a_dropped_one_gets_no_answer_and_is_kept(tmp_path: Path) -> None:
    with receiving(tmp_path, answering=ResponseScript(drops=True)) as setup:
        body = event_body()
        head = (
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"X-OutReply-Signature: {sign(body, SECRET)}\r\n\r\n"
        ).encode()
        assert setup.raw(head + body) == b""
        assert setup.received[0].status is None
        assert ids(setup)


def test_chance_is_the_same_for_the_same_seed() -> None:
    def draw(seed: int) -> list[int]:
        answering = ResponseScript(fail_rate=0.5, seed=seed)
        return [answering.next().status for _ in range(50)]

    assert draw(1) == draw(1) != draw(2)
    assert set(draw(1)) == {200, 500}


def test_the_senders_view_counts_failures_and_knows_the_retries() -> None:
    view = RetrySimulator()
    assert view.of(200, 0.1, 1) is None
    assert "nearly" not in (view.of(200, 8.5, 1) or "nearly")
    first = view.of(500, 0.1, 1) or ""
    assert "tried again in 30 s" in first
    assert "19 more" in first
    assert "2 h" in (view.of(None, 0.1, 5) or "")
    assert "not tried again" in (view.of(500, 0.1, 6) or "")
    assert "17 more" not in (view.of(200, 11, 1) or "")
    for _ in range(20):
        last = view.of(500, 0.1, 1) or ""
    assert "the webhook is disabled" in last
