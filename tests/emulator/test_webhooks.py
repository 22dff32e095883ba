"""Webhooks out of the emulator, judged by the official SDK's verifier on a real socket."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from outreply import OutReply, OutReplyError
from outreply.webhooks import construct_event

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.delivery import DeliveryWorker
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.incoming_comments import expect_comment
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from outreply_cli.net.deliver import deliver
from outreply_cli.net.dns import Resolver
from outreply_cli.net.ssrf import Reach
from tests.clocks import ManualClock

EVENTS = ["post.published", "post.failed", "comment.replied", "account.quota.warning"]


class Receiver(ThreadingHTTPServer):
    """Keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.drips = 0
        self.paused = threading.Event()
        self.dripped = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook?x=1"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response_only(self.server.status)
        with suppress(OSError):
            self.flush_headers()
            for _ in range(self.server.drips):
                self.wfile.write(b"X-Slow: 1\r\n")
                self.server.dripped += 1
                self.server.paused.wait(0.05)
            self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def schedule(sdk: OutReply, platform: str = "facebook", at: str = "2026-11-23T13:00:00Z") -> str:
    (page,) = sdk.pages.list(platform=platform)["pages"]
    post = sdk.posts.schedule(page_id=page["id"], message="Soon", scheduled_at=at)
    return str(post["scheduled_post"]["id"])


def test_a_published_post_is_told_with_a_signature_that_the_sdk_accepts(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver
) -> None:
    hook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]
    post_id = schedule(sdk)
    moved = steer.request("advance", seconds=7200)
    assert (moved["published"], moved["deliveries"]) == (1, 1)
    ((headers, body),) = receiver.got
    event = construct_event(body, headers["x-outreply-signature"], hook["secret"])
    assert event["event"] == headers["x-outreply-event"] == "post.published"
    assert event["created_at"] == "2026-11-23T13:00:00.000Z"
    assert set(event["data"]) == {"userId", "brandId", "post"}
    assert event["data"]["post"]["id"] == post_id
    assert headers["x-outreply-timestamp"].isdigit()
    assert headers["x-outreply-delivery"] == event["id"]
    with pytest.raises(ValueError, match="signature"):
        construct_event(body + b" ", headers["x-outreply-signature"], hook["secret"])


def test_subscriptions_are_listed_without_their_secret_and_deleted(
    sdk: OutReply, receiver: Receiver
) -> None:
    hook = sdk.webhooks.create(url=receiver.url, events=["post.failed"])["webhook"]
    (listed,) = sdk.webhooks.list()["webhooks"]
    assert "secret" not in listed
    assert sdk.webhooks.retrieve(hook["id"])["webhook"] == listed
    sdk.webhooks.delete(hook["id"])
    with pytest.raises(OutReplyError) as gone:
        sdk.webhooks.retrieve(hook["id"])
    assert gone.value.status == 404


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
def test_other_machines_and_other_events_are_refused(
    sdk: OutReply, url: str, events: list[str]
) -> None:
    with pytest.raises(OutReplyError) as refused:
        sdk.webhooks.create(url=url, events=events)
    assert refused.value.status == 400


def test_a_failed_delivery_is_tried_again_at_the_references_times(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    receiver.status = 500
    schedule(sdk)
    assert steer.request("advance", seconds=3600)["deliveries"] == 1
    for wait in (30, 120, 600, 1800, 7200):
        assert steer.request("advance", seconds=wait - 1)["deliveries"] == 0
        assert steer.request("advance", seconds=1)["deliveries"] == 1
    assert steer.request("advance", seconds=86_400)["deliveries"] == 0
    bodies = {body for _, body in receiver.got}
    assert (len(receiver.got), len(bodies)) == (6, 1)


def test_one_leap_of_the_clock_makes_every_retry_at_its_own_time(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    receiver.status = 503
    schedule(sdk)
    assert steer.request("advance", seconds=86_400)["deliveries"] == 6
    times = [int(headers["x-outreply-timestamp"]) for headers, _ in receiver.got]
    assert [b - a for a, b in pairwise(times)] == [30, 120, 600, 1800, 7200]


def test_after_twenty_failures_in_a_row_a_hook_is_disabled(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver
) -> None:
    hook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]
    receiver.status = 404
    for n in range(4):
        schedule(sdk, at=f"2026-11-23T{13 + n}:00:00Z")
    steer.request("advance", seconds=86_400)
    shown = sdk.webhooks.retrieve(hook["id"])["webhook"]
    assert (shown["active"], shown["consecutive_failures"]) == (False, 20)
    assert len(receiver.got) == 20


def test_after_a_rotation_both_secrets_sign_for_a_day(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver
) -> None:
    hook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]
    rotated = steer.request("rotate", id=hook["id"])
    schedule(sdk)
    schedule(sdk, at="2026-11-25T13:00:00Z")
    steer.request("advance", seconds=3 * 86_400)
    (first, body), (second, later) = receiver.got
    for secret in (hook["secret"], rotated["secret"]):
        construct_event(body, first["x-outreply-signature"], secret)
    construct_event(later, second["x-outreply-signature"], rotated["secret"])
    with pytest.raises(ValueError, match="signature"):
        construct_event(later, second["x-outreply-signature"], hook["secret"])


