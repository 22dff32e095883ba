"""An emulator in a process of its own: started, watched until it answers, ended."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from outreply_cli.clock import Clock
from outreply_cli.emulator.client import (
    STATE_VARIABLE,
    EmulatorHandle,
    find_running,
    forget_running,
)
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.env import TOKEN_VARIABLES
from outreply_cli.errors import InvalidInputError
from outreply_cli.storage.private_files import create_private, make_private_dir
from outreply_cli.subprocesses import strip_secrets

STATE_FILE = "emulator.db"
_LOG_FILE = "emulator.log"
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


def serve(
    directory: Path,
    clock: Clock,
    *,
    port: int,
    host: str,
    settings: EmulatorConfig,
    on_ready: Callable[[EmulatorHandle], None],
) -> None:
    """Serve in this process until SIGTERM or Ctrl-C.

    Args:
        directory: Its state.
        clock: The machine's.
        port: 0 for any free one.
        host: Where to listen.
        settings: How it behaves.
        on_ready: Called once it listens.

    Raises:
        EmulatorError: One runs there already.
        StorageError: The port is taken, or the state can't be used.
    """
    _refuse_second(directory)
    server = EmulatorServer(directory / STATE_FILE, clock, port=port, host=host, settings=settings)
    server.running.save(directory)
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    try:
        with server:
            on_ready(server.running)
            while not ended.wait(0.5):
                pass
    finally:
        forget_running(directory)


def run_with_emulator(
    words: Sequence[str],
    directory: Path,
    clock: Clock,
    *,
    settings: EmulatorConfig,
    environ: Mapping[str, str],
    on_ready: Callable[[EmulatorHandle], None],
) -> int:
    """Run a command with an emulator of its own on a free port; returns the command's exit code.

    Args:
        words: The command.
        directory: The emulator's state.
        clock: The machine's.
        settings: How the emulator behaves.
        environ: The command's environment, to which the emulator's address is added, and a token
            where one is in force.
        on_ready: Called before the command starts; it may seed the emulator.

    Raises:
        InvalidInputError: There is no such command.
    """
    _refuse_second(directory)
    server = EmulatorServer(directory / STATE_FILE, clock, settings=settings)
    running = server.running
    running.save(directory)
    with server:
        try:
            on_ready(running)
            tokens = running.request("status")["tokens"]
            return _run(words, {
                **{name: value for name, value in environ.items() if name not in TOKEN_VARIABLES},
                **({"OUTREPLY_API_KEY": str(tokens[0]["token"])} if tokens else {}),
                "OUTREPLY_BASE_URL": running.base_url,
                STATE_VARIABLE: str(directory),
            })  # fmt: skip
        finally:
            forget_running(directory)


def _run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        child = subprocess.Popen(list(words), env=dict(environ))  # noqa: S603 - the user's own words
    except OSError as failure:
        reason = failure.strerror or str(failure)
        raise InvalidInputError(f"{words[0]!r} can't be run: {reason}") from None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        while True:
            try:
                code = child.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                # The terminal told the command as well: it ends in its own time.
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def start_daemon(
    directory: Path,
    clock: Clock,
    *,
    port: int,
    host: str,
    words: Sequence[str],
    environ: Mapping[str, str],
) -> EmulatorHandle:
    """Start an emulator that outlives this process, and return once it answers.

    `words` are more options of `emulator start`.

    Raises:
        EmulatorError: One runs there already, or the new one ended at once; its log is quoted.
    """
    _refuse_second(directory)
    log = directory / _LOG_FILE
    start = ["emulator", "start", "--foreground", "--port", str(port), "--host", host, *words]
    with _anew(log) as stream:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
            [sys.executable, "-P", "-m", "outreply_cli", *start, "--state", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            # A daemon keeps the environment that it was born with: no secret of ours in it.
            env=strip_secrets(environ),
        )
    waited = 0.0
    while waited < _START_SECONDS:
        running = find_running(directory)
        if running is not None and running.pid == process.pid:
            process.returncode = 0  # It is meant to go on: no warning about leaving it.
            return running
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace").strip()
            raise EmulatorError(f"the emulator did not start: {said or 'it said nothing'}")
        clock.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
    process.kill()
    raise EmulatorError(f"the emulator did not answer within {_START_SECONDS:.0f} s; see {log}")


def stop(running: EmulatorHandle, directory: Path, clock: Clock) -> None:
    """End an emulator; raises EmulatorError when it does not go."""
    os.kill(running.pid, signal.SIGTERM)
    waited = 0.0
    while find_running(directory) is not None:
        if waited > _STOP_SECONDS:
            raise EmulatorError(f"the emulator (pid {running.pid}) did not end")
        clock.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _anew(log: Path) -> BinaryIO:
    try:
        make_private_dir(log.parent)
        # Never into what is there: a link would lead into somebody's file.
        log.unlink(missing_ok=True)
        return os.fdopen(create_private(log), "wb")
    except OSError as failure:
        raise EmulatorError(f"{log} can't be written: {failure.strerror}") from None


def _refuse_second(directory: Path) -> None:
    other = find_running(directory)
    if other is not None:
        raise EmulatorError(
            f"an emulator is running there already: {other.base_url} (pid {other.pid})",
            hint="End it with: outreply emulator stop, or choose another --state directory.",
        )
