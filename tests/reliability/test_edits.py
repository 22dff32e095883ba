"""An edited post keeps its time: it is cancelled, then created again, exactly once."""

import json
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.store import Store
from outreply_cli.posts.edits import ContentEdit, PostEdit
from outreply_cli.posts.service import PostService
from outreply_cli.spec.token import Token
from tests.bulk.calendars import CalendarRow
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.commands.test_quota_commands import set_used
from tests.kill_points import SteppingClient, SteppingJournal
from tests.media.sample_files import png
from tests.reliability.machines import (
    HOUR,
    World,
    assert_clean,
    edit_texts,
    get_rows,
    make_rows_on_one_page,
    schedule,
    without_keys,
)
from tests.reliability.proxy import (
    Action,
    Exchange,
    Request,
    change_text,
    lose_request,
    lose_response,
    outage,
    refuse,
    respond_after_commit,
)

AT = "2026-12-01T09:00:00Z"
PAGE = "instagram:acme"
CANCEL_PATH = "/posts/scheduled/*"
BUSY = refuse(503, {"error": "busy", "code": "SERVER_ERROR"})
STEPS = (
    "before replacing", "after replacing", "before delete", "after delete", "before sent",
    "after sent", "after request", "after done", "after cancelled",
)  # fmt: skip


# Nothing is written between the steps that are left out and the ones before them.
STATES = tuple(step for step in STEPS if step not in {"before delete", "before sent"})


class KilledError(BaseException):
    """The end of the process: the product does not catch it."""


def make_post(machine: CommandLine, *options: str, at: str = AT) -> str:
    """Schedule a post with the text `Row 0`, and return its ID."""
    words = ("--page", PAGE, "--at", at, "-m", "Row 0", *options)
    ran = machine.run("posts", "schedule", *words, "-q")
    assert ran.code == 0, ran.err
    return ran.out.strip()


def edit(machine: CommandLine, post_id: str, text: str = "Row 1") -> Result:
    return machine.run("posts", "edit", post_id, "-m", text, "--yes", "--json")


def run_any_writing_command(machine: CommandLine) -> Result:
    """Run a command that writes, but does nothing."""
    return machine.run("posts", "cancel", "68a100000000000000000001")


def list_unsettled(machine: CommandLine) -> list[dict[str, Any]]:
    return list(json.loads(machine.run("store", "status", "--json").out))


def live_posts(world: World) -> list[tuple[str, str | None]]:
    """Return text and first comment of each live post of a test."""
    rows = world.emulator.state.connection.execute(
        "SELECT message, first_comment FROM posts WHERE status IN ('scheduled', 'published') "
        "AND message LIKE 'Row %'"
    )
    return [(row["message"], row["first_comment"]) for row in rows]


def kill_edit(
    world: World, machine: CommandLine, post_id: str, on_step: Callable[[str], None]
) -> None:
    """Edit a post in a process that dies when `on_step` raises."""

    class DyingPosts(PostService):
        @contextmanager
        def _open_journal(self) -> Iterator[Journal]:
            with closing(SteppingJournal(self._store.path, on_step)) as journal:
                yield journal

    token = Token(machine.environ["OUTREPLY_API_KEY"])
    transport = Transport(base_url=world.proxy.url, token=token, clock=world.clock)
    with closing(transport):
        client: Client = SteppingClient(transport, on_step)
        posts = DyingPosts(
            client, Store(Path(machine.environ["OUTREPLY_STATE_DIR"])), lambda _: None
        )
        (post,) = posts.read_for_edit([client.scheduled_post(post_id)])
        item = PostEdit(post, ContentEdit({"message": "Row 1"}))
        with pytest.raises(KilledError):
            posts.edit(post, item.body)


def die_at(step: str, *, is_recovery: bool = False) -> Callable[[str], None]:
    """Return a function that raises at a step of an edit, after the post's entry was adopted."""
    seen = ["before replacing"] if is_recovery else []

    def on_step(name: str) -> None:
        seen.append(name)
        if name == step and "before replacing" in seen:
            raise KilledError

    return on_step


@pytest.fixture(params=["no key", "key", "other program"])
def post_id(request: pytest.FixtureRequest, world: World, machine: CommandLine) -> str:
    """A post with a first comment: made with a key, without, or unknown to the journal."""
    maker = world.machine("other") if request.param == "other program" else machine
    key = ("--key", "launch") if request.param == "key" else ()
    return make_post(maker, "--first-comment", "First", *key)


