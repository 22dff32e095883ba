"""The PostgreSQL server of the tests."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.command_line import wait_for_line
from tests.postgres import is_alive

psutil: Any = pytest.importorskip("psutil", reason="the server has no wheel for this platform")
PROGRAM = """
import sys
from tests.postgres import start_server
start_server(sys.argv[1])
print("started", file=sys.stderr, flush=True)
sys.stdin.read()
"""


def start_user(name: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, name], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_for_line(process, "started")
    return process


def find_processes(directory: Path) -> list[Any]:
    """The server and its guardian."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith(str(directory)) for word in process.info["cmdline"] or ())
    ]


def wait_for_exit(directory: Path, *processes: Any) -> None:
    until = time.monotonic() + 60
    while any(map(is_alive, processes)) or directory.exists():
        assert time.monotonic() < until


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_server_ends_with_the_last_process_that_uses_it(postgres_server: str) -> None:
    name = uuid4().hex[:12]
    directory = Path(tempfile.gettempdir()) / f"outreply-postgres-{name}"
    first, second = start_user(name), start_user(name)
    kill(first)
    processes = find_processes(directory)
    assert len(processes) == 2
    assert all(map(is_alive, processes))
    kill(second)
    wait_for_exit(directory, *processes)


def test_next_run_stops_the_server_of_a_killed_guardian(postgres_server: str) -> None:
    name = uuid4().hex[:12]
    directory = Path(tempfile.gettempdir()) / f"outreply-postgres-{name}"
    user = start_user(name)
    by_name = {process.name(): process for process in find_processes(directory)}
    server = by_name.pop("postgres")
    (guardian,) = by_name.values()
    guardian.kill()
    kill(user)
    assert is_alive(server)
    other = start_user(uuid4().hex[:12])
    wait_for_exit(directory, server)
    kill(other)
