"""A year of daily snapshots of 500 posts, compared to inserting the bare numbers.

`python -m tests.benchmarks.analytics`

Each step is a process, from start to exit: adding the snapshots, and the commands `analytics show`
and `analytics report`.
"""

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from outreply_cli.analytics.store import ANALYTICS_FILE, METRICS, SCHEMA, AnalyticsStore
from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.storage.tables import LocalTables
from tests.benchmarks.figures import Figure, main
from tests.benchmarks.processes import peak_mb, run

_PAGES = 5
_POSTS = 100
_BASELINE = "inserting the bare numbers in one transaction"


def add_snapshots(path: Path, account: str, days: int) -> None:
    """Add daily snapshots of all pages until today."""
    now = datetime.now(UTC)
    with closing(AnalyticsStore(LocalTables(path, SCHEMA), account)) as store:
        for number in range(days):
            at = now - timedelta(days=days - 1 - number)
            for name in range(_PAGES):
                page = {"id": f"{name:024x}", "platform": "instagram", "username": f"page{name}",
                        "followers": 1_000 + number}  # fmt: skip
                posts = [_post(name * _POSTS + index, now, number) for index in range(_POSTS)]
                added = store.add(
                    page, posts, day=at.date(), taken_at=at.timestamp(), truncated=True
                )
                assert added


def _post(index: int, now: datetime, number: int) -> dict[str, Any]:
    return {
        "id": f"{index:024x}", "message": f"Post {index}: the workshop is open on Saturday. " * 4,
        "published_at": (now - timedelta(hours=17 * (index + 1))).isoformat(),
        "metrics": dict.fromkeys(METRICS, number * (index % 7)),
    }  # fmt: skip


def insert_numbers(path: Path, days: int) -> float:
    """Insert as many numbers into a table, and return the seconds."""
    started_at = time.perf_counter()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE numbers (day TEXT, post TEXT, metric TEXT, value INTEGER)")
        database.executemany(
            "INSERT INTO numbers VALUES (?, ?, ?, ?)",
            (
                ((date(2026, 1, 1) + timedelta(days=day)).isoformat(), f"{post:024x}", metric, day)
                for day in range(days)
                for post in range(_PAGES * _POSTS)
                for metric in METRICS
            ),
        )
    return time.perf_counter() - started_at


def figures(quick: bool) -> Iterator[Figure]:
    """Ratios of time, and the peak memory of each step."""
    days = 20 if quick else 365
    with (
        tempfile.TemporaryDirectory() as name,
        EmulatorServer(Path(name) / "emulator.db", SystemClock()) as server,
    ):
        environ = {
            "PATH": os.environ["PATH"], "HOME": name, "OUTREPLY_API_KEY": server.token,
            "OUTREPLY_BASE_URL": server.base_url, "OUTREPLY_STATE_DIR": f"{name}/state",
            "OUTREPLY_CONFIG_DIR": f"{name}/config", "OUTREPLY_TIMEZONE": "UTC",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }  # fmt: skip
        account = _account(server)
        bare = insert_numbers(Path(name) / "numbers.db", days)
        since = f"{days - 1}d"
        outreply = [sys.executable, "-m", "outreply_cli", "analytics"]
        report = ["report", "--since", since, "--html", f"{name}/r.html", "--csv", f"{name}/r.csv"]
        steps = {
            "adding": _adding(f"{name}/state/{ANALYTICS_FILE}", account, days),
            "`analytics show`": [*outreply, "show", "--since", since],
            "`analytics report`": [*outreply, *report],
        }
        measured = {}
        for step, words in steps.items():
            measured[step] = run(words, environ).seconds
            # Again in another file: the first one has the snapshots.
            again = _adding(f"{name}/again.db", account, days) if step == "adding" else words
            memory = peak_mb(again, environ)
            yield Figure(
                f"{step}, {days} days of {_PAGES * _POSTS} posts", measured[step] / bare,
                _BASELINE, peak_mb=memory,
            )  # fmt: skip
        yield Figure("all of it", sum(measured.values()) / bare, _BASELINE, 12.0)


def _adding(path: str, account: str, days: int) -> list[str]:
    code = (
        "from pathlib import Path; from tests.benchmarks.analytics import add_snapshots; "
        f"add_snapshots(Path({path!r}), {account!r}, {days})"
    )
    return [sys.executable, "-c", code]


def _account(server: EmulatorServer) -> str:
    from outreply_cli.api.client import Client
    from outreply_cli.api.transport import Transport
    from outreply_cli.spec.token import Token

    transport = Transport(base_url=server.base_url, token=Token(server.token), clock=SystemClock())
    with closing(transport):
        return account_fingerprint(Client(transport))


if __name__ == "__main__":
    sys.exit(main({"analytics": figures}))
