"""What the emulator's answers cost, beside a bare application on the same server.

`python -m tests.benchmarks.emulator`
"""

import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from waitress.server import create_server
from werkzeug.wrappers import Request, Response

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
from tests.benchmarks.figures import Figure, Growth, main

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SEED = Path(__file__).parent.parent / "emulator" / "roomy.yaml"
TOKEN = "outreply_live_roomyroomyroomyroomyroomyroomyroomyroomy"
SECONDS = 1.5
ROUNDS = 5
_MINUTE = 60
Send = Callable[[http.client.HTTPConnection], int]
# Where something is sent, and how.
Measured = tuple[int, Send]
PATHS = ("/pages", "/posts/scheduled?limit=10", "/posts/published?page_id=page1")


@contextmanager
def bare(body: bytes) -> Iterator[int]:
    """A server that reads the request and answers `body`, with no work."""

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> "list[bytes]":
        Request(environ).get_data()
        response = Response(body, content_type="application/json")
        return list(response(environ, start))

    server = create_server(answer, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield int(server.effective_port)
    server.task_dispatcher.shutdown()
    server.close()


def rate(port: int, send: Send, seconds: float) -> float:
    """Requests a second over one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(20):
        send(connection)
    began, sent = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < seconds:
        if send(connection) >= 400:
            raise RuntimeError("a request was refused")
        sent += 1
    connection.close()
    return sent / spent


class Sender:
    """Requests to an emulator that nobody's limits stop."""

    def __init__(self, server: EmulatorServer) -> None:
        self.server, self.number = server, 0
        self._headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    def get(self, path: str) -> Send:
        """What sends `GET path`."""
        return lambda connection: self._send(connection, "GET", path)

    def post(self, connection: http.client.HTTPConnection) -> int:
        """Send `POST /posts/schedule`."""
        # Over the 75 days and around: 480 a day is what a brand may publish.
        self.number = (self.number + 1) % 35_000
        at = datetime.now(UTC) + timedelta(days=1, seconds=181 * self.number)
        body = {"page_id": "page1", "message": "x", "scheduled_at": at.isoformat()}
        return self._send(connection, "POST", "/posts/schedule", json.dumps(body))

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str,
        body: str | None = None,
    ) -> int:  # fmt: skip
        connection.request(method, f"/api/v1{path}", body, self._headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


@contextmanager
def emulator() -> Iterator[Sender]:
    """A new emulator with a roomy account."""
    with tempfile.TemporaryDirectory() as directory:
        with EmulatorServer(Path(directory) / "e.db", SystemClock()) as server:
            server.running.request("seed", text=SEED.read_text(), name=SEED.name)
            yield Sender(server)


def figures(quick: bool) -> Iterator[Figure]:
    """Rates as ratios to a bare application's, and how much longer answers take with 10,000 posts.

    Each pair is measured one after the other, so that what else the machine does falls on both.
    """
    seconds, rounds, posts = (0.1, 1, 100) if quick else (SECONDS, ROUNDS, 10_000)
    body = json.dumps({"pages": ["x" * 400]}).encode()
    with emulator() as few, emulator() as many, bare(body) as port:
        _fill(few.server, 10)
        _fill(many.server, posts)

        def compared(a: Measured, b: Measured) -> float:
            pairs = [(rate(*a, seconds), rate(*b, seconds)) for _ in range(rounds)]
            return median(first / second for first, second in pairs)

        # What the bare one is sent leaves the emulators' own free times as they are.
        beside = Sender(few.server)
        asked: list[tuple[str, Send, Send, Send]] = [
            (f"`GET {path}`", few.get(path), many.get(path), beside.get(path)) for path in PATHS
        ]
        asked.append(("`POST /posts/schedule`", few.post, many.post, beside.post))
        for name, of_few, of_many, of_bare in asked:
            few_port, many_port = few.server.port, many.server.port
            yield Figure(
                f"the emulator's {name}, answers a second",
                compared((few_port, of_few), (port, of_bare)),
                "a bare application on the same server",
                0.3, "at least",
                Growth(
                    compared((few_port, of_few), (many_port, of_many)),
                    f"10 to {posts:,} posts of each kind",
                ),
            )  # fmt: skip


def _fill(server: EmulatorServer, posts: int) -> None:
    now = datetime.now(UTC).timestamp()
    with server.state.transaction() as db:
        for n in range(posts):
            for status, published in (("scheduled", None), ("published", now - _MINUTE * n)):
                db.execute(
                    "INSERT INTO posts (id, page_id, status, scheduled_at, published_at, "
                    "remote_id, permalink, created_at, media) "
                    "VALUES (?1, 'page2', ?2, ?3, ?4, ?1, '', 0, '[]')",
                    # Beyond the 75 days, where no guardrail of the brand looks.
                    (f"{status}{n}", status, now + 100 * 86_400 + _MINUTE * n, published),
                )


if __name__ == "__main__":
    sys.exit(main({"emulator": figures}))
