"""The local server over real sockets: order, limits, faults and shutdown."""

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from outreply_cli.errors import StorageError
from outreply_cli.net.server.response import ConnectionDropped, Response
from outreply_cli.net.server.server import Handler, LocalServer, Respond, ServerLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LIMITS = ServerLimits(max_body_bytes=10_000, request_seconds=10, threads=2, shutdown_timeout=2.0)


class Echo:
    """Responds with the path and the body; `/slow` waits, `/poison` raises, `/drop` drops."""

    def __init__(self) -> None:
        self.may_continue = threading.Event()
        self.slow_requests = 0

    def __call__(self, environ: "WSGIEnvironment") -> Response:
        path = environ["PATH_INFO"]
        if path == "/poison":
            raise ValueError(path)
        if path == "/drop":
            raise ConnectionDropped
        if path == "/slow":
            self.slow_requests += 1
            self.may_continue.wait(60)
        text = f"{path} {len(environ['wsgi.input'].read())}"
        return Response(200, text.encode(), {})


@contextmanager
def serving(
    app: Echo, handler: Handler | None = None, limits: ServerLimits = LIMITS
) -> Iterator[int]:
    server = LocalServer(app, host="127.0.0.1", port=0, limits=limits, handler=handler)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.port
    finally:
        app.may_continue.set()
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


def request(path: str, body: bytes = b"", *headers: str, method: str = "GET") -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", *length, *headers, "", ""]
    return "\r\n".join(head).encode() + body


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10)


