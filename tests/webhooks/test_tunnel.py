"""The public URL in the output of each tool, and the ports of tailscale."""

import json
import os
import sys
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest

from outreply_cli.errors import InterruptedRunError, OutReplyError, StorageError
from outreply_cli.webhooks import tunnel as tunnel_module
from outreply_cli.webhooks.tunnel import TOOLS, Tunnel, TunnelError, find_tool
from outreply_cli.webhooks.tunnel_record import (
    TunnelRecord,
    claim_leftovers,
    new_record_file,
    save_record,
)

NGROK = {"lvl": "info", "msg": "started tunnel", "addr": "http://127.0.0.1:1"}
ENABLE = "https://login.tailscale.com/f/funnel?node=n1"


@pytest.mark.parametrize(
    ("tool", "line", "url"),
    [
        ("cloudflared", "INF |  https://a-b-c.trycloudflare.com   |", "https://a-b-c.trycloudflare.com"),
        ("cloudflared", "https://a-b-c.trycloudflare.com", "https://a-b-c.trycloudflare.com"),
        ("cloudflared", 'ERR Post "https://api.trycloudflare.com/tunnel": EOF', None),
        ("cloudflared", "INF https://a.trycloudflare.com.attacker.example |", None),
        ("cloudflared", "INF Terms: https://www.cloudflare.com/website-terms/", None),
        ("ngrok", json.dumps({**NGROK, "url": "https://a.ngrok-free.app"}), "https://a.ngrok-free.app"),
        ("ngrok", json.dumps({**NGROK, "url": "http://a.ngrok.io"}), None),
        ("ngrok", json.dumps({**NGROK, "url": 5}), None),
        ("ngrok", json.dumps({"msg": "update available", "url": "https://ngrok.com"}), None),
        ("ngrok", "ERROR: https://ngrok.com/docs/errors", None),
        ("ngrok", "[]", None),
        ("tailscale", "https://m.tail1.ts.net/", "https://m.tail1.ts.net"),
        ("tailscale", "https://m.tail1.ts.net:8443/", "https://m.tail1.ts.net:8443"),
        ("tailscale", "|-- proxy http://127.0.0.1:8484", None),
        ("tailscale", f"         {ENABLE}", None),
    ],
)  # fmt: skip
def test_find_url_finds_only_the_public_url_of_the_tool(
    tool: str, line: str, url: str | None
) -> None:
    assert TOOLS[tool].find_url(line) == url


@pytest.mark.parametrize(
    ("status", "port"),
    [
        ("", 443),
        ("null", 443),
        ("not JSON", 443),
        ('{"Foreground": null, "TCP": null}', 443),
        ('{"TCP": {"80": {}, "443": {"HTTPS": true}}}', 8443),
        ('{"TCP": {"443": {}}, "Foreground": {"x": {"TCP": {"8443": {}}}}}', 10_000),
        ('{"TCP": {"443": {}, "8443": {}, "10000": {}}}', 443),
    ],
)
def test_tailscale_uses_the_next_port_if_one_is_in_use(status: str, port: int) -> None:
    words = TOOLS["tailscale"].arguments("http://127.0.0.1:1", lambda *_: status)
    assert words == ["funnel", f"--https={port}", "http://127.0.0.1:1"]


def test_tool_is_looked_up_in_the_given_path(tmp_path: Path) -> None:
    program = tmp_path / "ngrok"
    program.write_text("")
    program.chmod(0o755)
    tool, path = find_tool("ngrok", {"PATH": str(tmp_path)})
    assert (tool.name, path) == ("ngrok", str(program))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sessions")
def test_question_of_a_tool_gets_the_signals_of_the_terminal(tmp_path: Path) -> None:
    # Ctrl-C reaches the processes in the session of the terminal.
    program = tmp_path / "tailscale"
    program.write_text(f"#!{sys.executable}\nimport os; print(os.getsid(0), end='')\n")
    program.chmod(0o755)
    tunnel = Tunnel(
        TOOLS["tailscale"], str(program), "http://127.0.0.1:1", {}, on_start=print, on_url=print,
        on_warning=print,
    )  # fmt: skip
    assert tunnel._query("status") == str(os.getsid(0))


