"""The history of a team: what its server did, by run, and what the runs reported."""

import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from outreply_cli.emulator.app import Emulator
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.net.server.response import Response
from tests.bulk.calendars import CalendarRow
from tests.reliability.checker import CalendarVersion, History, PostRecord, RunRecord

# The name of a post's row, at the end of its text.
_MARKER = re.compile(r"\[([^\]]*)\]")
_RATE_LIMITED = 429
_TABLES = """
CREATE TABLE team_changes (post_id TEXT, status TEXT, at REAL, run TEXT);
CREATE TRIGGER team_created AFTER INSERT ON posts BEGIN
    INSERT INTO team_changes VALUES (NEW.id, 'created', team_now(), team_run());
END;
CREATE TRIGGER team_cancelled AFTER UPDATE OF status ON posts WHEN NEW.status = 'cancelled' BEGIN
    INSERT INTO team_changes VALUES (NEW.id, 'cancelled', team_now(), team_run());
END
"""


@dataclass
class TeamRun:
    """A run of a machine.

    Attributes:
        journal: Name of the journal, which is another one once commits are lost.
        plan: File for the lines whose old post is cancelled first.
        code: Exit code; negative if it was killed, None while it runs.
    """

    id: str
    version: int
    journal: str
    started_at: float
    plan: Path
    stopped_at: float = 0.0
    code: int | None = None
    out: str = ""
    err: str = ""

    def to_record(self, rows: Sequence[CalendarRow]) -> RunRecord:
        """Return the run as histories have it; `rows` are those of its calendar."""
        keys = {line: row.key for line, row in enumerate(rows, 2)}
        report: dict[str, Any] = {}
        # A run that ends early has no report, and one that does nothing has no plan.
        with suppress(ValueError):
            report = json.loads(self.out)
        early: list[int] = []
        with suppress(FileNotFoundError, ValueError):
            early = json.loads(self.plan.read_text())
        is_killed = self.code is None or self.code < 0
        return RunRecord(
            self.id,
            self.version,
            self.journal,
            self.started_at,
            None if is_killed else self.stopped_at,
            {
                keys[row["line"]]: str(row["status"])
                for row in report.get("rows", ())
                if row.get("line") in keys
            },
            frozenset(keys[line] for line in early if line in keys),
        )


@dataclass
class Recorder:
    """Records what a server does.

    Attributes:
        latency: Maximum time in seconds that a request, or its response, takes to arrive.
        requests: Number of requests so far.
        refused: Number of requests that the rate limit refused.
        versions: The calendars, and the times from which they were used.
        runs: The runs so far.
    """

    emulator: EmulatorServer
    latency: float = 0.0
    requests: int = 0
    refused: int = 0
    versions: list[tuple[float, Sequence[CalendarRow]]] = field(default_factory=list)
    runs: list[TeamRun] = field(default_factory=list)
    _delays: Random = field(default_factory=Random)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.local = field(default_factory=threading.local)

    def now(self) -> float:
        """Return the time by the server's clock."""
        return self.emulator.state.clock.now().timestamp()

    @contextmanager
    def record(self) -> Iterator[None]:
        """Record the changes of posts, with the run that sent the request."""
        connection = self.emulator.state.connection
        connection.create_function("team_now", 0, self.now)
        connection.create_function("team_run", 0, lambda: getattr(self._thread, "run", ""))
        connection.executescript(_TABLES)
        handle = Emulator.__call__

        def handle_recorded(app: Emulator, environ: Any) -> Response:
            time.sleep(self._delays.uniform(0, self.latency))
            # Its last word is the name of the run.
            self._thread.run = environ.get("HTTP_USER_AGENT", "").rpartition(" ")[2]
            response = handle(app, environ)
            with self._lock:
                self.requests += 1
                self.refused += response.status == _RATE_LIMITED
            time.sleep(self._delays.uniform(0, self.latency))
            return response

        with patch.object(Emulator, "__call__", handle_recorded):
            yield

    def history(self) -> History:
        """Return the history so far; all runs have ended."""
        return History(
            [
                CalendarVersion(at, {row.key: _content(row) for row in rows})
                for at, rows in self.versions
            ],
            list(self._posts()),
            [run.to_record(self.versions[run.version][1]) for run in self.runs],
            is_settled=True,
            last_event_at=self.now(),
        )

    def _posts(self) -> Iterator[PostRecord]:
        db = self.emulator.state.connection
        changes = {
            (row["post_id"], row["status"]): (row["at"], row["run"])
            for row in db.execute("SELECT * FROM team_changes ORDER BY rowid DESC")
        }
        for row in db.execute(
            "SELECT posts.*, platform || ':' || username AS page FROM posts "
            "JOIN pages ON pages.id = posts.page_id"
        ):
            marker = _MARKER.search(row["message"] or "")
            if marker is None:
                continue
            created_at, created_by = changes[row["id"], "created"]
            cancelled_at, cancelled_by = changes.get((row["id"], "cancelled"), (None, None))
            yield PostRecord(
                row["id"], marker[1], f"{row['page']} {row['scheduled_at']:.0f} {row['message']}",
                row["scheduled_at"], created_at, created_by, cancelled_at, cancelled_by,
                row["published_at"],
            )  # fmt: skip


def _content(row: CalendarRow) -> str:
    at = row.scheduled_at.astimezone(UTC).timestamp()
    return f"{row.page} {at:.0f} {row.message}"
