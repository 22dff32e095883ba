"""Random edits, removals, kills, clock changes and cancellations elsewhere.

After each of them, one more run makes the server's posts equal to the rows of the file.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outreply_cli.api.transport import Transport
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_account
from outreply_cli.bulk.service import BulkOptions, BulkService
from outreply_cli.cancellation import CancellationToken
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.token import Token
from tests.bulk.calendars import (
    CalendarRow,
    expected_posts,
    make_rows,
    server_posts,
    write_calendar,
)
from tests.clocks import ManualClock
from tests.kill_points import SteppingClient, SteppingJournal

FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)


class KilledError(BaseException):
    """Simulates SIGKILL: the product does not catch it."""


class CalendarLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        root = Path(self._directory.name)
        self.clock = ManualClock()
        self.server = EmulatorServer(
            root / "emulator.db", self.clock, config=EmulatorConfig(is_lenient=True)
        )
        self.server.__enter__()
        self.server.state.connection.execute("UPDATE users SET tier = 'elite'")
        self.path = root / "calendar.csv"
        self.state = root / "state"
        self.rows: list[CalendarRow] = make_rows(4, FIRST)
        # Rows that the last runs had too.
        self.known: set[str] = set()
        self.serial = 100
        write_calendar(self.path, self.rows)

    def teardown(self) -> None:
        self.server.__exit__()
        self._directory.cleanup()

    def carry_out(self, on_step: Callable[[str], None] = lambda _: None) -> None:
        # Start a new rate limit window.
        self.clock.advance(61)
        token = Token(self.server.token)
        transport = Transport(base_url=self.server.base_url, token=token, clock=self.clock)
        journal = SteppingJournal(self.state / "journal.db", on_step)
        try:
            client = SteppingClient(transport, on_step)
            options = BulkOptions(zone=None, prune=True, max_cancel=1_000, concurrency=1)
            run = BulkService(client, journal, fetch_account(client), options)
            planned = run.plan(run.open(load_calendar(str(self.path))), reconcile=True)
            report = run.apply(planned, CancellationToken(), lambda _: None)
            assert report.stopped_by is None
            assert {result.status for result in report.results} <= {"done"}
        finally:
            journal.close()
            transport.close()

    def pending(self) -> list[int]:
        return [n for n, row in enumerate(self.rows) if row.scheduled_at > self.clock.now()]

    @rule(text=st.sampled_from(["edited", "again"]), which=st.integers(0, 50))
    @precondition(lambda self: self.pending())
    def edit_text(self, text: str, which: int) -> None:
        n = self.pending()[which % len(self.pending())]
        self.rows[n] = replace(self.rows[n], message=f"Row {n} {text} {which}")

    @rule(which=st.integers(0, 50), minutes=st.sampled_from([3, 17, 40]))
    @precondition(lambda self: self.pending())
    def move(self, which: int, minutes: int) -> None:
        n = self.pending()[which % len(self.pending())]
        earliest = max(self.rows[n].scheduled_at, self.clock.now() + timedelta(hours=1))
        self.rows[n] = replace(self.rows[n], scheduled_at=earliest + timedelta(minutes=minutes))

    def removable(self) -> list[int]:
        # A file without any row of its earlier version is another calendar.
        kept = [row.key for row in self.rows if row.key in self.known]
        return [n for n in self.pending() if not self.known or kept not in ([], [self.rows[n].key])]

    @rule(which=st.integers(0, 50))
    @precondition(lambda self: len(self.pending()) > 1 and self.removable())
    def remove(self, which: int) -> None:
        del self.rows[self.removable()[which % len(self.removable())]]

    @rule()
    @precondition(lambda self: len(self.rows) < 9)
    def add(self) -> None:
        self.serial += 1
        start = max(FIRST, self.clock.now()) + timedelta(days=2, hours=self.serial % 40)
        row = make_rows(6, start)[self.serial % 6]
        self.rows.append(replace(row, key=f"n{self.serial}", message=f"Row {self.serial}"))

    @rule(steps=st.integers(1, 25))
    def kill_run(self, steps: int) -> None:
        write_calendar(self.path, self.rows)
        left = [steps]

        def die(_: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        with suppress(KilledError):
            self.carry_out(die)
        keys = {row.key for row in self.rows}
        self.known = self.known & keys or keys

    @rule(hours=st.sampled_from([1, 26, 60]))
    def advance_clock(self, hours: int) -> None:
        self.finish()
        self.clock.advance(hours * 3600)

    @rule(which=st.integers(0, 50))
    def cancel_elsewhere(self, which: int) -> None:
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
        write_calendar(self.path, self.rows)
        self.carry_out()
        self.known = {row.key for row in self.rows}
        assert server_posts(self.server) == expected_posts(self.rows)

    @invariant()
    def no_duplicates(self) -> None:
        assert all(count == 1 for count in server_posts(self.server).values())


CalendarLife.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=12,
)
TestCalendarLife = CalendarLife.TestCase
