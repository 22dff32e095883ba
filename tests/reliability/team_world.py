"""Machines of a team, with separate names, clocks and networks, and their account and store."""

import json
import math
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from unittest.mock import patch
from urllib.parse import urlsplit

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import (
    PAGES,
    CalendarRow,
    expected_posts,
    make_rows,
    server_posts,
    write_calendar,
)
from tests.clocks import ManualClock
from tests.command_line import CommandLine, wait_until_suspended
from tests.postgres import OwnServer
from tests.reliability.outcomes import find_traceback
from tests.reliability.team_history import Recorder, TeamRun
from tests.reliability.team_machine import Settings, write_skipped
from tests.reliability.team_network import Namespace, Network, RelayedNetwork, has_namespaces

_RUN_SECONDS = 1_800
_RUNS_TO_SETTLE = 2
_HOUR = timedelta(minutes=62)
_CLOCK_ERROR_SECONDS = 3 * 3600
_CLOCK_DRIFT = 0.02
_LIMITS = {"publishes": 10**9, "replies": 10**9, "reads": 10**9}


@dataclass(eq=False)
class Machine:
    """A machine with its own state directory, name, clock and network."""

    name: str
    cli: CommandLine
    network: Network
    clock_error: float
    clock_speed: float


@dataclass(eq=False)
class Running:
    """A run of a machine that was started."""

    machine: Machine
    run: TeamRun
    process: "subprocess.Popen[str]"
    thread: threading.Thread


