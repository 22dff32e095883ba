"""`outreply serve-webhook --tunnel`: the tool, the webhook, and leftovers of killed runs."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.subprocesses import identify_process
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.tunnel_record import TunnelRecord, new_record_file, save_record
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.commands.receiver_process import SECRET, ReceiverProcess, run_receiver
from tests.scripted_server import ScriptedServer, response
from tests.webhooks.receiver_fixture import event_body
from tests.webhooks.tunnel_tools import TOOLS, StandIns

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are scripts")
FIRST_URLS = {
    "cloudflared": "https://some-words-1.trycloudflare.com",
    "ngrok": "https://1b2c.ngrok-free.app",
    "tailscale": "https://machine.tail1234.ts.net",
}
NO_SECRET = {"OUTREPLY_WEBHOOK_SECRET": ""}


@pytest.fixture
def emulator(
    tmp_path: Path, emulator_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmulatorServer]:
    """An emulator that accepts webhooks of other machines, and resolves no names."""
    monkeypatch.setattr("outreply_cli.net.dns.resolve", lambda host: [])
    config = EmulatorConfig(is_lenient=True, allow_external=True)
    with EmulatorServer(tmp_path / "emulator.db", emulator_clock, config=config) as server:
        yield server


@pytest.fixture
def stand_ins(tmp_path: Path, cli_logged_out: CommandLine) -> Iterator[StandIns]:
    """Stand-ins in the command line's PATH."""
    installed = StandIns.install(tmp_path, cli_logged_out.environ)
    yield installed
    for pid in installed.running():
        os.kill(pid, signal.SIGKILL)


def hooks(emulator: EmulatorServer) -> list[dict[str, Any]]:
    rows = emulator.state.connection.execute("SELECT * FROM hooks ORDER BY number").fetchall()
    return [dict(row) for row in rows]


def records(cli: CommandLine) -> list[str]:
    return sorted(path.name for path in (cli.home / "state" / "tunnels").glob("*"))


