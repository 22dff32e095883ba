"""`python -m tests.fuzzing [TARGET...] [--seconds SECONDS] [--seed SEED] [--findings DIR]`.

Prints one line per target; the exit code is 1 if there are findings.
"""

import argparse
import resource
import sys
from pathlib import Path

from tests.fuzzing.runner import run
from tests.fuzzing.targets import TARGETS

# Memory must not depend on sizes that untrusted input claims.
_MEMORY_BYTES = 2 * 1024**3


def main() -> int:
    """Run the targets."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=30.0, help="time per target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path(".fuzzing"))
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"unknown target {', '.join(sorted(unknown))}")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.RLIM_INFINITY))
    print(f"{'target':<20}{'executions':>12}{'per second':>12}{'findings':>10}")
    findings = 0
    for name in arguments.targets or TARGETS:
        result = run(TARGETS[name], seed=arguments.seed, seconds=arguments.seconds)
        rate = result.executions / max(result.seconds, 1e-9)
        print(
            f"{name:<20}{result.executions:>12,}{rate:>12,.0f}{len(result.findings):>10}",
            flush=True,
        )
        for finding in result.findings.values():
            print(f"  {finding.cause}: {finding.save(arguments.findings / name)}", flush=True)
        findings += len(result.findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
