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
from datetime import timedelta
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


def main() -> dict[str, float]:
    """Print the ratios, and give them."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as directory:
        with EmulatorServer(Path(directory) / "e.db", clock) as server:
            steer = Running(0, "127.0.0.1", server.port, server.base_url, server.control_key)
            steer.ask("seed", text=SEED.read_text(), name=SEED.name)
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            number = 0

            def get(connection: http.client.HTTPConnection) -> int:
                connection.request("GET", "/api/v1/pages", headers=headers)
                answer = connection.getresponse()
                answer.read()
                return answer.status

            def post(connection: http.client.HTTPConnection) -> int:
                nonlocal number
                # Over the 75 days and around: 480 a day is what a brand may publish.
                number = (number + 1) % 35_000
                at = clock.now() + timedelta(days=1, seconds=181 * number)
                body = {"page_id": "page1", "message": "x", "scheduled_at": at.isoformat()}
                connection.request("POST", "/api/v1/posts/schedule", json.dumps(body), headers)
                answer = connection.getresponse()
                answer.read()
                return answer.status

            with bare(json.dumps({"pages": ["x" * 400]}).encode()) as port:
                gets = [(rate(server.port, get), rate(port, get)) for _ in range(ROUNDS)]
                posts = [(rate(server.port, post), rate(port, post)) for _ in range(ROUNDS)]
            few = [rate(server.port, get) for _ in range(3)]
            with server.state.change() as db:
                for n in range(10_000):
                    db.execute(
                        "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                        "VALUES (?, 'page2', 'scheduled', ?, 0, '[]')",
                        (f"n{n}", clock.now().timestamp() + 86_400 + _MINUTE * n),
                    )
            many = [rate(server.port, get) for _ in range(3)]
    figures = {
        "GET /pages, of a bare application": median(a / b for a, b in gets),
        "POST /posts/schedule, of a bare application": median(a / b for a, b in posts),
        "GET /pages with 10,000 posts more, of before": median(many) / median(few),
    }
    for name, figure in figures.items():
        print(f"{figure:6.2f}  {name}")
    return figures


if __name__ == "__main__":
    main()
