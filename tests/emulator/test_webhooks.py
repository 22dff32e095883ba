"""Webhook deliveries, verified by the official SDK."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from outreply import OutReply, OutReplyError
from outreply.webhooks import construct_event

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.incoming_comments import add_incoming_comment
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from outreply_cli.net.deliver import deliver
from outreply_cli.net.ssrf import Reach
from tests.clocks import ManualClock

EVENTS = ["post.published", "post.failed", "comment.replied", "account.quota.warning"]


class Receiver(ThreadingHTTPServer):
    """Stores requests and responds with `status`, slowly if `drips` is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        # Called for each request.
        self.on_request: Callable[[], None] = lambda: None
        self.drips = 0
        self.paused = threading.Event()
        self.dripped = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook?x=1"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((headers, body))
        self.server.on_request()
        self.send_response_only(self.server.status)
        with suppress(OSError):
            self.flush_headers()
            for _ in range(self.server.drips):
                self.wfile.write(b"X-Slow: 1\r\n")
                self.server.dripped += 1
                self.server.paused.wait(0.05)
            self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def run_receiver() -> Iterator[Receiver]:
    """A receiver that runs in a thread."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as server:
        yield server


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def schedule(sdk: OutReply, platform: str = "facebook", at: str = "2026-11-23T13:00:00Z") -> str:
    (page,) = sdk.pages.list(platform=platform)["pages"]
    post = sdk.posts.schedule(page_id=page["id"], message="Soon", scheduled_at=at)
    return str(post["scheduled_post"]["id"])


def test_published_event_has_valid_signature(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver
) -> None:
    webhook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]
    post_id = schedule(sdk)
    advanced = handle.request("advance", seconds=7200)
    assert (advanced["published"], advanced["deliveries"]) == (1, 1)
    ((headers, body),) = receiver.requests
    event = construct_event(body, headers["x-outreply-signature"], webhook["secret"])
    assert event["event"] == headers["x-outreply-event"] == "post.published"
    assert event["created_at"] == "2026-11-23T13:00:00.000Z"
    assert set(event["data"]) == {"userId", "brandId", "post"}
    assert event["data"]["post"]["id"] == post_id
    assert headers["x-outreply-timestamp"].isdigit()
    assert headers["x-outreply-delivery"] == event["id"]
    with pytest.raises(ValueError, match="signature"):
        construct_event(body + b" ", headers["x-outreply-signature"], webhook["secret"])


def test_fields_are_at_the_top_level(sdk: OutReply) -> None:
    created = sdk.webhooks.create(url="http://127.0.0.1:9/", events=["post.failed"])
    assert created == {**created["webhook"], "webhook": created["webhook"]}
    shown = sdk.webhooks.retrieve(created["id"])
    assert shown == {**shown["webhook"], "webhook": shown["webhook"]}
    assert set(created) - set(shown) == {"secret"}


def test_secret_is_not_listed(sdk: OutReply, receiver: Receiver) -> None:
    webhook = sdk.webhooks.create(url=receiver.url, events=["post.failed"])["webhook"]
    (listed,) = sdk.webhooks.list()["webhooks"]
    assert "secret" not in listed
    assert sdk.webhooks.retrieve(webhook["id"])["webhook"] == listed
    sdk.webhooks.delete(webhook["id"])
    with pytest.raises(OutReplyError) as not_found:
        sdk.webhooks.retrieve(webhook["id"])
    assert not_found.value.status == 404


@pytest.mark.parametrize(
    ("url", "events"),
    [
        ("https://example.com/hook", ["post.failed"]),
        ("http://192.168.1.1/", ["post.failed"]),
        ("ftp://127.0.0.1/", ["post.failed"]),
        ("http://[::1", ["post.failed"]),
        ("http://127.0.0.1/", ["post.nonsense"]),
        ("http://127.0.0.1/", []),
    ],
)
def test_invalid_webhook_is_rejected(sdk: OutReply, url: str, events: list[str]) -> None:
    with pytest.raises(OutReplyError) as error:
        sdk.webhooks.create(url=url, events=events)
    assert error.value.status == 400


def test_failed_delivery_is_retried(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    receiver.status = 500
    schedule(sdk)
    assert handle.request("advance", seconds=3600)["deliveries"] == 1
    for wait in (30, 120, 600, 1800, 7200):
        assert handle.request("advance", seconds=wait - 1)["deliveries"] == 0
        assert handle.request("advance", seconds=1)["deliveries"] == 1
    assert handle.request("advance", seconds=86_400)["deliveries"] == 0
    bodies = {body for _, body in receiver.requests}
    assert (len(receiver.requests), len(bodies)) == (6, 1)


def test_advance_runs_each_retry_at_its_time(
    sdk: OutReply, emulator: EmulatorServer, receiver: Receiver
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    times: list[datetime] = []
    receiver.status, receiver.on_request = 503, lambda: times.append(emulator.state.clock.now())
    schedule(sdk)
    assert emulator.handle.request("advance", seconds=86_400)["deliveries"] == 6
    assert [(b - a).total_seconds() for a, b in pairwise(times)] == [30, 120, 600, 1800, 7200]


def test_timestamp_is_the_machines_time(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver, emulator_clock: ManualClock
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    schedule(sdk)
    handle.request("advance", seconds=86_400)
    ((headers, _),) = receiver.requests
    assert int(headers["x-outreply-timestamp"]) == emulator_clock.current.timestamp()


def test_webhook_is_disabled_after_20_failures(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver
) -> None:
    webhook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]
    receiver.status = 404
    for index in range(4):
        schedule(sdk, at=f"2026-11-23T{13 + index}:00:00Z")
    handle.request("advance", seconds=86_400)
    subscription = sdk.webhooks.retrieve(webhook["id"])["webhook"]
    assert (subscription["active"], subscription["consecutive_failures"]) == (False, 20)
    assert len(receiver.requests) == 20


def test_both_secrets_sign_after_rotation(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver
) -> None:
    webhook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]
    rotated = handle.request("rotate", id=webhook["id"])
    schedule(sdk)
    schedule(sdk, at="2026-11-25T13:00:00Z")
    handle.request("advance", seconds=3 * 86_400)
    (first, body), (second, later) = receiver.requests
    for secret in (webhook["secret"], rotated["secret"]):
        construct_event(body, first["x-outreply-signature"], secret)
    construct_event(later, second["x-outreply-signature"], rotated["secret"])
    with pytest.raises(ValueError, match="signature"):
        construct_event(later, second["x-outreply-signature"], webhook["secret"])


def test_expired_page_sends_failed_event(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    post_id = schedule(sdk)
    emulator.state.connection.execute("UPDATE pages SET expired = 1")
    assert handle.request("advance", seconds=7200)["published"] == 0
    event = json.loads(receiver.requests[0][1])
    assert (event["event"], event["data"]["post"]["status"]) == ("post.failed", "failed")
    assert sdk.posts.retrieve_scheduled(post_id)["scheduled_post"]["status"] == "failed"


def test_quota_warning_is_sent_once(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    sdk.webhooks.create(url=receiver.url, events=["account.quota.warning"])
    db = emulator.state.connection
    db.execute("UPDATE users SET tier = 'free'")
    user = db.execute("SELECT id FROM users").fetchone()[0]
    db.execute("INSERT OR REPLACE INTO usage VALUES (?, '2026-11', 'publishes', 46)", (user,))
    for index in range(3):
        schedule(sdk, at=f"2026-11-23T{14 + index}:00:00Z")
    handle.request("advance", seconds=1)
    (event,) = (json.loads(body) for _, body in receiver.requests)
    assert event["data"]["bucket"] == "publishes"
    assert (event["data"]["used"], event["data"]["limit"]) == (48, 60)


def test_reply_sends_a_replied_event(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver
) -> None:
    sdk.webhooks.create(url=receiver.url, events=["comment.replied"])
    post = next(
        post
        for post in sdk.posts.list_published()["published_posts"]
        if post["metrics"]["comments"]
    )
    comment = sdk.comments.list(post_id=post["id"])["comments"][0]
    sdk.comments.reply(comment_id=comment["id"], message="Thanks")
    handle.request("advance", seconds=1)
    assert json.loads(receiver.requests[0][1])["data"]["reply"]["message"] == "Thanks"


def test_due_post_is_delivered_in_background(
    sdk: OutReply, emulator: EmulatorServer, emulator_clock: ManualClock, receiver: Receiver
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    schedule(sdk)
    emulator_clock.advance(3600)
    wait_until(lambda: len(receiver.requests) == 1)
    assert json.loads(receiver.requests[0][1])["created_at"] == "2026-11-23T13:00:00.000Z"
    row = emulator.state.connection.execute(
        "SELECT count(*) FROM posts WHERE status = 'scheduled'"
    ).fetchone()
    assert row[0] == 0


def test_due_events_are_in_order(
    sdk: OutReply, handle: EmulatorHandle, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    handle.request("freeze")
    events = ["post.published", "comment.received"]
    sdk.webhooks.create(url="http://127.0.0.1:9/", events=events)
    for hour in (13, 15):
        schedule(sdk, at=f"2026-11-23T{hour}:00:00Z")
    state = emulator.state
    post_id = sdk.posts.list_published()["published_posts"][0]["id"]
    with state.transaction() as db:
        due = emulator_clock.now().timestamp() + 2 * 3600
        add_incoming_comment(state, post_id, ("N", "n", "Between"), due)
        state.clock.set_time(emulator_clock.now() + timedelta(hours=5))
        process_due(state, state.clock.now())
        rows = db.execute("SELECT event, body FROM deliveries ORDER BY number").fetchall()
    delivered = [(row["event"], json.loads(row["body"])["created_at"][11:16]) for row in rows]
    assert delivered == [
        ("post.published", "13:00"), ("comment.received", "14:00"), ("post.published", "15:00"),
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["http://example.com/", "http://10.0.0.1/", "http://[::1", "ftp:/"])
def test_seed_rejects_external_webhook(handle: EmulatorHandle, url: str) -> None:
    text = f'accounts:\n  - webhooks: [{{url: "{url}", events: [post.failed]}}]'
    with pytest.raises(InvalidInputError, match=r"s.yaml:2: url: must be"):
        handle.request("seed", text=text, name="s.yaml")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://192.0.2.1/", "not sent: the URL is not on this machine"),
        ("http://[::1", "not sent: Invalid IPv6 URL"),
        ("http://127.0.0.1:99999/", "not sent: Port out of range 0-65535"),
    ],
)
def test_invalid_url_fails_only_its_delivery(  # noqa: PLR0917
    sdk: OutReply,
    handle: EmulatorHandle,
    receiver: Receiver,
    emulator: EmulatorServer,
    url: str,
    error: str,
) -> None:
    bad = sdk.webhooks.create(url="http://127.0.0.1:9/", events=EVENTS)["webhook"]["id"]
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    emulator.state.connection.execute("UPDATE hooks SET url = ? WHERE id = ?", (url, bad))
    schedule(sdk)
    assert handle.request("advance", seconds=3600)["deliveries"] == 2
    assert len(receiver.requests) == 1
    deliveries = handle.request("deliveries")["deliveries"]
    (row,) = [delivery for delivery in deliveries if delivery["webhook_id"] == bad]
    assert row["error"].startswith(error)


def test_worker_survives_exceptions(
    sdk: OutReply, emulator: EmulatorServer, emulator_clock: ManualClock, receiver: Receiver,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    db = emulator.state.connection
    with emulator.state.transaction():
        db.execute("ALTER TABLE deliveries RENAME TO hidden")
    log = ""

    def is_logged() -> bool:
        nonlocal log
        log += capfd.readouterr().err
        return "no such table: deliveries" in log

    wait_until(is_logged)
    with emulator.state.transaction():
        db.execute("ALTER TABLE hidden RENAME TO deliveries")
    schedule(sdk)
    emulator_clock.advance(3600)
    wait_until(lambda: len(receiver.requests) == 1)


def test_slow_response_times_out(receiver: Receiver) -> None:
    receiver.drips = 90
    result = deliver(receiver.url, b"{}", {}, reach=Reach.LOOPBACK, timeout=0.3)
    assert (result.status, result.error) == (None, "timed out")
    assert receiver.dripped < receiver.drips
    receiver.paused.set()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://no-such-name.invalid/", "unknown host"),
        ("http://192.0.2.1/", "not sent: the URL is not on this machine"),
        ("http://0.0.0.0:9/", "not sent: the URL is a link-local or metadata address"),
        ("http://localhost:9/", "connection refused"),
    ],
)
def test_address_is_checked_on_delivery(url: str, error: str) -> None:
    assert deliver(url, b"{}", {}, reach=Reach.LOOPBACK).error == error


def test_quota_warning_for_deliveries_is_sent_at_80_percent(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    db = emulator.state.connection
    db.execute("UPDATE users SET tier = 'free'")
    user = db.execute("SELECT id FROM users").fetchone()[0]
    db.execute("INSERT OR REPLACE INTO usage VALUES (?, '2026-11', 'webhooks', 1598)", (user,))
    for hour in range(13, 17):
        schedule(sdk, at=f"2026-11-23T{hour}:00:00Z")
    handle.request("advance", seconds=86_400)
    events = [json.loads(body) for _, body in receiver.requests]
    (warning,) = [event for event in events if event["event"] == "account.quota.warning"]
    assert warning["data"] == {"userId": user, "bucket": "webhooks", "used": 1600, "limit": 2000,
                              "percent": 80}  # fmt: skip
    db.execute("UPDATE usage SET used = 1999 WHERE bucket = 'webhooks'")
    for hour in (16, 17):
        schedule(sdk, at=f"2026-11-24T{hour}:00:00Z")
    assert handle.request("advance", seconds=86_400)["deliveries"] == 1
    assert handle.request("deliveries")["deliveries"][0]["error"] == "monthly quota"


def test_enabled_webhook_has_no_failures_and_gets_deliveries(
    sdk: OutReply, handle: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    webhook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]["id"]
    emulator.state.connection.execute("UPDATE hooks SET disabled_at = 1, failures = 20")
    assert handle.request("enable", id=webhook) == {"id": webhook, "active": True}
    subscription = sdk.webhooks.retrieve(webhook)["webhook"]
    assert (subscription["active"], subscription["consecutive_failures"]) == (True, 0)
    schedule(sdk)
    assert handle.request("advance", seconds=3600)["deliveries"] == 1
    with pytest.raises(EmulatorError):
        handle.request("enable", id="nope")
