"""`bulk schedule` of 300 rows against a rate limit, compared to the minimum time that it allows.

`python -m tests.benchmarks.rate`

The first run is against the emulator with 60 requests a minute, on a clock that runs ten times as
fast. The second has eight concurrent runners against a bare server with short fixed windows.
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
from outreply_cli.api.rate_limit import MachineRateLimiter
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import RequestRecord, Transport
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_account
from outreply_cli.bulk.service import BulkOptions, BulkService
from outreply_cli.cancellation import CancellationToken
from outreply_cli.clock import Clock, SystemClock
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from outreply_cli.spec.token import Token
from tests.benchmarks.figures import Figure, main
from tests.bulk.calendars import PAGES, make_rows, write_calendar
from tests.clocks import HurriedClock

TOKEN = Token("outreply_live_benchmark")
_CLOCK_SPEED = 10.0
_MINUTE = 60.0
_PER_MINUTE = 60


@dataclass(frozen=True)
class RunResult:
    """The duration of a run and its requests.

    Attributes:
        ratio: Duration as a multiple of the minimum time.
        requests: Number of successful requests.
        refused: Number of 429 responses.
    """

    ratio: float
    requests: int
    refused: int


class LimitedServer(ThreadingHTTPServer):
    """A server with a rate limit in fixed windows."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, limit: int, window: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.limit, self.window = limit, window
        self._lock = threading.Lock()
        self.window_start, self.used, self.refused, self.requests = 0.0, 0, 0, 0
        self.posts: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/api/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count_request(self) -> tuple[bool, int, float]:
        """Count a request; return whether it is allowed, the remaining number and the reset."""
        with self._lock:
            now = time.time()
            if now - self.window_start >= self.window:
                self.window_start, self.used = now, 0
            allowed = self.used < self.limit
            self.used += allowed
            self.refused += not allowed
            self.requests += allowed
            return allowed, self.limit - self.used, self.window_start + self.window


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
        self._respond(200, bodies.get(path, {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._respond(201, {"scheduled_post": {**body, "id": f"post-{id(body)}-{time.time_ns()}"}})

    def _respond(self, status: int, body: Any) -> None:
        allowed, remaining, reset_at = self.server.count_request()
        if not allowed:
            status, body = 429, {"error": "Too many", "code": "RATE_LIMITED"}
        elif status == 201:
            self.server.posts.append(body)
        content = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Date", formatdate(time.time(), usegmt=True))
        self.send_header("X-RateLimit-Limit", str(self.server.limit))
        self.send_header("X-RateLimit-Remaining", str(remaining))
        self.send_header("X-RateLimit-Reset", str(math.ceil(reset_at)))
        if not allowed:
            self.send_header("Retry-After", str(math.ceil(reset_at - time.time())))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def run_bulk_schedule(
    url: str, calendar: Path, state: Path, clock: Clock, token: Token = TOKEN
) -> list[RequestRecord]:
    """Run one runner; return its requests."""
    records: list[RequestRecord] = []
    transport = Transport(
        base_url=url, token=token, clock=clock, retry_policy=RetryPolicy(max_wait=None),
        rate_limiter=MachineRateLimiter(state / "rate_limit.db", token, url, clock),
        on_request=records.append,
    )  # fmt: skip
    journal = Journal(state / "journal.db")
    client = Client(transport)
    options = BulkOptions(zone=ZoneInfo("UTC"), concurrency=8)
    run = BulkService(client, journal, fetch_account(client), options)
    plan = run.plan(run.open(load_calendar(str(calendar))), reconcile=True)
    report = run.apply(plan, CancellationToken(), lambda _: None)
    assert report.stopped_by is None
    journal.close()
    transport.close()
    return records


def run_with_emulator(rows: int) -> RunResult:
    """Run against the emulator; times are those of the fast clock."""
    clock = HurriedClock(_CLOCK_SPEED)
    with tempfile.TemporaryDirectory() as name, \
            EmulatorServer(Path(name) / "emulator.db", clock) as server:  # fmt: skip
        calendar = Path(name) / "calendar.csv"
        first = clock.now().replace(microsecond=0) + timedelta(days=1)
        write_calendar(calendar, make_rows(rows, first))
        started_at = clock.monotonic()
        records = run_bulk_schedule(
            server.base_url, calendar, Path(name), clock, Token(server.token)
        )  # fmt: skip
        elapsed = clock.monotonic() - started_at
    requests = sum(record.outcome != "429" for record in records)
    minimum = (math.ceil(requests / _PER_MINUTE) - 1) * _MINUTE
    return RunResult(elapsed / minimum, requests, len(records) - requests)


def run_concurrently(rows: int, limit: int, window: float, runners: int) -> RunResult:
    """Run several processes, each with a share of the rows, on the system clock."""
    server = LimitedServer(limit, window)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        rows_of_all = make_rows(rows, first)
        calendars = []
        for n in range(runners):
            calendars.append(root / f"{n}.csv")
            write_calendar(calendars[-1], rows_of_all[n::runners])
        started_at = time.monotonic()
        processes = [
            multiprocessing.get_context("spawn").Process(
                target=run_bulk_schedule, args=(server.url, calendar, root, SystemClock())
            )
            for calendar in calendars
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        elapsed = time.monotonic() - started_at
        assert [process.exitcode for process in processes] == [0] * runners
    assert len(server.posts) == rows
    minimum = (math.ceil(server.requests / limit) - 1) * window
    server.shutdown()
    server.server_close()
    return RunResult(elapsed / minimum, server.requests, server.refused)


def figures(quick: bool) -> Iterator[Figure]:
    """Ratios of durations to the minimum, and the share of refused requests."""
    minimum = "the minimum time that the rate limit allows"
    alone = run_with_emulator(70 if quick else 300)
    yield Figure(
        f"{alone.requests} requests of `bulk schedule`, 60 per minute",
        alone.ratio,
        minimum,
        1.1,
    )
    yield Figure("refused requests", alone.refused / alone.requests, "all requests", 0.01)
    rows, window, runners = (60, 2.0, 2) if quick else (300, 10.0, 8)
    many = run_concurrently(rows, 40, window, runners)
    yield Figure(
        f"{rows} rows by {runners} concurrent runners, 40 requests in {window:g} s", many.ratio,
        minimum, 1.25,
    )  # fmt: skip
    yield Figure(
        "refused requests of the runners", many.refused / many.requests, "all requests", 0.01
    )


if __name__ == "__main__":
    sys.exit(main({"rate": figures}))