# Prints a URL with the number of its run, and exits once the file `gate` is there.
FLAKY = """
import json, pathlib, time
runs = pathlib.Path(__file__).with_name("runs")
run = int(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text(str(run))
if run == 2:
    raise SystemExit(3)
print(json.dumps({"msg": "started tunnel", "url": f"https://a{run}.ngrok-free.app"}), flush=True)
gate = pathlib.Path(__file__).with_name("gate")
while not gate.exists():
    time.sleep(0.01)
gate.unlink()
"""


class OpenTunnel:
    """A tunnel whose tool is a script, with what it reported."""

    def __init__(self, directory: Path, script: str) -> None:
        program = directory / "ngrok"
        program.write_text(f"#!{sys.executable}\n{script}")
        program.chmod(0o755)
        self.reports: SimpleQueue[str] = SimpleQueue()
        # Errors that `on_url` raises, one for each call.
        self.errors: list[OutReplyError] = []
        self.tunnel = Tunnel(
            TOOLS["ngrok"], str(program), "http://127.0.0.1:1", {}, on_start=lambda _: None,
            on_url=self._on_url, on_warning=self.reports.put,
        )  # fmt: skip

    def _on_url(self, url: str) -> None:
        if self.errors:
            raise self.errors.pop()
        self.reports.put(url)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows runs no scripts")
def test_tool_that_exits_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel_module, "_RESTART_SECONDS", 0.01)
    monkeypatch.setattr(tunnel_module, "_STABLE_SECONDS", 0.0)
    opened = OpenTunnel(tmp_path, FLAKY)
    opened.errors.append(OutReplyError("the API does not respond"))
    with closing(opened.tunnel) as tunnel:
        assert tunnel.start(lambda: False) == "https://a1.ngrok-free.app"
        tunnel.watch()
        (tmp_path / "gate").touch()
        reports = [opened.reports.get(timeout=60) for _ in range(4)]
    assert reports[0] == "ngrok exited with code 0; retrying in 0.01 s"
    assert reports[1].startswith("the tunnel did not open: ngrok exited with code 3")
    # Its webhook could not be registered: the tool keeps running meanwhile.
    assert reports[2].startswith("the API does not respond; retrying in")
    assert reports[3] == "https://a3.ngrok-free.app"
    assert (tmp_path / "runs").read_text() == "3"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows runs no scripts")
def test_no_restart_after_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel_module, "_RESTART_SECONDS", 600.0)
    opened = OpenTunnel(tmp_path, FLAKY)
    with closing(opened.tunnel) as tunnel:
        tunnel.start(lambda: False)
        tunnel.watch()
        (tmp_path / "gate").touch()
        assert "retrying in 60 s" in opened.reports.get(timeout=60)
    assert (tmp_path / "runs").read_text() == "1"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows runs no scripts")
def test_interrupt_while_the_tool_starts_is_reported(tmp_path: Path) -> None:
    opened = OpenTunnel(tmp_path, "import time; time.sleep(600)")
    with pytest.raises(InterruptedRunError, match="interrupted while ngrok was starting"):
        opened.tunnel.start(lambda: True)


def test_tool_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    opened = OpenTunnel(tmp_path, "")
    (tmp_path / "ngrok").chmod(0o600)
    with pytest.raises(TunnelError, match="cannot run ngrok: Permission denied"):
        opened.tunnel.start(lambda: False)
    assert opened.tunnel._query("status") == ""


RECORD = TunnelRecord("ngrok", "http://127.0.0.1:1/api/v1", None, "digest", pid=1)


def test_record_of_a_running_run_is_not_claimed(tmp_path: Path) -> None:
    with new_record_file(tmp_path) as path:
        save_record(path, RECORD)
        assert list(claim_leftovers(tmp_path)) == []
    assert list(claim_leftovers(tmp_path)) == [(path, RECORD)]


def test_record_that_another_process_removes_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_record_file(tmp_path) as path:
        save_record(path, RECORD)
    monkeypatch.setattr(
        "outreply_cli.webhooks.tunnel_record.read_private", lambda path: path.unlink()
    )
    assert list(claim_leftovers(tmp_path)) == []
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"tool": "ngrok"}', '{"unknown": 1}'])
def test_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    with new_record_file(tmp_path) as path:
        save_record(path, RECORD)
        path.write_text(text)
    with pytest.raises(StorageError, match=f"{path.name} is damaged"):
        list(claim_leftovers(tmp_path))


def test_unusable_directory_of_records_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tunnels").write_text("")
    with pytest.raises(StorageError, match=r"cannot use .*tunnels"), new_record_file(tmp_path):
        pass
