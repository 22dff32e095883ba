"""`outreply serve-webhook`: its output, stop conditions and shutdown."""

import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from outreply_cli.completion.cache import CompletionCache
from tests.clocks import HurriedClock
from tests.command_line import CommandLine
from tests.commands.receiver_process import SECRET, parse_lines, run_receiver, send
from tests.webhooks.handler_server import run_handler, wait_for
from tests.webhooks.receiver_fixture import event_body


class _AcceptAll(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


def test_missing_secret_is_a_usage_error(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("serve-webhook", "--port", "0")
    assert ran.code == 2
    assert "OUTREPLY_WEBHOOK_SECRET" in ran.err
    assert "--no-verify" in ran.err


def test_jsonl_has_one_object_for_each_delivery(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out, "-o", "jsonl", "--max-events", "2") as receiver:
        first, second = event_body(), event_body("comment.received")
        assert send(receiver.url, first) == 200
        assert send(receiver.url, first) == 200
        assert send(receiver.url, first, "sha256=" + "0" * 64) == 401
        assert send(receiver.url, second) == 200
        ran = receiver.wait()
    assert ran.code == 0, ran.err
    items = parse_lines(ran)
    assert [list(item) for item in items] == [
        ["received_at", "id", "event", "verified", "reason", "duplicate", "bytes", "status",
         "latency_ms", "forward", "data"]
    ] * 4  # fmt: skip
    assert [item["verified"] for item in items] == [True, True, False, True]
    assert [item["duplicate"] for item in items] == [False, True, False, False]
    assert [item["status"] for item in items] == [200, 200, 401, 200]
    assert items[2]["reason"] == "signature mismatch"
    assert items[0]["data"] == json.loads(first)["data"]
    assert items[0]["id"] == json.loads(first)["id"]
    assert "2 verified, 1 duplicate, 1 invalid" in ran.err


def test_startup_messages_name_url_secret_and_next_steps(
    cli_logged_out: CommandLine,
) -> None:
    with run_receiver(cli_logged_out, "--path", "/hooks") as receiver:
        assert len(receiver.startup_lines) == 5
        assert receiver.url.endswith("/hooks")
        assert send(receiver.url, b"", path=f"{receiver.inspector_path}/queue") == 400
        assert receiver.startup_lines[2] == "Accepted secrets: OUTREPLY_WEBHOOK_SECRET.\n"
        assert f"webhooks create --url {receiver.url}" in receiver.startup_lines[3]
        assert "tunnel" in receiver.startup_lines[4]
        assert send(receiver.url, event_body(), path="/") == 404
        assert receiver.stop().code == 0


def test_page_is_named_from_cache(cli: CommandLine) -> None:
    assert cli.spawn("pages", "list").code == 0
    usernames = CompletionCache.load(
        next((cli.home / "state" / "completion").iterdir())
    ).usernames()
    (page,) = [page_id for page_id, name in usernames.items() if name == "bluebirdathome"]
    with run_receiver(cli, "--max-events", "1") as receiver:
        body = event_body("post.published", f"data.post.page_id={page}", "data.post.username=null")
        assert send(receiver.url, body) == 200
        ran = receiver.wait()
    assert "@bluebirdathome" in ran.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_finishes_delayed_responses(cli_logged_out: CommandLine, number: int) -> None:
    with run_receiver(cli_logged_out, "--delay", "2s") as receiver, ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(send, receiver.url, event_body()) for _ in range(2)]
        wait_for(lambda: count_stored(cli_logged_out) == 2)
        ran = receiver.stop(number)
        assert [future.result() for future in sent] == [200, 200]
    assert ran.code == 0
    assert "2 verified" in ran.err
    assert "Traceback" not in ran.err


def test_second_signal_drops_delayed_responses(cli_logged_out: CommandLine) -> None:
    words = ("--delay", "1h")
    with run_receiver(cli_logged_out, *words) as receiver, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send, receiver.url, event_body())
        wait_for(lambda: count_stored(cli_logged_out) == 1)
        receiver.process.send_signal(signal.SIGINT)
        assert receiver.process.stderr is not None
        assert receiver.process.stderr.readline().startswith("Waiting for 1 delayed response to")
        ran = receiver.stop(signal.SIGINT)
        assert sent.exception() is not None
    assert ran.code == 0


def test_refused_deliveries_are_not_waited_for(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out, "--delay", "1h") as receiver:
        assert send(receiver.url, event_body(), signature="sha256=00") == 401
        ran = receiver.stop()
    assert ran.code == 0
    assert "Waiting" not in ran.err


