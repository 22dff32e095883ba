"""Queues of deliveries: `webhooks queue`, --exec, filters, metrics, and shutdown."""

import http.client
import json
import re
import shlex
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from outreply_cli.webhooks import sign
from tests.command_line import CommandLine
from tests.commands.receiver_process import SECRET, ReceiverProcess, run_receiver, send
from tests.webhooks.conftest import open_team_store
from tests.webhooks.handler_server import run_handler, wait_for
from tests.webhooks.receiver_fixture import event_body

# Appends its process ID and the event to a file, then waits for another file.
JOB = (
    "import os, pathlib, sys, time; out, gate = map(pathlib.Path, sys.argv[1:]); "
    "out.open('a').write(os.environ['OUTREPLY_DELIVERY'] + '\\n'); "
    "print('job started', flush=True);\n"
    "while not gate.exists(): time.sleep(0.01)"
)


def queue(cli: CommandLine, *words: str) -> list[dict[str, Any]]:
    ran = cli.run("webhooks", "queue", "list", "--json", *words)
    assert ran.code == 0, ran.err
    listed: list[dict[str, Any]] = json.loads(ran.out)
    return listed


def has_attempts(cli: CommandLine) -> bool:
    return any(item["attempts"] for item in queue(cli))


def connect(port: int | None) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def fetch(port: int | None, path: str, **headers: str) -> tuple[int, str]:
    with closing(connect(port)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


def event_ids(*bodies: bytes) -> list[str]:
    return [json.loads(body)["id"] for body in bodies]


def test_rejected_delivery_is_shown_and_skipped(cli_logged_out: CommandLine) -> None:
    cli = cli_logged_out
    with run_handler() as app:
        app.verifies = False
        refused, accepted = event_body("post.failed"), event_body()
        app.refuses = lambda body: body == refused
        app.response_body = b"unknown page"
        with run_receiver(cli, "--forward-to", app.url) as receiver:
            for body in (refused, accepted):
                assert send(receiver.url, body) == 200
            wait_for(lambda: has_attempts(cli))
            first, second = queue(cli)
            assert first["id"] == json.loads(refused)["id"]
            assert (first["state"], first["status"], first["target"]) == ("queued", 500, app.url)
            assert (second["attempts"], second["status"]) == (0, None)
            shown = cli.run("webhooks", "queue", "list")
            assert str(first["number"]) in shown.out
            skipped = cli.run("webhooks", "queue", "skip", str(first["number"]))
            assert (skipped.code, skipped.err) == (0, "Skipped 1 delivery.\n")
            wait_for(lambda: accepted in [body for _, body in app.requests])
            (failed,) = queue(cli, "--failed")
            assert (failed["id"], failed["state"]) == (first["id"], "skipped")
            (entry,) = json.loads(cli.run("webhooks", "history", "--failed", "--json").out)
            assert entry["forwards"][0]["state"] == "skipped"
            ran = receiver.stop()
        assert "→ http" in ran.out or "to http" in ran.out
        assert "unknown page" in ran.err
        assert "1 forwarded" in ran.err
        assert f"Gave up on {first['id']} for {app.url}: skipped. To queue it again" in ran.err


def advised_words(text: str, err: str) -> list[str]:
    """The arguments of the command that a line of the receiver advises."""
    (command,) = re.findall(rf"{text}: outreply (.+)", err)
    return shlex.split(command)


def test_advice_to_skip_keeps_the_delivery_for_other_targets(cli_logged_out: CommandLine) -> None:
    cli = cli_logged_out
    down = "http://127.0.0.1:1"
    with run_handler() as app:
        app.verifies = False
        app.refuses = lambda _body: True
        with run_receiver(cli, "--forward-to", app.url, "--forward-to", down) as receiver:
            for _ in range(2):
                assert send(receiver.url, event_body()) == 200
            wait_for(
                lambda: all(item["attempts"] >= 3 for item in queue(cli) if item["number"] < 2)
            )
            ran = receiver.stop()
    (words,) = (
        shlex.split(line.partition(": outreply ")[2])
        for line in ran.err.splitlines()
        if "To skip it" in line and app.url in line
    )
    assert cli.run(*words).code == 0
    assert [item["number"] for item in queue(cli, "--to", app.url)] == [2]
    assert [item["number"] for item in queue(cli, "--to", down)] == [1, 2]


def test_advice_concerns_the_same_store(cli_logged_out: CommandLine, postgres_url: str) -> None:
    """A delivery with that number in the other store is another one."""
    cli = cli_logged_out
    open_team_store(postgres_url).close()
    cli.environ["OUTREPLY_STORE_URL"] = postgres_url
    with run_receiver(cli, "--team", "--exec", "sh -c 'exit 3'") as receiver:
        assert send(receiver.url, event_body()) == 200
        wait_for(lambda: bool(queue(cli, "--team", "--failed")))
        ran = receiver.stop()
    for text in ("  To queue it again", r"\(exit code 3\)\. To queue it again"):
        words = advised_words(text, ran.err)
        assert words[-3:] == ["--to", "exec:sh -c 'exit 3'", "--team"]
        retried = cli.run(*words)
        assert (retried.code, retried.err) == (0, "Retrying 1 delivery.\n")


def test_cleared_deliveries_can_be_retried(cli_logged_out: CommandLine) -> None:
    cli = cli_logged_out
    with run_handler() as app:
        app.verifies = False
        app.refuses = lambda _body: True
        bodies = [event_body() for _ in range(3)]
        with run_receiver(cli, "--forward-to", app.url) as receiver:
            for body in bodies:
                send(receiver.url, body)
            wait_for(lambda: has_attempts(cli))
            receiver.stop()
        refused = cli.run("webhooks", "queue", "clear")
        assert refused.code == 2
        assert "--yes" in refused.err
        assert len(queue(cli)) == 3
        cleared = cli.run("webhooks", "queue", "clear", "--to", app.url, "--yes")
        assert (cleared.code, cleared.err) == (0, "Skipped 3 deliveries.\n")
        assert queue(cli) == []
        retried = cli.run("webhooks", "queue", "retry", "--failed", "-q")
        assert retried.out.split() == event_ids(*bodies)
        app.refuses = lambda _body: False
        app.requests.clear()
        with run_receiver(cli, "--forward-to", app.url):
            wait_for(lambda: len(app.requests) == 3)
        assert [body for _, body in app.requests] == bodies


def test_invalid_arguments_of_queue_are_an_error_that_says_why(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out) as receiver:
        send(receiver.url, event_body())
        receiver.stop()
    for words, code, text in (
        (("skip",), 2, "no deliveries selected"),
        (("retry",), 2, "no deliveries selected"),
        (("skip", "99"), 5, "delivery not found: 99"),
        (("skip", "1"), 5, "it was never queued"),
        (("retry", "1", "--to", "localhost:9/"), 5, "for http://localhost:9"),
        (("list", "--limit", "0"), 2, "--limit"),
        (("list", "--team"), 2, "OUTREPLY_STORE_URL"),
    ):
        ran = cli_logged_out.run("webhooks", "queue", *words)
        assert ran.code == code, (words, ran.err)
        assert text.lower() in ran.err.lower(), words


def test_spelling_of_a_target_does_not_matter(cli_logged_out: CommandLine) -> None:
    """What is replayed to a queued target, or cleared, is not forwarded once more."""
    cli = cli_logged_out
    with run_handler() as app:
        app.verifies = False
        app.script = [500] * 9
        with run_receiver(cli, "--forward-to", f"localhost:{app.server_port}") as receiver:
            for _ in range(2):
                assert send(receiver.url, event_body()) == 200
            wait_for(lambda: bool(app.requests))
            receiver.stop()
        assert [item["state"] for item in queue(cli)] == ["queued"] * 2
        app.script = []
        url = f"HTTP://LOCALHOST:{app.server_port}/"
        assert cli.run("webhooks", "replay", "1", "--to", url).code == 0
        assert [item["number"] for item in queue(cli, "--to", url)] == [2]
        assert cli.run("webhooks", "queue", "clear", "--to", url, "--yes").code == 0
        assert queue(cli) == []


def test_replay_accepts_number_from_history(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out) as receiver:
        send(receiver.url, event_body())
        (item,) = json.loads(cli_logged_out.run("webhooks", "history", "--json").out)
        ran = cli_logged_out.run(
            "webhooks", "replay", str(item["number"]), "--to", receiver.url, "--json"
        )
        assert ran.code == 0, ran.err
        (result,) = json.loads(ran.out)
        assert json.loads(result["response"]["body"])["received"] is True
        verbose = json.loads(cli_logged_out.run("webhooks", "history", "-v").out)
        assert [attempt["target"] for attempt in verbose[-1]["attempts"]] == [
            receiver.url.rstrip("/")
        ]
        assert verbose[-1]["attempts"][0]["response"]["status"] == 200


@pytest.mark.parametrize("option", ["--resign", None])
def test_invalid_delivery_is_not_signed(cli_logged_out: CommandLine, option: str | None) -> None:
    cli = cli_logged_out
    cli.environ["OUTREPLY_WEBHOOK_SECRET"] = SECRET
    with run_receiver(cli) as receiver:
        assert send(receiver.url, event_body()) == 200
        assert send(receiver.url, event_body(), sign(event_body(), "whsec_forged")) == 401
        receiver.stop()
    words = [option] if option else []
    with run_handler() as app:
        app.verifies = False
        to = ("--to", f"localhost:{app.server_port}", *words)
        ran = cli.run("webhooks", "replay", "--since", "2h", *to, "--json")
        assert ran.code == 0, ran.err
        assert [item["number"] for item in json.loads(ran.out)] == [1]
        assert len(app.requests) == 1
        named = cli.run("webhooks", "replay", "1", "2", *to)
        if option is not None:
            assert (named.code, len(app.requests)) == (2, 1)
            assert "delivery #2 is invalid" in named.err
        else:
            assert (named.code, len(app.requests)) == (0, 3)


@pytest.mark.parametrize("secret", ["whsec_plain-secret", "gehéim-Ключ-🐦-secret"])
@pytest.mark.parametrize("cut", [0, 3])
def test_secret_in_a_response_is_hidden(cli_logged_out: CommandLine, secret: str, cut: int) -> None:
    with run_handler() as app:
        app.verifies = False
        app.response_headers = {"X-Echo": secret.encode().decode("latin-1")}
        app.response_body = f"{secret} {json.dumps(secret)}".encode()
        if cut:
            # More than is stored, which ends in a part of the secret.
            start = 64 * 1024 - len(secret.encode()) + cut
            app.response_body = b"." * start + secret.encode() + b"." * 9
        to = ("--to", f"localhost:{app.server_port}", "--secret-env", "OWN")
        ran = cli_logged_out.run("webhooks", "trigger", "post.failed", *to, "--json",
                                 env={"OWN": secret})  # fmt: skip
    assert ran.code == 0, ran.err
    (item,) = json.loads(ran.out)
    shown = json.dumps(item["response"], ensure_ascii=False)
    assert "X-Echo" in shown
    assert secret[-6:] not in shown
    assert secret[:8] not in shown


def test_editor_gets_no_secret(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    cli, seen = cli_logged_out, tmp_path / "seen"
    with run_receiver(cli) as receiver:
        assert send(receiver.url, event_body()) == 200
        receiver.stop()
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\nenv > {shlex.quote(str(seen))}\n")
    editor.chmod(0o755)
    env = {"OWN_SECRET": SECRET, "OUTREPLY_WEBHOOK_SECRET": "whsec_other", "EDITOR": str(editor)}
    with run_handler() as app:
        app.verifies = False
        words = ("--edit", "--secret-env", "OWN_SECRET", "--to", f"localhost:{app.server_port}")
        assert cli.run("webhooks", "replay", "1", *words, env=env).code == 0
    assert "EDITOR" in seen.read_text()
    assert SECRET not in seen.read_text()
    assert "whsec_other" not in seen.read_text()


def test_two_receivers_forward_each_delivery_once(cli_logged_out: CommandLine) -> None:
    with run_handler() as app:
        app.verifies = False
        words = ("--forward-to", app.url)
        bodies = [event_body() for _ in range(40)]
        with (
            run_receiver(cli_logged_out, *words) as first,
            run_receiver(cli_logged_out, *words) as second,
        ):
            for index, body in enumerate(bodies):
                assert send((first, second)[index % 2].url, body) == 200
            # An attempt that was not recorded would be repeated.
            wait_for(lambda: not queue(cli_logged_out))
            first.stop(signal.SIGKILL)
            bodies.append(event_body())
            assert send(second.url, bodies[-1]) == 200
            wait_for(lambda: len(app.requests) == 41)
            ran = second.stop()
        assert f"Another receiver forwards to {app.url}" in ran.err
        assert [body for _, body in app.requests] == bodies


def has_text(path: Path) -> bool:
    return path.exists() and path.read_text() != ""


def job_words(tmp_path: Path) -> tuple[str, Path, Path]:
    out, gate = tmp_path / "out", tmp_path / "gate"
    return shlex.join([sys.executable, "-c", JOB, str(out), str(gate)]), out, gate


def interrupt_command(receiver: ReceiverProcess, out: Path) -> str:
    """Press Ctrl-C while the command runs; return the line that this prints."""
    send(receiver.url, event_body())
    wait_for(lambda: has_text(out))
    receiver.process.send_signal(signal.SIGINT)
    assert receiver.process.stderr is not None
    return receiver.process.stderr.readline()


def test_ctrl_c_waits_for_command(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    words, out, gate = job_words(tmp_path)
    with run_receiver(cli_logged_out, "--exec", words) as receiver:
        line = interrupt_command(receiver, out)
        assert line == "Waiting for 1 forward attempt to finish. Press Ctrl-C again to stop now.\n"
        gate.touch()
        ran = receiver.wait()
    assert ran.code == 0
    assert "1 forwarded" in ran.err
    assert queue(cli_logged_out) == []
    (item,) = json.loads(cli_logged_out.run("webhooks", "history", "-v").out)
    assert item["attempts"][0]["response"]["body"] == "job started\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_waits_for_the_response_of_the_handler(
    cli_logged_out: CommandLine, number: signal.Signals
) -> None:
    with run_handler() as app, ThreadPoolExecutor(1) as pool:
        app.verifies = False
        app.script = [202]
        app.gate = threading.Event()
        words = ("--forward-to", app.url, "--relay-status")
        with run_receiver(cli_logged_out, *words) as receiver:
            sent = pool.submit(send, receiver.url, event_body())
            wait_for(lambda: len(app.requests) == 1)
            receiver.process.send_signal(number)
            assert receiver.process.stderr is not None
            assert receiver.process.stderr.readline().startswith("Waiting for 1 forward attempt")
            app.gate.set()
            ran = receiver.wait()
        assert (sent.result(), ran.code) == (202, 0)


def test_last_event_is_forwarded_before_the_end(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    words, out, gate = job_words(tmp_path)
    gate.touch()
    with run_handler() as app:
        app.verifies = False
        targets = ("--exec", words, "--forward-to", app.url)
        with run_receiver(cli_logged_out, *targets, "--max-events", "3") as receiver:
            bodies = [event_body() for _ in range(3)]
            for body in bodies:
                send(receiver.url, body)
            assert receiver.wait().code == 0
        assert sorted(out.read_text().split()) == sorted(json.loads(body)["id"] for body in bodies)
        assert [body for _, body in app.requests] == bodies
    assert queue(cli_logged_out) == []


def test_second_ctrl_c_kills_command(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    words, out, gate = job_words(tmp_path)
    with run_receiver(cli_logged_out, "--exec", words) as receiver:
        interrupt_command(receiver, out)
        ran = receiver.stop(signal.SIGINT)
    assert ran.code == 0
    assert "webhooks queue retry 1" in ran.err
    (item,) = queue(cli_logged_out, "--failed")
    assert item["error"] == "killed because outreply stopped"
    gate.touch()
    with run_receiver(cli_logged_out, "--exec", words) as receiver:
        other = event_body()
        send(receiver.url, other)
        wait_for(lambda: len(out.read_text().split()) == 2)
        assert receiver.stop().code == 0
    assert out.read_text().split()[1:] == event_ids(other)


def test_command_of_killed_receiver_is_not_rerun(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    words, out, gate = job_words(tmp_path)
    with run_receiver(cli_logged_out, "--exec", words) as receiver:
        body = event_body()
        send(receiver.url, body)
        wait_for(lambda: has_text(out))
        (running,) = queue(cli_logged_out)
        assert running["state"] == "running"
        receiver.stop(signal.SIGKILL)
    gate.touch()
    with run_receiver(cli_logged_out, "--exec", words) as receiver:
        wait_for(lambda: bool(queue(cli_logged_out, "--failed")))
        assert out.read_text().split() == event_ids(body)
        retried = cli_logged_out.run("webhooks", "queue", "retry", "1")
        assert retried.code == 0, retried.err
        wait_for(lambda: len(out.read_text().split()) == 2)
        ran = receiver.stop()
    assert "the receiver stopped while the command was running" in ran.out + ran.err
    assert "webhooks queue retry 1" in ran.err


def test_hanging_handlers_do_not_block_health_check(cli_logged_out: CommandLine) -> None:
    with run_handler() as app:
        app.verifies = False
        gate = app.gate = threading.Event()
        with run_receiver(cli_logged_out, "--forward-to", app.url, "--relay-status") as receiver:
            port = urlsplit(receiver.url).port
            with ExitStack() as stack:
                senders = []
                for _ in range(20):
                    connection = stack.enter_context(closing(connect(port)))
                    body = event_body()
                    headers = {"X-OutReply-Signature": sign(body, SECRET)}
                    connection.request("POST", "/", body, headers)
                    senders.append(connection)
                wait_for(lambda: len(app.requests) >= 8)
                assert fetch(port, "/healthz")[0] == 200
                gate.set()
                assert {connection.getresponse().status for connection in senders} == {200}


def test_filters_select_what_is_shown_forwarded_and_listed(cli_logged_out: CommandLine) -> None:
    with run_handler() as app:
        app.verifies = False
        words = (
            "--filter", "data.post.platform!=x",
            "--forward-to", f"{app.url} event=post.published", "--max-events", "2",
        )  # fmt: skip
        published, failed = event_body(), event_body("post.failed")
        with run_receiver(cli_logged_out, *words, "-o", "jsonl") as receiver:
            send(receiver.url, event_body("post.published", "data.post.platform=x"))
            send(receiver.url, published)
            send(receiver.url, failed)
            ran = receiver.wait()
        shown = [json.loads(line) for line in ran.out.splitlines()]
        assert {item["id"] for item in shown} == set(event_ids(published, failed))
        assert [body for _, body in app.requests] == [published]
    listed = cli_logged_out.run("webhooks", "history", "--filter", "event=post.*", "-q")
    assert len(listed.out.split()) == 3
    listed = cli_logged_out.run("webhooks", "history", "--filter", "data.post.platform=x", "-q")
    assert len(listed.out.split()) == 1


def test_metrics_count_deliveries_and_attempts_without_secrets(cli_logged_out: CommandLine) -> None:
    with run_handler() as app:
        url = f"{app.url}&token=secret"
        app.verifies = False
        with run_receiver(cli_logged_out, "--forward-to", url) as receiver:
            body = event_body()
            send(receiver.url, body)
            send(receiver.url, body)
            send(receiver.url, body, "sha256=" + "0" * 64)
            wait_for(lambda: not queue(cli_logged_out))

            port = urlsplit(receiver.url).port
            status, text = fetch(port, "/metrics")
            assert status == 200
            lines = text.splitlines()
            assert 'outreply_webhook_deliveries_total{state="duplicate"} 1' in lines
            assert 'outreply_webhook_deliveries_total{state="verified"} 1' in lines
            assert 'outreply_webhook_deliveries_total{state="invalid"} 1' in lines
            assert "outreply_webhook_response_seconds_count 3" in lines
            target = url.partition("?")[0]
            attempts = 'outreply_webhook_forward_attempts_total{target="%s",result="accepted"} 1'
            assert attempts % target in lines
            assert "secret" not in text
            # A tunnel adds this header.
            assert fetch(port, "/metrics", **{"X-Forwarded-For": "203.0.113.7"})[0] == 404
