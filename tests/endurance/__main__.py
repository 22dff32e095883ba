"""A whole day in minutes: `python -m tests.endurance [--hours 24] [--seed N]`.

Ends with 1 when something is twice, lost, or grows.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.endurance.day import MEMORY_MOST, Day, Outcome


def report(outcome: Outcome) -> bool:
    """Print how it ended; returns whether all is well."""
    for each in outcome.matches:
        print(f"{each.count:6}  {each.what}: {each.twice} twice, {each.lost} lost")
    for one in outcome.flatness:
        print(
            f"{one.memory:6.2f}  memory of {one.process} at the end, of before "
            f"({one.late.memory_mb:.0f} MB); open files {one.descriptors:.2f}"
        )
    print(
        f"{outcome.runs:6}  processes of commands; {outcome.struck} of {outcome.requests} requests "
        f"met a fault, and {outcome.refused} deliveries an application that failed"
    )
    return outcome.is_sound


def main() -> int:
    """Live the hours and report."""
    parser = argparse.ArgumentParser(description=f"{__doc__} Growth is at most {MEMORY_MOST}.")
    parser.add_argument("--hours", type=float, default=24.0, help="of emulated time, from 2")
    parser.add_argument("--seed", type=int, default=1, help="makes changes and faults the same")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        outcome = Day(Path(name), asked.hours, min(2.0, asked.hours / 2), asked.seed).live()
    is_sound = report(outcome)
    print(
        f"{asked.hours:g} hours in {(time.monotonic() - began) / 60:.1f} minutes, seed {asked.seed}"
    )
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
