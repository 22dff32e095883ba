"""Lost and restored journals, other paths and other machines: a row stays the same row."""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.posts.content import fingerprint
from outreply_cli.spec.token import Token
from tests.bulk.calendars import CalendarRow
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.reliability.machines import (
    FIRST,
    HOUR,
    World,
    assert_clean,
    assert_harmless,
    assert_held,
    edit_texts,
    get_rows,
    get_statuses,
    get_summary,
    lose_state,
    make_rows_on_one_page,
    make_rows_on_pages,
    reconcile,
    restore_state,
    save_state,
    schedule,
    settle,
    without_guardrails,
    without_keys,
)
from tests.reliability.proxy import (
    Exchange,
    Request,
    change_text,
    lose_response,
    lose_responses_and_lists,
    refuse,
)

Change = Callable[[list[CalendarRow]], list[CalendarRow]]

KEYED = pytest.mark.parametrize("change", [list, without_keys], ids=["keys", "no keys"])
ADVICE = pytest.mark.parametrize(
    "options", [("--spread",), ("--adopt",), ("--spread", "--adopt")], ids=" ".join
)


def move_rows(rows: list[CalendarRow]) -> list[CalendarRow]:
    """Return `rows` 45 minutes later."""
    return [replace(row, scheduled_at=row.scheduled_at + timedelta(minutes=45)) for row in rows]


