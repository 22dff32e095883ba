"""Commands behind a proxy that refuses every request."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.command_line import CommandLine, Result

TOKEN = "outreply_live_" + "a" * 48
HOST = "api.outreply.test"
ListPages = Callable[[dict[str, str]], Result]


class RefusingProxy:
    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.requests: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                self.requests.append(sock.recv(4096).decode().partition("\r\n")[0])
                sock.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def proxy() -> Iterator[RefusingProxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield RefusingProxy(listener)
        listener.shutdown(socket.SHUT_RDWR)


def environment(**variables: str) -> dict[str, str]:
    base_url = f"https://{HOST}/api/v1"
    return {"OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": base_url, **variables}


@pytest.fixture
def list_pages(cli_logged_out: CommandLine, monkeypatch: pytest.MonkeyPatch) -> ListPages:
    """Runs `pages list` with environment variables, of this process too, and the test's clock."""

    def run(variables: dict[str, str]) -> Result:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return cli_logged_out.run("pages", "list", env=variables)

    return run


@pytest.mark.parametrize(
    "variables",
    [
        {"ALL_PROXY": "socks5h://127.0.0.1:9"},
        {"HTTP_PROXY": "gopher://nonsense"},
        {"NO_PROXY": "fd07:b51a:cc66:f0::/64"},
        {"NO_PROXY": "[::1]"},
        {"NO_PROXY": "localhost,127.0.0.1,::1,[::1]"},
        {"NO_PROXY": "[2001:db8::1]:443"},
        {"NO_PROXY": "myhost:*"},
    ],
)
def test_https_proxy_is_used(
    list_pages: ListPages, proxy: RefusingProxy, variables: dict[str, str]
) -> None:
    env = environment(HTTPS_PROXY=proxy.url, **variables)
    result = list_pages(env)
    assert result.code == 7, result.err
    assert "502 Bad Gateway" in result.err
    assert set(proxy.requests) == {f"CONNECT {HOST}:443 HTTP/1.1"}


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("127.0.0.2", ""),
        ("[::1]", ""),
        ("api.corp.invalid", "*.corp.invalid"),
        ("255.255.255.255", "255.0.0.0/8"),
        ("[::1]", "[::]/64"),
    ],
)
def test_proxy_is_bypassed(
    list_pages: ListPages, proxy: RefusingProxy, host: str, no_proxy: str
) -> None:
    env = environment(
        HTTPS_PROXY=proxy.url, NO_PROXY=no_proxy, OUTREPLY_BASE_URL=f"https://{host}:1/api/v1"
    )
    result = list_pages(env)
    assert result.code == 7, result.err
    assert "the proxy" not in result.err
    assert not proxy.requests


def test_unreachable_proxy_is_named(list_pages: ListPages) -> None:
    env = environment(HTTPS_PROXY="http://me:hunter2@127.0.0.1:1")
    result = list_pages(env)
    assert result.code == 7
    assert "the proxy http://(hidden)@127.0.0.1:1: connection refused" in result.err
    assert "Check HTTPS_PROXY" in result.err
    assert "hunter2" not in result.err