def count_stored(cli: CommandLine) -> int:
    return len(cli.run("webhooks", "history", "-q").out.splitlines())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("--max-events", "2"), ("--until", "event=post.failed")])
def test_signal_while_waiting_exits_130(
    cli_logged_out: CommandLine, words: tuple[str, ...], number: int
) -> None:
    with run_receiver(cli_logged_out, *words) as receiver:
        assert send(receiver.url, event_body()) == 200
        ran = receiver.stop(number)
    assert ran.code == 130
    assert "1 verified" in ran.err
    assert "Interrupted while waiting for an event" in ran.err


@pytest.mark.slow
def test_receiver_stops_at_the_awaited_event_or_timeout(cli_logged_out: CommandLine) -> None:
    body = event_body()
    post = json.loads(body)["data"]["post"]["id"]
    until = ("--until", f"event=post.published,data.post.id={post}")
    with run_receiver(cli_logged_out, *until, "--events", "post.*") as receiver:
        assert send(receiver.url, event_body("post.failed")) == 200
        assert send(receiver.url, event_body("post.published", "data.post.id=other")) == 200
        assert receiver.process.poll() is None
        assert send(receiver.url, body) == 200
        assert receiver.wait().code == 0
    other = ("--until", "data.post.id=other", "--events", "post.*")
    with run_receiver(cli_logged_out, *other, "--timeout", "1s") as receiver:
        ran = receiver.wait()
    assert ran.code == 124
    assert "Timed out waiting for an event" in ran.err
    with run_receiver(cli_logged_out, "--max-events", "1", "--timeout", "1s") as receiver:
        assert receiver.wait().code == 124
    with run_receiver(cli_logged_out, "--timeout", "1s") as receiver:
        assert receiver.wait().code == 0


def test_table_shows_the_event_and_the_reaction_of_the_sender(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out, "--respond", "500x3,200", "--max-events", "1") as receiver:
        body = event_body("post.published", "data.post.message=\x1b[31mred [bold]x[/]")
        assert send(receiver.url, body) == 500
        ran = receiver.wait()
    assert "\x1b" not in ran.out
    assert "post.published" in ran.out
    assert "@acme on Instagram" in ran.out
    assert "[bold]x[/]" in ran.out
    assert "sender will retry in 30 s; webhook disabled after 19 more failures" in ran.err


