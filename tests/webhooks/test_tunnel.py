"""The public URL in the output of each tool, and the ports of tailscale."""

import json
import os
import sys
from pathlib import Path

import pytest

from outreply_cli.webhooks.tunnel import TOOLS, Tunnel, find_tool

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
def test_find_url(tool: str, line: str, url: str | None) -> None:
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
def test_tailscale_port_in_use(status: str, port: int) -> None:
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
