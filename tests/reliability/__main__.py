"""`python -m tests.reliability [PART] [OPTIONS]`: proofs that nothing is posted twice or lost.

Without a part, all of them run. The exit code is 1 if one fails.
"""

import argparse
import sys
from types import ModuleType

from tests.reliability import hints, io_points, receivers, simulation, team

# Each part is a module with `add_arguments` and `run`.
PARTS: dict[str, ModuleType] = {
    "hints": hints, "io-points": io_points, "receivers": receivers,
    "simulation": simulation, "team": team,
}  # fmt: skip


def main() -> int:
    """Run one part or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    commands = parser.add_subparsers(dest="part", metavar="PART")
    for name, part in PARTS.items():
        summary = (part.__doc__ or "").split("\n", 1)[0]
        part.add_arguments(commands.add_parser(name, help=summary, description=part.__doc__))
    part = parser.parse_args().part
    all_words = [sys.argv[1:]] if part else [[name] for name in PARTS]
    results = []
    for words in all_words:
        arguments = parser.parse_args(words)
        results.append(PARTS[arguments.part].run(arguments))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
