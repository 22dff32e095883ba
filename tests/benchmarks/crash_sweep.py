"""kill -9 swept over a 60-row run with changes and prune, then run again: twice 0, lost 0.

`python -m tests.benchmarks.crash_sweep`

Every step (before and after each journal write and each request) is a point of death, then random
instants.
"""

import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree, rmtree

from outreply_cli.emulator.server import EmulatorServer
from tests.benchmarks.figures import Figure, main
from tests.bulk.calendars import Snapshot, edited, held, lines, wanted, write
from tests.bulk.killable_run import Run, carry_out, carry_out_apart, start
from tests.clocks import ManualClock

ROWS = lines(60, datetime(2026, 12, 1, 9, tzinfo=UTC))


def sweep(every: int, instants: int) -> dict[str, int]:
    """How many points were tried, and how many rows were twice or lost after the run again."""
    clock = ManualClock()
    totals: Counter[str] = Counter(points=0, killed=0, twice=0, lost=0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with EmulatorServer(root / "emulator.db", clock) as server:
            Snapshot(server).restore(server)
            run = Run(server.base_url, server.token, clock.now(), root / "c.csv", root / "state")
            write(run.calendar, ROWS)
            carry_out(run)
            write(run.calendar, edited(ROWS))
            snapshot = Snapshot(server)
            copytree(run.state, root / "kept")
            deaths: list[int | None] = [*range(1, 10_000, every)]
            generator = random.Random(1)  # noqa: S311 - the same points each time
            while deaths or instants:
                steps = deaths.pop(0) if deaths else None
                instants -= steps is None
                rmtree(run.state)
                copytree(root / "kept", run.state)
                snapshot.restore(server)
                clock.advance(61)
                current = replace(run, now=clock.now(), die_after_steps=steps)
                killed = _kill(current, generator)
                if steps is not None and not killed:
                    deaths = []
                    continue
                clock.advance(61)
                carry_out(replace(current, now=clock.now(), die_after_steps=None))
                totals["points"] += 1
                totals["killed"] += killed
                totals["twice"] += sum((held(server) - wanted(edited(ROWS))).values())
                totals["lost"] += sum((wanted(edited(ROWS)) - held(server)).values())
    return dict(totals)


def _kill(run: Run, generator: random.Random) -> bool:
    if run.die_after_steps is not None:
        return carry_out_apart(run) == -signal.SIGKILL
    process = start(run)
    process.join(generator.uniform(0.0, 0.6))
    if process.exitcode is None and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return bool(process.exitcode == -signal.SIGKILL)


def figures(quick: bool) -> Iterator[Figure]:
    """How many rows were twice or lost, of all that the runs were to bring about."""
    totals = sweep(every=40, instants=1) if quick else sweep(every=1, instants=40)
    rows = totals["points"] * sum(wanted(edited(ROWS)).values())
    baseline = f"the {rows:,} rows of {totals['points']} runs, {totals['killed']} of them killed"
    yield Figure("rows twice after kill -9 and a run again", totals["twice"] / rows, baseline, 0.0)
    yield Figure("rows lost", totals["lost"] / rows, baseline, 0.0)


if __name__ == "__main__":
    sys.exit(main({"crash_sweep": figures}))
