"""Bulk runs whose I/O fails at a chosen point, against an emulator in this process."""

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self
from unittest.mock import patch

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import (
    CalendarRow,
    Snapshot,
    edit_rows,
    expected_posts,
    make_rows,
    server_posts,
)
from tests.clocks import ManualClock
from tests.media.sample_files import png
from tests.reliability.outcomes import Outcome, find_traceback
from tests.reliability.power_loss import Disk, Point, write_file
from tests.reliability.shim import Fault, Result, Zygote

_START = datetime(2026, 11, 23, 12, tzinfo=UTC)
_FIRST_POST = datetime(2026, 12, 1, 9, tzinfo=UTC)
_ROWS = 7
_KEYS_WITH_MEDIA = {"k1", "k4", "new-k0"}
# Keys are remembered for 24 hours.
_LATER_SECONDS = 25 * 3600
_WINDOW_SECONDS = 61
_MAX_RUNS = 6
_POLL_SECONDS = 0.001
# About as many as a run has.
_POINTS = 200
_FILES = ("calendar.csv", "report.csv")


class ServerClock(ManualClock):
    """A clock that can be set back, while rate limits continue."""

    def __init__(self) -> None:
        super().__init__(_START)
        self.ticks = 0.0

    def monotonic(self) -> float:
        return self.ticks

    def set_time(self, now: datetime) -> None:
        self.current = now
        self.ticks += _WINDOW_SECONDS


@dataclass(frozen=True)
class BulkScenario:
    """A run of a calendar.

    Attributes:
        name: Name in the table.
        rows: Rows of the calendar.
        earlier: Rows of an earlier run of the same file, whose state the run finds; None for a
            first run.
        options: Options of the run.
        stopped_at: Share of the I/O points at which a power loss has ended another run before this
            one; None if there was none.
    """

    name: str
    rows: Sequence[CalendarRow]
    earlier: Sequence[CalendarRow] | None
    options: Sequence[str]
    stopped_at: float | None = None

    @property
    def words(self) -> list[str]:
        """The command line."""
        return ["bulk", "schedule", "calendar.csv", "--report", "report.csv", *self.options]


def _scenarios() -> dict[str, BulkScenario]:
    rows = make_rows(_ROWS, _FIRST_POST)
    options = ["--prune", "--concurrency", "1"]
    scenarios = (
        BulkScenario("first run", rows, None, []),
        BulkScenario("changed calendar", edit_rows(rows), rows, options),
        BulkScenario("resumed run", edit_rows(rows), rows, options, stopped_at=0.65),
    )
    return {scenario.name: scenario for scenario in scenarios}


BULK_SCENARIOS = _scenarios()


@dataclass(frozen=True)
class _Before:
    """The files and the account before a run."""

    files: Mapping[str, bytes]
    account: Snapshot