def test_history_lists_deliveries_and_replay_sends_them_again(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out) as receiver:
        body = event_body("post.published", "data.post.message=Hello")
        send(receiver.url, body)
        send(receiver.url, event_body("comment.received"))
        send(receiver.url, b"nonsense", "sha256=" + "0" * 64)
        listed = json.loads(cli_logged_out.run("webhooks", "history", "--json").out)
        assert [item["event"] for item in listed] == ["", "comment.received", "post.published"]
        assert (
            len(json.loads(cli_logged_out.run("webhooks", "history", "--invalid", "--json").out))
            == 1
        )
        some = cli_logged_out.run("webhooks", "history", "--event", "post.*", "-q").out.split()
        assert some == [json.loads(body)["id"]]
        again = cli_logged_out.run("webhooks", "replay", some[0], "--to", receiver.url)
        assert again.code == 0, again.err
        env = {"OUTREPLY_WEBHOOK_SECRET": SECRET}
        signed = cli_logged_out.run(
            "webhooks", "replay", "#1", "--resign", "--to", receiver.url, "--json", env=env
        )
        assert json.loads(signed.out)[0]["status"] == 200
        assert cli_logged_out.run("webhooks", "replay", "evt_none", "--to", receiver.url).code == 5
        seen = json.loads(cli_logged_out.run("webhooks", "history", "--json", "--limit", "2").out)
        assert [item["duplicate"] for item in seen] == [True, True]


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN], ids=["default", "ignored"])
def test_sigterm_stops_the_receiver_even_if_its_parent_ignores_it(
    cli_logged_out: CommandLine, handler: signal.Handlers
) -> None:
    previous = signal.signal(signal.SIGTERM, handler)
    try:
        with run_receiver(cli_logged_out) as receiver:
            stopped = receiver.stop(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert stopped.code == 0
    assert "Received: 0 verified" in stopped.err


def test_replay_of_partly_stored_delivery_is_rejected(cli_logged_out: CommandLine) -> None:
    """Only the first 64 KiB of the body of an invalid delivery are stored."""
    with run_receiver(cli_logged_out) as receiver:
        send(receiver.url, b" " * 70_000, "sha256=" + "0" * 64)
        send(receiver.url, b"nonsense", "sha256=" + "0" * 64)
        send(receiver.url, event_body("post.published", f"data.post.message={'x' * 70_000}"))
        to = ("--to", receiver.url)
        cut = cli_logged_out.run("webhooks", "replay", "#2", "#1", *to)
        assert cut.code == 2, cut.err
        assert "Delivery #1 is invalid, and only the start of its body is stored" in cut.err
        listed = json.loads(cli_logged_out.run("webhooks", "history", "--json").out)
        assert len(listed) == 3
        assert cli_logged_out.run("webhooks", "replay", "#3", *to).code == 0
        cli_logged_out.run("webhooks", "replay", "#2", *to)
        listed = json.loads(cli_logged_out.run("webhooks", "history", "--json").out)
        assert len(listed) == 5


@pytest.mark.parametrize(
    "words",
    [
        ["--path", "hooks"], ["--path", "/_inspect"], ["--path", "/a?b=c"], ["--path", "/a b"],
        ["--respond", "99"], ["--respond", "x"],
        ["--until", "event"], ["--relay-status"], ["--forward-to", "ftp://x"], ["--exec", "'"],
        ["--delay", "soon"], ["--timeout", "-1s"], ["-o", "yaml"], ["--secret-env", "UNSET"],
        ["--max-events", "0"], ["--fail-rate", "2"], ["--fail-rate", "nan"],
        ["--fail-rate", "-0.1"], ["--tolerance", "nan"], ["--tolerance", "inf"],
        ["--tolerance", "-1"], ["--exec", "/nonexistent"], ["--exec", "/"], ["--events", "zzz"],
        ["--events", "[[["], ["--events", ""], ["--events", ","], ["--events", "post.*,zzz"],
        ["--respond", "500x0"], ["--until", "event="], ["--until", "event=post.publish"],
        ["--until", ""], ["--until", "event=post.failed", "--events", "comment.*"],
        ["--forward-to", "http://8.8.8.8/"], ["--forward-to", "http://169.254.1.1/"],
        ["--exec", "sleep 1", "--exec-timeout", "0s"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_invalid_options_are_rejected(cli_logged_out: CommandLine, words: list[str]) -> None:
    ran = cli_logged_out.run(
        "serve-webhook", "--port", "0", *words, env={"OUTREPLY_WEBHOOK_SECRET": "x"}
    )
    assert ran.code == 2, ran.err
    assert ran.err.startswith("Error: ")
    assert words[0] in ran.err
    assert len(ran.err.splitlines()) == 2, ran.err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "*"])
@pytest.mark.parametrize("url", ["localhost:8484/hooks", "http://127.1:8484"])
def test_receiver_does_not_forward_to_itself(
    cli_logged_out: CommandLine, host: str, url: str
) -> None:
    ran = cli_logged_out.run(
        "serve-webhook", "--host", host, "--forward-to", url, "--forward-duplicates",
        env={"OUTREPLY_WEBHOOK_SECRET": "x"},
    )  # fmt: skip
    assert ran.code == 2, ran.err
    assert "8484" in ran.err
    assert "is this receiver" in ran.err


def test_objects_do_not_wait_for_another_receiver(cli_logged_out: CommandLine) -> None:
    words = ("-o", "jsonl", "--forward-to", "http://127.0.0.1:1/")
    with run_receiver(cli_logged_out, *words), run_receiver(cli_logged_out, *words) as second:
        assert second.process.stdout is not None
        assert second.process.stderr is not None
        assert send(second.url, event_body()) == 200
        assert "Another receiver forwards to" in second.process.stderr.readline()
        assert json.loads(second.process.stdout.readline())["forward"] == {}
        # While it runs, not at its end.
        assert second.process.poll() is None


def test_objects_do_not_wait_for_a_target_that_is_down(cli_logged_out: CommandLine) -> None:
    words = ("-o", "jsonl", "--forward-to", "http://127.0.0.1:1/")
    with run_receiver(cli_logged_out, *words) as receiver:
        assert receiver.process.stdout is not None
        for forward in ("connection refused", None, None):
            assert send(receiver.url, event_body()) == 200
            item = json.loads(receiver.process.stdout.readline())
            assert item["forward"].get("error") == forward
        # While it runs, not at its end.
        assert receiver.process.poll() is None


def test_object_of_a_delayed_response_has_its_forward(cli_logged_out: CommandLine) -> None:
    words = ("-o", "jsonl", "--delay", "1s", "--exec", "true")
    with run_receiver(cli_logged_out, *words) as receiver:
        assert receiver.process.stdout is not None
        assert send(receiver.url, event_body()) == 200
        item = json.loads(receiver.process.stdout.readline())
        assert (item["forward"]["target"], item["forward"]["status"]) == ("exec:true", 200)
        assert receiver.process.poll() is None


def test_last_events_are_forwarded(cli_logged_out: CommandLine) -> None:
    count = 10
    options = ["--exec", "cat", "--exec-concurrency", "1", "--max-events", str(count)]
    with run_receiver(cli_logged_out, *options) as receiver:
        for _ in range(count):
            assert send(receiver.url, event_body()) == 200
        ran = receiver.wait()
    assert ran.code == 0, ran.err
    assert f"{count} verified, {count} forwarded" in ran.err
    assert "still queued" not in ran.err


def is_listening(port: int | None) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port or 0), 10).close()
    except OSError:
        return False
    return True


