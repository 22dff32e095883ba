"""`outreply serve-webhook`: what scripts and people see of it, and how it ends."""

import http.client
import json
import signal
import threading
from urllib.parse import urlsplit

import pytest

from outreply_cli.completion.cache import CompletionCache
from outreply_cli.webhooks import sign
from tests.command_line import CommandLine
from tests.commands.receiver_process import SECRET, serving
from tests.webhooks.receiver_fixture import event_body


def send(url: str, body: bytes, signature: str | None = None, path: str | None = None) -> int:
    parts = urlsplit(url)
    link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"X-OutReply-Signature": signature or sign(body, SECRET)}
    link.request("POST", path or parts.path, body, headers)
    status = link.getresponse().status
    link.close()
    return status


def test_without_a_secret_it_does_not_start(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("serve-webhook", "--port", "0")
    assert ran.code == 2
    assert "OUTREPLY_WEBHOOK_SECRET" in ran.err
    assert "--no-verify" in ran.err


def test_one_object_a_line_with_the_keys_of_the_contract(cli_logged_out: CommandLine) -> None:
    with serving(cli_logged_out, "-o", "jsonl", "--max-events", "2") as receiver:
        first, second = event_body(), event_body("comment.received")
        assert send(receiver.url, first) == 200
        assert send(receiver.url, first) == 200
        assert send(receiver.url, first, "sha256=" + "0" * 64) == 401
        assert send(receiver.url, second) == 200
        ran = receiver.wait()
    assert ran.code == 0, ran.err
    items = receiver.objects(ran)
    assert [list(item) for item in items] == [
        ["received_at", "id", "event", "verified", "reason", "duplicate", "bytes", "status",
         "latency_ms", "forward", "data"]
    ] * 4  # fmt: skip
    assert [item["verified"] for item in items] == [True, True, False, True]
    assert [item["duplicate"] for item in items] == [False, True, False, False]
    assert [item["status"] for item in items] == [200, 200, 401, 200]
    assert items[2]["reason"] == "wrong signature"
    assert items[0]["data"] == json.loads(first)["data"]
    assert items[0]["id"] == json.loads(first)["id"]
    assert "2 good, 1 seen before, 1 bad" in ran.err


def test_it_tells_where_it_is_how_to_register_it_and_how_to_tunnel(
    cli_logged_out: CommandLine,
) -> None:
    with serving(cli_logged_out, "--path", "/hooks") as receiver:
        assert len(receiver.said) == 3
        assert receiver.url.endswith("/hooks")
        assert "/_inspect" in receiver.said[0]
        assert f"webhooks create --url {receiver.url}" in receiver.said[1]
        assert "tunnel" in receiver.said[2]
        assert send(receiver.url, event_body(), path="/") == 404
        assert receiver.end().code == 0


def test_it_names_the_page_that_was_listed_before(cli: CommandLine) -> None:
    assert cli.spawn("pages", "list").code == 0
    usernames = CompletionCache.load(
        next((cli.home / "state" / "completion").iterdir())
    ).usernames()
    (page,) = [known for known, name in usernames.items() if name == "bluebirdathome"]
    with serving(cli, "--max-events", "1") as receiver:
        body = event_body("post.published", f"data.post.page_id={page}", "data.post.username=null")
        assert send(receiver.url, body) == 200
        ran = receiver.wait()
    assert "@bluebirdathome" in ran.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_finishes_what_it_answers(cli_logged_out: CommandLine, number: int) -> None:
    with serving(cli_logged_out, "--delay", "1s") as receiver:
        statuses: list[int] = []
        sender = threading.Thread(
            target=lambda: statuses.append(send(receiver.url, event_body())), daemon=True
        )
        sender.start()
        while not cli_logged_out.run("webhooks", "history", "-q").out:
            pass
        ran = receiver.end(number, seconds=10)
        sender.join(10)
    assert ran.code == 0
    assert statuses == [200]
    assert "1 good" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("--max-events", "2"), ("--until", "event=post.failed")])
