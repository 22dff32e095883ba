"""Random lives of a calendar: edits, removals, kills, clock moves and strangers' cancels.

However it goes, one more run makes the server hold exactly the file's rows.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.bulk.executor import CancellationToken
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_remote_state
from outreply_cli.bulk.service import BulkOptions, BulkService
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from outreply_cli.spec.token import Token
from tests.bulk.calendars import Line, held, lines, wanted, write
from tests.clocks import ManualClock

FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)


class KilledError(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


class CalendarLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        root = Path(self._directory.name)
        self.clock = ManualClock()
        self.server = EmulatorServer(root / "emulator.db", self.clock)
        self.server.__enter__()
        self.server.state.connection.execute("UPDATE users SET tier = 'elite'")
        self.path = root / "calendar.csv"
        self.state = root / "state"
        self.rows: list[Line] = lines(4, FIRST)
        self.serial = 100
        write(self.path, self.rows)

    def teardown(self) -> None:
        self.server.__exit__()
        self._directory.cleanup()

    def carry_out(self, before_step: Callable[[str], None] = lambda _: None) -> None:
        # A minute on: the server's rate windows are no part of this test.
        self.clock.advance(61)
        token = Token(self.server.token)
        transport = Transport(base_url=self.server.base_url, token=token, clock=self.clock)
        journal = Journal(self.state / "journal.db")
        try:
            client = Client(transport)
            plan = BulkOptions(zone=None, prune=True, max_cancel=1_000, concurrency=1)
            run = BulkService(client, journal, plan, before_step)
            view = fetch_remote_state(client)
            prepared = run.plan(load_calendar(str(self.path)), view, settle=True)
            report = run.apply(prepared, CancellationToken(), lambda _: None)
            assert report.stopped_by is None
            assert {result.status for result in report.results} <= {"done"}
        finally:
            journal.close()
            transport.close()

    def pending(self) -> list[int]:
        return [n for n, row in enumerate(self.rows) if row.instant > self.clock.now()]

    @rule(text=st.sampled_from(["edited", "again"]), which=st.integers(0, 50))
    @precondition(lambda self: self.pending())
    def edit_text(self, text: str, which: int) -> None:
        n = self.pending()[which % len(self.pending())]
        self.rows[n] = replace(self.rows[n], message=f"Row {n} {text} {which}")

    @rule(which=st.integers(0, 50), minutes=st.sampled_from([3, 17, 40]))
    @precondition(lambda self: self.pending())
    def move(self, which: int, minutes: int) -> None:
        n = self.pending()[which % len(self.pending())]
        earliest = max(self.rows[n].instant, self.clock.now() + timedelta(hours=1))
        self.rows[n] = replace(self.rows[n], instant=earliest + timedelta(minutes=minutes))

    @rule(which=st.integers(0, 50))
    @precondition(lambda self: len(self.pending()) > 1)
    def take_out(self, which: int) -> None:
        del self.rows[self.pending()[which % len(self.pending())]]

    @rule()
    @precondition(lambda self: len(self.rows) < 9)
    def add(self) -> None:
        self.serial += 1
        start = max(FIRST, self.clock.now()) + timedelta(days=2, hours=self.serial % 40)
        row = lines(6, start)[self.serial % 6]
        self.rows.append(replace(row, key=f"n{self.serial}", message=f"Row {self.serial}"))

    @rule(steps=st.integers(1, 25))
    def run_and_be_killed(self, steps: int) -> None:
        write(self.path, self.rows)
        left = [steps]

        def die(_: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        with suppress(KilledError):
            self.carry_out(die)

    @rule(hours=st.sampled_from([1, 26, 60]))
    def time_goes_by(self, hours: int) -> None:
        self.finish()
        self.clock.advance(hours * 3600)

    @rule(which=st.integers(0, 50))
    def a_stranger_cancels(self, which: int) -> None:
        db = self.server.state.connection
        ids = [row[0] for row in db.execute(
            "SELECT id FROM posts WHERE status = 'scheduled' AND scheduled_at > ? ORDER BY number",
            (self.clock.now().timestamp() + 1,),
        )]  # fmt: skip
        if ids:
            db.execute("UPDATE posts SET status = 'cancelled' WHERE id = ?",
                       (ids[which % len(ids)],))  # fmt: skip

    @rule()
    def finish(self) -> None:
        write(self.path, self.rows)
        self.carry_out()
        assert held(self.server) == wanted(self.rows)

    @invariant()
    def nothing_is_there_twice(self) -> None:
        assert all(count == 1 for count in held(self.server).values())


CalendarLife.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestCalendarLife = CalendarLife.TestCase
