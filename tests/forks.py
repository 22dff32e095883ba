"""Command lines in forks of one new process, which imports the program once for all of them."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.command_line import CommandLine, Result

_PROGRAM = """
import json, os, sys
import outreply_cli.api.transport, outreply_cli.cli.typer_adapter
from outreply_cli.__main__ import main

directory, at_once, command_lines = sys.argv[1], sys.argv[2] == "at_once", json.loads(sys.argv[3])
forks, codes = [], []
for number, words in enumerate(command_lines):
    fork = os.fork()
    if fork == 0:
        for descriptor in (1, 2):
            file = os.open(f"{directory}/{number}.{descriptor}", os.O_WRONLY | os.O_CREAT)
            os.dup2(file, descriptor)
        sys.argv = ["outreply", *words]
        main()
    forks.append(fork)
    if not at_once:
        codes.append(os.waitpid(fork, 0)[1])
codes += [os.waitpid(fork, 0)[1] for fork in forks[len(codes):]]
with open(f"{directory}/codes", "w", encoding="ascii") as file:
    json.dump([os.waitstatus_to_exitcode(code) for code in codes], file)
"""


def run_forks(
    cli: CommandLine,
    command_lines: Sequence[Sequence[str]],
    directory: Path,
    *,
    env: Mapping[str, str] | None = None,
    at_once: bool = False,
) -> list[Result]:
    """Run command lines one after another or at once; their output goes to a new directory."""
    subprocess.run(
        forking_words(command_lines, directory, at_once=at_once), timeout=240, check=True,
        env={**cli.environ, **(env or {})}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    results = read_results(directory)
    cli.history += zip(map(tuple, command_lines), results, strict=True)
    return results


def forking_words(
    command_lines: Sequence[Sequence[str]], directory: Path, *, at_once: bool = False
) -> list[str]:
    """The argument vector of the process that forks; see `read_results`."""
    directory.mkdir()
    order = "at_once" if at_once else "in_turn"
    return [sys.executable, "-c", _PROGRAM, str(directory), order, json.dumps(command_lines)]


def read_results(directory: Path) -> list[Result]:
    """The results of the forks, whose output must be UTF-8."""
    return [
        Result(code, *((directory / f"{number}.{stream}").read_text("utf-8") for stream in (1, 2)))
        for number, code in enumerate(json.loads((directory / "codes").read_text()))
    ]