def test_ended_before_what_it_waits_for_it_is_no_success(
    cli_logged_out: CommandLine, words: tuple[str, ...], number: int
) -> None:
    with serving(cli_logged_out, *words) as receiver:
        assert send(receiver.url, event_body()) == 200
        ran = receiver.end(number)
    assert ran.code == 130
    assert "1 good" in ran.err
    assert "what was waited for" in ran.err


def test_it_waits_for_one_event_and_says_when_it_did_not_come(cli_logged_out: CommandLine) -> None:
    body = event_body()
    post = json.loads(body)["data"]["post"]["id"]
    until = ("--until", f"event=post.published,data.post.id={post}")
    with serving(cli_logged_out, *until, "--events", "post.*") as receiver:
        assert send(receiver.url, event_body("post.failed")) == 200
        assert send(receiver.url, event_body("post.published", "data.post.id=other")) == 200
        assert receiver.process.poll() is None
        assert send(receiver.url, body) == 200
        assert receiver.wait().code == 0
    other = ("--until", "data.post.id=other", "--events", "post.*")
    with serving(cli_logged_out, *other, "--timeout", "1s") as receiver:
        ran = receiver.wait()
    assert ran.code == 1
    assert "did not come in time" in ran.err
    with serving(cli_logged_out, "--timeout", "1s") as receiver:
        assert receiver.wait().code == 0


def test_a_line_tells_what_an_event_is_about_and_how_the_sender_takes_it(
    cli_logged_out: CommandLine,
) -> None:
    with serving(cli_logged_out, "--respond", "500x3,200", "--max-events", "1") as receiver:
        body = event_body("post.published", "data.post.message=\x1b[31mred [bold]x[/]")
        assert send(receiver.url, body) == 500
        ran = receiver.wait()
    assert "\x1b" not in ran.out
    assert "post.published" in ran.out
    assert "@acme on Instagram" in ran.out
    assert "[bold]x[/]" in ran.out
    assert "this 500 is tried again in 30 s; 19 more in a row disable the webhook" in ran.err


