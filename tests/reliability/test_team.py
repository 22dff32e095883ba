"""Machines that work on one calendar in a team's store, and are stopped, killed and cut off."""

import signal
from collections.abc import Iterator
from random import Random

import pytest

from tests.bulk.calendars import expected_posts, server_posts
from tests.command_line import wait_until_suspended
from tests.postgres import OwnServer, make_database, start_own_server
from tests.reliability.checker import DONE
from tests.reliability.team import DISTURBANCES, judge, run_round
from tests.reliability.team_network import has_namespaces
from tests.reliability.team_world import Team, edit_calendar, make_calendar, open_team

pytestmark = pytest.mark.slow
# Enough to be disturbed; `python -m tests.reliability team` runs more machines and rows.
ROWS = 16


@pytest.fixture(scope="module")
def server() -> OwnServer:
    return start_own_server()


@pytest.fixture
def url(server: OwnServer) -> Iterator[str]:
    with make_database(server.url) as url:
        yield url


@pytest.fixture
def random() -> Random:
    return Random(1)  # noqa: S311 - reproducible


@pytest.fixture
def team(server: OwnServer, url: str, random: Random) -> Iterator[Team]:
    with open_team(server, url, 2, random=random, isolated=False) as team:
        team.edit(make_calendar(ROWS))
        yield team


def test_concurrent_machines_make_each_post_once(team: Team) -> None:
    for running in [team.start(machine) for machine in team.machines]:
        run = team.wait(running)
        assert run.code == 0, run.err
    assert server_posts(team.emulator) == expected_posts(team.rows)
    team.settle()
    judge(team)
    history = team.recorder.history()
    assert {post.created_by for post in history.posts} <= {run.id for run in history.runs}
    assert {len(run.reports) for run in history.runs} == {ROWS}
    assert {status for run in history.runs for status in run.reports.values()} == {DONE}


def test_duplicate_made_by_another_program_is_detected(team: Team) -> None:
    team.settle()
    team.emulator.state.connection.execute(
        "INSERT INTO posts (id, page_id, status, scheduled_at, message, media, created_at) "
        "SELECT 'copy', page_id, status, scheduled_at, message, media, created_at FROM posts "
        "WHERE message LIKE '%[k1]'"
    )
    with pytest.raises(AssertionError, match=r"two posts.* row='k1'"):
        judge(team)


@pytest.mark.parametrize("posts", [1, 15])
def test_stopped_machine_is_taken_over(team: Team, posts: int) -> None:
    stopped = team.start(team.machines[0])
    team.wait_for_posts(posts)
    stopped.process.send_signal(signal.SIGSTOP)
    wait_until_suspended(stopped.process.pid)
    team.expire_leases()
    other = team.spawn(team.machines[1], *team.words)
    stopped.process.send_signal(signal.SIGCONT)
    run = team.wait(stopped)
    assert other.code in {0, 3}, other.err
    if run.code:
        # If it was stopped in a transaction, the database has ended that.
        assert "taken over the calendar" in run.err or "cannot be used" in run.err
    team.settle()


@pytest.mark.parametrize("posts", [1, 15])
def test_killed_machine_is_taken_over(team: Team, posts: int) -> None:
    killed = team.start(team.machines[0])
    team.wait_for_posts(posts)
    killed.process.kill()
    team.wait(killed)
    words = ("bulk", "schedule", str(team.calendar), "--wait-lock", "0s")
    busy = team.spawn(team.machines[1], *words)
    assert busy.code == 1
    assert f"host0, pid {killed.process.pid}" in busy.err
    team.settle()


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_disturbed_machines_make_each_post_once(team: Team, random: Random, kind: str) -> None:
    run_round(team, random, [kind])
    team.edit(edit_calendar(team.rows, 1))
    run_round(team, random, [kind])
    judge(team)


@pytest.mark.skipif(not has_namespaces(), reason="needs root on Linux, for network namespaces")
def test_machines_with_broken_connections_make_each_post_once(
    server: OwnServer, url: str, random: Random
) -> None:
    with open_team(server, url, 3, random=random, isolated=True) as team:
        team.edit(make_calendar(ROWS))
        run_round(team, random, ["half-open", "commits lost"])
        judge(team)


def test_holder_is_shown(team: Team) -> None:
    running = team.start(team.machines[0])
    team.wait_for_posts(1)
    running.process.send_signal(signal.SIGSTOP)
    wait_until_suspended(running.process.pid)
    status = team.spawn(team.machines[1], "store", "status")
    running.process.send_signal(signal.SIGCONT)
    team.wait(running)
    assert f"held by host0, pid {running.process.pid}" in status.out
