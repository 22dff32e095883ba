"""Deterministic simulation of machines that share one account, driven by a seed.

Several machines run the product's command line in one process, without sockets, in virtual time:
see `world` for what happens to them, `product` for what is replaced, and `checker` for what must
hold. With --planted, bugs are planted one by one, and each must be found.
"""

import argparse
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.reliability.planted_bugs import PLANTED_BUGS, plant_bug
from tests.reliability.simulation.world import Outcome, World

_SEEDS = 10_000
_REPEATED = 200
_MIN_EVENTS = 100
_MEMORY = Path("/dev/shm")  # noqa: S108 - each seed makes its own private directory
_PROGRESS_SEEDS = 500
# Bounds of the search for a planted bug, and of the memory of a process.
_PLANTED_SEEDS = 1_000
_CHUNK, _CHUNKS_PER_PROCESS = 20, 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the part."""
    parser.add_argument("--seeds", type=int, default=_SEEDS, help="number of seeds")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--repeated", type=int, default=_REPEATED, help="seeds to run twice")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--show", type=int, metavar="SEED", help="print the history of a seed")
    parser.add_argument("--planted", action="store_true", help="plant bugs and find them")
    parser.add_argument("--bug", choices=PLANTED_BUGS, help="plant this bug in all seeds")


def run(arguments: argparse.Namespace) -> bool:
    """Run seeds; return whether none of them breaks a promise."""
    if arguments.show is not None:
        outcome = simulate(arguments.show, arguments.bug)
        print("\n".join(outcome.log))
        return not outcome.violations
    if arguments.planted:
        return _find_planted_bugs(arguments.jobs)
    started_at = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    outcomes = []
    for outcome in simulate_all(seeds, arguments.jobs, arguments.bug):
        outcomes.append(outcome)
        if len(outcomes) % _PROGRESS_SEEDS == 0:
            broken = sum(bool(found.violations) for found in outcomes)
            print(f"{len(outcomes):,} seeds, {broken} with violations", flush=True)
    digests = {outcome.seed: outcome.digest for outcome in outcomes}
    unequal = [
        outcome.seed
        for outcome in simulate_all(seeds[: arguments.repeated], arguments.jobs, arguments.bug)
        if outcome.digest != digests[outcome.seed]
    ]
    print(summarize(outcomes, unequal, time.monotonic() - started_at))
    is_clean = not unequal and not any(found.violations for found in outcomes)
    return is_clean and all(found.events >= _MIN_EVENTS for found in outcomes)


def simulate(seed: int, bug: str | None = None) -> Outcome:
    """Return the outcome of a seed, with a planted bug if one is named."""
    parent = _MEMORY if _MEMORY.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="outreply-simulation-", dir=parent))
    try:
        with plant_bug(bug):
            return World(seed, directory).live()
    finally:
        shutil.rmtree(directory)


def simulate_all(seeds: Iterable[int], jobs: int, bug: str | None = None) -> Iterator[Outcome]:
    """Yield the outcome of each seed, without its log, in any order."""
    simulate_one = partial(_simulate_briefly, bug=bug)
    if jobs == 1:
        yield from map(simulate_one, seeds)
        return
    with get_context("spawn").Pool(jobs, maxtasksperchild=_CHUNKS_PER_PROCESS) as pool:
        yield from pool.imap_unordered(simulate_one, seeds, chunksize=_CHUNK)


def find_bug(bug: str, seeds: Iterable[int]) -> int | None:
    """Return the first seed that is valid without a bug and not with it, or None."""
    for seed in seeds:
        if simulate(seed, bug).violations and not simulate(seed).violations:
            return seed
    return None


def summarize(outcomes: Sequence[Outcome], unequal: Sequence[int], seconds: float) -> str:
    """Return the figures of a run."""
    events = [outcome.events for outcome in outcomes]
    spread = f"{min(events)} to {max(events)} per seed"
    lines = [
        f"{len(outcomes):,} seeds in {seconds:.0f} s, {sum(events):,} events ({spread})",
        f"{sum(outcome.is_settled for outcome in outcomes):,} seeds end with everything done",
        f"{len(unequal)} seeds differ when they are run again",
    ]
    seeds: dict[str, list[int]] = defaultdict(list)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.seed):
        for rule in {found.rule for found in outcome.violations}:
            seeds[rule].append(outcome.seed)
    broken = sum(bool(outcome.violations) for outcome in outcomes)
    lines.append(f"{broken} seeds with violations")
    for rule, found in sorted(seeds.items()):
        lines.append(f"  {rule}: {len(found)} seeds, such as {', '.join(map(str, found[:5]))}")
    return "\n".join(lines)


def _simulate_briefly(seed: int, bug: str | None) -> Outcome:
    return simulate(seed, bug)._replace(log=[])


def _find_planted_bugs(jobs: int) -> bool:
    seeds = range(1, _PLANTED_SEEDS + 1)
    is_complete = True
    with get_context("spawn").Pool(jobs) as pool:
        results = pool.imap(partial(find_bug, seeds=seeds), PLANTED_BUGS)
        for (name, bug), seed in zip(PLANTED_BUGS.items(), results, strict=True):
            found = f"found by seed {seed}" if seed else f"not found by {_PLANTED_SEEDS:,} seeds"
            print(f"{name:<28} {found:<24} {bug.__doc__}", flush=True)
            is_complete = is_complete and seed is not None
    return is_complete
