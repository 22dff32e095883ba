"""`python -m tests.endurance [--hours HOURS] [--seed SEED]`: an emulated day in minutes.

The exit code is 1 if something is duplicated or lost, or if memory or open files grow.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.endurance.day import MAX_MEMORY_GROWTH, Day, Outcome


def report(outcome: Outcome) -> bool:
    """Print the outcome; return whether it is a success."""
    for comparison in outcome.comparisons:
        print(
            f"{comparison.count:6}  {comparison.name}: {comparison.duplicated} duplicated, "
            f"{comparison.lost} lost"
        )
    for usage in outcome.resources:
        print(
            f"{usage.memory:6.2f}  memory growth of {usage.process} "
            f"(to {usage.late.memory_mb:.0f} MB); open files {usage.descriptors:.2f}"
        )
    print(
        f"{outcome.runs:6}  commands run; {outcome.faults} of {outcome.requests} requests failed, "
        f"and {outcome.refused} deliveries were refused by the application"
    )
    return outcome.is_success


def main() -> int:
    """Run the endurance test and print the outcome."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__} Memory may grow to {MAX_MEMORY_GROWTH} times."
    )
    parser.add_argument("--hours", type=float, default=24.0, help="emulated time, at least 2")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    arguments = parser.parse_args()
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        outcome = Day(
            Path(name), arguments.hours, min(2.0, arguments.hours / 2), arguments.seed
        ).run()
    is_success = report(outcome)
    minutes = (time.monotonic() - started_at) / 60
    print(f"{arguments.hours:g} hours in {minutes:.1f} minutes, seed {arguments.seed}")
    return 0 if is_success else 1


if __name__ == "__main__":
    sys.exit(main())
