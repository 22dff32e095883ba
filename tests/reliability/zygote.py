"""Runs command lines under shim.c, each in a fork of a process that has imported everything.

The zygote reads commands from stdin, as lines of JSON, and responds to each with one line. A run
gets its own root directory, environment, clock and fault; see `tests.reliability.shim.Zygote`.
"""

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from outreply_cli import __main__ as entry_point
from outreply_cli.api.client import Client, ListResult
from outreply_cli.clock import SystemClock
from outreply_cli.journal.journal import Journal
from outreply_cli.storage import tables
from tests.clocks import ManualClock

_LOG_DESCRIPTOR = 900
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until stdin is closed."""
    shim = ctypes.CDLL(os.environ.pop("LD_PRELOAD"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        request = json.loads(line)
        response = _ACTIONS[request.pop("action")](shim, request)
        sys.stdout.write(f"{json.dumps(response)}\n")
        sys.stdout.flush()


def _start(shim: ctypes.CDLL, request: Mapping[str, Any]) -> int:
    gc.freeze()
    pid = os.fork()
    if pid:
        return pid
    # Kill the fork when the zygote dies.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        _run(shim, **request)
    finally:
        # Skip the zygote's cleanup in the fork.
        os._exit(1)


def _wait(shim: ctypes.CDLL, request: Mapping[str, Any]) -> int:
    _, status = os.waitpid(request["pid"], 0)
    return os.waitstatus_to_exitcode(status)


def _has_exited(shim: ctypes.CDLL, request: Mapping[str, Any]) -> int:
    # The process stays a zombie for `_wait`.
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return int(os.waitid(os.P_PID, request["pid"], flags) is not None)


def _preload(shim: ctypes.CDLL, request: Mapping[str, Any]) -> int:
    """Import modules, as those that another run has imported."""
    for name in request["modules"]:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    return len(sys.modules)


def _run(
    shim: ctypes.CDLL,
    *,
    words: list[str],
    root: str,
    environ: Mapping[str, str],
    now: float | None,
    fault: int,
    point: int,
    log: str,
    stdout: str,
    stderr: str,
    bug: str | None,
    modules: str | None,
) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, _LOG_DESCRIPTOR)
    os.close(descriptor)
    for number, path in ((0, os.devnull), (1, stdout), (2, stderr)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(path, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, buffering, encoding="utf-8")  # noqa: PTH123
        for number, mode, buffering in ((0, "r", -1), (1, "w", -1), (2, "w", 1))
    )
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(root)
    if now is not None:
        _replace_clock(datetime.fromtimestamp(now, UTC))
    if bug is not None:
        _BUGS[bug]()
    sys.argv = ["outreply", *words]
    shim.shim_configure(os.fsencode(root), fault, ctypes.c_long(point), _LOG_DESCRIPTOR)
    try:
        code = entry_point.run()
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    if modules is not None:
        with open(modules, "w", encoding="utf-8") as stream:  # noqa: PTH123
            # In the order of the first import: some modules fail if imported before others.
            json.dump(list(sys.modules), stream)
    os._exit(code)


def _replace_clock(now: datetime) -> None:
    """Start the run's clock at `now`, and advance only by sleeping."""
    clock = ManualClock(now)
    for name in ("now", "monotonic", "sleep"):
        setattr(SystemClock, name, staticmethod(getattr(clock, name)))


def _skip_syncs() -> None:
    """Plant a bug: commits are not synced."""
    original = tables.open_database  # type: ignore[attr-defined]
    tables.open_database = lambda path, schema, **options: original(  # type: ignore[attr-defined]
        path, schema._replace(durable=False), **options
    )


def _skip_intent_and_lookups() -> None:
    """Plant a bug: no request is announced in the journal, and lists are treated as empty."""
    Journal.mark_sent = lambda *_, **__: None  # type: ignore[method-assign]
    for name in ("scheduled_posts", "published_posts"):
        setattr(Client, name, lambda *_, **__: ListResult([], truncated=False))


_BUGS: dict[str, Callable[[], None]] = {
    "no syncs": _skip_syncs,
    "no intent and no lookups": _skip_intent_and_lookups,
}
_ACTIONS: dict[str, Callable[[ctypes.CDLL, Mapping[str, Any]], int]] = {
    "start": _start,
    "wait": _wait,
    "has_exited": _has_exited,
    "preload": _preload,
}

if __name__ == "__main__":
    main()
