"""An emulator in a process of its own: started, watched until it answers, ended."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from outreply_cli.clock import Clock
from outreply_cli.emulator.remote import EmulatorError, Running, find_running, forget_running
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.private_files import make_private_dir

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
    on_ready: Callable[[EmulatorServer, Running], None],
) -> None:
    """Serve in this process until SIGTERM or Ctrl-C.

    Args:
        directory: Its state.
        clock: The machine's.
        port: 0 for any free one.
        host: Where to listen.
        on_ready: Called once it listens.

    Raises:
        EmulatorError: One runs there already.
        StorageError: The port is taken, or the state can't be used.
    """
    _refuse_second(directory)
    server = EmulatorServer(directory / STATE_FILE, clock, port=port, host=host)
    running = Running(os.getpid(), host, server.port, server.base_url, server.control_key)
    running.save(directory)
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    try:
        with server:
            on_ready(server, running)
            while not ended.wait(0.5):
                pass
    finally:
        forget_running(directory)


def start_in_background(
    directory: Path, clock: Clock, *, port: int, host: str, environ: Mapping[str, str]
) -> Running:
    """Start an emulator that outlives this process, and return once it answers.

    Raises:
        EmulatorError: One runs there already, or the new one ended at once; its log is quoted.
    """
    _refuse_second(directory)
    make_private_dir(directory)
    log = directory / _LOG_FILE
    words = ["emulator", "start", "--foreground", "--port", str(port), "--host", host]
    with os.fdopen(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
            [sys.executable, "-m", "outreply_cli", *words, "--state", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            # A daemon keeps the environment that it was born with: no token of ours in it.
            env={
                k: v for k, v in environ.items() if k not in {"OUTREPLY_API_KEY", "OUTREPLY_TOKEN"}
            },
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


def stop(running: Running, directory: Path, clock: Clock) -> None:
    """End an emulator; raises EmulatorError when it does not go."""
    os.kill(running.pid, signal.SIGTERM)
    waited = 0.0
    while find_running(directory) is not None:
        if waited > _STOP_SECONDS:
            raise EmulatorError(f"the emulator (pid {running.pid}) did not end")
        clock.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _refuse_second(directory: Path) -> None:
    other = find_running(directory)
    if other is not None:
        raise EmulatorError(
            f"an emulator is running there already: {other.base_url} (pid {other.pid})",
            hint="End it with: outreply emulator stop, or choose another --state directory.",
        )