@dataclass
class Team:
    """Machines with one account and one store.

    Attributes:
        recorder: Recorder of what the server does, and what the runs report.
        running: The runs that were started, newest last.
        stop_seconds: Maximum time in seconds that a machine is stopped or cut off.
    """

    root: Path
    server: OwnServer
    url: str
    emulator: EmulatorServer
    recorder: Recorder
    machines: list[Machine]
    rows: Sequence[CalendarRow] = ()
    running: list[Running] = field(default_factory=list)
    stop_seconds: float = 3.0
    _restores: int = 0
    _skipped: float = 0.0

    def __post_init__(self) -> None:
        self.calendar = self.root / "plan.csv"
        self.skipped = self.root / "skipped"
        write_skipped(self.skipped, 0)
        migrated = self.spawn(self.machines[0], "store", "migrate")
        assert migrated.code == 0, migrated.err

    @property
    def words(self) -> tuple[str, ...]:
        """The command that each machine runs."""
        return ("bulk", "schedule", str(self.calendar), "--prune", "--wait-lock", "15m",
                "--max-cancel", "1000", "--json")  # fmt: skip

    def edit(self, rows: Sequence[CalendarRow]) -> None:
        """Write another version of the calendar."""
        self.rows = rows
        self.recorder.versions.append((self.recorder.now(), rows))
        write_calendar(self.calendar, rows)

    def start(self, machine: Machine, *words: str) -> Running:
        """Start a run of a machine; it is recorded when it ends."""
        name = f"{machine.name}-run{len(self.recorder.runs)}"
        plan = self.root / f"{name}.plan"
        host, (database, api) = machine.network.host, machine.network.ports
        settings = Settings(
            machine.name, name, machine.clock_error, machine.clock_speed, str(self.skipped),
            str(plan), self.emulator.port, (host, api),
        )  # fmt: skip
        path = urlsplit(self.url).path
        process = subprocess.Popen(
            [*machine.network.prefix, sys.executable, "-m", "tests.reliability.team_machine",
             *(words or self.words)],
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={
                **machine.cli.environ, **settings.environ,
                "OUTREPLY_STORE_URL": f"postgresql://postgres@{host}:{database}{path}",
            },
        )  # fmt: skip
        journal = f"journal{self._restores}"
        run = TeamRun(name, len(self.recorder.versions) - 1, journal, self.recorder.now(), plan)
        thread = threading.Thread(target=self._wait, args=(run, process))
        thread.start()
        running = Running(machine, run, process, thread)
        if not words:
            self.recorder.runs.append(run)
            self.running.append(running)
        return running

    def spawn(self, machine: Machine, *words: str) -> TeamRun:
        """Run a command line of a machine to its end."""
        return self.wait(self.start(machine, *words))

    def wait(self, running: Running) -> TeamRun:
        """Wait for the end of a run, and return it."""
        running.thread.join(_RUN_SECONDS)
        run = running.run
        assert run.code is not None, f"{run.id} does not end"
        assert find_traceback(run.err) is None, run.err
        return run

    def wait_for_requests(self, count: int, seconds: float = math.inf) -> bool:
        """Wait for more requests, for some seconds at most; False if all runs end before."""
        until, give_up_at = self.recorder.requests + count, time.monotonic() + seconds
        while self.recorder.requests < until and time.monotonic() < give_up_at:
            if not self.active:
                return False
            time.sleep(0.01)
        return True

    def wait_for_posts(self, count: int) -> None:
        """Wait until the server has `count` posts of the calendar."""
        while sum(server_posts(self.emulator).values()) < count:
            assert self.active
            time.sleep(0.01)

    @property
    def active(self) -> list[Running]:
        """The runs that have not ended."""
        return [running for running in self.running if running.run.code is None]

    def find_holder(self) -> Running | None:
        """Return the run that holds the lease of the calendar."""
        holders = [str(row[0]) for row in self.sql("SELECT holder FROM outreply.leases "
                                              "WHERE expires_at > clock_timestamp()")]  # fmt: skip
        return next(
            (
                running
                for running in self.active
                if any(f"pid {running.process.pid}" in holder for holder in holders)
            ),
            None,
        )

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as an administrator of the database."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def expire_leases(self) -> None:
        """Make the leases as old as those of processes that have stopped."""
        self.sql("UPDATE outreply.leases SET expires_at = clock_timestamp() - interval '1 s'")

    def disconnect(self) -> None:
        """End all connections to the database."""
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def lose_commits(self, seconds: float) -> None:
        """Let a copy of the database take over that lacks the last commits."""
        self.server.save()
        time.sleep(seconds)
        self.server.put_back()
        self._restores += 1
        self.expire_leases()

    def skip_hour(self) -> None:
        """Let more than an hour pass while the whole team is asleep; the server forgets keys."""
        asleep = self.active
        for running in asleep:
            running.process.send_signal(signal.SIGSTOP)
        for running in asleep:
            wait_until_suspended(running.process.pid)
        self._skipped += _HOUR.total_seconds()
        clock = self.emulator.state.clock
        with self.emulator.state.transaction() as db:
            clock.set_time(clock.now() + _HOUR)
            hour_ago = clock.now() - timedelta(hours=1)
            db.execute("DELETE FROM idempotency WHERE created_at < ?", (hour_ago.timestamp(),))
        write_skipped(self.skipped, self._skipped)
        self.expire_leases()
        for running in asleep:
            running.process.send_signal(signal.SIGCONT)

    def settle(self) -> int:
        """Run all machines until they end well; return the maximum number of runs of a machine.

        Raises:
            AssertionError: A machine does not end well within two runs, or the account differs
                from the calendar.
        """
        self.expire_leases()
        remaining, runs = self.machines, 0
        while remaining:
            started = [self.start(machine) for machine in remaining]
            failed = [running for running in started if self.wait(running).code]
            remaining, runs = [running.machine for running in failed], runs + 1
            errors = "\n".join(f"{running.run.id}: {running.run.err}" for running in failed)
            assert not failed or runs < _RUNS_TO_SETTLE, errors
        actual, expected = server_posts(self.emulator), expected_posts(self.rows)
        assert actual == expected, f"lost: {expected - actual}, too many: {actual - expected}"
        return runs

    def _wait(self, run: TeamRun, process: "subprocess.Popen[str]") -> None:
        run.out, run.err = process.communicate()
        run.stopped_at = self.recorder.now()
        run.code = process.returncode


