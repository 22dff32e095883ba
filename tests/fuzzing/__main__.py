"""`python -m tests.fuzzing [TARGET...] [--seconds N] [--seed S] [--findings DIR]`.

Prints a line for each target as it ends; the exit code is 1 where anything was found.
"""

import argparse
import resource
import sys
from pathlib import Path

from tests.fuzzing.runner import run
from tests.fuzzing.targets import TARGETS

# What a reader takes beyond this is a finding: memory must not follow what a stranger claims.
_MEMORY_BYTES = 2 * 1024**3


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=30.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path(".fuzzing"))
    asked = parser.parse_args()
    unknown = set(asked.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
    print(f"{'target':<20}{'executions':>12}{'per second':>12}{'findings':>10}")
    found = 0
    for name in asked.targets or TARGETS:
        ran = run(TARGETS[name], seed=asked.seed, seconds=asked.seconds)
        rate = ran.executions / max(ran.seconds, 1e-9)
        print(f"{name:<20}{ran.executions:>12,}{rate:>12,.0f}{len(ran.findings):>10}", flush=True)
        for finding in ran.findings.values():
            print(f"  {finding.cause}: {finding.save(asked.findings / name)}", flush=True)
        found += len(ran.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