def test_nothing_is_received_after_the_last_event(cli_logged_out: CommandLine) -> None:
    """Otherwise, a steady sender would keep a receiver from ending."""
    with run_handler() as app:
        app.verifies, app.gate = False, threading.Event()
        words = ("--forward-to", app.url, "--max-events", "1")
        with run_receiver(cli_logged_out, *words) as receiver:
            assert send(receiver.url, event_body()) == 200
            wait_for(lambda: bool(app.requests))
            wait_for(lambda: not is_listening(urlsplit(receiver.url).port))
            assert receiver.process.poll() is None
            app.gate.set()
            ran = receiver.wait()
    assert ran.code == 0, ran.err
    assert "1 verified, 1 forwarded" in ran.err


def test_rejected_last_event_stays_queued(cli_logged_out: CommandLine) -> None:
    options = ["--forward-to", "http://127.0.0.1:1/", "--max-events", "2"]
    with run_receiver(cli_logged_out, *options) as receiver:
        for _ in range(2):
            assert send(receiver.url, event_body()) == 200
        ran = receiver.wait()
    assert ran.code == 0, ran.err
    assert "2 deliveries are still queued" in ran.err


def test_url_in_two_spellings_is_one_target(cli_logged_out: CommandLine) -> None:
    with run_handler() as app:
        app.verifies = False
        spellings = [f"127.0.0.1:{app.server_port}", f"HTTP://127.0.0.1:{app.server_port}/"]
        words = [word for url in spellings for word in ("--forward-to", url)]
        with run_receiver(cli_logged_out, *words) as receiver:
            assert send(receiver.url, event_body()) == 200
            wait_for(lambda: bool(app.requests))
            assert receiver.stop().code == 0
        history = json.loads(cli_logged_out.run("webhooks", "history", "--json").out)
        assert [forward["target"] for forward in history[0]["forwards"]] == [
            f"http://127.0.0.1:{app.server_port}"
        ]


@pytest.mark.parametrize("words", [["-o", "json"], ["--json"]], ids=" ".join)
def test_json_is_rejected(cli_logged_out: CommandLine, words: list[str]) -> None:
    env = {"OUTREPLY_WEBHOOK_SECRET": "x"}
    ran = cli_logged_out.run("serve-webhook", "--port", "0", *words, env=env)
    assert (ran.code, ran.out) == (2, "")
    assert json.loads(ran.err)["error"]["hint"] == "Use -o jsonl."


def test_port_in_use_is_an_error(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out) as receiver:
        port = str(urlsplit(receiver.url).port)
        ran = cli_logged_out.run(
            "serve-webhook", "--port", port, env={"OUTREPLY_WEBHOOK_SECRET": "x"}
        )
        assert ran.code == 1
        assert ran.err.startswith(f"Error: Cannot listen on 127.0.0.1:{port}"), ran.err
        assert "Received" not in ran.err
        assert "--port" in ran.err


