"""The dashboard: escaping, display in a browser, and requests from other origins."""

import http.client
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.net.server.host_check import is_allowed_host
from tests.browser import dump_dom, needs_browser

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=document.title='taken'>"


def request(emulator: EmulatorServer, host: str, method: str = "GET", path: str = "/") -> tuple[
    int, dict[str, str], str
]:  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port)
    try:
        connection.request(method, path, headers={"Host": host, "Origin": "http://evil.example"})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read().decode()
    finally:
        connection.close()


def insert_hostile_text(emulator: EmulatorServer) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET email = ?", (HOSTILE,))
        db.execute("UPDATE posts SET message = ?", (HOSTILE,))
        db.execute("UPDATE pages SET username = ?", (HOSTILE,))
        user = db.execute("SELECT id FROM users").fetchone()[0]
        db.execute(
            "INSERT INTO hooks (id, user_id, url, events, secret, created_at) "
            "VALUES ('h', ?, ?, '[\"comment.received\"]', 's', 0)",
            (user, "http://127.0.0.1:9/" + HOSTILE),
        )
        post = db.execute("SELECT id FROM posts").fetchone()[0]
    emulator.handle.request("comment", post_id=post, message="Hi", name="J", username="j")


def test_dashboard_escapes_text(emulator: EmulatorServer) -> None:
    insert_hostile_text(emulator)
    request(emulator, "localhost", path="/api/v1/<b>seen")
    status, headers, page = request(emulator, f"127.0.0.1:{emulator.port}")
    assert status == 200
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "http://" not in page.replace("http://127.0.0.1:9/", "")
    assert emulator.token not in page
    assert "access-control-allow-origin" not in headers


@needs_browser
def test_dashboard_in_browser(emulator: EmulatorServer, tmp_path: Path) -> None:
    insert_hostile_text(emulator)
    document = dump_dom(f"http://127.0.0.1:{emulator.port}/", tmp_path / "profile")
    assert "<title>OutReply emulator</title>" in document
    for heading in ("Scheduled", "Published and failed", "Deliveries", "Requests"):
        assert f"<h2>{heading}</h2>" in document
    assert "comment.received" in document


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/", "/api/v1/pages", "/_emulator/status"])
def test_foreign_host_header_is_rejected(emulator: EmulatorServer, host: str, path: str) -> None:
    status, headers, body = request(emulator, host, path=path)
    assert status == 403
    assert "HOST_NOT_ALLOWED" in body
    assert "access-control-allow-origin" not in headers


def test_preflight_has_no_cors_headers(emulator: EmulatorServer) -> None:
    _, headers, _ = request(emulator, "localhost", "OPTIONS", "/api/v1/posts/schedule")
    assert not any(name.startswith("access-control-") for name in headers)


@pytest.mark.parametrize(
    ("header", "listens_on", "allowed"),
    [
        ("localhost:8787", "127.0.0.1", True), ("[::1]:8787", "127.0.0.1", True),
        ("10.0.0.5", "127.0.0.1", False), ("10.0.0.5:80", "::", True),
        ("box.example", "::", False), ("box.example:1", "box.example", True),
        ("[fd00::1]:1", "::", True), ("", "127.0.0.1", False),
    ],
)  # fmt: skip
def test_is_allowed_host(header: str, listens_on: str, allowed: bool) -> None:
    assert is_allowed_host(header, listens_on) is allowed