@contextmanager
def open_team(
    server: OwnServer, url: str, size: int, *, random: Random, pages: int = len(PAGES),
    per_minute: int = 10**6, isolated: bool | None = None,
) -> Iterator[Team]:  # fmt: skip
    """Run an emulator, and make machines that use the store at `url`.

    Args:
        server: The server of the store.
        url: URL of the store.
        size: Number of machines.
        random: Decides on the clocks.
        pages: Number of pages of the account.
        per_minute: Rate limit of the account.
        isolated: Whether machines have namespaces; by default, where that is possible.
    """
    isolated = has_namespaces() if isolated is None else isolated
    config = EmulatorConfig(is_lenient=True)
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(
            patch("outreply_cli.emulator.posts.check_guardrails", lambda *_, **__: None)
        )
        emulator = stack.enter_context(
            EmulatorServer(root / "emulator.db", SystemClock(), config=config)
        )
        _set_up_account(emulator, pages, per_minute)
        recorder = Recorder(emulator)
        stack.enter_context(recorder.record())
        targets = [server.socket, ("127.0.0.1", emulator.port)]
        machines = []
        for number in range(size):
            network: Network = (Namespace if isolated else RelayedNetwork)(targets)
            stack.enter_context(network)
            cli = CommandLine(root / f"home{number}", ManualClock())
            cli.environ |= {
                "OUTREPLY_API_KEY": emulator.token, "OUTREPLY_BASE_URL": emulator.base_url,
            }  # fmt: skip
            error = random.uniform(-_CLOCK_ERROR_SECONDS, _CLOCK_ERROR_SECONDS)
            speed = random.uniform(1 - _CLOCK_DRIFT, 1 + _CLOCK_DRIFT)
            machines.append(Machine(f"host{number}", cli, network, error, speed))
        team = Team(root, server, url, emulator, recorder, machines)
        try:
            yield team
        finally:
            for running in team.active:
                running.process.kill()
                running.thread.join()


def _set_up_account(emulator: EmulatorServer, pages: int, per_minute: int) -> None:
    """Give the account more pages, called as its first ones with a number, and limits."""
    limits = json.dumps({**_LIMITS, "per_minute": per_minute})
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET tier = 'elite', limits = ?", (limits,))
        originals = {
            f"{row['platform']}:{row['username']}": row for row in db.execute("SELECT * FROM pages")
        }
        for number, alias in enumerate(page_aliases(pages)[len(PAGES) :], len(PAGES)):
            row = originals[PAGES[number % len(PAGES)]]
            username = alias.partition(":")[2]
            db.execute(
                "INSERT INTO pages SELECT ?, brand_id, platform, name, ?, followers, expired, "
                "profile_picture, created_at FROM pages WHERE id = ?",
                (f"{number:024x}", username, row["id"]),
            )


def page_aliases(count: int) -> list[str]:
    """Return the names of `count` pages."""
    return [
        PAGES[number % len(PAGES)] + (f"-{number}" if number >= len(PAGES) else "")
        for number in range(count)
    ]


def make_calendar(count: int, pages: int = len(PAGES)) -> list[CalendarRow]:
    """Return rows over all pages, each with its key in the text."""
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    return [_mark(row) for row in make_rows(count, first, page_aliases(pages))]


def edit_calendar(rows: Sequence[CalendarRow], number: int) -> list[CalendarRow]:
    """Change texts and times, and replace some rows by new ones of the same page."""
    last = max(row.scheduled_at for row in rows)
    edited = []
    for index, row in enumerate(rows):
        # Each edit changes other rows, and each page keeps its number of rows.
        match (index // 12 + number) % 6:
            case 0:
                text = row.message.rpartition(" [")[0]
                edited.append(_mark(replace(row, message=f"{text}, edit {number}")))
            case 1:
                later = row.scheduled_at + timedelta(minutes=20)
                edited.append(replace(row, scheduled_at=later))
            case 2:
                later = last + timedelta(hours=2 * (1 + index // 12), minutes=index % 12)
                new = CalendarRow(f"e{number}-{index}", row.page, later, f"New Row {index}")
                edited.append(_mark(new))
            case _:
                edited.append(row)
    return edited


def _mark(row: CalendarRow) -> CalendarRow:
    return replace(row, message=f"{row.message} [{row.key}]")