@pytest.mark.usefixtures("guardrails")
class TestRestoredState:
    """The state directory is put back from before an edit."""

    @KEYED
    @pytest.mark.parametrize("edit", [edit_texts, move_rows])
    def test_edited_rows_are_settled_once(
        self, world: World, machine: CommandLine, change: Change, edit: Change
    ) -> None:
        rows = change(make_rows_on_pages(3))
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        backup = save_state(machine)
        world.calendar(edit(rows))
        assert schedule(machine, calendar).code == 0
        world.assert_each_once(edit(rows))
        restore_state(machine, backup)
        settle(machine, calendar)
        world.assert_each_once(edit(rows))

    @ADVICE
    def test_options_create_no_duplicates(
        self, world: World, machine: CommandLine, options: tuple[str, ...]
    ) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        backup = save_state(machine)
        world.calendar(edit_texts(rows))
        assert schedule(machine, calendar).code == 0
        restore_state(machine, backup)
        schedule(machine, calendar, *options)
        world.assert_each_once(edit_texts(rows))
        settle(machine, calendar)
        world.assert_each_once(edit_texts(rows))

    def test_edited_again_is_settled_once(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        backup = save_state(machine)
        world.calendar(edit_texts(rows))
        assert schedule(machine, calendar).code == 0
        restore_state(machine, backup)
        again = edit_texts(rows, ", edited twice")
        world.calendar(again)
        settle(machine, calendar)
        world.assert_each_once(again)

    def test_added_rows_are_settled_once(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows[:3])
        assert schedule(machine, calendar).code == 0
        backup = save_state(machine)
        world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        restore_state(machine, backup)
        settle(machine, calendar)
        world.assert_each_once(rows)

    @pytest.mark.parametrize("later", [0, 25 * HOUR], ids=["at once", "25 h later"])
    def test_state_copied_during_run_is_settled_once(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock, later: float
    ) -> None:
        """The copied journal says that rows were planned and not sent."""
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        copy = copy_state_at_first_post(world, machine)
        assert schedule(machine, calendar, "--concurrency", "1").code == 0
        restore_state(machine, copy)
        emulator_clock.advance(later)
        settle(machine, calendar)
        world.assert_each_once(rows)

    def test_state_copied_during_run_is_settled_once_with_other_token(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        copy = copy_state_at_first_post(world, machine)
        assert schedule(machine, calendar, "--concurrency", "1").code == 0
        restore_state(machine, copy)
        machine.environ["OUTREPLY_API_KEY"] = world.new_token()
        settle(machine, calendar)
        world.assert_each_once(rows)

    @pytest.mark.parametrize("cut", [1000, 5000, 9000])
    def test_torn_log_is_settled_once(self, world: World, machine: CommandLine, cut: int) -> None:
        rows = make_rows_on_pages(12)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        world.calendar(edit_texts(rows))
        copy = copy_state_at_first_post(world, machine)
        assert schedule(machine, calendar, "--concurrency", "1").code == 0
        log = copy / "journal.db-wal"
        content = log.read_bytes()
        assert len(content) > cut
        log.write_bytes(content[:-cut])
        (copy / "journal.db-shm").unlink(missing_ok=True)
        restore_state(machine, copy)
        settle(machine, calendar)
        world.assert_each_once(edit_texts(rows))


def copy_state_at_first_post(world: World, machine: CommandLine) -> Path:
    """Copy the machine's state when the server receives its next post; returns the copy."""
    copy = world.directory / "copied-state"

    def act(request: Request, exchange: Exchange) -> None:
        del request, exchange
        shutil.copytree(machine.home / "state", copy)

    world.proxy.on("POST", "/posts/schedule", act, numbers=[1])
    return copy


@pytest.mark.usefixtures("guardrails")
class TestLostState:
    """The state directory is lost, or was never created."""

    @KEYED
    def test_unchanged_rows_are_settled_once(
        self, world: World, machine: CommandLine, change: Change
    ) -> None:
        rows = change(make_rows_on_pages(3))
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        settle(machine, calendar)
        world.assert_each_once(rows)

    @KEYED
    @pytest.mark.parametrize("edit", [edit_texts, move_rows])
    @pytest.mark.parametrize(
        "options", [(), ("--adopt",), ("--spread",)], ids=["no option", "--adopt", "--spread"]
    )
    def test_edited_rows_are_held_and_settled_once(
        self,
        world: World,
        machine: CommandLine,
        change: Change,
        edit: Change,
        options: tuple[str, ...],
    ) -> None:
        rows = change(make_rows_on_pages(3))
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        world.calendar(edit(rows))
        ran = schedule(machine, calendar, *options)
        assert sum(world.texts().values()) == 3
        assert ran.code in {2, 3}
        assert_harmless(ran)
        assert "outreply bulk reconcile" in ran.err
        assert reconcile(machine, calendar).code == 0
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(edit(rows))

    def test_edited_row_is_shown_as_unknown(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        world.calendar([rows[0], *edit_texts(rows[1:])])
        ran = schedule(machine, calendar)
        assert_held(ran)
        assert [row["status"] for row in get_rows(ran)] == ["done", "unknown"]

    def test_other_rows_are_done_while_one_is_held(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows[:1])
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        world.calendar([*edit_texts(rows[:1]), *rows[1:]])
        ran = schedule(machine, calendar)
        assert_held(ran)
        assert get_statuses(ran) == {"unknown": 1, "done": 5}
        world.assert_each_once(rows)

    def test_rows_after_unrelated_posts_are_created(
        self, world: World, machine: CommandLine
    ) -> None:
        """Unrelated posts of another program do not hold rows."""
        world.add_other_posts("youtube", 3, FIRST)
        rows = make_rows_on_one_page(3, "youtube:bluebirdathome")
        calendar = world.calendar(move_rows(rows))
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)

    @pytest.mark.parametrize(
        "change",
        [
            str.strip,
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.replace("e\u0301", "é"),
            lambda text: text.replace("é", "e\u0301"),
        ],
        ids=["trims", "CRLF", "NFC", "NFD"],
    )
    def test_text_changed_by_server_is_recognized(
        self, world: World, machine: CommandLine, change: Callable[[str], str]
    ) -> None:
        text = "Row 0, café, cafe\u0301\nSecond line \n"
        world.proxy.request_filters.append(change_text(change))
        (row,) = make_rows_on_one_page(1)
        calendar = world.calendar([replace(row, message=text)])
        assert_clean(schedule(machine, calendar))
        assert_clean(schedule(machine, calendar))
        lose_state(machine)
        settle(machine, calendar)
        assert sum(world.texts().values()) == 1
        assert get_summary(schedule(machine, calendar)) == {"unchanged": 1}

    @pytest.mark.parametrize("other_token", [False, True], ids=["same token", "other token"])
    def test_post_with_key_and_text_trimmed_by_server_once(
        self, world: World, machine: CommandLine, *, other_token: bool
    ) -> None:
        world.proxy.request_filters.append(change_text(str.strip))
        words = ("posts", "schedule", "--page", "instagram:acme", "--at", "2026-12-01T09:00:00Z")
        words_with_key = (*words, "-m", "Row 0 ", "--key", "launch")
        assert machine.run(*words_with_key).code == 0
        lose_state(machine)
        if other_token:
            machine.environ["OUTREPLY_API_KEY"] = world.new_token()
        ran = machine.run(*words_with_key)
        assert world.texts() == {"Row 0": 1}
        assert ran.code == 0, ran.err

    def test_text_trimmed_by_server_is_recognized_after_lost_response(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        world.proxy.request_filters.append(change_text(str.strip))
        (row,) = make_rows_on_one_page(1)
        calendar = world.calendar([replace(row, message="Row 0\n")])
        sleep = lose_response(lambda: emulator_clock.advance(25 * HOUR))
        world.proxy.on("POST", "/posts/schedule", sleep, numbers=[1])
        schedule(machine, calendar)
        settle(machine, calendar)
        world.assert_each_once([row])


class TestLongLists:
    """A page has more than 100 scheduled posts: the server lists only the first 100."""

    @pytest.fixture
    def rows(self) -> list[CalendarRow]:
        return [
            replace(row, scheduled_at=row.scheduled_at + timedelta(days=30))
            for row in make_rows_on_one_page(5, "youtube:bluebirdathome")
        ]

    @pytest.fixture
    def calendar(
        self,
        world: World,
        machine: CommandLine,
        rows: list[CalendarRow],
        emulator_clock: ManualClock,
    ) -> Path:
        """A calendar that was scheduled the day before; its posts are not listed."""
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        world.add_other_posts("youtube", 120, FIRST)
        emulator_clock.advance(25 * HOUR)
        return calendar

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    @pytest.mark.parametrize(
        "options", [(), ("--adopt",), ("--spread",)], ids=["no option", "--adopt", "--spread"]
    )
    def test_lost_state_holds_rows(
        self,
        world: World,
        machine: CommandLine,
        calendar: Path,
        rows: list[CalendarRow],
        options: tuple[str, ...],
    ) -> None:
        lose_state(machine)
        ran = schedule(machine, calendar, *options)
        world.assert_each_once(rows)
        assert_held(ran)
        world.remove_other_posts()
        settle(machine, calendar)
        world.assert_each_once(rows)

    def test_second_file_is_the_same_calendar(
        self, world: World, machine: CommandLine, calendar: Path, rows: list[CalendarRow]
    ) -> None:
        second = calendar.with_name("copy.csv")
        shutil.copy(calendar, second)
        ran = schedule(machine, second)
        world.assert_each_once(rows)
        assert_clean(ran)
        assert get_summary(ran) == {"unchanged": 5}

    def test_rows_of_second_calendar_are_known(
        self, world: World, machine: CommandLine, calendar: Path, rows: list[CalendarRow]
    ) -> None:
        """The journal is searched for other calendars of the account too."""
        second = calendar.with_name("copy.csv")
        shutil.copy(calendar, second)
        ran = schedule(machine, second, "--name", "another")
        world.assert_each_once(rows)
        assert "USAGE" not in ran.err
        assert_harmless(ran)

    def test_pair_and_new_settle_rows(
        self, world: World, machine: CommandLine, calendar: Path, rows: list[CalendarRow]
    ) -> None:
        new = replace(
            rows[0], key="new", message="Row new", scheduled_at=FIRST + timedelta(days=40)
        )
        ids = world.live_ids()
        lose_state(machine)
        world.calendar([*rows, new])
        assert_held(schedule(machine, calendar))
        pairs = [
            word
            for line, row in enumerate(rows, 2)
            for word in ("--pair", f"{line}={ids[row.message]}")
        ]
        ran = reconcile(machine, calendar, *pairs, "--new", "7")
        assert ran.code == 0, ran.err
        assert_clean(schedule(machine, calendar))
        world.assert_each_once([*rows, new])

    def test_lost_state_without_other_rows_sends_to_other_pages(
        self, world: World, machine: CommandLine, calendar: Path, rows: list[CalendarRow]
    ) -> None:
        """A page whose list is complete is not held because of another page."""
        lose_state(machine)
        other = make_rows_on_one_page(2)
        world.calendar([*rows, *[replace(row, key=f"o{row.key}") for row in other]])
        ran = schedule(machine, calendar)
        assert_held(ran)
        assert get_statuses(ran) == {"unknown": 5, "done": 2}

    def test_lost_response_is_held(
        self,
        world: World,
        machine: CommandLine,
        calendar: Path,
        rows: list[CalendarRow],
        emulator_clock: ManualClock,
    ) -> None:
        new = replace(
            rows[0], key="new", message="Row new", scheduled_at=FIRST + timedelta(days=40)
        )
        world.calendar([*rows, new])
        sleep = lose_response(lambda: emulator_clock.advance(25 * HOUR))
        world.proxy.on("POST", "/posts/schedule", sleep, numbers=[1])
        schedule(machine, calendar)
        ran = schedule(machine, calendar)
        world.assert_each_once([*rows, new])
        assert_held(ran)
        world.remove_other_posts()
        settle(machine, calendar)
        world.assert_each_once([*rows, new])


class TestPaths:
    """The calendar file has another path or name, or comes from stdin."""

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    @KEYED
    @pytest.mark.parametrize("name", ["renamed.csv", "elsewhere/calendar.csv", "calendar.yaml"])
    def test_moved_file_stays_the_same_calendar(
        self, world: World, machine: CommandLine, change: Change, name: str
    ) -> None:
        rows = change(make_rows_on_pages(6))
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        path = calendar.parent / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".yaml":
            posts = [
                {
                    **({"key": row.key} if row.key else {}),
                    "page": row.page,
                    "scheduled_at": row.scheduled_at.isoformat(),
                    "message": row.message,
                }
                for row in rows
            ]
            path.write_text(json.dumps({"posts": posts}), encoding="utf-8")
            calendar.unlink()
        else:
            calendar.rename(path)
        ran = schedule(machine, path)
        assert_clean(ran)
        assert get_summary(ran) == {"unchanged": 6}
        world.assert_each_once(rows)

    @KEYED
    def test_moved_and_edited_file_stays_the_same_calendar(
        self, world: World, machine: CommandLine, change: Change
    ) -> None:
        rows = change(make_rows_on_pages(6))
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        calendar.unlink()
        new_rows = [*edit_texts(rows[:2]), *rows[2:5]]
        moved_file = world.calendar(new_rows, "renamed.csv")
        ran = schedule(machine, moved_file, "--prune")
        assert_clean(ran)
        assert get_summary(ran) == {"changed": 2, "unchanged": 3, "cancelled": 1}
        world.assert_each_once(new_rows)

    @KEYED
    def test_stdin_is_the_same_calendar(
        self, world: World, machine: CommandLine, change: Change
    ) -> None:
        rows = change(make_rows_on_pages(6))
        calendar = world.calendar(rows)

        def pipe() -> Result:
            text = calendar.read_text(encoding="utf-8")
            return machine.run("bulk", "schedule", "-", "--json", stdin=text)

        ran = pipe()
        assert ran.code == 0, ran.err
        assert get_summary(ran) == {"created": 6}
        assert get_summary(pipe()) == {"unchanged": 6}
        assert get_summary(schedule(machine, calendar)) == {"unchanged": 6}
        world.calendar(edit_texts(rows))
        assert get_summary(pipe()) == {"changed": 6}
        world.assert_each_once(edit_texts(rows))

    def test_stdin_after_lost_state_is_settled(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        text = world.calendar(edit_texts(rows)).read_text(encoding="utf-8")
        ran = machine.run("bulk", "schedule", "-", "--json", stdin=text)
        assert_held(ran)
        reconciled = machine.run("bulk", "reconcile", "-", "--yes", "--json", stdin=text)
        assert reconciled.code == 0, reconciled.err
        assert_clean(machine.run("bulk", "schedule", "-", "--json", stdin=text))
        world.assert_each_once(edit_texts(rows))

    def test_moved_file_is_cancelled(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        renamed = calendar.rename(calendar.with_name("renamed.csv"))
        ran = machine.run("bulk", "cancel", str(renamed), "--yes", "--json")
        assert ran.code == 0, ran.err
        assert get_summary(ran) == {"cancelled": 3}
        assert not world.live()

    def test_status_of_moved_file_is_in_sync(self, world: World, machine: CommandLine) -> None:
        calendar = world.calendar(make_rows_on_pages(3))
        assert schedule(machine, calendar).code == 0
        renamed = calendar.rename(calendar.with_name("renamed.csv"))
        ran = machine.run("bulk", "status", str(renamed), "--json")
        assert ran.code == 0, ran.err
        assert {row["status"] for row in json.loads(ran.out)} == {"in sync"}

    def test_path_is_not_part_of_keys(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        invalid = refuse(400, {"error": "Malformed timestamp", "code": "INVALID_DATE"})
        world.proxy.on("POST", "/posts/schedule", invalid)
        schedule(machine, world.calendar(rows))
        first = {request.headers["idempotency-key"] for request in world.proxy.writes()}
        world.proxy.received.clear()
        schedule(world.machine("laptop"), world.calendar(rows, "elsewhere/other.csv"))
        second = {request.headers["idempotency-key"] for request in world.proxy.writes()}
        assert len(first) == 6
        assert first == second

    def test_file_of_another_client_prunes_nothing(
        self, world: World, machine: CommandLine
    ) -> None:
        """Two directories hold a `calendar.csv`, and their rows have the same keys."""
        acme = make_rows_on_one_page(6, "instagram:acme")
        bluebird = [
            replace(row, message=f"{row.message} of Bluebird")
            for row in make_rows_on_one_page(6, "x:bluebird")
        ]
        expected = [*acme, *(replace(row, page="twitter:bluebird") for row in bluebird)]
        first = world.calendar(acme, "acme/calendar.csv")
        second = world.calendar(bluebird, "bluebird/calendar.csv")
        for calendar in (first, second, first, second):
            ran = schedule(machine, calendar, "--prune", "--max-cancel", "100")
            assert ran.code == 0, ran.err
        world.assert_each_once(expected)

    def test_file_replaced_by_another_calendar_prunes_nothing(
        self, world: World, machine: CommandLine
    ) -> None:
        acme = make_rows_on_one_page(6, "instagram:acme")
        bluebird = [
            replace(row, message=f"Row {n} of Bluebird", page="twitter:bluebird")
            for n, row in enumerate(move_rows(acme))
        ]
        calendar = world.calendar(acme)
        assert schedule(machine, calendar).code == 0
        world.calendar(bluebird)
        ran = schedule(machine, calendar, "--prune", "--max-cancel", "100")
        assert ran.code == 0, ran.err
        world.assert_each_once([*acme, *bluebird])

    def test_file_that_shares_rows_with_two_calendars_needs_name(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = without_keys(make_rows_on_pages(6))
        assert schedule(machine, world.calendar(rows[:3], "one.csv"), "--name", "one").code == 0
        assert schedule(machine, world.calendar(rows[3:], "two.csv"), "--name", "two").code == 0
        both = world.calendar(rows, "both.csv")
        ran = schedule(machine, both)
        assert ran.code == 2
        assert "--name" in ran.err
        assert_harmless(ran)
        world.assert_each_once(rows)

    def test_name_identifies_calendar(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        new_rows = edit_texts(move_rows(rows))
        first = world.calendar(rows, "one.csv")
        second = world.calendar(new_rows, "two.csv")
        assert schedule(machine, first, "--name", "launch").code == 0
        ran = schedule(machine, second, "--name", "launch")
        assert get_summary(ran) == {"changed": 6}
        world.assert_each_once(new_rows)

    def test_name_in_yaml_identifies_calendar(self, world: World, machine: CommandLine) -> None:
        for name, text in (("one.yaml", "Row 0"), ("two.yaml", "Row 0, edited")):
            path = world.directory / name
            path.write_text(
                "name: launch\nposts:\n- key: a\n  page: instagram:acme\n"
                f"  scheduled_at: 2026-12-01T09:00:00Z\n  message: {text}\n",
                encoding="utf-8",
            )
            ran = schedule(machine, path)
            assert ran.code == 0, ran.err
        assert world.texts() == {"Row 0, edited": 1}

    def test_second_machine_with_same_name_makes_no_second_post(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar, "--name", "launch").code == 0
        laptop = world.machine("laptop")
        ran = schedule(laptop, calendar, "--name", "launch")
        assert_harmless(ran)
        if ran.code != 0:
            assert reconcile(laptop, calendar, "--name", "launch").code == 0
        assert_clean(schedule(laptop, calendar, "--name", "launch"))
        world.assert_each_once(rows)


class TestTwoMachines:
    """Two machines, each with its own state, run the same calendar at once."""

    def run_during_post(self, world: World, number: int, run: Callable[[], Result]) -> list[Result]:
        """Run a command when the server receives the post with a number; returns its result."""
        results: list[Result] = []

        def act(request: Request, exchange: Exchange) -> None:
            del request, exchange
            results.append(run())

        world.proxy.on("POST", "/posts/schedule", act, numbers=[number])
        return results

    @pytest.mark.usefixtures("guardrails")
    @pytest.mark.parametrize("path", ["calendar.csv", "elsewhere/calendar.csv"])
    @KEYED
    def test_machines_with_the_same_token_post_each_row_once(
        self, world: World, machine: CommandLine, change: Change, path: str
    ) -> None:
        """Both machines have seen an account without posts; keys make their posts the same."""
        rows = change(make_rows_on_pages(6))
        calendar, other = world.calendar(rows), world.calendar(rows, path)
        laptop = world.machine("laptop")
        results = self.run_during_post(world, 1, lambda: schedule(laptop, other))
        results.append(schedule(machine, calendar, "--concurrency", "1"))
        world.assert_each_once(rows)
        assert [ran.code for ran in results] == [0, 0], [ran.err for ran in results]
        for computer, file in ((machine, calendar), (laptop, other)):
            assert_clean(schedule(computer, file))
        world.assert_each_once(rows)

    @pytest.mark.usefixtures("guardrails")
    @pytest.mark.parametrize("path", ["calendar.csv", "elsewhere/calendar.csv"])
    def test_half_done_run_of_another_machine_is_completed_once(
        self, world: World, machine: CommandLine, path: str
    ) -> None:
        """The second machine finds half of the posts, which its journal does not know."""
        rows = make_rows_on_pages(12)
        calendar, other = world.calendar(rows), world.calendar(rows, path)
        laptop = world.machine("laptop")
        results = self.run_during_post(world, 6, lambda: schedule(laptop, other))
        results.append(schedule(machine, calendar, "--concurrency", "1"))
        world.assert_each_once(rows)
        for ran in results:
            assert_harmless(ran)
            assert ran.code in {0, 3}, ran.err
            assert "failed" not in get_statuses(ran)
        for computer, file in ((machine, calendar), (laptop, other)):
            settle(computer, file)
        world.assert_each_once(rows)

    @pytest.mark.parametrize("number", [1, 6])
    def test_machines_with_different_tokens_post_each_row_once(
        self, world: World, machine: CommandLine, number: int
    ) -> None:
        """The server refuses the second post of a row because of the minimum gap."""
        rows = make_rows_on_pages(12)
        calendar = world.calendar(rows)
        laptop = world.machine("laptop", token=world.new_token())
        results = self.run_during_post(world, number, lambda: schedule(laptop, calendar))
        results.append(schedule(machine, calendar, "--concurrency", "1"))
        world.assert_each_once(rows)
        for ran in results:
            assert_harmless(ran)
            assert ran.code in {0, 3}, ran.err
            assert "failed" not in get_statuses(ran)
        for member in (machine, laptop):
            settle(member, calendar)
        world.assert_each_once(rows)

    def test_rows_edited_by_both_are_posted_once(self, world: World, machine: CommandLine) -> None:
        """Both replace the same post: the second replacement must not leave two."""
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        laptop = world.machine("laptop")
        for member in (machine, laptop):
            settle(member, calendar)
        world.calendar(edit_texts(rows))
        results = self.run_during_post(world, 1, lambda: schedule(laptop, calendar))
        results.append(schedule(machine, calendar, "--concurrency", "1"))
        world.assert_each_once(edit_texts(rows))
        for member in (machine, laptop):
            settle(member, calendar)
        world.assert_each_once(edit_texts(rows))

    @pytest.mark.usefixtures("guardrails")
    def test_runs_one_after_the_other_post_each_row_once(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        laptop = world.machine("laptop", token=world.new_token())
        assert schedule(machine, calendar).code == 0
        settle(laptop, calendar)
        world.assert_each_once(rows)
        world.calendar(edit_texts(rows))
        settle(laptop, calendar)
        world.assert_each_once(edit_texts(rows))
        settle(machine, calendar)
        world.assert_each_once(edit_texts(rows))


def keyed_post(key: str, at: str = "2026-12-01T09:00:00Z") -> tuple[str, ...]:
    """Return the words that schedule a post with a key and print its ID."""
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", at, "-m", "Row 0")
    return (*words, "--key", key, "-q")


class TestRevisions:
    """A row takes the content of an earlier revision within a day."""

    @pytest.mark.parametrize("with_journal", [True, False], ids=["journal", "no journal"])
    def test_rows_edited_back_and_forth_are_posted_once(
        self, world: World, machine: CommandLine, *, with_journal: bool
    ) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        for revision in (rows, edit_texts(rows), rows, edit_texts(rows), rows):
            world.calendar(revision)
            if with_journal:
                assert_clean(schedule(machine, calendar))
            else:
                settle(machine, calendar)
            world.assert_each_once(revision)
            if not with_journal:
                lose_state(machine)

    def test_cancelled_rows_are_scheduled_again(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        for _ in range(3):
            assert schedule(machine, calendar).code == 0
            world.assert_each_once(rows)
            assert machine.run("bulk", "cancel", str(calendar), "--yes").code == 0
            assert world.texts() == Counter()

    def test_rows_cancelled_elsewhere_are_scheduled_by_another_machine(
        self, world: World, machine: CommandLine
    ) -> None:
        """The server replays the response of a post that no longer exists."""
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        assert machine.run("bulk", "cancel", str(calendar), "--yes").code == 0
        laptop = world.machine("laptop")
        assert_clean(schedule(laptop, calendar))
        world.assert_each_once(rows)

    def test_rows_cancelled_in_dashboard_are_scheduled_by_another_machine(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = make_rows_on_pages(3)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        with world.emulator.state.transaction() as db:
            db.execute("UPDATE posts SET status = 'cancelled' WHERE message = 'Row 1'")
        settle(world.machine("laptop"), calendar)
        world.assert_each_once(rows)

    @pytest.mark.parametrize(
        ("change", "left"),
        [
            (("cancel",), {}),
            (("reschedule", "--at", "2026-12-02T09:00:00Z"), {"Row 0": 1}),
            (("edit", "-m", "Row 1", "--yes"), {"Row 1": 1}),
        ],
        ids=["cancelled", "moved", "edited"],
    )
    @pytest.mark.parametrize("is_known", [False, True])
    def test_key_of_post_that_another_machine_changed_sends_nothing(
        self,
        world: World,
        machine: CommandLine,
        change: tuple[str, ...],
        left: dict[str, int],
        is_known: bool,
    ) -> None:
        """The key names one post, and the server replays its response."""
        words = keyed_post("launch")
        post_id = machine.run(*words).out.strip()
        laptop = world.machine("laptop")
        if is_known:
            assert laptop.run(*words).out.strip() == post_id
        assert machine.run("posts", change[0], post_id, *change[1:]).code == 0
        for _ in range(2):
            ran = laptop.run(*words)
            assert ran.code == 1, ran.err
            assert f"{post_id} was created with this key" in ran.err
            assert ran.out == ""
            assert world.texts() == left
        assert laptop.run(*keyed_post("2", "2026-12-03T09:00:00Z")).code == 0

    def test_key_of_published_post_returns_it(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        post_id = machine.run(*keyed_post("launch")).out
        emulator_clock.advance(20 * 86_400)
        ran = machine.run(*keyed_post("launch", "2027-01-01T09:00:00Z"))
        assert (ran.code, ran.out) == (0, post_id), ran.err
        assert world.texts() == {"Row 0": 1}


class TestReconcile:
    """`bulk reconcile` settles every ambiguous row."""

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    @pytest.fixture
    def held(self, world: World, machine: CommandLine) -> Path:
        """A calendar of two edited rows, whose journal is lost."""
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        return world.calendar(edit_texts(rows))

    def test_dry_run_changes_nothing(self, world: World, machine: CommandLine, held: Path) -> None:
        before = schedule(machine, held)
        ran = reconcile(machine, held, "--dry-run")
        assert ran.code == 0, ran.err
        json.loads(ran.out)
        assert get_rows(schedule(machine, held)) == get_rows(before)
        world.assert_each_once(make_rows_on_pages(2))

    def test_confirmation_is_required(self, world: World, machine: CommandLine, held: Path) -> None:
        ran = machine.run("bulk", "reconcile", str(held), "--json")
        assert ran.code in {2, 3}
        assert "--yes" in ran.err
        assert_held(schedule(machine, held))

    def test_exact_pairs_need_no_confirmation(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        ran = machine.run("bulk", "reconcile", str(calendar), "--json")
        assert ran.code == 0, ran.err
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)

    def test_writes_nothing_to_server(self, world: World, machine: CommandLine, held: Path) -> None:
        world.proxy.received.clear()
        assert reconcile(machine, held).code == 0
        assert world.proxy.writes() == []

    def test_separate_post_is_left_alone(
        self, world: World, machine: CommandLine, held: Path
    ) -> None:
        rows = make_rows_on_pages(2)
        words = [word for post_id in world.live_ids().values() for word in ("--separate", post_id)]
        assert reconcile(machine, held, *words).code == 0
        # Rejected posts count as other posts, so the new rows are too close to them.
        ran = schedule(machine, held)
        assert ran.code == 2
        assert "60 s apart" in ran.err
        world.assert_each_once(rows)

    def test_ambiguous_pairs_are_held(self, world: World, machine: CommandLine) -> None:
        """Two posts might be the row's: neither is taken without being named."""
        (row,) = make_rows_on_one_page(1)
        texts = [f"Row 0: the doors open at nine{end}" for end in ("!", "?", ".")]
        hour = timedelta(hours=1)
        first, second, new = (
            replace(row, message=text, scheduled_at=row.scheduled_at + delay)
            for text, delay in zip(texts, (0 * hour, hour, hour / 2), strict=True)
        )
        calendar = world.calendar([first, replace(second, key="k1")])
        assert schedule(machine, calendar).code == 0
        lose_state(machine)
        world.calendar([new])
        assert_held(schedule(machine, calendar))
        reconcile(machine, calendar)
        ran = schedule(machine, calendar)
        assert_held(ran)
        post_id = world.live_ids()[first.message]
        paired = reconcile(machine, calendar, "--pair", f"2={post_id}")
        assert paired.code == 0, paired.err
        assert_clean(schedule(machine, calendar))
        world.assert_each_once([second, new])

    def test_status_lists_held_rows(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows)
        lose_responses_and_lists(world.proxy, "/posts/schedule")
        schedule(machine, calendar)
        world.proxy.recover()
        for words in (("store", "status"), ("bulk", "status", str(calendar))):
            ran = machine.run(*words, "--json")
            assert ran.code == 0, ran.err
            assert "unknown" in ran.out
        table = machine.run("store", "status")
        assert "outreply bulk" in table.out + table.err


class TestOldJournals:
    """A journal of the first version names calendars by their path."""

    def write_old_journal(self, world: World, machine: CommandLine, calendar: Path) -> None:
        transport = Transport(
            base_url=world.proxy.url, token=Token(world.emulator.token), clock=world.clock
        )
        with closing(transport):
            client = Client(transport)
            account = account_fingerprint(client)
            posts = client.scheduled_posts().items
        state = machine.home / "state"
        state.mkdir(parents=True)
        with closing(sqlite3.connect(state / "journal.db")) as db:
            db.executescript(OLD_SCHEMA)
            for n, post in enumerate(posts):
                body = {
                    "page_id": post["page_id"],
                    "message": post["message"],
                    "scheduled_at": str(post["scheduled_at"]).replace(".000Z", "Z"),
                }
                key = str(post["message"]).removeprefix("Row ")
                db.execute(
                    "INSERT INTO entries (account, calendar, row, generation, page_id, "
                    "scheduled_at, body, fingerprint, idempotency_key, state, sent_at, post_id) "
                    "VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, 'done', ?, ?)",
                    (
                        account,
                        str(calendar),
                        f"key:k{key}@{post['page_id']}",
                        post["page_id"],
                        str(post["scheduled_at"]).replace(".000Z", "+00:00"),
                        json.dumps(body),
                        fingerprint(body),
                        f"outreply-{n}",
                        world.clock.now().timestamp(),
                        post["id"],
                    ),
                )
            db.execute("PRAGMA user_version = 1")
            db.commit()

    def test_rows_are_unchanged(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        assert schedule(world.machine("earlier"), calendar).code == 0
        self.write_old_journal(world, machine, calendar)
        ran = schedule(machine, calendar)
        assert_clean(ran)
        assert get_summary(ran) == {"unchanged": 6}
        world.calendar([*edit_texts(rows[:2]), *rows[2:5]])
        ran = schedule(machine, calendar, "--prune")
        assert get_summary(ran) == {"changed": 2, "unchanged": 3, "cancelled": 1}
        world.assert_each_once([*edit_texts(rows[:2]), *rows[2:5]])

    def test_moved_file_is_unchanged(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        assert schedule(world.machine("earlier"), calendar).code == 0
        self.write_old_journal(world, machine, calendar)
        moved_file = calendar.rename(calendar.with_name("renamed.csv"))
        with without_guardrails():
            ran = schedule(machine, moved_file)
        assert_clean(ran)
        assert get_summary(ran) == {"unchanged": 6}
        world.assert_each_once(rows)


OLD_SCHEMA = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    calendar TEXT NOT NULL,
    row TEXT NOT NULL,
    generation INTEGER NOT NULL,
    page_id TEXT NOT NULL,
    scheduled_at TEXT NOT NULL,
    body TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL,
    sent_at REAL,
    post_id TEXT,
    replaces INTEGER REFERENCES entries(id),
    error_code TEXT,
    error TEXT,
    UNIQUE (account, calendar, row, generation)
);
CREATE TABLE uploads (
    account TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    started_at REAL NOT NULL,
    media_id TEXT,
    PRIMARY KEY (account, sha256)
) WITHOUT ROWID;
CREATE INDEX entries_of_post ON entries (account, post_id);
CREATE INDEX entries_unsettled ON entries (account, state)
    WHERE state IN ('sent', 'cancelling');
"""