def responses(sock: socket.socket, count: int) -> list[tuple[int, str]]:
    found = []
    with sock.makefile("rb") as lines:
        for _ in range(count):
            status, length = int(lines.readline().split()[1]), 0
            while (line := lines.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            found.append((status, lines.read(length).decode()))
    return found


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@settings(max_examples=25)
@given(
    st.lists(
        st.lists(st.sampled_from(["/a", "/b", "/c"]), min_size=1, max_size=9),
        min_size=1,
        max_size=5,
    )
)
def test_pipelined_responses_keep_order(paths_per_socket: list[list[str]]) -> None:
    with serving(Echo()) as port:
        sockets = [connect(port) for _ in paths_per_socket]
        for sock, paths in zip(sockets, paths_per_socket, strict=True):
            sock.sendall(b"".join(request(path) for path in paths))
        for sock, paths in zip(sockets, paths_per_socket, strict=True):
            found = responses(sock, len(paths))
            sock.close()
            assert found == [(200, f"{path} 0") for path in paths]


def test_slow_request_blocks_no_other() -> None:
    app = Echo()
    with serving(app) as port, connect(port) as slow, connect(port) as quick:
        slow.sendall(request("/slow"))
        for _ in range(20):
            quick.sendall(request("/a"))
            assert responses(quick, 1) == [(200, "/a 0")]
        app.may_continue.set()
        assert responses(slow, 1) == [(200, "/slow 0")]


def test_exception_in_app_is_500(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Echo()) as port, connect(port) as sock:
        sock.sendall(request("/poison") + request("/a"))
        assert [status for status, _ in responses(sock, 2)] == [500, 200]
    assert "ValueError" in capsys.readouterr().err


def test_exception_in_handler_is_500(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(environ: "WSGIEnvironment", _respond: Respond) -> bool:
        if environ["PATH_INFO"] == "/bad":
            raise KeyError("bad")
        return False

    with serving(Echo(), handler) as port, connect(port) as sock:
        sock.sendall(request("/bad") + request("/a"))
        assert [status for status, _ in responses(sock, 2)] == [500, 200]
    assert "KeyError" in capsys.readouterr().err


def test_handler_responds_later_from_another_thread() -> None:
    waiting: list[Respond] = []

    def handler(environ: "WSGIEnvironment", respond: Respond) -> bool:
        if environ["PATH_INFO"] != "/later":
            return False
        waiting.append(respond)
        return True

    with serving(Echo(), handler) as port, connect(port) as sock, connect(port) as other:
        sock.sendall(request("/later"))
        wait_until(lambda: len(waiting) == 1)
        other.sendall(request("/a"))
        assert responses(other, 1) == [(200, "/a 0")]
        waiting[0](Response(201, b"done", {}))
        # A second response to the same request is ignored.
        waiting[0](Response(202, b"again", {}))
        sock.sendall(request("/a"))
        assert responses(sock, 2) == [(201, "done"), (200, "/a 0")]


def test_dropped_connection_gets_no_response() -> None:
    with serving(Echo()) as port, connect(port) as sock:
        sock.sendall(request("/drop"))
        with _no_data():
            assert sock.recv(100) == b""


@contextmanager
def _no_data() -> Iterator[None]:
    try:
        yield
    except ConnectionResetError:
        return


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n", 413),
        (b"GET relative HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        # The length and the chunks contradict each other.
        (
            b"POST / HTTP/1.1\r\nHost:a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
    ],
)
def test_invalid_request_is_rejected_and_closed(sent: bytes, status: int) -> None:
    with serving(Echo()) as port, connect(port) as sock, connect(port) as other:
        sock.sendall(sent)
        assert responses(sock, 1)[0][0] == status
        assert sock.recv(100) == b""
        other.sendall(request("/a"))
        assert responses(other, 1) == [(200, "/a 0")]


def test_chunked_body_over_the_limit_is_413() -> None:
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    with serving(Echo()) as port, connect(port) as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 3
        )
        assert responses(sock, 1)[0][0] == 413


def test_chunked_body_is_read_whole() -> None:
    with serving(Echo()) as port, connect(port) as sock:
        sock.sendall(
            b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        )
        assert responses(sock, 1) == [(200, "/a 7")]


def test_expect_100_continue_gets_interim_response() -> None:
    with serving(Echo()) as port, connect(port) as sock:
        sock.sendall(
            b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"abc")
        assert responses(sock, 1) == [(200, "/a 3")]


def test_head_has_no_body() -> None:
    with serving(Echo()) as port, connect(port) as sock:
        sock.sendall(request("/abc", method="HEAD") + request("/a"))
        with sock.makefile("rb") as lines:
            head = b"".join(iter(lines.readline, b"\r\n"))
            assert b"Content-Length: 6" in head
            assert lines.readline().startswith(b"HTTP/1.1 200")


def test_http_1_0_closes_after_the_response() -> None:
    with serving(Echo()) as port, connect(port) as sock:
        sock.sendall(b"GET /a HTTP/1.0\r\n\r\n")
        received = b""
        while data := sock.recv(1000):
            received += data
        assert received.endswith(b"/a 0")


def test_half_close_before_response_does_not_lose_it() -> None:
    app = Echo()
    with serving(app) as port, connect(port) as sock:
        sock.sendall(request("/slow"))
        sock.shutdown(socket.SHUT_WR)
        wait_until(lambda: app.slow_requests == 1)
        app.may_continue.set()
        assert responses(sock, 1) == [(200, "/slow 0")]


def test_half_closed_connection_closes_after_response() -> None:
    app = Echo()
    with serving(app) as port, connect(port) as link:
        link.sendall(request("/slow"))
        wait_until(lambda: app.slow_requests == 1)
        link.shutdown(socket.SHUT_WR)
        # The server reads the end while the request is in progress.
        time.sleep(0.1)
        app.may_continue.set()
        assert responses(link, 1) == [(200, "/slow 0")]
        link.settimeout(LIMITS.request_seconds / 2)
        assert link.recv(1) == b""


def test_dripping_request_is_cut_off_at_the_deadline() -> None:
    limits = ServerLimits(max_body_bytes=10_000, request_seconds=0.5, absolute_deadline=True)
    with serving(Echo(), limits=limits) as port, connect(port) as sock:
        started_at = time.monotonic()
        try:
            while time.monotonic() - started_at < 8:
                sock.sendall(b"G")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - started_at < 8


def test_idle_connection_is_closed() -> None:
    limits = ServerLimits(max_body_bytes=10_000, request_seconds=0.2)
    with serving(Echo(), limits=limits) as port, connect(port) as sock, _no_data():
        assert sock.recv(100) == b""


def test_connections_over_the_limit_wait() -> None:
    limits = ServerLimits(max_body_bytes=10_000, request_seconds=10, max_connections=2)
    with serving(Echo(), limits=limits) as port:
        sockets = [connect(port) for _ in range(5)]
        for sock in sockets:
            sock.sendall(request("/a", b"", "Connection: close"))
        for sock in sockets:
            assert responses(sock, 1) == [(200, "/a 0")]
            sock.close()


def test_stop_finishes_requests_in_progress() -> None:
    app = Echo()
    limits = replace(LIMITS, shutdown_timeout=60)
    server = LocalServer(app, host="127.0.0.1", port=0, limits=limits)
    thread = threading.Thread(target=server.run)
    thread.start()
    sockets = [connect(server.port) for _ in range(LIMITS.threads + 2)]
    for sock in sockets:
        sock.sendall(request("/slow"))
    # Two are in progress, and the rest waits for a thread.
    wait_until(lambda: sum(client._is_busy for client in [*server.connections]) == len(sockets))
    server.stop()
    threading.Timer(0.2, app.may_continue.set).start()
    assert [responses(sock, 1)[0] for sock in sockets] == [(200, "/slow 0")] * len(sockets)
    thread.join(60)
    for sock in sockets:
        sock.close()


def test_port_in_use_is_an_error() -> None:
    with serving(Echo()) as port, pytest.raises(StorageError, match="cannot listen on") as caught:
        LocalServer(Echo(), host="127.0.0.1", port=port, limits=LIMITS)
    assert "attempting" not in caught.value.message


def test_localhost_listens_on_all_addresses() -> None:
    server = LocalServer(Echo(), host="localhost", port=0, limits=LIMITS)
    thread = threading.Thread(target=server.run)
    thread.start()
    for address in dict.fromkeys(
        item[4][0] for item in socket.getaddrinfo("localhost", server.port, type=socket.SOCK_STREAM)
    ):
        with socket.create_connection((str(address), server.port), 10) as sock:
            sock.sendall(request("/a"))
            assert responses(sock, 1) == [(200, "/a 0")]
    server.stop()
    thread.join(10)


@pytest.mark.parametrize(
    ("host", "found", "addresses", "netloc"),
    [
        ("app.test", ["192.0.2.1", "127.0.0.1"], ["127.0.0.1"], "app.test"),
        ("app.test", ["127.0.0.1", "192.0.2.1"], ["127.0.0.1"], "app.test"),
        ("app.test", ["127.0.0.3", "127.0.0.2"], ["127.0.0.3", "127.0.0.2"], "app.test"),
        ("*", ["0.0.0.0"], ["0.0.0.0"], "127.0.0.1"),  # noqa: S104
        ("[127.0.0.1]", ["127.0.0.1"], ["127.0.0.1"], "127.0.0.1"),
    ],
)
def test_host_listens_on_the_local_ones_of_its_addresses(
    monkeypatch: pytest.MonkeyPatch, host: str, found: list[str], addresses: list[str], netloc: str
) -> None:
    names = []

    def getaddrinfo(name: str | None, port: int, **_: object) -> list[object]:
        names.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (item, port)) for item in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    server = LocalServer(Echo(), host=host, port=0, limits=LIMITS)
    thread = threading.Thread(target=server.run)
    thread.start()
    server.stop()
    thread.join(10)
    assert server.addresses == addresses
    assert server.netloc == f"{netloc}:{server.port}"
    assert names == [None if host == "*" else host.strip("[]")]


def test_no_address_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(StorageError, match="cannot listen on app"):
        LocalServer(Echo(), host="app.test", port=0, limits=LIMITS)


@pytest.mark.parametrize("host", ["", " ", "[", "[]", "a b", "\x00"])
def test_host_without_an_address_is_an_error(host: str) -> None:
    # An empty variable must not open the server to other machines.
    with pytest.raises(StorageError, match="cannot listen on") as caught:
        LocalServer(Echo(), host=host, port=0, limits=LIMITS)
    assert "--host" in str(caught.value.hint)


def test_run_restores_the_gc_threshold() -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(50_000, 20, 20)
        with serving(Echo()):
            pass
        assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(*before)