def post(local_url: str, public_url: str, secret: str) -> int:
    """Send a delivery as a tunnel does: to the local port, with the public host."""
    local, public = urlsplit(local_url), urlsplit(public_url)
    connection = http.client.HTTPConnection(str(local.hostname), local.port, timeout=20)
    body = event_body()
    headers = {"X-OutReply-Signature": sign(body, secret), "Host": public.netloc}
    connection.request("POST", public.path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition did not become true")


def read_until(receiver: ReceiverProcess, text: str) -> str:
    assert receiver.process.stderr is not None
    for line in receiver.process.stderr:
        receiver.startup_lines.append(line)
        if text in line:
            return line
    raise AssertionError("".join(receiver.startup_lines))


@pytest.mark.parametrize("tool", TOOLS)
def test_tunnel_and_webhook_are_removed_when_the_command_exits(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns, tool: str
) -> None:
    words = ("--tunnel", tool, "--path", "/hooks", "--events", "post.*")
    with run_receiver(cli, *words, **NO_SECRET) as receiver:
        (hook,) = hooks(emulator)
        assert hook["url"] == f"{FIRST_URLS[tool]}/hooks"
        assert all(name.startswith("post.") for name in json.loads(hook["events"]))
        assert receiver.startup_lines[-1] == (
            f"Public URL: {hook['url']} ({tool}). Registered as webhook {hook['id']} until "
            "this command exits.\n"
        )
        assert post(receiver.url, hook["url"], hook["secret"]) == 200
        assert post(receiver.url, hook["url"], "another secret") == 401
        assert len(stand_ins.running()) == 1
        ran = receiver.stop()
    assert ran.code == 0, ran.err
    assert "Warning" not in ran.err
    assert hooks(emulator) == []
    assert stand_ins.running() == []
    assert records(cli) == []


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_gets_no_secrets(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns, tool: str
) -> None:
    env = {"MY_SECRET": "mine", "OUTREPLY_STORE_URL": ""}
    words = ("--tunnel", tool, "--secret-env", "MY_SECRET", "--max-events", "1")
    with run_receiver(cli, *words, **env) as receiver:
        (start,) = stand_ins.starts()
        assert receiver.url.rstrip("/") in start["words"]
        secrets = {emulator.token, SECRET, "mine", hooks(emulator)[0]["secret"]}
        assert not secrets & {*start["environ"].values(), *start["words"]}
        (path,) = (cli.home / "state" / "tunnels").glob("*.json")
        assert path.stat().st_mode & 0o077 == 0
        assert not any(secret in path.read_text() for secret in secrets)
        # The secret of the environment is accepted too.
        assert post(receiver.url, FIRST_URLS[tool] + "/", "mine") == 200
        ran = receiver.wait()
    assert ran.code == 0
    assert hooks(emulator) == []
    assert stand_ins.running() == []


def test_tunnel_exposes_the_receiver_only(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    with run_receiver(cli, "--tunnel", "tailscale") as receiver:
        local = urlsplit(receiver.url)
        public = urlsplit(hooks(emulator)[0]["url"]).netloc
        # tailscale forwards the Host header of the client, whatever it names.
        spoofed = {"Host": "127.0.0.1", "X-Forwarded-Host": "127.0.0.1"}
        for headers in ({"Host": public}, spoofed):
            root = receiver.inspector_path
            for method, path in (("GET", root), ("POST", f"{root}/1")):
                connection = http.client.HTTPConnection(str(local.hostname), local.port, timeout=20)
                connection.request(method, path, b"", headers)
                assert connection.getresponse().status == 404
                connection.close()


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_that_is_not_installed_is_an_error(cli: CommandLine, tool: str) -> None:
    ran = cli.run("serve-webhook", "--port", "0", "--tunnel", tool, env={"PATH": "/nonexistent"})
    assert ran.code == 2
    assert f"--tunnel: {tool} is not installed" in ran.err
    assert re.search(r"Install it: https://(developers\.cloudflare|ngrok|tailscale)\.com/", ran.err)
    assert not (cli.home / "state" / "webhooks.db").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--tunnel", "bore"), "unknown tool 'bore'"),
        (("--tunnel", "ngrok", "--emulator"), "cannot be used with --emulator"),
        (("--tunnel", "ngrok", "--no-verify"), "cannot be used with --no-verify"),
    ],
)
def test_invalid_combinations_are_rejected(
    cli: CommandLine, stand_ins: StandIns, words: tuple[str, ...], text: str
) -> None:
    ran = cli.run("serve-webhook", "--port", "0", *words)
    assert ran.code == 2
    assert text in ran.err
    assert stand_ins.starts() == []


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("cloudflared", "cloudflared exited with code 1; output: "),
        ("ngrok", "failed to reconnect session: authentication failed: no authtoken"),
        ("tailscale", "https://login.tailscale.com/f/funnel?node=n1"),
    ],
)
def test_tool_that_exits_immediately_is_an_error(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns, tool: str, text: str
) -> None:
    words = ("serve-webhook", "--port", "0", "--tunnel", tool)
    ran = cli.run(*words, env={"STAND_IN_MODE": "refused"})
    assert ran.code == 1
    assert text in ran.err
    assert f"Run it directly to find the cause: {tool} " in ran.err
    assert hooks(emulator) == []
    assert records(cli) == []


