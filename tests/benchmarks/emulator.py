"""Request rate and start of the emulator, compared to a bare application and to Python's start.

`python -m tests.benchmarks.emulator`
"""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from werkzeug import Request, Response as WerkzeugResponse

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import LIMITS, EmulatorServer
from outreply_cli.net.server.response import Response
from outreply_cli.net.server.server import LocalServer
from tests.benchmarks.figures import Figure, Growth, main

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SEED = Path(__file__).parent.parent / "emulator" / "roomy.yaml"
TOKEN = "outreply_live_roomyroomyroomyroomyroomyroomyroomyroomy"
SECONDS = 1.5
ROUNDS = 5
_MINUTE = 60
Send = Callable[[http.client.HTTPConnection], int]
# Imports the emulator, then starts and stops it, as the pytest fixture does in its first test.
_FIRST_START = """
import pathlib, tempfile
from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
with tempfile.TemporaryDirectory() as d, EmulatorServer(pathlib.Path(d, "e.db"), SystemClock()):
    pass
"""
# Port, and function that sends a request.
Measured = tuple[int, Send]
PATHS = ("/pages", "/posts/scheduled?limit=10", "/posts/published?page_id=page1")


@contextmanager
def bare_server(bodies: Mapping[str, bytes]) -> Iterator[int]:
    """A server with a Werkzeug application that responds with the body of each path."""

    def respond(environ: "WSGIEnvironment") -> Response:
        request = Request(environ)
        request.get_data()
        made = WerkzeugResponse(bodies[request.path], content_type="application/json")
        body = b"".join(made(environ, lambda *_: bytes))
        return Response(made.status_code, body, {})

    server = LocalServer(respond, host="127.0.0.1", port=0, limits=LIMITS)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.port
    server.stop()
    thread.join()


def measure_rate(port: int, send: Send, seconds: float) -> float:
    """Measure requests per second over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(20):
        send(connection)
    started_at, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started_at) < seconds:
        if send(connection) >= 400:
            raise RuntimeError("request failed")
        sent += 1
    connection.close()
    return sent / elapsed


class Sender:
    """Sends requests to an emulator whose account has high limits."""

    def __init__(self, server: EmulatorServer) -> None:
        self.server, self.number = server, 0
        # The last body of a response, by path.
        self.bodies: dict[str, bytes] = {}
        self._headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    def get(self, path: str) -> Send:
        """Return a function that sends `GET path`."""
        return lambda connection: self._send(connection, "GET", path)

    def post(self, connection: http.client.HTTPConnection) -> int:
        """Send `POST /posts/schedule`."""
        # Posts are spread over 75 days; a brand may publish 480 posts a day.
        self.number = (self.number + 1) % 35_000
        at = datetime.now(UTC) + timedelta(days=1, seconds=181 * self.number)
        body = {"page_id": "page1", "message": "x", "scheduled_at": at.isoformat()}
        return self._send(connection, "POST", "/posts/schedule", json.dumps(body))

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str,
        body: str | None = None,
    ) -> int:  # fmt: skip
        connection.request(method, f"/api/v1{path}", body, self._headers)
        response = connection.getresponse()
        self.bodies[f"/api/v1{path}".partition("?")[0]] = response.read()
        return response.status


@contextmanager
def emulator() -> Iterator[Sender]:
    """A new emulator with an account that has high limits."""
    with tempfile.TemporaryDirectory() as directory:
        with EmulatorServer(Path(directory) / "e.db", SystemClock()) as server:
            server.handle.request("seed", text=SEED.read_text(), name=SEED.name)
            yield Sender(server)


def figures(quick: bool) -> Iterator[Figure]:
    """Ratios of start times and request rates, and growth with the number of posts.

    Both sides of a ratio are measured alternately, so that other load affects both.
    """
    yield from _start_figures(1 if quick else 15)
    seconds, rounds, posts = (0.1, 1, 100) if quick else (SECONDS, ROUNDS, 10_000)
    with emulator() as few, emulator() as many, bare_server(few.bodies) as port:
        _fill(few.server, 10)
        _fill(many.server, posts)

        def compare(a: Measured, b: Measured) -> float:
            pairs = [(measure_rate(*a, seconds), measure_rate(*b, seconds)) for _ in range(rounds)]
            return median(first / second for first, second in pairs)

        # Requests to the bare server must not consume publish times in the emulators.
        bare = Sender(few.server)
        cases: list[tuple[str, float, Send, Send, Send]] = [
            (f"`GET {path}`", 0.55, few.get(path), many.get(path), bare.get(path)) for path in PATHS
        ]
        cases.append(("`POST /posts/schedule`", 0.4, few.post, many.post, bare.post))
        for name, goal, send_few, send_many, send_bare in cases:
            few_port, many_port = few.server.port, many.server.port
            yield Figure(
                f"the emulator's {name}, requests per second",
                compare((few_port, send_few), (port, send_bare)),
                "a bare application on the same server",
                goal, "at least",
                Growth(
                    compare((few_port, send_few), (many_port, send_many)),
                    f"10 to {posts:,} posts of each kind",
                ),
            )  # fmt: skip


def _start_figures(rounds: int) -> Iterator[Figure]:
    def run(program: str) -> float:
        started_at = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        return time.perf_counter() - started_at

    def start_again() -> float:
        started_at = time.perf_counter()
        with tempfile.TemporaryDirectory() as directory:
            with EmulatorServer(Path(directory) / "e.db", SystemClock()):
                return time.perf_counter() - started_at

    times = [(run("pass"), run(_FIRST_START), start_again()) for _ in range(rounds)]
    base, first, again = (median(column) for column in zip(*times, strict=True))
    baseline = "`python -c pass`"
    yield Figure("first emulator of a process, with imports", first / base, baseline, 20.0)
    yield Figure("each further emulator, such as of a test", again / base, baseline, 3.0)


def _fill(server: EmulatorServer, posts: int) -> None:
    now = datetime.now(UTC).timestamp()
    with server.state.transaction() as db:
        for n in range(posts):
            for status, published in (("scheduled", None), ("published", now - _MINUTE * n)):
                db.execute(
                    "INSERT INTO posts (id, page_id, status, scheduled_at, published_at, "
                    "remote_id, permalink, created_at, media) "
                    "VALUES (:id, 'page2', :status, :at, :published, :id, '', 0, '[]')",
                    {
                        "id": f"{status}{n}",
                        "status": status,
                        # Guardrails do not count posts more than 75 days ahead.
                        "at": now + 100 * 86_400 + _MINUTE * n,
                        "published": published,
                    },
                )


if __name__ == "__main__":
    sys.exit(main({"emulator": figures}))
