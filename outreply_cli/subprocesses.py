"""Programs that the user names, run without a shell and without secrets in the environment."""

import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from outreply_cli.env import SECRET_VARIABLES
from outreply_cli.errors import InvalidInputError

# Limit of the system's wait: 24 days.
_MAX_WAIT_SECONDS = 2**31 / 1000 - 1
_MAX_OUTPUT_BYTES = 64 * 1024
_OUTPUT_SECONDS = 1.0
_POLL_SECONDS = 0.05
# Windows cannot poll pipes.
_CAN_POLL = hasattr(select, "poll")
# Like that of timeout(1).
TIMEOUT_CODE = 124
# Windows has no SIGKILL.
KILL_SIGNAL = getattr(signal, "SIGKILL", signal.SIGTERM)
# Zombies, whose exit code their parent has not read, and processes that are dead.
_ENDED_STATES = frozenset("ZXx")


def own_command(*words: str) -> list[str]:
    """Return the command that runs this program with other arguments."""
    # Set by the startup code of `outreply.pyz`, without which its packages are not found.
    archive = getattr(sys.modules["__main__"], "OUTREPLY_ARCHIVE", None)
    program = [archive] if archive else ["-P", "-m", "outreply_cli"]
    return [sys.executable, *program, *words]


def split_command(
    command: str, option: str, *, is_windows: bool = sys.platform == "win32"
) -> list[str]:
    """Split a command line as a shell does.

    Args:
        command: Command line.
        option: Option or variable with the command, for errors.
        is_windows: Whether a backslash is part of a path instead of an escape.

    Raises:
        InvalidInputError: The command is empty or badly quoted.
    """
    splitter = shlex.shlex(command, posix=True, punctuation_chars=False)
    splitter.whitespace_split, splitter.commenters = True, ""
    if is_windows:
        splitter.escape = ""
    try:
        words = list(splitter)
    except ValueError as error:
        hint = "Quote the command as for a shell."
        raise InvalidInputError(f"{option}: {error}", hint=hint) from None
    if not words:
        raise InvalidInputError(f"{option}: the command is empty", hint="Name a program.")
    return words


def resolve_command(command: str, option: str, environ: Mapping[str, str]) -> list[str]:
    """Split a command line and check that its program exists.

    Args:
        command: Command line.
        option: Option or variable with the command, for errors.
        environ: Environment of the command; the program is looked up in its PATH.

    Raises:
        InvalidInputError: The command is empty, badly quoted, or its program not found.
    """
    words = split_command(command, option)
    if shutil.which(words[0], path=environ.get("PATH", os.defpath)) is None:
        raise InvalidInputError(
            f"{option}: command not found: {words[0]!r}",
            hint="Name a program; for shell syntax use: sh -c '...'",
        )
    return words


def strip_secrets(
    environ: Mapping[str, str], secret_variables: Collection[str] = ()
) -> dict[str, str]:
    """Return `environ` without SECRET_VARIABLES and further `secret_variables`."""
    secrets = SECRET_VARIABLES | set(secret_variables)
    return {name: value for name, value in environ.items() if name not in secrets}


@dataclass(frozen=True)
class CommandResult:
    """The result of a command.

    Attributes:
        error: Reason why it did not succeed; None if it did.
        was_started: Whether it was started.
        output: The start of its output, with stdout and stderr combined unless they are split.
        is_truncated: Whether there was more output.
        errors: The start of what it wrote to stderr, if that was split.
    """

    error: str | None
    was_started: bool = True
    output: bytes = b""
    is_truncated: bool = False
    errors: bytes = b""


class CommandRunner:
    """Runs commands, from any thread, and can kill all of them.

    Args:
        captures: Whether the output of the commands is kept; otherwise it is this process's.
        splits_errors: Whether kept output is that of stdout alone, and that of stderr kept apart.
    """

    def __init__(self, *, captures: bool = False, splits_errors: bool = False) -> None:
        self._captures = captures
        self._splits_errors = splits_errors
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._is_closed = False

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], stdin: bytes, *, timeout: float
    ) -> CommandResult:
        """Run a command.

        Args:
            words: The command.
            environ: Complete environment of the command.
            stdin: Input of the command.
            timeout: Seconds until the command and its children are killed.
        """
        # The first is for stdout, and the last for stderr.
        readers = [_OutputReader() for _ in range(self._captures + self._splits_errors)]
        pipes: list[int | None] = [reader.writable for reader in readers] or [None]
        try:
            # Ctrl-C does not interrupt this thread before `kill_all` knows the process.
            with ThreadPoolExecutor(1) as pool:
                process = pool.submit(self._start, words, environ, pipes).result()
            if process is None:
                return CommandResult("not run: outreply is stopping", was_started=False)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return CommandResult(f"cannot run the command: {reason}", was_started=False)
        finally:
            for reader in readers:
                reader.start()
        problem = None
        try:
            process.communicate(stdin, timeout=min(timeout, _MAX_WAIT_SECONDS))
        except subprocess.TimeoutExpired:
            signal_group(process, KILL_SIGNAL)
            process.wait()
            problem = f"killed after {timeout:g} s"
        with self._lock:
            self._processes.discard(process)
            if self._is_closed and process.returncode < 0:
                problem = "killed because outreply stopped"
        if problem is None and process.returncode:
            problem = f"exit code {process.returncode}"
        if not readers:
            return CommandResult(problem)
        # A process that the command left behind may keep its output open.
        for reader in readers:
            reader.join(_OUTPUT_SECONDS)
            reader.drain()
        return CommandResult(
            problem,
            output=bytes(readers[0].output),
            is_truncated=readers[0].is_truncated,
            errors=bytes(readers[-1].output) if self._splits_errors else b"",
        )

    def _start(
        self, words: Sequence[str], environ: Mapping[str, str], pipes: Sequence[int | None]
    ) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._is_closed:
                return None
            process = subprocess.Popen(  # noqa: S603 - a command of the user
                list(words), stdin=subprocess.PIPE, stdout=pipes[0], stderr=pipes[-1],
                env=dict(environ), start_new_session=True,
            )  # fmt: skip
            self._processes.add(process)
            return process

    def kill_all(self) -> None:
        """Kill running commands and their children, and start no others."""
        with self._lock:
            self._is_closed = True
            for process in self._processes:
                signal_group(process, KILL_SIGNAL)