def test_what_is_received_can_be_seen_and_sent_again(cli_logged_out: CommandLine) -> None:
    with serving(cli_logged_out) as receiver:
        body = event_body("post.published", "data.post.message=Hello")
        send(receiver.url, body)
        send(receiver.url, event_body("comment.received"))
        send(receiver.url, b"nonsense", "sha256=" + "0" * 64)
        listed = json.loads(cli_logged_out.run("webhooks", "history", "--json").out)
        assert [item["event"] for item in listed] == ["", "comment.received", "post.published"]
        assert (
            len(json.loads(cli_logged_out.run("webhooks", "history", "--bad", "--json").out)) == 1
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
        assert cli_logged_out.run("webhooks", "replay", "evt_none", "--to", receiver.url).code == 2
        seen = json.loads(cli_logged_out.run("webhooks", "history", "--json", "--limit", "2").out)
        assert [item["duplicate"] for item in seen] == [True, True]


@pytest.mark.parametrize(
    "words",
    [
        ["--path", "hooks"], ["--path", "/_inspect"], ["--path", "/a?b=c"], ["--path", "/a b"],
        ["--respond", "99"], ["--respond", "x"],
        ["--until", "event"], ["--pass-status"], ["--forward-to", "ftp://x"], ["--exec", "'"],
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
def test_what_can_not_be_meant_is_refused_before_it_listens(
    cli_logged_out: CommandLine, words: list[str]
) -> None:
    ran = cli_logged_out.run(
        "serve-webhook", "--port", "0", *words, env={"OUTREPLY_WEBHOOK_SECRET": "x"}
    )
    assert ran.code == 2, ran.err
    assert ran.err.startswith("Error: ")
    assert words[0] in ran.err
    assert len(ran.err.splitlines()) == 2, ran.err


def test_a_port_that_is_taken_is_told(cli_logged_out: CommandLine) -> None:
    with serving(cli_logged_out) as receiver:
        port = str(urlsplit(receiver.url).port)
        ran = cli_logged_out.run(
            "serve-webhook", "--port", port, env={"OUTREPLY_WEBHOOK_SECRET": "x"}
        )
        assert ran.code == 1
        assert ran.err.startswith(f"Error: Can't listen on 127.0.0.1:{port}"), ran.err
        assert "Received" not in ran.err
        assert "--port" in ran.err


def test_with_the_emulator_it_registers_itself_and_goes_again(cli_logged_out: CommandLine) -> None:
    started = cli_logged_out.spawn("emulator", "start", "--port", "0", "--json", "--comments", "1")
    assert started.code == 0, started.err
    cli_logged_out.environ["OUTREPLY_PROFILE"] = "emulator"
    try:
        with serving(cli_logged_out, "--emulator", "--max-events", "2", "-o", "jsonl") as receiver:
            for line in receiver.process.stderr or ():
                if line.startswith("Registered with the emulator"):
                    break
            (hook,) = json.loads(cli_logged_out.spawn("webhooks", "list", "--json").out)
            assert hook["url"] == receiver.url
            posted = cli_logged_out.spawn(
                "posts", "schedule", "--page", "x:bluebird", "--at", "in 1h", "-m", "Soon", "-q"
            )
            assert posted.code == 0, posted.err
            # A comment comes in within the day after its post, which is out in an hour.
            moved = cli_logged_out.spawn("emulator", "advance", "2d")
            assert moved.code == 0, moved.err
            ran = receiver.wait(30)
        assert ran.code == 0, ran.err
        items = receiver.objects(ran)
        assert {"post.published"} <= {item["event"] for item in items}
        assert all(item["verified"] for item in items)
        assert json.loads(cli_logged_out.spawn("webhooks", "list", "--json").out) == []
    finally:
        cli_logged_out.spawn("emulator", "stop")


def test_a_host_that_is_none_is_told(cli_logged_out: CommandLine) -> None:
    env = {"OUTREPLY_WEBHOOK_SECRET": "x"}
    ran = cli_logged_out.run("serve-webhook", "--port", "0", "--host", "nosuch.invalid", env=env)
    assert ran.code == 1
    assert ran.err.startswith("Error: Can't listen on nosuch.invalid"), ran.err
    assert "--host" in ran.err
    assert "Received" not in ran.err


def test_without_an_emulator_only_that_is_told(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("serve-webhook", "--port", "0", "--emulator")
    assert ran.code != 0
    assert ran.err.startswith("Error: "), ran.err
    assert "Receiv" not in ran.err


def test_a_number_that_no_delivery_can_have_is_refused(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("webhooks", "replay", "#" + "9" * 30)
    assert ran.code == 2
    assert "there is no delivery" in ran.err.lower()


def test_what_a_replay_delivered_waits_no_more_and_is_no_failure(
    cli_logged_out: CommandLine,
) -> None:
    with serving(cli_logged_out) as app:
        url = app.url
        assert app.end().code == 0
    port = str(urlsplit(url).port)
    with serving(cli_logged_out, "--forward-to", url) as receiver:
        assert send(receiver.url, event_body()) == 200
        while not cli_logged_out.run("webhooks", "history", "--failed", "-q").out:
            pass
        receiver.end(signal.SIGKILL)
    other = CommandLine(cli_logged_out.home / "other", cli_logged_out.clock)
    with serving(other, "--port", port):
        again = cli_logged_out.run("webhooks", "replay", "--failed", "--to", url)
        assert again.code == 0, again.err
    assert cli_logged_out.run("webhooks", "history", "--failed", "-q").out == ""
    with serving(cli_logged_out, "--forward-to", url) as receiver:
        ran = receiver.end()
    assert "still wait" not in ran.err
