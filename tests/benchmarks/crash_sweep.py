"""kill -9 swept over a 60-row run with changes and prune, then run again: twice 0, lost 0.

`python -m tests.benchmarks.crash_sweep [--every 1] [--random 40]`

Every `every`th step (before and after each journal write and each request) is a point of death,
then random instants.
"""

import argparse
import json
import os
import random
import signal
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree, rmtree

from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import Snapshot, edited, held, lines, wanted, write
from tests.bulk.dying import Run, carry_out, carry_out_apart, start
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


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--random", type=int, default=40)
    asked = parser.parse_args()
    print(json.dumps(sweep(asked.every, asked.random)))


if __name__ == "__main__":
    main()