class BulkWorld:
    """A directory, an account and a zygote for the cases of bulk scenarios.

    Args:
        directory: Directory for everything.
        bug: Name of a bug to plant in the runs that fail; see zygote.py.
    """

    def __init__(self, directory: Path, bug: str | None = None) -> None:
        self._root, self._bug = directory / "home", bug
        self._root.mkdir()
        (directory / "zygote").mkdir()
        self._clock = ServerClock()
        self._stack = ExitStack()
        # A server that refuses posts that lie close together would hide a second one.
        self._stack.enter_context(
            patch("outreply_cli.emulator.posts.check_guardrails", lambda *_, **__: None)
        )
        self._server = self._stack.enter_context(
            EmulatorServer(
                directory / "emulator.db", self._clock, config=EmulatorConfig(is_lenient=True)
            )
        )
        self._zygote = self._stack.enter_context(Zygote(directory / "zygote"))
        self._environ = {
            "HOME": str(self._root),
            "OUTREPLY_API_KEY": self._server.token,
            "OUTREPLY_BASE_URL": self._server.base_url,
            "OUTREPLY_CONFIG_DIR": str(self._root / "config"),
            "OUTREPLY_STATE_DIR": str(self._root / "state"),
            "OUTREPLY_TIMEZONE": "UTC",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        self._empty = Snapshot(self._server)
        self._stack.callback(self._empty.close)
        self._before: dict[str, _Before] = {}
        self._warm_up(directory / "modules.json")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def points(self, name: str) -> list[Point]:
        """The I/O points of a run without faults."""
        self._prepare(BULK_SCENARIOS[name])
        disk = Disk(self._root)
        result = self._run(BULK_SCENARIOS[name].words)
        assert result.code == 0, result.err
        return disk.replay(result.log)

    def run_case(self, name: str, fault: Fault, point: int) -> Outcome:
        """Let the run fail at a point, run it again until it is done, and compare the posts.

        Every second case continues when the server has forgotten its keys.
        """
        scenario = BULK_SCENARIOS[name]
        self._prepare(scenario)
        outcome = Outcome()
        self._fail(scenario, fault, point, outcome)
        if fault == Fault.TWO_POWER_LOSSES:
            second = Random(point).randrange(1, _POINTS)  # noqa: S311 - the same each time
            self._fail(scenario, fault, second, outcome)
        self._advance(_LATER_SECONDS if (point + fault.number) % 2 else 0)
        self._recover(scenario, outcome)
        posts, expected = server_posts(self._server), expected_posts(scenario.rows)
        surplus, missing = posts - expected, expected - posts
        uploads = self._count_surplus_uploads()
        outcome.twice, outcome.lost = surplus.total() + uploads, missing.total()
        if outcome.twice or outcome.lost:
            outcome.notes.append(
                f"surplus {dict(surplus)}, missing {dict(missing)}, surplus uploads {uploads}"
            )
        return outcome

    def _fail(self, scenario: BulkScenario, fault: Fault, point: int, outcome: Outcome) -> None:
        """Run the scenario with a fault."""
        disk = Disk(self._root, fault)
        result = self._run(scenario.words, fault, point)
        self._wait_for_server()
        self._examine(outcome, result)
        disk.replay(result.log)
        disk.lose_power(fault, point)

    def _count_surplus_uploads(self) -> int:
        sql = "SELECT count(*) - count(DISTINCT sha256) FROM media WHERE deleted_at IS NULL"
        with self._server.state.transaction() as db:
            return int(db.execute(sql).fetchone()[0])

    def _recover(self, scenario: BulkScenario, outcome: Outcome) -> None:
        words = list(scenario.words)
        for _ in range(_MAX_RUNS):
            self._advance(_WINDOW_SECONDS)
            result = self._run(words)
            self._examine(outcome, result)
            if result.code == 0:
                return
            outcome.notes.append(result.err.strip())
            outcome.refused += 1
            words = self._follow_advice(scenario, result, outcome)
        outcome.unsettled += 1

    def _follow_advice(self, scenario: BulkScenario, result: Result, outcome: Outcome) -> list[str]:
        """Do what the error advises, and return the words of the next run."""
        words = list(scenario.words)
        if "move it away" in result.err:
            for path in (self._root / "state").glob("journal.db*"):
                path.unlink()
        if "--adopt" in result.err:
            words.append("--adopt")
        reconcile = re.search(r"outreply bulk reconcile\b", result.err)
        if reconcile:
            self._examine(outcome, self._run(["bulk", "reconcile", "calendar.csv", "--yes"]))
        return words

    def _examine(self, outcome: Outcome, result: Result) -> None:
        traceback = find_traceback(result.err)
        if traceback is not None:
            outcome.tracebacks += 1
            outcome.notes.append(traceback)
        names_file = any(name in result.err for name in (str(self._root), *_FILES))
        if result.code != 0 and not result.lost_power and not names_file:
            outcome.unnamed += 1
            outcome.notes.append(f"exit code {result.code}: {result.err.strip()}")

    def _run(
        self, words: Sequence[str], fault: Fault = Fault.NONE, point: int = 0,
        modules: Path | None = None,
    ) -> Result:  # fmt: skip
        return self._zygote.run(
            words, self._root, self._environ, now=self._clock.now(), fault=fault, point=point,
            bug=self._bug, modules=modules,
        )  # fmt: skip

    def _wait_for_server(self) -> None:
        """Wait until requests that a process sent before its end have been carried out."""
        # The server reads requests in order: once it responds, it has read all earlier ones.
        self._server.handle.request("status")
        while any(connection._is_busy for connection in [*self._server._server.connections]):
            time.sleep(_POLL_SECONDS)

    def _advance(self, seconds: float) -> None:
        self._clock.set_time(self._clock.now())
        self._clock.advance(seconds)

    def _warm_up(self, modules: Path) -> None:
        self._clock.set_time(_START)
        self._write_calendar(BULK_SCENARIOS["first run"].rows)
        self._run(BULK_SCENARIOS["first run"].words, modules=modules)
        self._zygote.preload(modules)

    def _prepare(self, scenario: BulkScenario) -> None:
        """Restore the files and the account as they are before the run."""
        if scenario.name not in self._before:
            self._before[scenario.name] = self._make(scenario)
        self._restore(self._before[scenario.name])

    def _make(self, scenario: BulkScenario) -> _Before:
        self._clear(self._empty)
        if scenario.earlier is None:
            self._write_calendar(scenario.rows)
            return _Before(self._read_files(), self._empty)
        self._write_calendar(scenario.earlier)
        result = self._run(scenario.words)
        assert result.code == 0, result.err
        self._write_calendar(scenario.rows)
        (self._root / "report.csv").unlink()
        before = self._save()
        if scenario.stopped_at is None:
            return before
        disk = Disk(self._root)
        points = disk.replay(self._run(scenario.words).log)
        self._restore(before)
        changes = sum(point.call != "read" for point in points)
        outcome = Outcome()
        self._fail(scenario, Fault.POWER_LOSS, int(changes * scenario.stopped_at), outcome)
        assert outcome.is_success
        return self._save()

    def _save(self) -> _Before:
        self._clock.set_time(_START)
        account = Snapshot(self._server)
        self._stack.callback(account.close)
        return _Before(self._read_files(), account)

    def _read_files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self._root)): path.read_bytes()
            for path in sorted(self._root.rglob("*"))
            if path.is_file()
        }

    def _restore(self, before: _Before) -> None:
        self._clear(before.account)
        for name, content in before.files.items():
            path = self._root / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(path, content)

    def _clear(self, account: Snapshot) -> None:
        shutil.rmtree(self._root)
        self._root.mkdir(mode=0o700)
        with self._server.state._lock:
            account.restore(self._server)
        self._clock.set_time(_START)

    def _write_calendar(self, rows: Sequence[CalendarRow]) -> None:
        lines = ["key,page,scheduled_at,message,media_files"]
        for row in rows:
            media = ""
            if row.key in _KEYS_WITH_MEDIA:
                media = f"{row.key}.png"
                write_file(self._root / media, png(row.key.encode()))
            cells = (row.key, row.page, row.scheduled_at.isoformat(), f'"{row.message}"', media)
            lines.append(",".join(cells))
        write_file(self._root / "calendar.csv", "\n".join(lines).encode() + b"\n")