def test_a_page_that_expired_fails_its_post_and_tells_it(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    post_id = schedule(sdk)
    emulator.state.connection.execute("UPDATE pages SET expired = 1")
    assert steer.request("advance", seconds=7200)["published"] == 0
    event = json.loads(receiver.got[0][1])
    assert (event["event"], event["data"]["post"]["status"]) == ("post.failed", "failed")
    assert sdk.posts.retrieve_scheduled(post_id)["scheduled_post"]["status"] == "failed"


def test_eighty_percent_of_a_bucket_is_told_once_a_month(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    sdk.webhooks.create(url=receiver.url, events=["account.quota.warning"])
    db = emulator.state.connection
    db.execute("UPDATE users SET tier = 'free'")
    user = db.execute("SELECT id FROM users").fetchone()[0]
    db.execute("INSERT OR REPLACE INTO usage VALUES (?, '2026-11', 'publishes', 46)", (user,))
    for n in range(3):
        schedule(sdk, at=f"2026-11-23T{14 + n}:00:00Z")
    steer.request("advance", seconds=1)
    (event,) = (json.loads(body) for _, body in receiver.got)
    assert event["data"]["bucket"] == "publishes"
    assert (event["data"]["used"], event["data"]["limit"]) == (48, 60)


def test_a_reply_is_told(sdk: OutReply, steer: EmulatorHandle, receiver: Receiver) -> None:
    sdk.webhooks.create(url=receiver.url, events=["comment.replied"])
    post = next(
        p for p in sdk.posts.list_published()["published_posts"] if p["metrics"]["comments"]
    )
    comment = sdk.comments.list(post_id=post["id"])["comments"][0]
    sdk.comments.reply(comment_id=comment["id"], message="Thanks")
    steer.request("advance", seconds=1)
    assert json.loads(receiver.got[0][1])["data"]["reply"]["message"] == "Thanks"


def test_what_falls_due_is_told_though_nobody_calls(
    sdk: OutReply, emulator: EmulatorServer, emulator_clock: ManualClock, receiver: Receiver
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    schedule(sdk)
    emulator_clock.advance(3600)
    wait_until(lambda: len(receiver.got) == 1)
    assert json.loads(receiver.got[0][1])["created_at"] == "2026-11-23T13:00:00.000Z"
    row = emulator.state.connection.execute(
        "SELECT count(*) FROM posts WHERE status = 'scheduled'"
    ).fetchone()
    assert row[0] == 0


def test_what_fell_due_is_told_in_its_order_and_as_of_its_own_time(
    sdk: OutReply, steer: EmulatorHandle, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    steer.request("freeze")
    events = ["post.published", "comment.received"]
    sdk.webhooks.create(url="http://127.0.0.1:9/", events=events)
    for hour in (13, 15):
        schedule(sdk, at=f"2026-11-23T{hour}:00:00Z")
    state = emulator.state
    out = sdk.posts.list_published()["published_posts"][0]["id"]
    with state.transaction() as db:
        due = emulator_clock.now().timestamp() + 2 * 3600
        expect_comment(db, out, ("N", "n", "Between"), due)
        state.clock.set_time(emulator_clock.now() + timedelta(hours=5))
        process_due(state, db, state.clock.now())
        rows = db.execute("SELECT event, body FROM deliveries ORDER BY number").fetchall()
    told = [(row["event"], json.loads(row["body"])["created_at"][11:16]) for row in rows]
    assert told == [
        ("post.published", "13:00"), ("comment.received", "14:00"), ("post.published", "15:00"),
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["http://example.com/", "http://10.0.0.1/", "http://[::1", "ftp:/"])
def test_a_seed_sends_no_webhook_elsewhere(steer: EmulatorHandle, url: str) -> None:
    text = f'accounts:\n  - webhooks: [{{url: "{url}", events: [post.failed]}}]'
    with pytest.raises(InvalidInputError, match=r"s.yaml:2: url: must be"):
        steer.request("seed", text=text, name="s.yaml")


@pytest.mark.parametrize(
    ("url", "error"),
    [("http://192.0.2.1/", "not sent: the URL is not on this machine"), ("http://[::1", "ValueError"),
     ("http://127.0.0.1:99999/", "ValueError")],
)  # fmt: skip
def test_one_bad_url_fails_alone_and_the_others_are_told(  # noqa: PLR0917 - parts and a case
    sdk: OutReply,
    steer: EmulatorHandle,
    receiver: Receiver,
    emulator: EmulatorServer,
    url: str,
    error: str,
) -> None:
    bad = sdk.webhooks.create(url="http://127.0.0.1:9/", events=EVENTS)["webhook"]["id"]
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    emulator.state.connection.execute("UPDATE hooks SET url = ? WHERE id = ?", (url, bad))
    schedule(sdk)
    assert steer.request("advance", seconds=3600)["deliveries"] == 2
    assert len(receiver.got) == 1
    (row,) = [d for d in steer.request("deliveries")["deliveries"] if d["webhook_id"] == bad]
    assert row["error"].startswith(error)


def test_the_thread_survives_what_goes_wrong_in_it(
    sdk: OutReply, emulator: EmulatorServer, emulator_clock: ManualClock, receiver: Receiver,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    lookups = Resolver()
    deliverer = DeliveryWorker(emulator.state, lookups)
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    db = emulator.state.connection
    with emulator.state.transaction():
        db.execute("ALTER TABLE deliveries RENAME TO hidden")
    thread = threading.Thread(target=deliverer.run)
    thread.start()
    said = ""

    def told() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "no such table: deliveries" in said

    wait_until(told)
    assert thread.is_alive()
    with emulator.state.transaction():
        db.execute("ALTER TABLE hidden RENAME TO deliveries")
    schedule(sdk)
    emulator_clock.advance(3600)
    wait_until(lambda: len(receiver.got) == 1)
    deliverer.stop()
    thread.join()
    lookups.close()


def test_an_answer_that_drips_in_is_cut_at_the_end_of_its_time(receiver: Receiver) -> None:
    receiver.drips = 90
    lookups = Resolver()
    outcome = deliver(receiver.url, b"{}", {}, reach=Reach.LOOPBACK, timeout=0.3)
    assert (outcome.status, outcome.error) == (None, "timed out")
    assert receiver.dripped < receiver.drips
    receiver.paused.set()
    lookups.close()


def test_a_name_is_checked_when_it_is_sent_to() -> None:
    lookups = Resolver()
    for url in ("http://no-such-name.invalid/", "http://192.0.2.1/", "http://0.0.0.0:9/"):
        outcome = deliver(url, b"{}", {}, reach=Reach.LOOPBACK)
        assert outcome.error is not None
        assert outcome.error.startswith("not sent: the URL is not on this machine")
    assert deliver("http://localhost:9/", b"{}", {}, reach=Reach.LOOPBACK).error == (
        "ConnectionRefusedError"
    )
    lookups.close()


def test_deliveries_warn_of_their_own_bucket(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    sdk.webhooks.create(url=receiver.url, events=EVENTS)
    db = emulator.state.connection
    db.execute("UPDATE users SET tier = 'free'")
    user = db.execute("SELECT id FROM users").fetchone()[0]
    db.execute("INSERT OR REPLACE INTO usage VALUES (?, '2026-11', 'webhooks', 1598)", (user,))
    for hour in range(13, 17):
        schedule(sdk, at=f"2026-11-23T{hour}:00:00Z")
    steer.request("advance", seconds=86_400)
    events = [json.loads(body) for _, body in receiver.got]
    (warned,) = [event for event in events if event["event"] == "account.quota.warning"]
    assert warned["data"] == {"userId": user, "bucket": "webhooks", "used": 1600, "limit": 2000,
                              "percent": 80}  # fmt: skip
    db.execute("UPDATE usage SET used = 1999 WHERE bucket = 'webhooks'")
    for hour in (16, 17):
        schedule(sdk, at=f"2026-11-24T{hour}:00:00Z")
    assert steer.request("advance", seconds=86_400)["deliveries"] == 1
    assert steer.request("deliveries")["deliveries"][0]["error"] == "monthly quota"


def test_a_disabled_hook_is_enabled_again(
    sdk: OutReply, steer: EmulatorHandle, receiver: Receiver, emulator: EmulatorServer
) -> None:
    hook = sdk.webhooks.create(url=receiver.url, events=EVENTS)["webhook"]["id"]
    emulator.state.connection.execute("UPDATE hooks SET disabled_at = 1, failures = 20")
    assert steer.request("enable", id=hook) == {"id": hook, "active": True}
    shown = sdk.webhooks.retrieve(hook)["webhook"]
    assert (shown["active"], shown["consecutive_failures"]) == (True, 0)
    schedule(sdk)
    assert steer.request("advance", seconds=3600)["deliveries"] == 1
    with pytest.raises(EmulatorError):
        steer.request("enable", id="nobody")
