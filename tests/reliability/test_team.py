"""Machines that work on one calendar in a team's store, and are stopped, killed and cut off."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import expected_posts, make_rows, server_posts, write_calendar
from tests.clocks import ManualClock
from tests.command_line import CommandLine

ROWS = make_rows(60, datetime.now(UTC).replace(microsecond=0) + timedelta(days=2))
MACHINES = 4


class Team:
    """Machines with state directories of their own, one account and one store."""

    def __init__(self, root: Path, url: str, emulator: EmulatorServer) -> None:
        self.emulator = emulator
        self._url = url
        self._root = root
        self.calendar = root / "plan.csv"
        write_calendar(self.calendar, ROWS)
        self.machines = [self._make_machine(n) for n in range(MACHINES)]
        assert self.machines[0].spawn("store", "migrate").code == 0

    def _make_machine(self, number: int) -> CommandLine:
        machine = CommandLine(self._root / f"machine{number}", ManualClock())
        machine.environ |= {
            "OUTREPLY_API_KEY": self.emulator.token,
            "OUTREPLY_BASE_URL": self.emulator.base_url,
            "OUTREPLY_STORE_URL": self._url,
        }
        return machine

    def start(self, number: int, wait: str = "5m") -> "subprocess.Popen[str]":
        words = ("bulk", "schedule", str(self.calendar), "--wait-lock", wait)
        return self.machines[number].start(*words)

    def wait_for_posts(self, count: int) -> None:
        """Wait until the server has so many posts of the calendar."""
        while sum(server_posts(self.emulator).values()) < count:
            pass

    def sql(self, statement: str) -> None:
        """Run a statement as an administrator of the database."""
        with psycopg.connect(self._url, autocommit=True) as connection:
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

    def check(self) -> None:
        """Check that each machine ends well within two more runs, and each row has one post."""
        for machine in self.machines:
            codes = []
            for _ in range(2):
                result = machine.spawn("bulk", "schedule", str(self.calendar), "--wait-lock", "5m")
                codes.append(result.code)
                if result.code == 0:
                    break
            assert codes[-1] == 0, result.err
        assert server_posts(self.emulator) == expected_posts(ROWS)


@pytest.fixture
def team(tmp_path: Path, postgres_url: str) -> Iterator[Team]:
    config = EmulatorConfig(is_lenient=True)
    with EmulatorServer(tmp_path / "emulator.db", SystemClock(), config=config) as emulator:
        emulator.state.connection.execute("UPDATE users SET tier = 'elite'")
        yield Team(tmp_path, postgres_url, emulator)


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Wait for a process after the block, and close its pipes."""
    try:
        yield
    finally:
        process.communicate(timeout=300)


def test_machines_at_once(team: Team) -> None:
    processes = [team.start(number) for number in range(MACHINES)]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    assert server_posts(team.emulator) == expected_posts(ROWS)
    team.check()


@pytest.mark.parametrize("posts", [1, 20, 45])
def test_stopped_machine_is_taken_over(team: Team, posts: int) -> None:
    stopped = team.start(0)
    team.wait_for_posts(posts)
    stopped.send_signal(signal.SIGSTOP)
    team.expire_leases()
    other = team.machines[1].spawn("bulk", "schedule", str(team.calendar), seconds=300)
    stopped.send_signal(signal.SIGCONT)
    _, err = stopped.communicate(timeout=300)
    assert other.code in {0, 3}, other.err
    if stopped.returncode:
        # If it was stopped in a transaction, the database has ended that.
        assert "taken over the calendar" in err or "cannot be used" in err
    team.check()


@pytest.mark.parametrize("posts", [1, 20, 45])
def test_killed_machine_is_taken_over(team: Team, posts: int) -> None:
    killed = team.start(0)
    team.wait_for_posts(posts)
    killed.kill()
    killed.communicate()
    busy = team.machines[1].spawn("bulk", "schedule", str(team.calendar), "--wait-lock", "0s")
    assert busy.code == 1
    assert f"pid {killed.pid}" in busy.err
    team.expire_leases()
    team.check()


def test_connections_that_are_lost(team: Team) -> None:
    done = threading.Event()

    def cut() -> None:
        while not done.wait(0.15):
            team.disconnect()

    thread = threading.Thread(target=cut)
    thread.start()
    processes = [team.start(number) for number in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode in {0, 1}, err
        assert "Traceback" not in err
    done.set()
    thread.join()
    team.expire_leases()
    team.check()


def test_holder_is_shown(team: Team) -> None:
    running = team.start(0)
    team.wait_for_posts(1)
    with ended(running):
        running.send_signal(signal.SIGSTOP)
        status = team.machines[1].spawn("store", "status")
        assert f"held by {os.uname().nodename}, pid {running.pid}" in status.out
        running.send_signal(signal.SIGCONT)
