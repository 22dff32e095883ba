"""Machines that work on one calendar in a team's store, and are stopped, killed and cut off."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tests.bulk.calendars import edit_rows, expected_posts, make_rows, server_posts
from tests.reliability.team import Team, open_team, run_round

ROWS = make_rows(60, datetime.now(UTC).replace(microsecond=0) + timedelta(days=2))


@pytest.fixture
def team(postgres_url: str) -> Iterator[Team]:
    with open_team(postgres_url, ROWS, 4) as team:
        yield team


def test_machines_at_once(team: Team) -> None:
    processes = [team.start(number) for number in range(team.size)]
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    assert server_posts(team.emulator) == expected_posts(ROWS)
    team.settle()


@pytest.mark.parametrize("posts", [1, 20, 45])
def test_stopped_machine_is_taken_over(team: Team, posts: int) -> None:
    stopped = team.start(0)
    team.wait_for_posts(posts)
    stopped.send_signal(signal.SIGSTOP)
    team.expire_leases()
    other = team.machines[1].spawn(*team.words, seconds=300)
    stopped.send_signal(signal.SIGCONT)
    _, err = stopped.communicate(timeout=300)
    assert other.code in {0, 3}, other.err
    if stopped.returncode:
        # If it was stopped in a transaction, the database has ended that.
        assert "taken over the calendar" in err or "cannot be used" in err
    team.settle()


@pytest.mark.parametrize("posts", [1, 20, 45])
def test_killed_machine_is_taken_over(team: Team, posts: int) -> None:
    killed = team.start(0)
    team.wait_for_posts(posts)
    killed.kill()
    killed.communicate()
    words = ("bulk", "schedule", str(team.calendar), "--wait-lock", "0s")
    busy = team.machines[1].spawn(*words)
    assert busy.code == 1
    assert f"pid {killed.pid}" in busy.err
    team.settle()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disturbed_machines(team: Team, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - reproducible
    run_round(team, random, disturbances=5)
    team.edit(edit_rows(team.rows))
    done = run_round(team, random, disturbances=5)
    assert sum(done.values()) - done["runs"] - done["most runs to settle"] == 5


def test_holder_is_shown(team: Team) -> None:
    running = team.start(0)
    team.wait_for_posts(1)
    running.send_signal(signal.SIGSTOP)
    status = team.machines[1].spawn("store", "status")
    running.send_signal(signal.SIGCONT)
    running.communicate(timeout=300)
    assert f"held by {os.uname().nodename}, pid {running.pid}" in status.out
