"""A bulk run in a process of its own, which SIGKILL ends wherever a test says."""

import os
import signal
import threading
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.bulk.executor import CancellationToken, RunReport
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_remote_state
from outreply_cli.bulk.service import BulkOptions, BulkService
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.locks import calendar_lock
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock

_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.bulk.killable_run"])


@dataclass(frozen=True)
class Run:
    """What a bulk run needs; plain values, so that it can cross a process."""

    base_url: str
    token: str
    now: datetime
    calendar: Path
    state: Path
    die_after_steps: int | None = None
    wait_lock: float = 30.0
    concurrency: int = 4
    answer_seconds: float = 60.0


def carry_out(run: Run) -> RunReport:
    """The run, in this process."""
    steps = 0
    turn = threading.Lock()

    def count(_: str) -> None:
        nonlocal steps
        with turn:
            steps += 1
            if steps == run.die_after_steps:
                os.kill(os.getpid(), signal.SIGKILL)

    transport = Transport(
        base_url=run.base_url,
        token=Token(run.token),
        clock=ManualClock(run.now),
        answer_seconds=run.answer_seconds,
    )
    journal = Journal(run.state / "journal.db")
    try:
        settings = BulkOptions(zone=ZoneInfo("UTC"), prune=True, concurrency=run.concurrency)
        bulk = BulkService(Client(transport), journal, settings, count)
        view = fetch_remote_state(Client(transport))
        account = view.digest
        with calendar_lock(run.state, account, str(run.calendar), wait=run.wait_lock):
            prepared = bulk.plan(load_calendar(str(run.calendar)), view, settle=True)
            return bulk.apply(prepared, CancellationToken(), lambda _: None)
    finally:
        journal.close()
        transport.close()


def start(run: Run) -> BaseProcess:
    """The run, in a process of its own, going."""
    process = _processes.Process(target=carry_out, args=(run,))
    process.start()
    return process


def carry_out_apart(run: Run) -> int:
    """The run, in a process of its own, to its end; its exit code, negative for a signal."""
    process = start(run)
    process.join(120)
    assert process.exitcode is not None, "the run hangs"
    return int(process.exitcode)
