"""The command line as tests run it: the real entry point with separate streams and clock."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from outreply_cli.app import main
from outreply_cli.cli.tree import Command, tree_from_typer
from outreply_cli.cli.typer_adapter import root_group
from outreply_cli.context import Context
from tests.clocks import ManualClock

if TYPE_CHECKING:
    import pexpect


@dataclass(frozen=True)
class Result:
    """The result of a command line."""

    code: int
    out: str
    err: str


def wait_for_line(process: "subprocess.Popen[str]", text: str) -> None:
    """Read the stderr of a process until a line contains `text`."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return
    raise AssertionError("".join(lines))


def wait_until_suspended(pid: int) -> None:
    """Wait until SIGSTOP has stopped all threads of a process, or it has ended."""
    tasks = Path(f"/proc/{pid}/task")
    while any(_get_state(task) not in "TZ" for task in tasks.glob("*/stat")):
        time.sleep(0.01)


def _get_state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(") ")[2][0]
    except OSError:
        # The thread has ended meanwhile.
        return "Z"


@dataclass
class CommandLine:
    """Runs command lines against one home directory."""

    home: Path
    clock: ManualClock
    environ: dict[str, str] = field(default_factory=dict)
    # Every command line and its result; the report of a failed test shows them.
    history: list[tuple[tuple[str, ...], Result]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "OUTREPLY_CONFIG_DIR": str(self.home / "config"),
            "OUTREPLY_STATE_DIR": str(self.home / "state"),
            "OUTREPLY_TIMEZONE": "Europe/Paris",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            **self.environ,
        }

    def run(
        self, *words: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None
    ) -> Result:
        """Run a command line in this process, with the test's clock.

        Bytes for stdin come through a stream with the encoding of another locale.
        """
        stream: TextIO = (
            io.StringIO(stdin)
            if isinstance(stdin, str)
            else io.TextIOWrapper(io.BytesIO(stdin), encoding="cp1252")
        )
        out, err = io.StringIO(), io.StringIO()
        context = Context(
            environ={**self.environ, **(env or {})},
            stdin=stream,
            stdout=out,
            stderr=err,
            clock=self.clock,
        )
        code = main(words, context)
        return self._record(words, Result(code, out.getvalue(), err.getvalue()))

    def spawn(
        self,
        *words: str,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> Result:
        """Run a command line in a separate process, as users do."""
        done = subprocess.run(
            self.words(*words),
            input=stdin,
            env={**self.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return self._record(words, Result(done.returncode, done.stdout, done.stderr))

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start a command line in a separate process, with pipes for its output."""
        return subprocess.Popen(
            self.words(*words), env={**self.environ, **(env or {})},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _record(self, words: tuple[str, ...], result: Result) -> Result:
        self.history.append((words, result))
        return result

    def at_terminal(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        lines: int = 40,
        columns: int = 80,
    ) -> "pexpect.spawn[str]":
        """Start a command line in a separate process at a terminal."""
        import pexpect

        program, *rest = self.words(*words)
        return pexpect.spawn(
            program, rest, env={**self.environ, "TERM": "xterm", **(env or {})}, timeout=60,
            encoding="utf-8", dimensions=(lines, columns),
        )  # fmt: skip

    @staticmethod
    def words(*words: str) -> list[str]:
        """The argument vector that runs a command line."""
        is_completion = words[:1] == ("__complete",)
        module = "tests.unlimited_completion" if is_completion else "outreply_cli"
        return [sys.executable, "-m", module, *words]


@cache
def command_tree() -> Command:
    """The whole command tree."""
    return tree_from_typer(root_group())
