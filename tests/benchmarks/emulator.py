"""What the emulator's answers cost, beside a bare application on the same server.

Run: python -m tests.benchmarks.emulator
"""

import http.client
import json
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
from outreply_cli.emulator.remote import Running
from outreply_cli.emulator.server import EmulatorServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SEED = Path(__file__).parent.parent / "emulator" / "roomy.yaml"
TOKEN = "outreply_live_roomyroomyroomyroomyroomyroomyroomyroomy"
SECONDS = 1.5
ROUNDS = 5
_MINUTE = 60
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


def rate(port: int, send: Callable[[http.client.HTTPConnection], int]) -> float:
    """Requests a second over one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(20):
        send(connection)
    began, sent = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < SECONDS:
        if send(connection) >= 400:
            raise SystemExit("a request was refused")
        sent += 1
    connection.close()
    return sent / spent


class Sender:
    """Requests to an emulator that nobody's limits stop."""

    def __init__(self, server: EmulatorServer) -> None:
        self.server, self.number = server, 0
        self._headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    def get(self, path: str) -> Callable[[http.client.HTTPConnection], int]:
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
            steer = Running(0, "127.0.0.1", server.port, server.base_url, server.control_key)
            steer.ask("seed", text=SEED.read_text(), name=SEED.name)
            yield Sender(server)


def throughput() -> dict[str, float]:
    """Rates as ratios to a bare application's, each pair measured one after the other."""
    with emulator() as sender, bare(json.dumps({"pages": ["x" * 400]}).encode()) as port:
        own, get = sender.server.port, sender.get("/pages")
        gets = [(rate(own, get), rate(port, get)) for _ in range(ROUNDS)]
        posts = [(rate(own, sender.post), rate(port, sender.post)) for _ in range(ROUNDS)]
    return {
        "GET /pages, of a bare application": median(a / b for a, b in gets),
        "POST /posts/schedule, of a bare application": median(a / b for a, b in posts),
    }


def flatness() -> dict[str, float]:
    """Rates with 10,000 posts of each kind on another page, as ratios to those with 10."""
    with emulator() as few, emulator() as many:
        for sender, posts in ((few, 10), (many, 10_000)):
            _fill(sender.server, posts)
        found: dict[str, float] = {}
        for path in PATHS:
            pairs = [
                (rate(many.server.port, many.get(path)), rate(few.server.port, few.get(path)))
                for _ in range(ROUNDS)
            ]
            found[f"GET {path}"] = median(a / b for a, b in pairs)
        pairs = [
            (rate(many.server.port, many.post), rate(few.server.port, few.post))
            for _ in range(ROUNDS)
        ]
        found["POST /posts/schedule"] = median(a / b for a, b in pairs)
    return {f"{name} with 10,000 posts, of with 10": ratio for name, ratio in found.items()}


def _fill(server: EmulatorServer, posts: int) -> None:
    now = datetime.now(UTC).timestamp()
    with server.state.change() as db:
        for n in range(posts):
            for status, published in (("scheduled", None), ("published", now - _MINUTE * n)):
                db.execute(
                    "INSERT INTO posts (id, page_id, status, scheduled_at, published_at, "
                    "remote_id, permalink, created_at, media) "
                    "VALUES (?1, 'page2', ?2, ?3, ?4, ?1, '', 0, '[]')",
                    # Beyond the 75 days, where no guardrail of the brand looks.
                    (f"{status}{n}", status, now + 100 * 86_400 + _MINUTE * n, published),
                )


def main() -> dict[str, float]:
    """Print the ratios, and give them."""
    figures = {**throughput(), **flatness()}
    for name, figure in figures.items():
        print(f"{figure:6.2f}  {name}")
    return figures


if __name__ == "__main__":
    main()