class TestKilled:
    @pytest.mark.parametrize("step", STEPS)
    def test_next_writing_command_finishes_the_edit(
        self, world: World, machine: CommandLine, post_id: str, step: str
    ) -> None:
        kill_edit(world, machine, post_id, die_at(step))
        assert len(live_posts(world)) <= 1
        assert run_any_writing_command(machine).code == 5
        text = "Row 0" if step == "before replacing" else "Row 1"
        assert live_posts(world) == [(text, "First")]
        assert list_unsettled(machine) == []
        # The command is repeated, as its user would.
        again = edit(machine, post_id)
        assert again.code == 0, again.err
        (item,) = json.loads(again.out)
        assert (item["replaces"], item["message"]) == (post_id, "Row 1")
        assert item["id"] == world.live_ids()["Row 1"]
        assert live_posts(world) == [("Row 1", "First")]

    @pytest.mark.parametrize("step", STATES)
    @pytest.mark.parametrize("second", STATES[1:])
    def test_edit_killed_again_while_it_recovers_makes_one_post(
        self, world: World, machine: CommandLine, step: str, second: str
    ) -> None:
        post_id = make_post(machine)
        kill_edit(world, machine, post_id, die_at(step))

        class DyingPosts(PostService):
            @contextmanager
            def _open_journal(self) -> Iterator[Journal]:
                with closing(
                    SteppingJournal(self._store.path, die_at(second, is_recovery=True))
                ) as journal:
                    yield journal

        token = Token(machine.environ["OUTREPLY_API_KEY"])
        transport = Transport(base_url=world.proxy.url, token=token, clock=world.clock)
        with closing(transport):
            client = SteppingClient(transport, die_at(second, is_recovery=True))
            state = Path(machine.environ["OUTREPLY_STATE_DIR"])
            try:
                DyingPosts(client, Store(state), lambda _: None).recover_pending()
            except KilledError:
                assert len(live_posts(world)) <= 1
        assert edit(machine, post_id).code == 0
        assert world.texts() == {"Row 1": 1}
        assert list_unsettled(machine) == []

    @pytest.mark.parametrize("step", STEPS[1:])
    def test_store_status_names_command(
        self, world: World, machine: CommandLine, step: str
    ) -> None:
        post_id = make_post(machine)
        kill_edit(world, machine, post_id, die_at(step))
        items = list_unsettled(machine)
        assert len(items) == (0 if step == "after cancelled" else 1)
        for item in items:
            program, *words = shlex.split(item["command"])
            assert program == "outreply"
            assert machine.run(*words).code == 0
        assert world.texts() == {"Row 1": 1}
        assert list_unsettled(machine) == []

    def test_post_that_can_no_longer_be_scheduled_is_shown_with_its_text(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        """The text is named where neither version can be scheduled any more."""
        post_id = make_post(machine, at="+1h")
        kill_edit(world, machine, post_id, die_at("after delete"))
        emulator_clock.advance(2 * HOUR)
        ran = run_any_writing_command(machine)
        assert f"post {post_id} is cancelled" in ran.err
        assert "posts schedule --page" in ran.err
        assert "-m 'Row 0'" in ran.err
        assert world.texts() == {}
        assert list_unsettled(machine) == []

    @pytest.mark.parametrize("option", ["--json", "-q"])
    def test_failed_recovery_is_shown(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock, option: str
    ) -> None:
        post_id = make_post(machine, at="+1h")
        kill_edit(world, machine, post_id, die_at("after delete"))
        world.proxy.on("POST", "/posts/schedule", refuse(403, {"error": "No", "code": "NO"}))
        ran = machine.run("posts", "cancel", "68a100000000000000000001", option)
        assert "is unfinished: No" in ran.err
        world.proxy.recover()
        emulator_clock.advance(2 * HOUR)
        ran = machine.run("posts", "cancel", "68a100000000000000000001", option)
        assert "posts schedule --page" in ran.err

    def test_media_is_kept(self, world: World, machine: CommandLine, tmp_path: Path) -> None:
        image = tmp_path / "hero.png"
        image.write_bytes(png())
        post_id = make_post(machine, "--media", str(image))
        kill_edit(world, machine, post_id, die_at("after delete"))
        assert machine.run("media", "list", "--unused", "-q").out == ""
        assert machine.run("media", "prune", "--yes", "-q").out == ""
        (media_id,) = machine.run("media", "list", "-q").out.split()
        refused = machine.run("media", "delete", media_id, "--yes")
        assert (refused.code, refused.out) == (2, "")
        assert media_id in refused.err
        run_any_writing_command(machine)
        assert world.texts() == {"Row 1": 1}
        (new_id,) = world.live_ids().values()
        shown = json.loads(machine.run("posts", "show", new_id, "--json").out)
        assert len(shown["media"]) == 1
        assert list_unsettled(machine) == []

    def test_post_published_meanwhile_is_kept(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        post_id = make_post(machine, at="+1h")
        kill_edit(world, machine, post_id, die_at("after replacing"))
        emulator_clock.advance(2 * HOUR)
        ran = run_any_writing_command(machine)
        assert f"post {post_id} was published before it could be cancelled" in ran.err
        assert world.live_ids() == {"Row 0": post_id}
        assert list_unsettled(machine) == []


@pytest.mark.parametrize("action", [lose_request, lose_response()], ids=["request", "response"])
@pytest.mark.parametrize("target", ["DELETE", "POST"])
class TestLost:
    """Each write of an edit is lost once, or for as long as the command runs."""

    def path(self, target: str) -> str:
        return CANCEL_PATH if target == "DELETE" else "/posts/schedule"

    def test_write_that_is_lost_once_is_repeated(
        self, world: World, machine: CommandLine, post_id: str, *, target: str, action: Action
    ) -> None:
        world.proxy.on(target, self.path(target), action, numbers=[1])
        ran = edit(machine, post_id)
        assert ran.code == 0, ran.err
        assert live_posts(world) == [("Row 1", "First")]
        assert list_unsettled(machine) == []

    def test_write_that_is_lost_until_the_end_is_repeated_by_the_next_run(
        self, world: World, machine: CommandLine, post_id: str, *, target: str, action: Action
    ) -> None:
        rule = world.proxy.on(target, self.path(target), action)

        def refuse_after_write(request: Request, exchange: Exchange) -> bytes | None:
            return BUSY(request, exchange) if rule.seen else None

        world.proxy.on("GET", "*", refuse_after_write)
        ran = edit(machine, post_id)
        assert ran.code == 7
        assert "Run the command again" in ran.err
        world.proxy.recover()
        again = edit(machine, post_id)
        assert again.code == 0, again.err
        assert live_posts(world) == [("Row 1", "First")]
        assert list_unsettled(machine) == []


REASON = {"error": "This text is not allowed", "code": "INVALID_FIELD"}


def refuse_new(world: World, status: int = 400) -> None:
    """Refuse the new version of a post, not the old one."""
    no = refuse(status, REASON)

    def act(request: Request, exchange: Exchange) -> bytes | None:
        is_new = (request.json or {}).get("message") == "Row 1"
        return no(request, exchange) if is_new else None

    world.proxy.on("POST", "/posts/schedule", act)


class TestRefused:
    @pytest.mark.parametrize("status", [400, 404, 409, 422])
    def test_old_version_is_scheduled_again(
        self, world: World, machine: CommandLine, post_id: str, status: int
    ) -> None:
        refuse_new(world, status)
        ran = edit(machine, post_id)
        assert ran.code not in {0, 2, 7}
        assert live_posts(world) == [("Row 0", "First")]
        assert "This text is not allowed" in ran.err
        error = json.loads(ran.err.splitlines()[-1])["error"]
        assert error["details"]["id"] == world.live_ids()["Row 0"]
        assert f"scheduled again unchanged, as {world.live_ids()['Row 0']}" in error["message"]
        assert list_unsettled(machine) == []
        world.proxy.recover()
        assert edit(machine, world.live_ids()["Row 0"]).code == 0
        assert live_posts(world) == [("Row 1", "First")]

    @pytest.mark.parametrize("step", ["after failed", *STEPS[4:]])
    def test_restoration_interrupted_by_a_kill_is_finished(
        self, world: World, machine: CommandLine, step: str
    ) -> None:
        post_id = make_post(machine)
        refuse_new(world)
        refused: list[str] = []

        def die_after_refusal(name: str) -> None:
            if name == "after failed":
                refused.append(name)
            if refused and name == step:
                raise KilledError

        kill_edit(world, machine, post_id, die_after_refusal)
        assert run_any_writing_command(machine).code == 5
        assert world.texts() == {"Row 0": 1}
        assert list_unsettled(machine) == []

    def test_refusal_of_both_versions_shows_a_command_that_restores_the_post(
        self, world: World, machine: CommandLine, post_id: str
    ) -> None:
        world.proxy.on("POST", "/posts/schedule", refuse(400, REASON))
        ran = edit(machine, post_id)
        assert ran.code == 1
        error = json.loads(ran.err.splitlines()[-1])["error"]
        assert f"post {post_id} is cancelled" in error["message"]
        world.proxy.recover()
        words = shlex.split(error["hint"].partition("necessary: ")[2])
        assert machine.run(*words[1:]).code == 0
        assert live_posts(world) == [("Row 0", "First")]
        assert list_unsettled(machine) == []

    @pytest.mark.parametrize(("status", "code"), [(401, 4), (402, 6), (403, 4), (413, 6)], ids=str)
    def test_refusal_by_the_account_is_repeated_by_the_next_command(
        self, world: World, machine: CommandLine, post_id: str, status: int, code: int
    ) -> None:
        """Neither version can be scheduled before the account allows it."""
        world.proxy.on("POST", "/posts/schedule", refuse(status, {"error": "No", "code": "NO"}))
        ran = edit(machine, post_id)
        assert ran.code == code, ran.err
        assert "is not scheduled yet" in ran.err
        assert live_posts(world) == []
        (item,) = list_unsettled(machine)
        assert (item["message"], item["detail"]) == ("Row 1", "is still to be sent")
        still = run_any_writing_command(machine)
        assert "is unfinished" in still.err
        world.proxy.recover()
        run_any_writing_command(machine)
        assert live_posts(world) == [("Row 1", "First")]
        assert list_unsettled(machine) == []

    @pytest.mark.parametrize("status", [401, 403, 409], ids=str)
    def test_refused_cancellation_keeps_the_post(
        self, world: World, machine: CommandLine, post_id: str, status: int
    ) -> None:
        world.proxy.on("DELETE", CANCEL_PATH, refuse(status, {"error": "No", "code": "NO"}))
        assert edit(machine, post_id).code != 0
        assert world.live_ids() == {"Row 0": post_id}
        assert list_unsettled(machine) == []
        world.proxy.recover()
        assert edit(machine, post_id).code == 0
        assert world.texts() == {"Row 1": 1}

    def test_post_created_despite_an_error_response_is_found(
        self, world: World, machine: CommandLine, post_id: str
    ) -> None:
        world.proxy.on(
            "POST", "/posts/schedule", respond_after_commit(500, {"error": "Oops"}), numbers=[1]
        )
        assert edit(machine, post_id).code == 0
        assert live_posts(world) == [("Row 1", "First")]

    def test_rest_of_batch_is_left_alone(self, world: World, machine: CommandLine) -> None:
        ids = [make_post(machine, at=f"2026-12-0{day}T09:00:00Z") for day in (1, 2, 3)]
        world.proxy.on("POST", "/posts/schedule", refuse(402, {"error": "No", "code": "NO"}))
        ran = machine.run("posts", "edit", *ids, "-m", "Row 1", "--yes")
        assert ran.code == 3
        assert world.texts() == {"Row 0": 2}
        assert ran.err.count("not edited") == 2
        assert len(world.proxy.writes(CANCEL_PATH)) == 1


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_edit_of_a_killed_process_is_finished(
    world: World, machine: CommandLine, method: str
) -> None:
    post_id = make_post(machine)
    processes: list[subprocess.Popen[str]] = []
    path = CANCEL_PATH if method == "DELETE" else "/posts/schedule"
    world.proxy.on(method, path, lose_response(lambda: processes[0].send_signal(signal.SIGKILL)))
    processes.append(machine.start("posts", "edit", post_id, "-m", "Row 1", "--yes"))
    processes[0].communicate(timeout=60)
    assert processes[0].returncode == -signal.SIGKILL
    world.proxy.recover()
    assert run_any_writing_command(machine).code == 5
    assert world.texts() == {"Row 1": 1}
    assert list_unsettled(machine) == []


def test_interrupted_edit_names_the_post_and_can_be_finished(
    world: World, machine: CommandLine
) -> None:
    """Ctrl-C between the two requests says what is left to do."""
    ids = [make_post(machine, at=f"2026-12-0{day}T09:00:00Z") for day in (1, 2)]
    processes: list[subprocess.Popen[str]] = []
    interrupt = lose_response(lambda: processes[0].send_signal(signal.SIGINT))
    world.proxy.on("DELETE", CANCEL_PATH, interrupt)
    processes.append(machine.start("posts", "edit", *ids, "-m", "Row 1", "--yes"))
    _, err = processes[0].communicate(timeout=60)
    assert processes[0].returncode == 130
    assert f"while post {ids[0]} was being edited" in err
    assert "Run the command again to finish." in err
    world.proxy.recover()
    assert machine.run("posts", "edit", *ids, "-m", "Row 1", "--yes").code == 0
    assert world.texts() == {"Row 1": 2}


def test_edit_is_finished_after_an_outage(world: World, machine: CommandLine, post_id: str) -> None:
    world.proxy.on("DELETE", CANCEL_PATH, outage)
    assert edit(machine, post_id).code == 7
    world.proxy.recover()
    assert edit(machine, post_id).code == 0
    assert live_posts(world) == [("Row 1", "First")]


def test_text_trimmed_by_the_server_can_be_edited_again(world: World, machine: CommandLine) -> None:
    """A text that the server has changed on arrival is not an edit by someone else."""
    world.proxy.request_filters.append(change_text(str.strip))
    post_id = make_post(machine)
    first = machine.run("posts", "edit", post_id, "-m", "Row 1  \n", "--yes", "-q")
    assert first.code == 0, first.err
    second = machine.run("posts", "edit", first.out.strip(), "--undo", "--yes", "-q")
    assert second.code == 0, second.err
    assert world.texts() == {"Row 0": 1}


def test_lost_response_is_not_matched_to_a_post_at_another_time(
    world: World, machine: CommandLine
) -> None:
    """A lost response is not mistaken for the other post with the same text."""
    other = make_post(machine, at="2026-12-01T12:00:00Z")
    post_id = make_post(machine)
    world.proxy.on("POST", "/posts/schedule", lose_response(), numbers=[1])
    ran = machine.run("posts", "edit", post_id, "--first-comment", "New", "--yes", "-q")
    assert ran.code == 0, ran.err
    assert ran.out.strip() not in {other, post_id}
    assert sorted(live_posts(world), key=str) == [("Row 0", "New"), ("Row 0", None)]


def test_only_one_of_three_concurrent_edits_succeeds(world: World, machine: CommandLine) -> None:
    for name in (machine, world.machine("other")):
        post_id = make_post(name)
        processes = [
            machine.start("posts", "edit", post_id, "-m", f"Row {n}", "--yes", "--json")
            for n in range(1, 4)
        ]
        for process in processes:
            process.communicate(timeout=60)
        assert sorted(process.returncode for process in processes) == [0, 5, 5]
        assert sum(world.texts().values()) == 1
        assert machine.run("posts", "cancel", *world.live_ids().values()).code == 0


def test_only_one_of_a_concurrent_edit_and_move_succeeds(
    world: World, machine: CommandLine
) -> None:
    """A post that the journal does not know is changed by one command at a time."""
    post_id = make_post(world.machine("other"))
    processes = [
        machine.start("posts", "edit", post_id, "-m", "Row 1", "--yes"),
        machine.start("posts", "reschedule", post_id, "--at", "2026-12-02T09:00:00Z"),
    ]
    for process in processes:
        process.communicate(timeout=60)
    assert sorted(process.returncode for process in processes) == [0, 5]
    assert sum(world.texts().values()) == 1


def test_cancel_of_killed_edit_is_not_reported_as_done(world: World, machine: CommandLine) -> None:
    """The old ID is not reported as cancelled while its new version is scheduled."""
    post_id = make_post(machine)
    kill_edit(world, machine, post_id, die_at("after delete"))
    assert machine.run("posts", "cancel", post_id).code == 5
    assert world.texts() == {"Row 1": 1}


def test_edit_killed_before_its_first_request_is_not_resumed(
    world: World, machine: CommandLine
) -> None:
    """An edit that died before its first request does not come back later."""
    post_id = make_post(machine)
    kill_edit(world, machine, post_id, die_at("before replacing"))
    assert machine.run("posts", "cancel", post_id).code == 0
    run_any_writing_command(machine)
    assert world.texts() == {}


class TestCalendar:
    """A post that comes from a calendar; texts of other rows differ."""

    @pytest.fixture(params=["key", "no key"])
    def rows(self, request: pytest.FixtureRequest) -> list[CalendarRow]:
        rows = make_rows_on_one_page(3)
        return rows if request.param == "key" else without_keys(rows)

    @pytest.fixture
    def calendar(self, world: World, machine: CommandLine, rows: list[CalendarRow]) -> Path:
        calendar = world.calendar(rows)
        assert_clean(schedule(machine, calendar))
        return calendar

    def test_row_is_changed_until_file_is_edited(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], calendar: Path
    ) -> None:
        ran = edit(machine, world.live_ids()["Row 0"], "Row 0, edited")
        assert ran.code == 0, ran.err
        assert str(calendar) in ran.err
        dry = get_rows(schedule(machine, calendar, "--dry-run"))
        assert [row["action"] for row in dry] == ["change", "keep", "keep"]
        rows[0] = edit_texts(rows[:1])[0]
        world.calendar(rows)
        writes = len(world.proxy.writes())
        ran = schedule(machine, calendar)
        assert_clean(ran)
        assert [row["action"] for row in get_rows(ran)] == ["keep", "keep", "keep"]
        assert len(world.proxy.writes()) == writes
        world.assert_each_once(rows)

    def test_file_overrides_the_edit(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], calendar: Path
    ) -> None:
        assert edit(machine, world.live_ids()["Row 0"], "Row 0, edited").code == 0
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)

    @pytest.mark.parametrize("step", STATES)
    @pytest.mark.parametrize("text", ["Row 0", "Row 1", "Row 3"])
    def test_bulk_schedule_finishes_killed_edit(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], *, step: str, text: str
    ) -> None:
        rows[1:] = [replace(row, message=f"{row.message}0") for row in rows[1:]]
        calendar = world.calendar(rows)
        assert_clean(schedule(machine, calendar))
        kill_edit(world, machine, world.live_ids()["Row 0"], die_at(step))
        rows[0] = replace(rows[0], message=text)
        world.calendar(rows)
        assert machine.run("bulk", "schedule", str(calendar), "--dry-run").code == 0
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)
        assert list_unsettled(machine) == []

    @pytest.mark.parametrize("step", STATES)
    def test_bulk_cancel_cancels_killed_edit(
        self, world: World, machine: CommandLine, calendar: Path, step: str
    ) -> None:
        kill_edit(world, machine, world.live_ids()["Row 0"], die_at(step))
        assert machine.run("bulk", "cancel", str(calendar), "--yes").code == 0
        assert world.texts() == {}

    def test_refused_edit_leaves_row_unchanged(
        self, world: World, machine: CommandLine, rows: list[CalendarRow], calendar: Path
    ) -> None:
        refuse_new(world)
        assert edit(machine, world.live_ids()["Row 0"]).code == 1
        world.assert_each_once(rows)
        ran = schedule(machine, calendar)
        assert_clean(ran)
        assert {row["action"] for row in get_rows(ran)} == {"keep"}

    def test_edit_of_a_replaced_post_names_its_replacement(
        self, world: World, machine: CommandLine, calendar: Path
    ) -> None:
        """A post that a run of its calendar has replaced is reported, not doubled."""
        post_id = world.live_ids()["Row 0"]
        moved = machine.run("posts", "reschedule", post_id, "--at", "2026-12-05T09:00:00Z")
        assert moved.code == 0, moved.err
        ran = edit(machine, post_id)
        assert ran.code == 5
        assert f"It was replaced by post {world.live_ids()['Row 0']}" in ran.err
        assert sum(world.texts().values()) == 3


@pytest.mark.parametrize("used", [0, 60])
def test_token_without_account_scope_edits_nothing(
    world: World, machine: CommandLine, post_id: str, used: int
) -> None:
    """It does not know whether a publish is left for the new post."""
    scopes = ["read:pages", "read:posts", "write:posts", "read:media"]
    token = world.emulator.handle.request("token", name="limited", scopes=scopes)["token"]
    machine.environ["OUTREPLY_API_KEY"] = str(token)
    world.emulator.state.connection.execute("UPDATE users SET tier = 'free'")
    set_used(world.emulator, "publishes", used)
    ran = edit(machine, post_id)
    assert ran.code == 4
    assert "read:account" in ran.err
    assert world.live_ids() == {"Row 0": post_id}
    shown = machine.run("posts", "edit", post_id, "-m", "Row 1", "--dry-run")
    assert shown.code == 0, shown.err
