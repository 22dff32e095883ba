"""The dashboard: escaping, what its actions require, and its cost."""

import http.client
import json
import re
from pathlib import Path

import httpx
import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from outreply_cli.emulator.dashboard import Dashboard
from outreply_cli.emulator.faults import Faults
from outreply_cli.emulator.request import ErrorResponse
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.net.server.host_check import is_allowed_host
from tests.clocks import ManualClock
from tests.emulator.hostile import insert_hostile_text
from tests.other_user import OTHER_USER, fetch_as, needs_other_user

REQUEST = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
SECRET = re.compile("outreply_(live|test)_[0-9a-f]{48}|whsec_[0-9a-f]{48}")


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


def act(
    emulator: EmulatorServer,
    operation: str,
    method: str = "POST",
    body: object = None,
    **headers: str,
) -> httpx.Response:
    """Send an action as the page does; a header without a value is left out."""
    url = f"http://127.0.0.1:{emulator.port}"
    csrf_token = parse_csrf_token(httpx.get(url, trust_env=False, verify=False, timeout=60).text)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Origin": url, "X-CSRF-Token": csrf_token, **REQUEST, **named}
    sent = {name: value for name, value in sent.items() if value}
    content = json.dumps(body or {})
    return httpx.request(
        method,
        f"{url}/_page/{operation}",
        content=content,
        headers=sent,
        trust_env=False,
        verify=False,
        timeout=60,
    )


def parse_csrf_token(page: str) -> str:
    found = re.search('data-csrf-token="([^"]*)"', page)
    assert found
    return found[1]


def test_dashboard_escapes_text(emulator: EmulatorServer) -> None:
    insert_hostile_text(emulator)
    request(emulator, "localhost", path="/api/v1/<b>seen")
    status, headers, page = request(emulator, f"127.0.0.1:{emulator.port}")
    assert status == 200
    nonces = re.findall(r"<script[^>]*>", page)
    nonce = re.findall("script-src 'nonce-([^']+)'", headers["content-security-policy"])[0]
    assert nonces == [f'<script nonce="{nonce}">']
    assert "<img" not in page
    assert "<b>" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "http://" not in page.replace("http://127.0.0.1:9/", "")
    assert emulator.token not in page
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("character", ["\u202e", "\x1b", "\u2066", "\x07", "\u200b"])
def test_page_shows_control_characters_as_text(emulator: EmulatorServer, character: str) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE posts SET message = ?", (f"a{character}b\nc",))
        db.execute("UPDATE brands SET name = ?", (f"a{character}b",))
    _, _, page = request(emulator, f"127.0.0.1:{emulator.port}")
    assert character not in page
    assert f"a{character.encode('unicode_escape').decode()}b\nc" in page


def test_page_shows_no_secret(emulator: EmulatorServer) -> None:
    insert_hostile_text(emulator)
    emulator.handle.request("token", name="second")
    page = httpx.get(
        f"http://127.0.0.1:{emulator.port}/", trust_env=False, verify=False, timeout=60
    ).text
    assert not SECRET.search(page)


def test_fragment_is_sent_when_something_changed(emulator: EmulatorServer) -> None:
    def poll(version: str) -> httpx.Response:
        headers = {"If-None-Match": version}
        url = f"http://127.0.0.1:{emulator.port}/_page/fragment"
        return httpx.get(url, headers=headers, trust_env=False, verify=False, timeout=60)

    first = poll("")
    assert first.status_code == 200
    version = first.headers["ETag"]
    assert poll(version).status_code == 304
    emulator.handle.request("fault", add="status:503")
    changed = poll(version)
    assert changed.status_code == 200
    assert "status:503" in changed.text
    assert "<script" not in changed.text
    assert poll(changed.headers["ETag"]).status_code == 304
    emulator.handle.request("advance", seconds=3600)
    later = poll(changed.headers["ETag"])
    assert later.headers["X-Emulator-Time"] == "2026-11-23 13:00:00"
    assert later.status_code == 200


def test_page_and_polls_are_not_api_requests(emulator: EmulatorServer) -> None:
    before = emulator.state.connection.total_changes
    for path in ("/", "/_page/fragment", "/", "/_page/fragment"):
        page = httpx.get(
            f"http://127.0.0.1:{emulator.port}{path}", trust_env=False, verify=False, timeout=60
        )
        assert page.status_code == 200
    assert emulator.state.connection.total_changes == before
    assert "/_page" not in page.text


