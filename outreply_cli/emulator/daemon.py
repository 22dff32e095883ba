"""Running an emulator in the foreground, in the background, or for one command."""

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from outreply_cli.clock import Clock
from outreply_cli.emulator.client import (
    STATE_VARIABLE,
    EmulatorHandle,
    delete_handle,
    delete_own_handle,
    find_running,
)
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.errors import EmulatorError, EmulatorUnresponsiveError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.env import TOKEN_VARIABLES
from outreply_cli.errors import InvalidInputError
from outreply_cli.storage.private_files import create_private, make_private_dir
from outreply_cli.storage.sqlite import describe_error, file_lock
from outreply_cli.subprocesses import own_command, strip_secrets

STATE_FILE = "emulator.db"
_LOG_FILE = "emulator.log"
_LOCK_FILE = "emulator.lock"
_START_SECONDS = 20.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05


def serve(
    directory: Path,
    clock: Clock,
    *,
    port: int,
    host: str,
    config: EmulatorConfig,
    stop_hint: str,
    on_ready: Callable[[EmulatorHandle], None],
) -> None:
    """Serve in this process until SIGTERM or Ctrl-C; `on_ready` is called once it listens.

    `stop_hint` is shown if another emulator uses the directory.

    Raises:
        EmulatorError: An emulator already uses this directory.
        StorageError: The port is in use, or the state is unusable.
    """
    with _lock(directory, stop_hint):
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _signal, _frame: stopped.set())
        with _run_server(directory, clock, on_ready, port=port, host=host, config=config):
            while not stopped.wait(0.5):
                pass


def run_with_emulator(
    argv: Sequence[str],
    directory: Path,
    clock: Clock,
    *,
    config: EmulatorConfig,
    environ: Mapping[str, str],
    on_ready: Callable[[EmulatorHandle], None],
) -> int:
    """Run a command against a temporary emulator on a free port; returns the command's exit code.

    `environ` is the command's environment, to which the emulator's URL and an active token are
    added; `on_ready` is called before the command starts, to seed the emulator.

    Raises:
        InvalidInputError: The command cannot be run.
    """
    with _run_server(directory, clock, on_ready, port=0, host="127.0.0.1", config=config) as handle:
        tokens = handle.request("status")["tokens"]
        return _run(argv, {
            **{name: value for name, value in environ.items() if name not in TOKEN_VARIABLES},
            **({"OUTREPLY_API_KEY": str(tokens[0]["token"])} if tokens else {}),
            "OUTREPLY_BASE_URL": handle.base_url,
            STATE_VARIABLE: str(directory),
        })  # fmt: skip


@contextmanager
def _run_server(
    directory: Path,
    clock: Clock,
    on_ready: Callable[[EmulatorHandle], None],
    *,
    port: int,
    host: str,
    config: EmulatorConfig,
) -> Iterator[EmulatorHandle]:
    """A served emulator, with its handle in the state directory once `on_ready` has returned."""
    server = EmulatorServer(directory / STATE_FILE, clock, port=port, host=host, config=config)
    try:
        with server:
            on_ready(server.handle)
            server.handle.save(directory)
            yield server.handle
    finally:
        delete_own_handle(directory)


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        child = subprocess.Popen(list(argv), env=dict(environ))  # noqa: S603 - the user's command
    except OSError as error:
        raise InvalidInputError(f"cannot run {argv[0]!r}: {error.strerror or error}") from None
    previous = signal.signal(signal.SIGTERM, lambda number, _frame: child.send_signal(number))
    try:
        while True:
            try:
                code = child.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                # The terminal sends SIGINT to the command too; wait until it exits.
                continue
    finally:
        signal.signal(signal.SIGTERM, previous)


def start_daemon(
    directory: Path,
    clock: Clock,
    *,
    port: int,
    host: str,
    options: Sequence[str],
    stop_hint: str,
    environ: Mapping[str, str],
) -> EmulatorHandle:
    """Start an emulator that outlives this process, and return once it responds.

    `options` are further options of `emulator start`; `stop_hint` is shown if another
    emulator uses the directory.

    Raises:
        EmulatorError: An emulator already uses this directory, or the new one failed to start.
    """
    log = directory / _LOG_FILE
    start = ["emulator", "start", "--foreground", "--port", str(port), "--host", host, *options]
    try:
        # The new process takes the lock itself; here it reports a running one in few words.
        with _lock(directory, stop_hint):
            # A damaged one would hide the new process.
            delete_handle(directory)
            # Unlinked, not truncated: a symlink there would lead to another file.
            log.unlink(missing_ok=True)
            stream = os.fdopen(create_private(log), "wb")
            # Opened now: later, another start may have replaced the file.
            output = log.open("rb")
    except OSError as error:
        raise EmulatorError(f"cannot write {error.filename}: {error.strerror}") from None
    with stream, output:
        process = subprocess.Popen(  # noqa: S603 - this program
            own_command(*start, "--state", str(directory)),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            # Other processes can read the environment of a daemon for as long as it runs.
            env=strip_secrets(environ),
        )
        waited = 0.0
        while waited < _START_SECONDS:
            handle = None
            with suppress(EmulatorUnresponsiveError):
                handle = find_running(directory)
            if handle is not None and handle.pid == process.pid:
                process.returncode = 0  # Prevents the ResourceWarning about a running child.
                return handle
            if process.poll() is not None:
                text = output.read().decode("utf-8", "replace").strip()
                # After warnings, if there are any.
                message, _, hint = f"\n{text}".rpartition("\nError: ")[2].strip().partition("\n")
                raise EmulatorError(
                    f"the emulator failed to start: {message or 'no output'}",
                    hint=" ".join(hint.split()) or None,
                )
            clock.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
    process.kill()
    raise EmulatorError(f"the emulator did not respond within {_START_SECONDS:.0f} s; see {log}")


def stop(handle: EmulatorHandle, directory: Path) -> None:
    """Stop an emulator and wait for its last delivery; raises EmulatorError if it keeps running."""
    with suppress(ProcessLookupError):
        os.kill(handle.pid, signal.SIGTERM)
    try:
        with file_lock(directory / _LOCK_FILE, wait=_STOP_SECONDS):
            pass
    except (OSError, sqlite3.Error):
        raise EmulatorError(f"the emulator (pid {handle.pid}) did not stop") from None


@contextmanager
def _lock(directory: Path, stop_hint: str) -> Iterator[None]:
    """Hold the state directory; raises EmulatorError if another emulator does."""
    with ExitStack() as stack:
        try:
            make_private_dir(directory)
            stack.enter_context(file_lock(directory / _LOCK_FILE, wait=0))
        except (OSError, sqlite3.Error) as error:
            if "locked" not in str(error):
                raise EmulatorError(f"cannot use {directory}: {describe_error(error)}") from None
            other = find_running(directory)
            address = f"{other.base_url} (pid {other.pid})" if other else f"in {directory}"
            raise EmulatorError(
                f"an emulator is already running: {address}", hint=stop_hint
            ) from None
        yield
