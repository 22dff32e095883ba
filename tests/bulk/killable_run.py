"""A bulk run in a child process that can be killed at any step."""

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from zoneinfo import ZoneInfo

from outreply_cli.api.transport import Transport
from outreply_cli.bulk.executor import RunReport
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_account
from outreply_cli.bulk.service import BulkOptions, BulkService
from outreply_cli.cancellation import CancellationToken
from outreply_cli.journal.journal import SlotTakenError
from outreply_cli.journal.locks import calendar_lock
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.kill_points import SteppingClient, SteppingJournal

_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.bulk.killable_run"])


@dataclass(frozen=True)
class RunConfig:
    """Parameters of a run, as plain values that can be sent to a process."""

    base_url: str
    token: str
    now: datetime
    calendar: Path
    state: Path
    die_after_steps: int | None = None
    wait_lock: float = 30.0
    concurrency: int = 4
    timeout: float = 60.0
    name: str | None = None


def run_here(run: RunConfig) -> RunReport:
    """Run in this process."""
    steps = 0
    lock = threading.Lock()

    def count(_: str) -> None:
        nonlocal steps
        with lock:
            steps += 1
            if steps == run.die_after_steps:
                os.kill(os.getpid(), signal.SIGKILL)

    transport = Transport(
        base_url=run.base_url,
        token=Token(run.token),
        clock=ManualClock(run.now),
        timeout=run.timeout,
    )
    journal = SteppingJournal(run.state / "journal.db", count)
    try:
        client = SteppingClient(transport, count)
        options = BulkOptions(zone=ZoneInfo("UTC"), prune=True, concurrency=run.concurrency)
        account = fetch_account(client)
        bulk = BulkService(client, journal, account, options)
        calendar = load_calendar(str(run.calendar))
        calendar.name = run.name
        opened = bulk.open(calendar)
        calendar_id = opened.identity.known_id
        with calendar_lock(run.state, account.fingerprint, calendar_id, wait=run.wait_lock):
            while True:
                planned = bulk.plan(bulk.identify_again(opened), reconcile=True)
                with suppress(SlotTakenError):
                    return bulk.apply(planned, CancellationToken(), lambda _: None)
                bulk.forget_plans()
    finally:
        journal.close()
        transport.close()


def start_process(run: RunConfig) -> BaseProcess:
    """Start the run in a process."""
    process = _processes.Process(target=run_here, args=(run,))
    process.start()
    return process


def run_in_process(run: RunConfig) -> int:
    """Run in a process, and return its exit code, negative for a signal."""
    process = start_process(run)
    process.join(120)
    assert process.exitcode is not None, "the run hangs"
    return int(process.exitcode)