def test_action_from_the_page_is_applied(
    emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    response = act(emulator, "advance", body={"seconds": 60})
    assert response.status_code == 200
    assert response.json()["now"] == "2026-11-23T12:01:00.000Z"
    assert act(emulator, "advance", Sec_Fetch_Site="", Origin="").status_code == 400
    refused = act(emulator, "fault", body={"add": "nonsense"})
    assert refused.status_code == 400
    assert "nonsense" in refused.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X_CSRF_Token": ""}, {"X_CSRF_Token": "wrong"},
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1"}, {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "none"}, {"Host": "evil.example"},
        {"Host": "localhost"}, {"Content_Type": "text/plain"}, {"Content_Type": ""},
        {"Content_Type": "application/x-www-form-urlencoded"},
    ],
)  # fmt: skip
def test_action_is_refused(emulator: EmulatorServer, headers: dict[str, str]) -> None:
    response = act(emulator, "advance", body={"seconds": 60}, **headers)
    assert response.status_code == 403
    assert emulator.handle.request("status")["now"] == "2026-11-23T12:00:00.000Z"
    assert not any(name.startswith("access-control-") for name in response.headers)


@pytest.mark.parametrize(
    "operation",
    [
        "status", "token", "tokens", "seed", "export", "snapshot", "reset", "deliveries", "audit",
        "fragment", "", "../_emulator/status",
    ],
)  # fmt: skip
def test_page_cannot_call_other_admin_operations(emulator: EmulatorServer, operation: str) -> None:
    response = act(emulator, operation)
    assert response.status_code in {403, 404}
    assert not SECRET.search(response.text)


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_actions_are_posted(emulator: EmulatorServer, method: str) -> None:
    assert act(emulator, "freeze", method).status_code == 404
    assert emulator.handle.request("status")["frozen"] is False


def test_other_machines_get_no_actions(
    emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # These requests have no connection.
    monkeypatch.setattr("outreply_cli.emulator.dashboard.is_other_user", lambda _: False)
    dashboard = Dashboard(emulator.state, Faults())

    def request(address: str, **headers: str) -> Request:
        environ = {"REMOTE_ADDR": address}
        builder = EnvironBuilder(
            "/_page/freeze",
            method="POST",
            json={},
            headers=[*headers.items()],
            environ_overrides=environ,
        )
        return Request(builder.get_environ())

    csrf_token = parse_csrf_token(dashboard.render(request("127.0.0.1")).body.decode())
    page = dashboard.render(request("192.0.2.7")).body.decode()
    assert csrf_token not in page
    assert "<button type" not in page
    headers = {"X-CSRF-Token": csrf_token}
    assert dashboard.parse_action(request("127.0.0.1", **headers)) == ("freeze", {})
    with pytest.raises(ErrorResponse, match="PAGE_REQUIRED"):
        dashboard.parse_action(request("192.0.2.7", **headers))


@needs_other_user
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_other_user_gets_no_actions(tmp_path: Path, address: str) -> None:
    with EmulatorServer(tmp_path / "e.db", ManualClock(), host=address) as emulator:
        pages = [fetch_as(user, address, emulator.port, "/") for user in (0, OTHER_USER)]
    assert parse_csrf_token(pages[0])
    assert 'data-csrf-token=""' in pages[1]
    assert "<button type" not in pages[1]


@needs_other_user
def test_other_user_is_known_despite_closed_connections(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "e.db", ManualClock()) as emulator:
        page = fetch_as(OTHER_USER, "127.0.0.1", emulator.port, "/", closed=6)
        own = fetch_as(0, "127.0.0.1", emulator.port, "/", closed=6)
    assert 'data-csrf-token=""' in page
    assert parse_csrf_token(own)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_fragment_is_refused_to_other_sites(emulator: EmulatorServer, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    url = f"http://127.0.0.1:{emulator.port}/_page/fragment"
    assert (
        httpx.get(url, headers=headers, trust_env=False, verify=False, timeout=60).status_code
        == 403
    )


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/", "/_page/fragment", "/api/v1/pages", "/_emulator/status"])
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
def test_is_allowed_host_accepts_only_names_of_the_server(
    header: str, listens_on: str, allowed: bool
) -> None:
    assert is_allowed_host(header, listens_on) is allowed
