"""Command lines whose I/O fails at a chosen point, under shim.c."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_SOURCE = Path(__file__).with_name("shim.c")
_ROOT = Path(__file__).parent.parent.parent
_POWER_LOSS_CODE = 86
_FLAGS = ("-shared", "-fPIC", "-O1", "-U_FORTIFY_SOURCE", "-pthread")


class Fault(Enum):
    """The effect of an I/O point.

    Attributes:
        title: Name in tables.
        number: Number in shim.c.
        loses_power: Whether the power is lost after the process has ended, at the point or later;
            what was not synced is dropped, or torn.
    """

    NONE = ("none", 0, False)
    POWER_LOSS = ("power loss", 1, True)
    TORN_POWER_LOSS = ("power loss, unsynced writes torn", 2, True)
    EIO_ONCE = ("EIO once", 3, False)
    EIO_FROM_THEN_ON = ("EIO from then on", 4, False)
    ENOSPC_FROM_THEN_ON = ("ENOSPC from then on", 5, False)
    # Variants, for some of the points.
    TWO_POWER_LOSSES = ("power loss, another in the next run", 1, True)
    EIO_BEFORE_POWER_LOSS = ("EIO once, power loss at the end", 3, True)
    EIO_ON_READS = ("EIO of all reads from then on", 6, False)

    def __init__(self, title: str, number: int, loses_power: bool) -> None:
        self.title, self.number, self.loses_power = title, number, loses_power


FAULTS = (
    Fault.POWER_LOSS,
    Fault.TORN_POWER_LOSS,
    Fault.EIO_ONCE,
    Fault.EIO_FROM_THEN_ON,
    Fault.ENOSPC_FROM_THEN_ON,
)
VARIANTS = (Fault.TWO_POWER_LOSSES, Fault.EIO_BEFORE_POWER_LOSS, Fault.EIO_ON_READS)


def missing_requirement() -> str | None:
    """The reason why the shim cannot be used here, or None."""
    if not sys.platform.startswith("linux"):
        return "LD_PRELOAD and /proc are needed: Linux only"
    if shutil.which("gcc") is None:
        return "gcc is not installed"
    check = ["gcc", "-fsyntax-only", str(_SOURCE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    return f"gcc cannot compile shim.c: {done.stderr[:200]}" if done.returncode else None


def scratch_directory() -> "tempfile.TemporaryDirectory[str]":
    """A temporary directory in memory, if there is one: nothing has to survive."""
    memory = Path("/dev/shm")  # noqa: S108 - TemporaryDirectory makes a private directory in it
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    return tempfile.TemporaryDirectory(prefix="io-points-", dir=memory if usable else None)


@dataclass(frozen=True)
class Process:
    """A command line that was started: its process ID, log and streams."""

    pid: int
    log: Path
    out: Path
    err: Path


@dataclass(frozen=True)
class Result:
    """The result of a command line; the log is for `Disk.replay`."""

    code: int
    out: str
    err: str
    log: Path = field(repr=False)

    @property
    def lost_power(self) -> bool:
        """Whether the fault ended the process."""
        return self.code == _POWER_LOSS_CODE


class Zygote:
    """A process that forks one process per command line, with everything imported.

    Args:
        directory: Directory of the compiled shim, logs and streams; outside of all roots.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs = 0
        self._running: set[int] = set()
        library = directory / "shim.so"
        if not library.exists():
            subprocess.run(["gcc", *_FLAGS, "-o", str(library), str(_SOURCE)], check=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.zygote"],
            cwd=_ROOT,
            env={
                **os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(_ROOT),
                "PYTHONDONTWRITEBYTECODE": "1", "PYTHON_KEYRING_BACKEND": "keyring.backends.fail",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        self._process.communicate()

    def run(self, words: Sequence[str], root: Path, environ: Mapping[str, str],
            **options: Any) -> Result:  # fmt: skip
        """Run a command line to its end; arguments as for `start`."""
        return self.wait(self.start(words, root, environ, **options))

    def start(
        self,
        words: Sequence[str],
        root: Path,
        environ: Mapping[str, str],
        *,
        now: datetime | None = None,
        fault: Fault = Fault.NONE,
        point: int = 0,
        bug: str | None = None,
        modules: Path | None = None,
    ) -> Process:
        """Start a command line.

        Args:
            words: The command line.
            root: Directory whose I/O points are counted; the current directory of the run.
            environ: Environment variables.
            now: Time at the start, of a clock that only advances by sleeping; None for the
                machine's clock.
            fault: Fault at a point.
            point: Number of the point, from 1.
            bug: Name of a bug to plant; see zygote.py.
            modules: File for the names of all modules that the run has imported.
        """
        self._runs += 1
        paths = [self._directory / f"{name}{self._runs % 8}" for name in ("log", "out", "err")]
        for path in paths:
            path.unlink(missing_ok=True)
        log, out, err = paths
        pid = self._request(
            "start", words=list(words), root=str(root), environ=dict(environ),
            now=None if now is None else now.timestamp(), fault=fault.number, point=point,
            log=str(log), stdout=str(out), stderr=str(err), bug=bug,
            modules=None if modules is None else str(modules),
        )  # fmt: skip
        self._running.add(pid)
        return Process(pid, log, out, err)

    def wait(self, process: Process) -> Result:
        """Wait for the end of a process."""
        code = self._request("wait", pid=process.pid)
        self._running.remove(process.pid)
        return self._result(process, code)

    def poll(self, process: Process) -> Result | None:
        """Return the result of a process, or None if it has not ended."""
        return self.wait(process) if self.has_exited(process) else None

    def has_exited(self, process: Process) -> bool:
        """Whether a process has ended; its result is still to be taken."""
        return bool(self._request("has_exited", pid=process.pid))

    def preload(self, modules: Path) -> None:
        """Import the modules that a run has imported, so that later runs start faster."""
        self._request("preload", modules=json.loads(modules.read_text("utf-8")))

    def _result(self, process: Process, code: int) -> Result:
        out, err = process.out.read_text("utf-8"), process.err.read_text("utf-8")
        return Result(code, out, err, process.log)

    def _request(self, action: str, **values: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps({'action': action, **values})}\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline()))
