"""300 rows against 40 requests a window: how near to the least time that the limit allows.

`python -m tests.benchmarks.rate [--rows 300] [--limit 40] [--window 10] [--runners 1]`

The server is a bare one that counts requests in fixed windows and refuses what is too much; its
window is short, so that the benchmark is.
"""

import argparse
import json
import math
import multiprocessing
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.budget import SharedBudget
from outreply_cli.api.client import Client
from outreply_cli.api.retry import Patience
from outreply_cli.api.transport import Transport
from outreply_cli.bulk.account_view import read_account
from outreply_cli.bulk.engine import Stop
from outreply_cli.bulk.reading import read_calendar
from outreply_cli.bulk.run import BulkRun, Settings
from outreply_cli.clock import SystemClock
from outreply_cli.contract.token import Token
from outreply_cli.posting.journal import Journal
from tests.bulk.calendars import lines, write

TOKEN = Token("outreply_live_benchmark")
PAGES = ("facebook:acme", "instagram:acme", "linkedin:acme-co", "tiktok:bluebirdcoffee",
         "twitter:bluebird", "youtube:bluebirdathome")  # fmt: skip


class LimitedServer(ThreadingHTTPServer):
    """Counts requests in fixed windows."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, limit: int, window: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.limit, self.window = limit, window
        self.turn = threading.Lock()
        self.began, self.spent, self.refused, self.requests = 0.0, 0, 0, 0
        self.posts: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/api/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def spend(self) -> tuple[bool, int, float]:
        """Whether a request may go on, how many are left, and when the window ends."""
        with self.turn:
            now = time.time()
            if now - self.began >= self.window:
                self.began, self.spent = now, 0
            allowed = self.spent < self.limit
            self.spent += allowed
            self.refused += not allowed
            self.requests += allowed
            return allowed, self.limit - self.spent, self.began + self.window


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LimitedServer

    def do_GET(self) -> None:
        path = self.path.split("?")[0].removeprefix("/api/v1")
        bodies: dict[str, Any] = {
            "/account": {"user": {"id": "u"}},
            "/pages": {
                "pages": [
                    {"id": f"p{n}", "brand_id": "b", "platform": name.split(":")[0],
                     "username": name.split(":")[1], "name": name}
                    for n, name in enumerate(PAGES)
                ]
            },
            "/posts/scheduled": {"scheduled_posts": []},
            "/posts/published": {"published_posts": []},
        }  # fmt: skip
        self._answer(200, bodies.get(path, {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._answer(201, {"scheduled_post": {**body, "id": f"post-{id(body)}-{time.time_ns()}"}})

    def _answer(self, status: int, body: Any) -> None:
        allowed, left, ends = self.server.spend()
        if not allowed:
            status, body = 429, {"error": "Too many", "code": "RATE_LIMITED"}
        elif status == 201:
            self.server.posts.append(body)
        content = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Date", formatdate(time.time(), usegmt=True))
        self.send_header("X-RateLimit-Limit", str(self.server.limit))
        self.send_header("X-RateLimit-Remaining", str(left))
        self.send_header("X-RateLimit-Reset", str(math.ceil(ends)))
        if not allowed:
            self.send_header("Retry-After", str(math.ceil(ends - time.time())))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def carry_out(url: str, calendar: Path, state: Path) -> None:
    """One runner's whole work."""
    clock = SystemClock()
    transport = Transport(
        base_url=url, token=TOKEN, clock=clock, patience=Patience(max_wait=None),
        budget=SharedBudget(state / "budget.db", TOKEN, url, clock),
    )  # fmt: skip
    journal = Journal(state / "journal.db")
    run = BulkRun(Client(transport), journal, Settings(zone=ZoneInfo("UTC"), concurrency=8))
    prepared = run.prepare(
        read_calendar(str(calendar)), read_account(Client(transport)), settle=True
    )
    report = run.carry_out(prepared, Stop(), lambda _: None)
    assert report.stopped_by is None
    journal.close()
    transport.close()


def measure(rows: int, limit: int, window: float, runners: int) -> dict[str, Any]:
    """One run; the ratio is to the least time that the server's windows allow."""
    server = LimitedServer(limit, window)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        every = lines(rows, first)
        calendars = []
        for n in range(runners):
            calendars.append(root / f"{n}.csv")
            write(calendars[-1], every[n::runners])
        began = time.monotonic()
        processes = [
            multiprocessing.get_context("spawn").Process(
                target=carry_out, args=(server.url, calendar, root)
            )
            for calendar in calendars
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        took = time.monotonic() - began
        assert [process.exitcode for process in processes] == [0] * runners
    assert len(server.posts) == rows
    least = (math.ceil(server.requests / limit) - 1) * window
    server.shutdown()
    server.server_close()
    return {
        "rows": rows, "runners": runners, "requests": server.requests, "refused": server.refused,
        "seconds": round(took, 2), "least": least, "ratio": round(took / least, 3),
    }  # fmt: skip


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--window", type=float, default=60.0)
    parser.add_argument("--runners", type=int, default=1)
    print(json.dumps(measure(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
