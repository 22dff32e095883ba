"""Every I/O point of a bulk run and of the webhook receiver, with every fault.

A point is a write, sync, rename, removal or creation below the home directory. At each of them,
each of `FAULTS` is injected, and at some of them one of `VARIANTS`; then the process is started
again without faults. No row may be posted twice or lost, no acknowledged delivery may be lost, and
every error must name a file.

After a power loss, the directory holds what was synced, by the promises of POSIX alone, or with
torn parts of the rest. Half of the bulk runs continue when the server has forgotten its keys.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, Protocol

from tests.reliability.bulk_world import BULK_SCENARIOS, BulkWorld
from tests.reliability.outcomes import Outcome
from tests.reliability.power_loss import Point
from tests.reliability.receiver_world import RECEIVER_SCENARIOS, ReceiverWorld
from tests.reliability.shim import (
    FAULTS,
    VARIANTS,
    Fault,
    missing_requirement,
    scratch_directory,
)

MIN_CASES = 1_000
# Fewer points mean that the shim misses calls of this Python or SQLite.
MIN_POINTS = 100
REQUIRED_CALLS = {"creation", "write", "sync", "sync of directory", "truncate", "unlink"}
_VARIANT_STEP = 4
_SHOWN_NOTES = 10
_NOTE_LENGTH = 1_500


class World(Protocol):
    """Something whose I/O can fail."""

    def points(self, name: str) -> list[Point]:
        """The I/O points of a scenario without faults."""
        ...

    def run_case(self, name: str, fault: Fault, point: int) -> Outcome:
        """Run a scenario with a fault."""
        ...


class Case(NamedTuple):
    """A fault at a point of a scenario."""

    scenario: str
    fault: Fault
    point: Point


class Worlds:
    """The worlds of all scenarios, made when they are first used."""

    def __init__(self, directory: Path, stack: ExitStack, bug: str | None = None) -> None:
        self._directory, self._stack, self._bug = directory, stack, bug
        self._worlds: dict[str, World] = {}

    def points(self, scenario: str) -> list[Point]:
        """The I/O points of a scenario."""
        return self._world(scenario).points(scenario)

    def run(self, case: Case) -> Outcome:
        """Run a case."""
        return self._world(case.scenario).run_case(case.scenario, case.fault, case.point.number)

    def _world(self, scenario: str) -> World:
        kind = "bulk" if scenario in BULK_SCENARIOS else "receiver"
        if kind not in self._worlds:
            directory = self._directory / kind
            directory.mkdir()
            world: BulkWorld | ReceiverWorld
            if kind == "bulk":
                world = self._stack.enter_context(BulkWorld(directory, self._bug))
            else:
                world = self._stack.enter_context(ReceiverWorld(directory, self._bug))
            self._worlds[kind] = world
        return self._worlds[kind]


@contextmanager
def open_worlds(bug: str | None = None) -> Iterator[Worlds]:
    """Open worlds in a temporary directory; `bug` names a bug to plant, see zygote.py."""
    with scratch_directory() as name, ExitStack() as stack:
        yield Worlds(Path(name), stack, bug)


@dataclass
class Report:
    """The outcomes by scenario and fault, and the points of each scenario."""

    points: dict[str, int] = field(default_factory=dict)
    outcomes: dict[tuple[str, Fault], Outcome] = field(default_factory=dict)
    failures: list[tuple[Case, Outcome]] = field(default_factory=list)

    def add(self, case: Case, outcome: Outcome) -> None:
        """Add the outcome of a case."""
        key = (case.scenario, case.fault)
        self.outcomes.setdefault(key, Outcome(cases=0)).add(outcome)
        if not outcome.is_success:
            self.failures.append((case, outcome))

    @property
    def total(self) -> Outcome:
        """The sum of all outcomes."""
        total = Outcome(cases=0)
        for outcome in self.outcomes.values():
            total.add(outcome)
        return total


SCENARIOS = (*BULK_SCENARIOS, *RECEIVER_SCENARIOS)


def list_cases(worlds: Worlds, report: Report) -> list[Case]:
    """Count the points of all scenarios, and return a case for each fault at each of them.

    A full disk fails only calls that need space. Variants are injected at every fourth point.
    """
    cases = []
    for scenario in SCENARIOS:
        all_points = worlds.points(scenario)
        reads = [point for point in all_points if point.call == "read"]
        points = [point for point in all_points if point.call != "read"]
        report.points[scenario] = len(points)
        missing = REQUIRED_CALLS - {point.call for point in points}
        assert len(points) >= MIN_POINTS, f"{scenario}: the shim sees only {len(points)} points"
        assert not missing, f"{scenario}: the shim does not see: {', '.join(sorted(missing))}"
        cases += [
            Case(scenario, fault, point)
            for point in points
            for fault in FAULTS
            if point.allocates or fault != Fault.ENOSPC_FROM_THEN_ON
        ]
        cases += [
            Case(scenario, fault, point)
            for fault in VARIANTS
            for point in (reads if fault == Fault.EIO_ON_READS else points)[::_VARIANT_STEP]
        ]
    return cases


def run_cases(cases: Sequence[Case]) -> list[Outcome]:
    """Run cases in a separate world each."""
    with open_worlds() as worlds:
        return [worlds.run(case) for case in cases]


def run_all(workers: int) -> Report:
    """Run every case, in parallel processes."""
    report = Report()
    with open_worlds() as worlds:
        cases = list_cases(worlds, report)
    shares = [cases[first::workers] for first in range(workers)]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        results = [iter(outcomes) for outcomes in pool.map(run_cases, shares)]
    for index, case in enumerate(cases):
        report.add(case, next(results[index % workers]))
    return report


def print_report(report: Report) -> bool:
    """Print a table and the failures; return whether it is a success."""
    heads = ("cases", "twice", "lost", "tracebacks", "unnamed", "stuck", "refused",
             "acked", "acked lost", "forwards lost")  # fmt: skip
    print(f"{'':70}{' '.join(f'{head:>10}' for head in heads)}")
    for (scenario, fault), outcome in report.outcomes.items():
        title = f"{scenario} ({report.points[scenario]} points), {fault.title}"
        print(f"{title:70}{_cells(outcome)}")
    total = report.total
    print(f"{f'total ({sum(report.points.values())} points)':70}{_cells(total)}")
    for case, outcome in report.failures[:_SHOWN_NOTES]:
        point = case.point
        print(f"\n{case.scenario}, {case.fault.title} at point {point.number}, "
              f"{point.call} of {point.path}:")  # fmt: skip
        for note in outcome.notes:
            print(f"  {note[:_NOTE_LENGTH]}")
    if len(report.failures) > _SHOWN_NOTES:
        print(f"\n{len(report.failures)} cases failed in all")
    return total.is_success and total.cases >= MIN_CASES


def _cells(outcome: Outcome) -> str:
    counts = (
        outcome.cases, outcome.twice, outcome.lost, outcome.tracebacks, outcome.unnamed,
        outcome.unsettled, outcome.refused, outcome.acknowledged, outcome.acknowledged_lost,
        outcome.forwards_lost,
    )  # fmt: skip
    return " ".join(f"{count:10,}" for count in counts)


def spread(cases: Sequence[Case], count: int) -> list[Case]:
    """Return about `count` of the cases: of each scenario and fault, points from first to last."""
    groups: dict[tuple[str, Fault], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.scenario, case.fault), []).append(case)
    share = max(1, count // len(groups))
    chosen = []
    for number, group in enumerate(groups.values()):
        # Groups have the same points: each starts at a different one.
        first = number / len(groups)
        chosen += [group[int((i + first) * len(group) / share)] for i in range(share)]
    return chosen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")


def run(arguments: argparse.Namespace) -> bool:
    """Run the part and print its table; return whether it is a success."""
    reason = missing_requirement()
    if reason is not None:
        print(f"io-points: skipped: {reason}")
        return True
    started_at = time.monotonic()
    is_success = print_report(run_all(arguments.workers))
    print(f"io-points: {(time.monotonic() - started_at) / 60:.1f} minutes")
    return is_success