class _OutputReader(threading.Thread):
    """Keeps the start of what is written to a pipe, and discards the rest."""

    def __init__(self) -> None:
        super().__init__(name="command output", daemon=True)
        self._readable, self.writable = os.pipe()
        self._lock = threading.Lock()
        self._is_closed = False
        self.output = bytearray()
        self.is_truncated = False

    def start(self) -> None:
        """Close this process's write end, so that the output ends with the command, and read."""
        os.close(self.writable)
        super().start()

    def run(self) -> None:
        """Read until all write ends are closed."""
        while not _CAN_POLL and self._read():
            pass
        while _CAN_POLL and not self._is_closed:
            self._poll(None)
            with self._lock:
                # `drain` may have read it.
                self._is_closed = self._poll(0) and not self._read()
        os.close(self._readable)

    def drain(self) -> None:
        """Read what the command wrote before it ended, if this thread had no time for it yet.

        Without that, a loaded machine could cut off the output.
        """
        with self._lock:
            while _CAN_POLL and not self._is_closed and self._poll(0) and self._read():
                pass

    def _poll(self, milliseconds: int | None) -> bool:
        """Wait until the pipe has data or has ended; return whether it does."""
        poll = select.poll()
        poll.register(self._readable, select.POLLIN)
        return bool(poll.poll(milliseconds))

    def _read(self) -> bool:
        """Read a part; return False at the end."""
        part = os.read(self._readable, _MAX_OUTPUT_BYTES)
        left = _MAX_OUTPUT_BYTES - len(self.output)
        self.output += part[:left]
        self.is_truncated |= len(part) > left
        return bool(part)


def signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to a process and its children, which may hold its pipes."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def identify_process(pid: int) -> str | None:
    """Return a value that distinguishes a process from later ones with the same ID.

    It contains the start time; None if the process has ended, or this system does not report it.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _identify_with_ps(pid) if not Path("/proc/self/stat").exists() else None
    # The name, in parentheses, may contain spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in _ENDED_STATES else f"{boot} {started}"


def stop_process_group(pid: int, identity: str, *, timeout: float) -> bool:
    """Stop a process of another run and its group; return whether it has ended.

    Args:
        pid: Process ID, and ID of the group.
        identity: Result of `identify_process` for it; another process is left alone.
        timeout: Seconds to wait after SIGTERM, and again after SIGKILL.
    """
    for number in (signal.SIGTERM, KILL_SIGNAL):
        if identify_process(pid) != identity:
            return True
        with contextlib.suppress(OSError):
            os.killpg(pid, number)
        deadline = time.monotonic() + timeout
        while identify_process(pid) == identity and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    return identify_process(pid) != identity


def _identify_with_ps(pid: int) -> str | None:
    # macOS and BSD.
    words = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    environ = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    try:
        _, text, _ = capture_output(words, environ, timeout=10)
    except OSError:
        return None
    state, _, started = text.strip().partition(" ")
    return None if not started or state[:1] in _ENDED_STATES else " ".join(started.split())


def capture_output(
    words: Sequence[str],
    environ: Mapping[str, str],
    stdin: bytes = b"",
    *,
    directory: str | None = None,
    timeout: float,
) -> tuple[int, str, str]:
    """Run a command to its end, and return its exit code and what it wrote to stdout and stderr.

    Args:
        words: The command.
        environ: Complete environment of the command.
        stdin: Input of the command.
        directory: Its current directory; None for that of this process.
        timeout: Seconds until the command and its children are killed; the exit code is then
            TIMEOUT_CODE.

    Raises:
        OSError: The command cannot be run.
    """
    process = subprocess.Popen(  # noqa: S603 - programs that callers choose
        list(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=dict(environ), cwd=directory, start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        signal_group(process, KILL_SIGNAL)
        process.communicate()
        return TIMEOUT_CODE, "", f"timed out after {timeout:g} s"
    except BaseException:
        # Ctrl-C does not reach it, as it has its own session.
        signal_group(process, KILL_SIGNAL)
        process.wait()
        raise
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