def test_webhook_is_registered_with_the_emulator_until_the_end(cli_logged_out: CommandLine) -> None:
    cli_logged_out.clock = HurriedClock(speed=1)
    started = cli_logged_out.spawn("emulator", "start", "--port", "0", "--json", "--comments", "1")
    assert started.code == 0, started.err
    cli_logged_out.environ["OUTREPLY_PROFILE"] = "emulator"
    try:
        with run_receiver(
            cli_logged_out, "--emulator", "--max-events", "3", "-o", "jsonl"
        ) as receiver:
            assert receiver.startup_lines[-1].startswith("Registered with the emulator")
            secrets = "Accepted secrets: the emulator's webhook, OUTREPLY_WEBHOOK_SECRET.\n"
            assert secrets in receiver.startup_lines
            assert send(receiver.url, event_body("comment.replied")) == 200
            assert not any("To register it" in line for line in receiver.startup_lines)
            (hook,) = json.loads(cli_logged_out.run("webhooks", "list", "--json").out)
            assert hook["url"] == receiver.url
            posted = cli_logged_out.run(
                "posts", "schedule", "--page", "x:bluebird", "--at", "in 1h", "-m", "Soon", "-q"
            )
            assert posted.code == 0, posted.err
            # A comment arrives within a day of its post, which is published in an hour.
            moved = cli_logged_out.run("emulator", "advance", "2d")
            assert moved.code == 0, moved.err
            ran = receiver.wait(30)
        assert ran.code == 0, ran.err
        items = parse_lines(ran)
        assert {"post.published"} <= {item["event"] for item in items}
        assert all(item["verified"] for item in items)
        assert json.loads(cli_logged_out.run("webhooks", "list", "--json").out) == []
    finally:
        cli_logged_out.run("emulator", "stop")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost", "http://localhost:"),
        ("127.0.0.1", "http://127.0.0.1:"),
        ("[127.0.0.1]", "http://127.0.0.1:"),
        ("[::1]", "http://[::1]:"),
        ("::1", "http://[::1]:"),
    ],
)
def test_receiver_listens_on_the_given_host(
    cli_logged_out: CommandLine, host: str, url: str
) -> None:
    if "::1" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with run_receiver(cli_logged_out, "--host", host) as receiver:
        assert receiver.url.startswith(url)
        assert send(receiver.url, event_body()) == 200
        assert "other machines" not in "".join(receiver.startup_lines)
        assert receiver.stop().code == 0


@pytest.mark.parametrize("host", ["*", "0.0.0.0"])  # noqa: S104
def test_receiver_on_all_addresses_warns_of_other_machines(
    cli_logged_out: CommandLine, host: str
) -> None:
    ran = cli_logged_out.run(
        "serve-webhook", "--port", "0", "--host", host, "--timeout", "1s",
        env={"OUTREPLY_WEBHOOK_SECRET": SECRET},
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "Receiving at http://127.0.0.1:" in ran.err
    assert "other machines can connect to port" in ran.err


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_unknown_host_is_an_error(cli_logged_out: CommandLine) -> None:
    env = {"OUTREPLY_WEBHOOK_SECRET": "x"}
    ran = cli_logged_out.run("serve-webhook", "--port", "0", "--host", "nosuch.invalid", env=env)
    assert ran.code == 1
    assert ran.err.startswith("Error: Cannot listen on nosuch.invalid"), ran.err
    assert "--host" in ran.err
    assert "Received" not in ran.err


def test_emulator_option_without_a_running_emulator_is_an_error(
    cli_logged_out: CommandLine,
) -> None:
    ran = cli_logged_out.run("serve-webhook", "--port", "0", "--emulator")
    assert ran.code != 0
    assert ran.err.startswith("Error: "), ran.err
    assert "Receiv" not in ran.err


def test_replay_number_out_of_range_is_not_found(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("webhooks", "replay", "#" + "9" * 30)
    assert ran.code == 5
    assert "delivery not found" in ran.err.lower()


def test_replay_clears_queue_and_failure(
    cli_logged_out: CommandLine,
) -> None:
    # Bound but not listening: it refuses connections, and its port stays reserved.
    app = HTTPServer(("127.0.0.1", 0), _AcceptAll, bind_and_activate=False)
    app.server_bind()
    url = f"http://127.0.0.1:{app.server_port}/"
    with run_receiver(cli_logged_out, "--forward-to", url) as receiver:
        assert send(receiver.url, event_body()) == 200
        while not cli_logged_out.run("webhooks", "history", "--failed", "-q").out:
            pass
        receiver.stop(signal.SIGKILL)
    listed = json.loads(cli_logged_out.run("webhooks", "history", "--failed", "--json").out)
    (forward,) = listed[0]["forwards"]
    assert list(forward) == [
        "target",
        "state",
        "status",
        "error",
        "latency_ms",
        "attempts",
        "due_at",
    ]
    assert datetime.fromisoformat(forward["due_at"])
    app.server_activate()
    thread = threading.Thread(target=app.serve_forever)
    thread.start()
    again = cli_logged_out.run("webhooks", "replay", "--failed", "--to", url)
    assert again.code == 0, again.err
    assert cli_logged_out.run("webhooks", "history", "--failed", "-q").out == ""
    with run_receiver(cli_logged_out, "--forward-to", url) as receiver:
        ran = receiver.stop()
    assert "still queued" not in ran.err
    app.shutdown()
    thread.join()
    app.server_close()
