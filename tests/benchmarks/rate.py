"""300 rows against a rate limit: how near to the least time that it allows.

`python -m tests.benchmarks.rate`

Once against the emulator with its limit of 60 a minute, on a clock of both that goes ten times as
fast as the machine's; and by eight runners at once against a bare server that counts requests in
short fixed windows and refuses what is too much.
"""

import json
import math
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client
from outreply_cli.api.rate_limit import SharedRateLimiter
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import RequestRecord, Transport
from outreply_cli.bulk.executor import CancellationToken
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_remote_state
from outreply_cli.bulk.service import BulkOptions, BulkService
from outreply_cli.clock import Clock, SystemClock
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from outreply_cli.spec.token import Token
from tests.benchmarks.figures import Figure, main
from tests.bulk.calendars import PAGES, lines, write
from tests.clocks import HurriedClock

TOKEN = Token("outreply_live_benchmark")
_HURRY = 10.0
_MINUTE = 60.0
_PER_MINUTE = 60


@dataclass(frozen=True)
class Taken:
    """How long a run took as a multiple of the least time, and what the server refused.

    Attributes:
        requests: How many were carried out.
        refused: How many were not.
    """

    ratio: float
    requests: int
    refused: int


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


def carry_out(
    url: str, calendar: Path, state: Path, clock: Clock, token: Token = TOKEN
) -> list[RequestRecord]:
    """One runner's whole work, and each of its requests."""
    exchanges: list[RequestRecord] = []
    transport = Transport(
        base_url=url, token=token, clock=clock, patience=RetryPolicy(max_wait=None),
        budget=SharedRateLimiter(state / "budget.db", token, url, clock), on_exchange=exchanges.append,
    )  # fmt: skip
    journal = Journal(state / "journal.db")
    run = BulkService(Client(transport), journal, BulkOptions(zone=ZoneInfo("UTC"), concurrency=8))
    prepared = run.plan(
        load_calendar(str(calendar)), fetch_remote_state(Client(transport)), settle=True
    )
    report = run.apply(prepared, CancellationToken(), lambda _: None)
    assert report.stopped_by is None
    journal.close()
    transport.close()
    return exchanges


def with_the_emulator(rows: int) -> Taken:
    """One run against the emulator; all times are of the hurried clock."""
    clock = HurriedClock(_HURRY)
    with tempfile.TemporaryDirectory() as name, \
            EmulatorServer(Path(name) / "emulator.db", clock) as server:  # fmt: skip
        calendar = Path(name) / "calendar.csv"
        write(calendar, lines(rows, clock.now().replace(microsecond=0) + timedelta(days=1)))
        began = clock.monotonic()
        exchanges = carry_out(
            server.base_url, calendar, Path(name), clock, Token(server.token)
        )  # fmt: skip
        took = clock.monotonic() - began
    requests = sum(exchange.outcome != "429" for exchange in exchanges)
    least = (math.ceil(requests / _PER_MINUTE) - 1) * _MINUTE
    return Taken(took / least, requests, len(exchanges) - requests)


def with_runners(rows: int, limit: int, window: float, runners: int) -> Taken:
    """Several processes at once, each with its share of the rows, on the machine's clock."""
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
                target=carry_out, args=(server.url, calendar, root, SystemClock())
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
    return Taken(took / least, server.requests, server.refused)


def figures(quick: bool) -> Iterator[Figure]:
    """Times as ratios to the least, and the share of requests that a server had to refuse."""
    least = "the least time that the rate limit allows"
    alone = with_the_emulator(70 if quick else 300)
    yield Figure(
        f"{alone.requests} requests of `bulk schedule`, 60 a minute",
        alone.ratio,
        least,
        1.1,
    )
    yield Figure("refused of them", alone.refused / alone.requests, "all requests", 0.01)
    rows, window, runners = (60, 2.0, 2) if quick else (300, 10.0, 8)
    many = with_runners(rows, 40, window, runners)
    yield Figure(
        f"{rows} rows by {runners} runners at once, 40 requests in {window:g} s", many.ratio, least,
        1.25,
    )  # fmt: skip
    yield Figure("refused of theirs", many.refused / many.requests, "all requests", 0.01)


if __name__ == "__main__":
    sys.exit(main({"rate": figures}))
