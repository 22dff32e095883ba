"""Programs that the user names, and processes that an earlier run left behind."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from outreply_cli import subprocesses
from outreply_cli.subprocesses import (
    CommandResult,
    CommandRunner,
    identify_process,
    own_command,
    stop_process_group,
)

IGNORES_SIGTERM = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); input()"
needs_process_ids = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")


def test_own_command_runs_the_module_or_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_command("demo") == [sys.executable, "-P", "-m", "outreply_cli", "demo"]
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "OUTREPLY_ARCHIVE", "/opt/outreply.pyz", raising=False)
    assert own_command("demo") == [sys.executable, "/opt/outreply.pyz", "demo"]


def test_timeout_longer_than_system_limit_is_accepted() -> None:
    month = 31 * 86_400.0
    assert CommandRunner().run(
        [sys.executable, "-c", ""], {}, b"x", timeout=month
    ) == CommandResult(None)


@needs_process_ids
@pytest.mark.parametrize("code", ["print(flush=True); input()", IGNORES_SIGTERM])
def test_stop_process_group_stops_only_the_identified_process(code: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        identity = identify_process(process.pid)
        assert identity is not None
        assert stop_process_group(process.pid, "of another process", timeout=0.2)
        assert identify_process(process.pid) == identity
        assert stop_process_group(process.pid, identity, timeout=0.2)
        # It has ended, although its parent has not asked for its exit code yet.
        assert identify_process(process.pid) is None
    assert process.returncode < 0


@needs_process_ids
def test_process_is_identified_with_ps_if_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("ps") is None:
        pytest.skip("requires ps")
    monkeypatch.setattr(subprocesses, "Path", lambda name: Path("/nonexistent") / name.lstrip("/"))
    identity = identify_process(os.getpid())
    assert identity is not None
    assert identity == identify_process(os.getpid())
    assert identify_process(2**22 + 1) is None


class InterruptedPopen(subprocess.Popen[bytes]):
    """A process that has started when Ctrl-C is pressed, before its caller knows of it."""

    started: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.started.append(self)
        signal.raise_signal(signal.SIGINT)
        # The main thread handles the signal.
        time.sleep(0.01)


@needs_process_ids
@pytest.mark.parametrize("captures", [False, True])
def test_command_that_ctrl_c_finds_starting_is_killed(
    monkeypatch: pytest.MonkeyPatch, captures: bool
) -> None:
    monkeypatch.setattr(subprocess, "Popen", InterruptedPopen)
    runner = CommandRunner(captures=captures)
    with pytest.raises(KeyboardInterrupt):
        runner.run(
            [sys.executable, "-c", "import time; time.sleep(3600)"],
            dict(os.environ),
            b"",
            timeout=60,
        )
    runner.kill_all()
    process = InterruptedPopen.started.pop()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) < 0


@needs_process_ids
def test_command_whose_output_is_captured_does_not_outlive_ctrl_c(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processes: list[subprocess.Popen[bytes]] = []

    def interrupt(process: subprocess.Popen[bytes], *_: object, **__: object) -> None:
        processes.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        subprocesses.capture_output(
            [sys.executable, "-c", "import time; time.sleep(3600)"], {}, timeout=60
        )
    (process,) = processes
    assert process.returncode < 0
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def run_captured(code: str) -> CommandResult:
    runner = CommandRunner(captures=True, splits_errors=True)
    return runner.run([sys.executable, "-c", code], dict(os.environ), b"", timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be polled")
class TestOutputThatIsReadLate:
    """The thread that reads the output of a command may get no CPU time before it has ended."""

    @pytest.fixture(autouse=True)
    def _late_reader(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        read, may_read = subprocesses._OutputReader.run, threading.Event()

        def read_late(reader: subprocesses._OutputReader) -> None:
            may_read.wait()
            read(reader)

        monkeypatch.setattr(subprocesses, "_OUTPUT_SECONDS", 0.0)
        monkeypatch.setattr(subprocesses._OutputReader, "run", read_late)
        yield
        may_read.set()

    def test_output_is_complete(self) -> None:
        result = run_captured("import sys; sys.stdout.write('x' * 9_000 + 'end')")
        assert (result.error, result.output) == (None, b"x" * 9_000 + b"end")

    def test_output_in_several_writes_is_complete(self) -> None:
        result = run_captured("import os; [os.write(1, b'part ') for _ in range(500)]")
        assert result.output == b"part " * 500

    def test_errors_are_complete(self) -> None:
        result = run_captured("import os; os.write(2, b'reason'); os._exit(3)")
        assert (result.error, result.output, result.errors) == ("exit code 3", b"", b"reason")

    def test_process_that_keeps_the_pipe_open_is_not_awaited(self) -> None:
        code = (
            "import os, subprocess, sys; os.write(1, b'text'); "
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
        )
        assert run_captured(code).output == b"text"