@pytest.mark.parametrize("tool", TOOLS)
def test_tool_without_a_public_url_is_an_error(
    cli: CommandLine,
    emulator: EmulatorServer,
    stand_ins: StandIns,
    tool: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("outreply_cli.webhooks.tunnel.START_SECONDS", 0.5)
    words = ("serve-webhook", "--port", "0", "--tunnel", tool)
    ran = cli.run(*words, env={"STAND_IN_MODE": "silent"})
    assert ran.code == 1
    assert f"{tool} printed no public URL within 0.5 s" in ran.err
    assert hooks(emulator) == []
    assert stand_ins.running() == []
    assert records(cli) == []


def test_signal_while_the_tool_starts_stops_it(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    env = {"STAND_IN_MODE": "silent"}
    process = cli.start("serve-webhook", "--port", "0", "--tunnel", "ngrok", env=env)
    wait_until(lambda: stand_ins.starts() != [])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted while ngrok was starting" in err.lower()
    assert stand_ins.running() == []
    assert hooks(emulator) == []


def test_tool_that_ignores_sigterm_is_killed(
    cli: CommandLine,
    emulator: EmulatorServer,
    stand_ins: StandIns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("outreply_cli.webhooks.tunnel.STOP_SECONDS", 0.2)
    words = ("serve-webhook", "--port", "0", "--tunnel", "cloudflared", "--timeout", "1s")
    ran = cli.run(*words, env={"STAND_IN_MODE": "stubborn"})
    assert ran.code == 0, ran.err
    assert stand_ins.running() == []
    assert hooks(emulator) == []


def test_tool_that_exits_is_restarted_with_a_new_webhook(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    with run_receiver(cli, "--tunnel", "cloudflared", **NO_SECRET) as receiver:
        (first,) = hooks(emulator)
        os.kill(stand_ins.running()[0], signal.SIGKILL)
        warning = read_until(receiver, "Warning")
        assert "cloudflared was killed by signal 9; retrying in 1 s" in warning
        line = read_until(receiver, "new public URL")
        (second,) = hooks(emulator)
        assert second["url"] == "https://some-words-2.trycloudflare.com/"
        assert second["url"] in line
        assert second["id"] in line
        assert post(receiver.url, second["url"], second["secret"]) == 200
        assert post(receiver.url, second["url"], first["secret"]) == 401
        ran = receiver.stop()
    assert ran.code == 0, ran.err
    assert hooks(emulator) == []
    assert stand_ins.running() == []
    assert records(cli) == []


def test_same_address_after_a_restart_keeps_the_webhook(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    with run_receiver(cli, "--tunnel", "tailscale") as receiver:
        before = hooks(emulator)
        os.kill(stand_ins.running()[0], signal.SIGKILL)
        read_until(receiver, "The tunnel is open again")
        assert hooks(emulator) == before
        assert receiver.stop().code == 0
    assert hooks(emulator) == []


@pytest.mark.parametrize(
    ("tool", "mode"), [("cloudflared", ""), ("ngrok", "stubborn"), ("tailscale", "")]
)
def test_leftovers_of_killed_run_are_removed_by_the_next_run(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns, tool: str, mode: str
) -> None:
    with run_receiver(cli, "--tunnel", tool, STAND_IN_MODE=mode) as receiver:
        receiver.stop(signal.SIGKILL)
    (left,) = hooks(emulator)
    (pid,) = stand_ins.running()
    with run_receiver(cli, "--tunnel", tool, STAND_IN_MODE="") as receiver:
        removed = f"{tool} (process {pid}), webhook {left['id']}."
        assert f"Removed leftovers of an earlier run: {removed}\n" in receiver.startup_lines
        assert left["id"] not in {hook["id"] for hook in hooks(emulator)}
        assert identify_process(pid) is None
        assert receiver.stop().code == 0
    assert hooks(emulator) == []
    assert records(cli) == []


@pytest.mark.parametrize("tool", TOOLS)
def test_concurrent_runs_leave_each_other_alone(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns, tool: str
) -> None:
    with run_receiver(cli, "--tunnel", tool) as first:
        with run_receiver(cli, "--tunnel", tool) as second:
            assert not any("leftovers" in line for line in second.startup_lines)
            urls = [hook["url"] for hook in hooks(emulator)]
            assert len(set(urls)) == 2
            assert len(stand_ins.running()) == 2
            assert second.stop().code == 0
        assert [hook["url"] for hook in hooks(emulator)] == urls[:1]
        assert len(stand_ins.running()) == 1
        assert first.stop().code == 0
    assert hooks(emulator) == []


def leave_record(cli: CommandLine, client_url: str, **values: Any) -> Path:
    """Write the record of a killed run."""
    with new_record_file(cli.home / "state") as file:
        record = TunnelRecord(**{
            "tool": "ngrok", "base_url": client_url, "profile": None, "token_digest": "", **values,
        })  # fmt: skip
        save_record(file, record)
    return file


def token_digest(cli: CommandLine, stand_ins: StandIns) -> str:
    with run_receiver(cli, "--tunnel", "ngrok") as receiver:
        (path,) = (cli.home / "state" / "tunnels").glob("*.json")
        digest = str(json.loads(path.read_text())["token_digest"])
        receiver.stop()
    return digest


def run_shortly(cli: CommandLine, tool: str = "cloudflared") -> str:
    ran = cli.run("serve-webhook", "--port", "0", "--tunnel", tool, "--timeout", "1s")
    assert ran.code == 0, ran.err
    return ran.err


def test_process_with_reused_id_is_left_alone(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with other:
        leave_record(cli, emulator.base_url, pid=other.pid, process_identity="an earlier process")
        err = run_shortly(cli)
        assert other.poll() is None
        other.communicate(b"\n", timeout=60)
    assert other.returncode == 0
    assert "leftovers" not in err
    assert records(cli) == []


def test_webhook_of_another_token_is_kept(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    path = leave_record(cli, emulator.base_url, token_digest="other", webhook_ids=["68a1"])
    err = run_shortly(cli)
    assert "68a1" in err
    assert "whose token is not available" in err
    assert json.loads(path.read_text())["webhook_ids"] == ["68a1"]


def test_webhook_of_another_profile_is_deleted_with_its_token(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    words = ("auth", "login", "--with-token", "--insecure-storage", "--profile", "other")
    stored = cli.run(*words, "--base-url", emulator.base_url, stdin=emulator.token)
    assert stored.code == 0, stored.err
    assert cli.run("webhooks", "create", "--url", "https://a.example/").code == 0
    (left,) = hooks(emulator)
    leave_record(
        cli, emulator.base_url, profile="other", token_digest="old", webhook_ids=[left["id"]]
    )
    assert f"webhook {left['id']}." in run_shortly(cli)
    assert hooks(emulator) == []
    assert records(cli) == []


def test_webhook_of_an_interrupted_run_is_removed_if_its_url_is_random(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    digest = token_digest(cli, stand_ins)
    urls = ["https://some-words-0.trycloudflare.com/", "https://mine.ngrok.app/"]
    for url in urls:
        assert cli.run("webhooks", "create", "--url", url).code == 0
        leave_record(cli, emulator.base_url, token_digest=digest, pending_url=url)
    err = run_shortly(cli)
    # A random host name is never reused; another one may belong to a webhook of the user.
    (kept,) = hooks(emulator)
    assert "Removed leftovers of an earlier run: webhook" in err
    assert kept["url"] == urls[1]
    assert f"outreply webhooks delete {kept['id']}" in err
    assert records(cli) == []


def test_webhook_of_the_user_at_the_same_url_is_kept(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    assert cli.run("webhooks", "create", "--url", FIRST_URLS["tailscale"] + "/").code == 0
    (mine,) = hooks(emulator)
    err = run_shortly(cli, "tailscale")
    assert f"webhook {mine['id']} sends to the same URL" in err
    assert hooks(emulator) == [mine]


def test_tunnel_url_is_shown_if_the_dashboard_manages_webhooks(
    cli_logged_out: CommandLine, stand_ins: StandIns
) -> None:
    refusal = response(404, {"error": "Not found", "code": "NOT_FOUND"})
    with ScriptedServer([refusal]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_" + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        words = ("serve-webhook", "--port", "0", "--tunnel", "ngrok")
        ran = cli_logged_out.run(*words, env=env)
        assert ran.code == 2
        assert "set OUTREPLY_WEBHOOK_SECRET" in ran.err
        assert stand_ins.starts() == []
        with run_receiver(cli_logged_out, "--tunnel", "ngrok", **env) as receiver:
            line = receiver.startup_lines[-1]
            assert "https://1b2c.ngrok-free.app/" in line
            assert "Register this URL in the dashboard" in line
            assert post(receiver.url, "https://1b2c.ngrok-free.app/", SECRET) == 200
            assert receiver.stop().code == 0
    assert stand_ins.running() == []
    assert records(cli_logged_out) == []


def test_token_that_may_not_create_webhooks_stops_the_tunnel(
    cli_logged_out: CommandLine, stand_ins: StandIns
) -> None:
    empty = response(200, {"webhooks": []})
    refusal = response(403, {"error": "Missing scope", "code": "INSUFFICIENT_SCOPE"})
    with ScriptedServer([empty, empty, refusal, empty]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_" + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("serve-webhook", "--port", "0", "--tunnel", "ngrok", env=env)
    assert ran.code == 4, ran.err
    assert len(stand_ins.starts()) == 1
    assert stand_ins.running() == []
    assert records(cli_logged_out) == []


def test_webhook_that_cannot_be_deleted_is_deleted_by_the_next_run(
    cli: CommandLine, emulator: EmulatorServer, stand_ins: StandIns
) -> None:
    with run_receiver(cli, "--tunnel", "cloudflared") as receiver:
        (left,) = hooks(emulator)
        emulator.handle.request("fault", add="status:403", options={"method": "DELETE"})
        ran = receiver.stop()
    assert ran.code == 0
    assert f"webhook {left['id']} was not deleted" in ran.err
    assert stand_ins.running() == []
    emulator.handle.request("fault", clear=None)
    assert f"Removed leftovers of an earlier run: webhook {left['id']}" in run_shortly(cli)
    assert hooks(emulator) == []
