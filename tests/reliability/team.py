"""Machines share a team's store while they are killed, stopped and cut off.

After each edit of the calendar all machines run at once, and one of them, the database or the whole
team is disturbed again and again. The server has no guardrails, and forgets keys after an hour.
Then each machine must end well within two more runs, and each row must have one post. A checker
judges the history at all times.
"""

import argparse
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from tests.command_line import wait_until_suspended
from tests.postgres import make_database, start_own_server
from tests.reliability.checker import check
from tests.reliability.team_world import (
    Running,
    Team,
    edit_calendar,
    make_calendar,
    open_team,
)

SEEDS = 3
_EDITS = 3
_LATENCY_SECONDS = 0.1
# Share of the requests that the rate limit may refuse.
_MAX_REFUSED = 0.01
# How long a machine is stopped or cut off at most: more than it takes to notice that.
_STOP_SECONDS = 20.0
_PAUSE_SECONDS = 2.0
# Share of the disturbances that the holder of the lease gets, rather than any machine.
_HOLDER_SHARE = 0.8


def _let_others_work(team: Team, random: Random) -> None:
    """Wait until another machine has taken over, and has sent some of its requests."""
    team.wait_for_requests(random.randrange(len(team.rows) // 5), seconds=team.stop_seconds)


def _kill(team: Team, running: Running, _: Random) -> None:
    running.process.kill()
    running.thread.join()
    team.expire_leases()


def _stop(team: Team, running: Running, random: Random) -> None:
    running.process.send_signal(signal.SIGSTOP)
    wait_until_suspended(running.process.pid)
    team.expire_leases()
    _let_others_work(team, random)
    running.process.send_signal(signal.SIGCONT)


def _cut(team: Team, running: Running, random: Random) -> None:
    running.machine.network.cut()
    team.expire_leases()
    _let_others_work(team, random)
    running.machine.network.join()


def _crash(team: Team, _: Running, __: Random) -> None:
    team.server.crash()
    # The holder could not release its lease, and others need not wait for it.
    team.expire_leases()


DISTURBANCES: dict[str, Callable[[Team, Running, Random], None]] = {
    "killed": _kill,
    "stopped": _stop,
    "half-open": _cut,
    "disconnected": lambda team, _, __: team.disconnect(),
    "database crashed": _crash,
    "commits lost": lambda team, _, random: team.lose_commits(_PAUSE_SECONDS * random.random()),
    "hour passed": lambda team, _, __: team.skip_hour(),
}


def run_round(team: Team, random: Random, kinds: Sequence[str]) -> Counter[str]:
    """Run all machines at once, disturb them, and let them settle; return what was done.

    Raises:
        AssertionError: A post is missing or too many, or a machine did not end well.
    """
    done: Counter[str] = Counter()
    started: list[Running] = []
    for kind in kinds:
        # About evenly over the round.
        if not team.wait_for_requests(random.randrange(len(team.rows) // len(kinds))):
            # As a timer does, also after a database that was away has ended them all.
            started += [team.start(machine) for machine in team.machines]
            team.wait_for_requests(random.randrange(len(team.rows) // len(kinds)))
        holder = team.find_holder() if random.random() < _HOLDER_SHARE else None
        candidates = team.active
        if candidates:
            DISTURBANCES[kind](team, holder or random.choice(candidates), random)
            done[kind] += 1
    for running in started:
        team.wait(running)
    done["runs"] = len(started)
    done["most runs to settle"] = team.settle()
    return done


def judge(team: Team) -> None:
    """Check the whole history; raises AssertionError."""
    violations = check(team.recorder.history())
    assert not violations, "\n".join(map(str, violations))
    share = team.recorder.refused / team.recorder.requests
    assert share <= _MAX_REFUSED, f"the rate limit refused {share:.1%} of the requests"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument("--seeds", type=int, default=SEEDS, help="number of seeds")
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--machines", type=int, default=8, help="number of machines")
    parser.add_argument("--rows", type=int, default=1_000, help="rows of the calendar")
    parser.add_argument("--pages", type=int, default=12, help="pages of the account")
    parser.add_argument("--per-minute", type=int, default=1_200, help="rate limit of the account")


def run(arguments: argparse.Namespace) -> bool:
    """Run all seeds; return whether nothing was posted twice or lost."""
    server = start_own_server()
    failures = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        random = Random(seed)  # noqa: S311 - reproducible
        started_at = time.monotonic()
        done: Counter[str] = Counter()
        with (
            make_database(server.url) as url,
            open_team(server, url, arguments.machines, random=random, pages=arguments.pages,
                      per_minute=arguments.per_minute) as team,
        ):  # fmt: skip
            result = "0 twice, 0 lost"
            try:
                _run_seed(team, random, arguments, done)
            except AssertionError as failure:
                failures += 1
                result = f"FAILED: {failure}"
            recorder = team.recorder
            print(
                f"seed {seed}: {result}; {time.monotonic() - started_at:.0f} s, "
                f"{recorder.requests} requests, {recorder.refused} refused, {dict(done)}",
                flush=True,
            )
    print(f"team: {arguments.seeds} seeds, {failures} with a violation", flush=True)
    return not failures


def _run_seed(
    team: Team, random: Random, arguments: argparse.Namespace, done: Counter[str]
) -> None:
    team.stop_seconds = _STOP_SECONDS
    team.recorder.latency = _LATENCY_SECONDS
    team.edit(make_calendar(arguments.rows, arguments.pages))
    for number in range(_EDITS + 1):
        if number:
            team.edit(edit_calendar(team.rows, number))
        kinds = random.sample(list(DISTURBANCES), len(DISTURBANCES))
        round_done = run_round(team, random, kinds)
        max_runs = max(done["most runs to settle"], round_done["most runs to settle"])
        done.update(round_done)
        done["most runs to settle"] = max_runs
    judge(team)
