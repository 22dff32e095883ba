"""Machines share a team's store while they are killed, stopped and cut off.

The database also loses its last commits, as when a copy of it takes over. After each edit of the
calendar all machines run at once, and a random one is disturbed again and again. Then each machine
must end well within two more runs, and each row must have one post. At no moment may the account
have two posts with the same page, time and text.
"""

import argparse
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import (
    CalendarRow,
    edit_rows,
    expected_posts,
    make_rows,
    server_posts,
    write_calendar,
)
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.postgres import make_database, start_server
from tests.reliability.outcomes import find_traceback

SEEDS = 10
_ROUNDS = 3
_WATCH_SECONDS = 0.05
_PAUSE_SECONDS = 0.4
# Leases are kept: a copy that is put back has a later clock.
_TABLES = ("entries", "events", "calendars", "separate_posts", "slot_claims", "uploads")


@dataclass
class Team:
    """Machines with state directories of their own, one account and one store."""

    root: Path
    url: str
    emulator: EmulatorServer
    rows: Sequence[CalendarRow]
    size: int
    machines: list[CommandLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.calendar = self.root / "plan.csv"
        write_calendar(self.calendar, self.rows)
        for number in range(self.size):
            machine = CommandLine(self.root / f"machine{number}", ManualClock())
            machine.environ |= {
                "OUTREPLY_API_KEY": self.emulator.token,
                "OUTREPLY_BASE_URL": self.emulator.base_url,
                "OUTREPLY_STORE_URL": self.url,
            }
            self.machines.append(machine)
        migrated = self.machines[0].spawn("store", "migrate")
        assert migrated.code == 0, migrated.err

    @property
    def words(self) -> tuple[str, ...]:
        """The command that each machine runs."""
        return ("bulk", "schedule", str(self.calendar), "--prune", "--wait-lock", "5m",
                "--max-cancel", "1000")  # fmt: skip

    def start(self, number: int) -> "subprocess.Popen[str]":
        """Start a run of a machine."""
        return self.machines[number].start(*self.words)

    def edit(self, rows: Sequence[CalendarRow]) -> None:
        """Write another version of the calendar."""
        self.rows = rows
        write_calendar(self.calendar, rows)

    def wait_for_posts(self, count: int) -> None:
        """Wait until the server has so many posts of the calendar."""
        while sum(server_posts(self.emulator).values()) < count:
            pass

    def sql(self, statement: str) -> None:
        """Run a statement as an administrator of the database."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def expire_leases(self) -> None:
        """Make the leases as old as those of processes that have stopped."""
        self.sql("UPDATE outreply.leases SET expires_at = clock_timestamp() - interval '1 s'")

    def disconnect(self) -> None:
        """End all connections, as a restart of the database does."""
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def save(self) -> None:
        """Copy the tables."""
        copies = "; ".join(
            f"CREATE TABLE copy.{table} AS TABLE outreply.{table}" for table in _TABLES
        )
        self.sql(f"DROP SCHEMA IF EXISTS copy CASCADE; CREATE SCHEMA copy; {copies}")

    def put_back(self) -> None:
        """End all connections, and replace the tables by their copies."""
        names = ", ".join(f"outreply.{table}" for table in _TABLES)
        inserts = "; ".join(
            f"INSERT INTO outreply.{table} SELECT * FROM copy.{table}"  # noqa: S608 - constants
            for table in _TABLES
        )
        self.disconnect()
        self.sql(
            f"BEGIN; LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE; "
            f"SET LOCAL session_replication_role = replica; TRUNCATE {names}; {inserts}; COMMIT"
        )
        self.disconnect()

    def settle(self) -> int:
        """Run each machine until it ends well; return the most runs that one needed.

        Raises:
            AssertionError: A machine does not end well within two runs.
        """
        self.expire_leases()
        most = 0
        for machine in self.machines:
            for attempt in range(1, 3):
                result = machine.spawn(*self.words, seconds=600)
                most = max(most, attempt)
                assert find_traceback(result.err) is None
                if result.code == 0:
                    break
            assert result.code == 0, f"exit code {result.code}: {result.err}"
        assert server_posts(self.emulator) == expected_posts(self.rows)
        return most


@contextmanager
def open_team(url: str, rows: Sequence[CalendarRow], size: int) -> Iterator[Team]:
    """Run an emulator, and make machines that use the store at `url`."""
    with tempfile.TemporaryDirectory() as name:
        config = EmulatorConfig(is_lenient=True)
        root = Path(name)
        with EmulatorServer(root / "emulator.db", SystemClock(), config=config) as emulator:
            emulator.state.connection.execute("UPDATE users SET tier = 'elite'")
            yield Team(root, url, emulator, rows, size)


@contextmanager
def _watch_for_doubles(emulator: EmulatorServer) -> Iterator[list[str]]:
    """Collect the posts that the account has twice at any moment of the block."""
    found: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_WATCH_SECONDS):
            found.extend(str(post) for post, n in server_posts(emulator).items() if n > 1)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def _disturb(team: Team, processes: "Sequence[subprocess.Popen[str]]", random: Random) -> str:
    """Kill, stop or cut off a random machine, or lose commits, and return what was done."""
    running = [process for process in processes if process.poll() is None]
    kind = random.choice(("kill", "stop", "cut", "lose commits"))
    if not running:
        return "nothing"
    process = random.choice(running)
    if kind == "kill":
        process.kill()
        process.wait()
        team.expire_leases()
    elif kind == "stop":
        process.send_signal(signal.SIGSTOP)
        team.expire_leases()
        time.sleep(_PAUSE_SECONDS * random.random() * 4)
        process.send_signal(signal.SIGCONT)
    elif kind == "cut":
        team.disconnect()
    else:
        team.save()
        time.sleep(_PAUSE_SECONDS * random.random() * 4)
        team.put_back()
    return kind


def run_round(team: Team, random: Random, disturbances: int) -> Counter[str]:
    """Run all machines at once, disturb them, and let them settle; return what was done.

    Raises:
        AssertionError: A post was there twice, is missing, or a machine did not end well.
    """
    done: Counter[str] = Counter(runs=team.size)
    with _watch_for_doubles(team.emulator) as doubles:
        processes = [team.start(number) for number in range(team.size)]
        for _ in range(disturbances):
            time.sleep(_PAUSE_SECONDS * random.random() * 2)
            done[_disturb(team, processes, random)] += 1
        for process in processes:
            out, err = process.communicate(timeout=600)
            assert "Traceback" not in err, out + err
        done["most runs to settle"] = team.settle()
    assert doubles == []
    return done


def _edit_again(rows: Sequence[CalendarRow], number: int) -> list[CalendarRow]:
    """Return edited rows; the keys of added rows are not those that an earlier edit added."""
    edited = edit_rows(rows)
    count = len(rows) // 6
    added = [replace(row, key=f"{row.key}-{number}") for row in edited[-count:]]
    return [*edited[:-count], *added]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument("--seeds", type=int, default=SEEDS, help="number of seeds")
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--machines", type=int, default=8, help="number of machines")
    parser.add_argument("--rows", type=int, default=300, help="rows of the calendar")


def run(arguments: argparse.Namespace) -> bool:
    """Run all seeds; return whether nothing was posted twice or lost."""
    server = start_server("reliability")
    total: Counter[str] = Counter()
    failures = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        random = Random(seed)  # noqa: S311 - reproducible
        first = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
        rows = make_rows(arguments.rows, first)
        with make_database(server) as url, open_team(url, rows, arguments.machines) as team:
            try:
                for number in range(_ROUNDS):
                    if number:
                        team.edit(_edit_again(team.rows, number))
                    done = run_round(team, random, disturbances=6)
                    most = max(total["most runs to settle"], done["most runs to settle"])
                    total += done
                    total["most runs to settle"] = most
            except AssertionError as failure:
                failures += 1
                print(f"seed {seed}: {failure}", flush=True)
    print(f"team: {arguments.seeds} seeds, {dict(total)}, {failures} with a violation", flush=True)
    return not failures
