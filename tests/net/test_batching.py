"""Requests that arrive together, over real sockets: each gets its own answer, in its own order."""

import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hypothesis import given, settings, strategies as st

from outreply_cli.net.server.batching import Prepare
from outreply_cli.net.server.response import Response
from outreply_cli.net.server.server import LocalServer, ServerLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LIMITS = ServerLimits(body_bytes=10_000, request_seconds=10, threads=2, shutdown_timeout=1.0)


class Echo:
    """Answers with the path, and with what was noted when it was prepared."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.may_go_on = threading.Event()

    def prepare(self, environs: "Sequence[WSGIEnvironment]") -> list[bool]:
        paths = [environ["PATH_INFO"] for environ in environs]
        self.rounds.append(paths)
        for environ in environs:
            if environ["PATH_INFO"] == "/poison":
                raise ValueError(environ["PATH_INFO"])
            environ["test.noted"] = "prepared"
        return [not path.startswith("/slow") for path in paths]

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/poison":
            raise ValueError(path)
        if path == "/slow":
            self.may_go_on.wait(10)
        told = f"{path} {environ.get('test.noted', 'cli_logged_out')}"
        return Response(200, told.encode(), {})(environ, start)


def server_of(app: Echo, prepare: Prepare | None = None) -> LocalServer:
    return LocalServer(app, host="127.0.0.1", port=0, limits=LIMITS, prepare=prepare or app.prepare)


@contextmanager
def serving(app: Echo, prepare: Prepare | None = None) -> Iterator[int]:
    server = server_of(app, prepare)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.port
    finally:
        app.may_go_on.set()
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def link_to(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10)


def answers(link: socket.socket, count: int) -> list[tuple[int, str]]:
    found = []
    with link.makefile("rb") as lines:
        for _ in range(count):
            status, length = int(lines.readline().split()[1]), 0
            while (line := lines.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            found.append((status, lines.read(length).decode()))
    return found


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["/a", "/b", "/slowly", "/c"]), min_size=1, max_size=9),
        min_size=1,
        max_size=5,
    )
)
def test_every_connection_gets_its_answers_in_its_order(wishes: list[list[str]]) -> None:
    with serving(Echo()) as port:
        links = [link_to(port) for _ in wishes]
        for link, paths in zip(links, wishes, strict=True):
            link.sendall(b"".join(request(path) for path in paths))
        for link, paths in zip(links, wishes, strict=True):
            found = answers(link, len(paths))
            link.close()
            assert [(status, told.split()[0]) for status, told in found] == [
                (200, path) for path in paths
            ]


def test_what_was_noted_ahead_is_there_for_the_answer() -> None:
    with serving(Echo()) as port, link_to(port) as link:
        link.sendall(request("/a"))
        assert answers(link, 1) == [(200, "/a prepared")]


def test_one_that_waits_keeps_nobody_else_waiting() -> None:
    app = Echo()
    with serving(app) as port, link_to(port) as slow, link_to(port) as quick:
        slow.sendall(request("/slow"))
        for _ in range(20):
            quick.sendall(request("/a"))
            assert answers(quick, 1) == [(200, "/a prepared")]
        app.may_go_on.set()
        assert answers(slow, 1) == [(200, "/slow prepared")]


def test_a_fault_in_one_request_is_its_own() -> None:
    app = Echo()
    with serving(app) as port, link_to(port) as bad, link_to(port) as good:
        bad.sendall(request("/poison"))
        good.sendall(request("/a"))
        assert answers(bad, 1)[0][0] == 500
        assert answers(good, 1)[0][0] == 200
        good.sendall(request("/b"))
        assert answers(good, 1) == [(200, "/b prepared")]


def test_what_is_no_http_is_refused_and_never_prepared() -> None:
    app = Echo()
    with serving(app) as port, link_to(port) as link, link_to(port) as good:
        link.sendall(b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert answers(link, 1)[0][0] == 400
        good.sendall(request("/a"))
        assert answers(good, 1) == [(200, "/a prepared")]
    assert [path for paths in app.rounds for path in paths] == ["/a"]


def test_requests_that_arrive_while_one_round_works_are_one_round() -> None:
    app = Echo()
    is_busy, may_go_on = threading.Event(), threading.Event()

    def prepare(environs: "Sequence[WSGIEnvironment]") -> list[bool]:
        verdicts = app.prepare(environs)
        is_busy.set()
        assert may_go_on.wait(10)
        return verdicts

    with serving(app, prepare) as port:
        links = [link_to(port) for _ in range(6)]
        may_go_on.set()
        for link in links:
            # Connections are taken one in a round.
            link.sendall(request("/hello"))
            assert answers(link, 1)[0][0] == 200
        app.rounds.clear()
        is_busy.clear()
        may_go_on.clear()
        links[0].sendall(request("/first"))
        assert is_busy.wait(10)
        for link in links[1:]:
            link.sendall(request("/later"))
        may_go_on.set()
        for link in links:
            assert answers(link, 1)[0][0] == 200
            link.close()
    assert app.rounds == [["/first"], ["/later"] * 5]


def test_what_was_prepared_is_answered_though_the_server_is_ended() -> None:
    app = Echo()
    server = server_of(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    count = LIMITS.threads + 2
    links = [link_to(server.port) for _ in range(count)]
    for link in links:
        link.sendall(request("/slow"))
    while sum(len(paths) for paths in app.rounds) < count:
        pass
    server.stop()
    threading.Timer(0.2, app.may_go_on.set).start()
    assert [answers(link, 1)[0] for link in links] == [(200, "/slow prepared")] * count
    thread.join(10)
    for link in links:
        link.close()
