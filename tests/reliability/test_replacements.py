"""The new version of a row is scheduled, and its old post could not be cancelled yet."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.bulk.calendars import CalendarRow
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.reliability.machines import (
    FIRST,
    HOUR,
    World,
    assert_clean,
    assert_held,
    edit_texts,
    get_rows,
    get_statuses,
    make_rows_on_one_page,
    make_rows_on_pages,
    reconcile,
    schedule,
    settle,
    without_guardrails,
    without_keys,
)
from tests.reliability.proxy import lose_response, refuse

BUSY = refuse(503, {"error": "busy", "code": "SERVER_ERROR"})
PAGE = "youtube:bluebirdathome"

Change = Callable[[list[CalendarRow]], list[CalendarRow]]


def move_rows(rows: list[CalendarRow]) -> list[CalendarRow]:
    """Return `rows` 45 minutes later."""
    return [replace(row, scheduled_at=row.scheduled_at + timedelta(minutes=45)) for row in rows]


def on_another_page(rows: list[CalendarRow]) -> list[CalendarRow]:
    """Return `rows` moved to another page."""
    return [replace(row, page=PAGE) for row in rows]


def get_post_ids(world: World) -> list[str]:
    """Return the IDs of the scheduled and published posts of a test, oldest first."""
    rows = world.emulator.state.connection.execute(
        "SELECT id FROM posts WHERE status IN ('scheduled', 'published') "
        "AND message LIKE 'Row %' ORDER BY number"
    )
    return [str(row["id"]) for row in rows]


class TestFailedCancellation:
    """The server refuses to cancel for a while."""

    @pytest.fixture
    def rows(self) -> list[CalendarRow]:
        return make_rows_on_pages(2)

    @pytest.fixture(params=["time", "time, no key", "page"])
    def calendar(
        self,
        request: pytest.FixtureRequest,
        world: World,
        machine: CommandLine,
        rows: list[CalendarRow],
    ) -> Path:
        """A calendar with one changed row, both of whose versions are scheduled."""
        if request.param == "time, no key":
            rows[:] = without_keys(rows)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        change: Change = on_another_page if request.param == "page" else move_rows
        rows[:1] = change(rows[:1])
        world.calendar(rows)
        world.proxy.on("DELETE", "*", BUSY)
        assert schedule(machine, calendar).code == 3
        assert sum(world.live().values()) == 3
        return calendar

    def test_row_is_unknown_until_old_post_is_cancelled(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], calendar: Path
    ) -> None:
        ran = schedule(machine, calendar)
        assert_held(ran)
        assert [row["status"] for row in get_rows(ran)] == ["unknown", "done"]
        world.proxy.recover()
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)

    def test_status_shows_the_row_as_unknown(self, machine: CommandLine, calendar: Path) -> None:
        ran = machine.run("bulk", "status", str(calendar), "--json")
        assert [row["status"] for row in json.loads(ran.out) if row["line"]] == [
            "unknown",
            "in sync",
        ]

    def test_reconcile_settles_row(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], calendar: Path
    ) -> None:
        world.proxy.recover()
        settle(machine, calendar)
        world.assert_each_once(rows)

    def test_row_edited_again_is_held(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], calendar: Path
    ) -> None:
        """No third version is made while the first one may be scheduled."""
        rows[:1] = edit_texts(rows[:1], ", edited again")
        world.calendar(rows)
        assert_held(schedule(machine, calendar))
        assert sum(world.live().values()) == 3
        world.proxy.recover()
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)

    def test_reconcile_new_is_refused_while_the_old_post_is_scheduled(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], calendar: Path
    ) -> None:
        """The old post is known to be scheduled: saying that it is gone does not help."""
        assert reconcile(machine, calendar, "--new", "2").code != 0
        assert_held(schedule(machine, calendar))
        world.proxy.recover()
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)

    def test_cancelled_calendar_names_old_post(
        self, world: World, machine: CommandLine, calendar: Path
    ) -> None:
        """Only the new version can be cancelled."""
        old_id = get_post_ids(world)[0]
        world.proxy.recover()
        world.proxy.on("DELETE", f"/posts/scheduled/{old_id}", BUSY)
        ran = machine.run("bulk", "cancel", str(calendar), "--yes")
        assert get_post_ids(world) == [old_id]
        assert ran.code == 3
        world.proxy.recover()
        assert machine.run("bulk", "cancel", str(calendar), "--yes").code == 0
        assert get_post_ids(world) == []


class TestCancelledByAnotherMachine:
    """A run on another machine cancels the old post of a row first, and its new one is refused."""

    @pytest.fixture
    def row(self) -> CalendarRow:
        return make_rows_on_one_page(1)[0]

    @pytest.fixture
    def calendar(
        self,
        world: World,
        machine: CommandLine,
        row: CalendarRow,
        emulator_clock: ManualClock,
    ) -> Path:
        """The calendar of a row without a post, whose time is over."""
        calendar = world.calendar([row])
        assert schedule(machine, calendar).code == 0
        other = world.machine("other")
        assert_clean(schedule(other, calendar))
        world.calendar(edit_texts([row]))
        world.proxy.on("POST", "/posts/schedule", BUSY)
        assert schedule(other, calendar).code != 0
        assert not world.live()
        world.proxy.recover()
        world.calendar([row])
        emulator_clock.current = FIRST + timedelta(hours=2)
        return calendar

    def test_row_is_not_reported_done(
        self, world: World, machine: CommandLine, calendar: Path
    ) -> None:
        ran = schedule(machine, calendar)
        assert_held(ran)
        reason = "the row's post was cancelled, and its time has passed"
        assert f"{calendar}:2: unknown: {reason}" in ran.err
        assert not world.live()

    def test_other_rows_are_sent(
        self, world: World, machine: CommandLine, row: CalendarRow, calendar: Path
    ) -> None:
        later = make_rows_on_one_page(3)[2]
        world.calendar([row, later])
        ran = schedule(machine, calendar)
        assert get_statuses(ran) == {"unknown": 1, "done": 1}
        world.assert_each_once([later])

    def test_row_settled_as_new_needs_a_time_in_the_future(
        self, world: World, machine: CommandLine, row: CalendarRow, calendar: Path
    ) -> None:
        assert reconcile(machine, calendar).code == 3
        assert reconcile(machine, calendar, "--new", "2").code == 0
        ran = schedule(machine, calendar)
        assert ran.code == 2
        assert "in the past" in ran.err
        later = replace(row, scheduled_at=FIRST + timedelta(days=1))
        world.calendar([later])
        assert_clean(schedule(machine, calendar))
        world.assert_each_once([later])

    def test_equal_post_of_another_machine_is_used(
        self, world: World, machine: CommandLine, row: CalendarRow, emulator_clock: ManualClock
    ) -> None:
        """Published posts are recognized even if the journal does not know their ID."""
        calendar = world.calendar([row])
        assert schedule(machine, calendar).code == 0
        other = world.machine("other")
        assert_clean(schedule(other, calendar))
        assert other.run("bulk", "cancel", str(calendar), "--yes").code == 0
        assert_clean(schedule(other, calendar))
        emulator_clock.current = FIRST + timedelta(hours=2)
        assert_clean(schedule(machine, calendar))
        world.assert_each_once([row])

    @pytest.mark.parametrize("hours", [0.001, 2, 30])
    def test_published_row_is_done(
        self,
        world: World,
        machine: CommandLine,
        row: CalendarRow,
        emulator_clock: ManualClock,
        hours: float,
    ) -> None:
        calendar = world.calendar([row])
        assert schedule(machine, calendar).code == 0
        emulator_clock.current = FIRST + timedelta(hours=hours)
        assert_clean(schedule(machine, calendar))
        world.assert_each_once([row])


class TestUnknownPublication:
    """The old post became due meanwhile, and 100 later posts hide whether it was published."""

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    @pytest.fixture(params=["k0", ""], ids=["key", "no key"])
    def rows(self, request: pytest.FixtureRequest) -> list[CalendarRow]:
        return [CalendarRow(request.param, PAGE, FIRST + timedelta(days=3), "Row 0")]

    @pytest.fixture
    def calendar(
        self,
        world: World,
        machine: CommandLine,
        rows: list[CalendarRow],
        emulator_clock: ManualClock,
    ) -> Path:
        """The calendar of a moved row; the machine slept for a day after the new post was made."""
        (row,) = rows
        calendar = world.calendar([replace(row, scheduled_at=FIRST)])
        assert schedule(machine, calendar).code == 0
        world.calendar(rows)
        world.add_other_posts("youtube", 120, FIRST + timedelta(minutes=1))
        emulator_clock.current = FIRST - timedelta(hours=1)
        sleep = lose_response(lambda: emulator_clock.advance(25 * HOUR))
        world.proxy.on("POST", "/posts/schedule", sleep, numbers=[1])
        assert_held(schedule(machine, calendar))
        return calendar

    def test_row_stays_unknown(self, world: World, machine: CommandLine, calendar: Path) -> None:
        assert_held(schedule(machine, calendar))
        ran = reconcile(machine, calendar)
        assert ran.code == 3
        (row,) = get_rows(ran)
        assert [post["id"] for post in row["candidates"]] == get_post_ids(world)
        assert_held(schedule(machine, calendar))

    def test_published_post_is_kept(
        self, world: World, machine: CommandLine, calendar: Path, rows: list[CalendarRow]
    ) -> None:
        old_id, new_id = get_post_ids(world)
        ran = reconcile(machine, calendar, "--pair", f"2={old_id}")
        assert ran.code == 0, ran.err
        assert get_post_ids(world) == [old_id]
        assert_clean(schedule(machine, calendar))
        # A row without a key is a new one at its new time, once its earlier post is published.
        assert len(get_post_ids(world)) == (1 if rows[0].key else 2)
        assert new_id not in get_post_ids(world)

    @pytest.mark.parametrize("decision", ["--new", "--pair", "--separate"])
    def test_new_post_is_kept(
        self, world: World, machine: CommandLine, calendar: Path, decision: str
    ) -> None:
        posts = get_post_ids(world)
        values = {"--new": "2", "--pair": f"2={posts[1]}", "--separate": posts[0]}
        ran = reconcile(machine, calendar, decision, values[decision])
        assert ran.code == 0, ran.err
        assert_clean(schedule(machine, calendar))
        assert get_post_ids(world) == posts
        status = machine.run("store", "status")
        assert "The journal has no request with an unknown outcome" in status.err

    def test_row_whose_post_was_cancelled_first_is_settled_as_new(
        self,
        world: World,
        machine: CommandLine,
        rows: list[CalendarRow],
        emulator_clock: ManualClock,
    ) -> None:
        """A decision settles the row even if the new post was not created yet."""
        calendar = world.calendar([replace(rows[0], key="k0", scheduled_at=FIRST)])
        assert schedule(machine, calendar).code == 0
        world.calendar(edit_texts([replace(rows[0], key="k0", scheduled_at=FIRST)]))
        world.add_other_posts("youtube", 120, FIRST + timedelta(minutes=1))
        emulator_clock.current = FIRST - timedelta(hours=1)
        sleep = lose_response(lambda: emulator_clock.advance(25 * HOUR))
        world.proxy.on("DELETE", "*", sleep, numbers=[1])
        schedule(machine, calendar)
        later = edit_texts([replace(rows[0], key="k0")])
        world.calendar(later)
        assert_held(schedule(machine, calendar))
        assert reconcile(machine, calendar).code == 3
        assert reconcile(machine, calendar, "--new", "2").code == 0
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(later)
