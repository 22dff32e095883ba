"""`kill -9` at every step of a run of 60 rows with changes and prune, followed by a second run.

`python -m tests.benchmarks.crash_sweep`

The steps are before and after each journal write and each request; random times are added. No row
may be duplicated or lost.
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
from tests.bulk.calendars import (
    Snapshot,
    edit_rows,
    expected_posts,
    make_rows,
    server_posts,
    write_calendar,
)
from tests.bulk.killable_run import RunConfig, run_here, run_in_process, start_process
from tests.clocks import ManualClock

ROWS = make_rows(60, datetime(2026, 12, 1, 9, tzinfo=UTC))


def sweep(step: int, random_times: int) -> dict[str, int]:
    """Kill and repeat runs; count the points, and the duplicated and lost rows."""
    clock = ManualClock()
    totals: Counter[str] = Counter(points=0, killed=0, duplicated=0, lost=0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with EmulatorServer(root / "emulator.db", clock) as server:
            Snapshot(server).restore(server)
            run = RunConfig(
                server.base_url, server.token, clock.now(), root / "c.csv", root / "state"
            )
            write_calendar(run.calendar, ROWS)
            run_here(run)
            write_calendar(run.calendar, edit_rows(ROWS))
            snapshot = Snapshot(server)
            copytree(run.state, root / "saved")
            deaths: list[int | None] = [*range(1, 10_000, step)]
            generator = random.Random(1)  # noqa: S311 - the same points each time
            while deaths or random_times:
                steps = deaths.pop(0) if deaths else None
                random_times -= steps is None
                rmtree(run.state)
                copytree(root / "saved", run.state)
                snapshot.restore(server)
                clock.advance(61)
                current = replace(run, now=clock.now(), die_after_steps=steps)
                killed = _kill(current, generator)
                if steps is not None and not killed:
                    deaths = []
                    continue
                clock.advance(61)
                run_here(replace(current, now=clock.now(), die_after_steps=None))
                totals["points"] += 1
                totals["killed"] += killed
                posts, expected = server_posts(server), expected_posts(edit_rows(ROWS))
                totals["duplicated"] += sum((posts - expected).values())
                totals["lost"] += sum((expected - posts).values())
    return dict(totals)


def _kill(run: RunConfig, generator: random.Random) -> bool:
    if run.die_after_steps is not None:
        return run_in_process(run) == -signal.SIGKILL
    process = start_process(run)
    process.join(generator.uniform(0.0, 0.6))
    if process.exitcode is None and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return bool(process.exitcode == -signal.SIGKILL)


def figures(quick: bool) -> Iterator[Figure]:
    """Shares of duplicated and lost rows."""
    totals = sweep(step=40, random_times=1) if quick else sweep(step=1, random_times=40)
    rows = totals["points"] * sum(expected_posts(edit_rows(ROWS)).values())
    baseline = f"the {rows:,} rows of {totals['points']} runs, {totals['killed']} of them killed"
    yield Figure(
        "rows duplicated after kill -9 and a second run", totals["duplicated"] / rows, baseline, 0.0
    )
    yield Figure("rows lost", totals["lost"] / rows, baseline, 0.0)


if __name__ == "__main__":
    sys.exit(main({"crash_sweep": figures}))
