"""Lost responses, other tokens, sleeping machines and unusual servers: nothing is sent twice."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import CalendarRow
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png
from tests.reliability.machines import (
    DAY,
    FIRST,
    HOUR,
    World,
    assert_clean,
    assert_harmless,
    get_rows,
    get_statuses,
    make_rows_on_one_page,
    make_rows_on_pages,
    schedule,
    settle,
    without_guardrails,
    without_keys,
)
from tests.reliability.proxy import (
    Action,
    Exchange,
    Request,
    Rule,
    change_response,
    lagging_lists,
    lose_request,
    lose_response,
    lose_responses_and_lists,
    outage,
    refuse,
    replace_body,
    respond_after_commit,
    without_date,
    without_idempotency,
)
from tests.scripted_server import DROP

SLEEP = 25 * HOUR
GUARDRAIL = {
    "error": "This page reached its 3 publishes per hour",
    "code": "PAGE_PUBLISH_GUARDRAIL",
    "retry_after_seconds": 1800,
}
# Keys are compatible with Stripe's, which refuses one that is in use (reference: Idempotency).
IN_PROGRESS = {"error": "A request with this key is in progress", "code": "IDEMPOTENCY_KEY_IN_USE"}


@pytest.fixture
def comment_id(emulator: EmulatorServer) -> str:
    """A comment that no one has answered."""
    row = emulator.state.connection.execute(
        "SELECT id FROM comments WHERE author_username = 'priya.n'"
    ).fetchone()
    return str(row["id"])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "hero.png"
    path.write_bytes(png())
    return path


Send = Callable[..., Result]


def publish(machine: CommandLine, *options: str) -> Result:
    words = ("posts", "publish", "--page", "x:bluebird", "-m", "Row 0", "--yes", "--json")
    return machine.run(*words, *options)


def schedule_post(machine: CommandLine, *options: str) -> Result:
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "2026-12-01T09:00:00Z")
    return machine.run(*words, "-m", "Row 0", "--json", *options)


def reply(machine: CommandLine, comment_id: str, *options: str) -> Result:
    return machine.run(
        "comments", "reply", comment_id, "-m", "Thanks!", "--yes", "--json", *options
    )


def upload(machine: CommandLine, image: Path, *options: str) -> Result:
    return machine.run("media", "upload", str(image), "--json", *options)


def replies(world: World, comment_id: str) -> list[str]:
    rows = world.emulator.state.connection.execute(
        "SELECT message FROM comments WHERE parent_id = ?", (comment_id,)
    )
    return [row["message"] for row in rows]


def count_media(world: World) -> int:
    row = world.emulator.state.connection.execute("SELECT count(*) AS n FROM media").fetchone()
    return int(row["n"])


def count_hooks(world: World) -> int:
    row = world.emulator.state.connection.execute("SELECT count(*) AS n FROM hooks").fetchone()
    return int(row["n"])


def use_token(machine: CommandLine, token: str) -> None:
    machine.environ["OUTREPLY_API_KEY"] = token


class TestEqualPublishes:
    """The same text is published twice within seconds, on purpose."""

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    @pytest.mark.parametrize("fault", [None, lose_request, lose_response()])
    @pytest.mark.parametrize("skew", [-8.0, 8.0])
    @pytest.mark.parametrize(
        "options",
        [(("--key", "1"), ("--key", "2")), ((), ("--key", "2")), (("--key", "1"), ()), ((), ())],
        ids=["keys", "second key", "first key", "no key"],
    )
    def test_both_are_published(
        self,
        world: World,
        machine: CommandLine,
        options: tuple[tuple[str, ...], tuple[str, ...]],
        skew: float,
        fault: Action | None,
    ) -> None:
        first, second = options
        machine.clock = ManualClock(world.clock.now() + timedelta(seconds=skew))
        runs = [publish(machine, *first)]
        world.clock.advance(3)
        machine.clock.advance(3)
        if fault is not None:
            world.proxy.on("POST", "/posts/publish", fault, numbers=[1])
        runs.append(publish(machine, *second))
        assert [run.code for run in runs] == [0, 0], [run.err for run in runs]
        assert world.texts() == {"Row 0": 2}
        assert "already" not in runs[1].err
        ids = {post["id"] for run in runs for post in json.loads(run.out)}
        assert len(ids) == 2
        if second:
            assert json.loads(publish(machine, *second).out)[0]["id"] in ids
            assert world.texts() == {"Row 0": 2}

    def test_publishes_on_two_machines_make_two_posts(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        publish(machine, "--key", "1")
        emulator_clock.advance(3)
        ran = publish(world.machine("other", token=world.new_token()), "--key", "2")
        assert ran.code == 0, ran.err
        assert world.texts() == {"Row 0": 2}

    @pytest.mark.parametrize("keyed", [publish, schedule_post])
    def test_row_with_text_of_keyed_post_makes_another_post(
        self, world: World, machine: CommandLine, keyed: Send
    ) -> None:
        assert keyed(machine, "--key", "1").code == 0
        page = "x:bluebird" if keyed is publish else "instagram:acme"
        row = CalendarRow("k", page, FIRST + timedelta(days=3), "Row 0")
        ran = schedule(machine, world.calendar([row]))
        assert_clean(ran)
        assert world.texts() == {"Row 0": 2}


class TestOtherToken:
    """A response is lost, and the command is run again with another token of the account."""

    def test_publish_with_key_once(self, world: World, machine: CommandLine) -> None:
        lose_responses_and_lists(world.proxy, "/posts/publish")
        assert publish(machine, "--key", "launch").code == 7
        world.proxy.recover()
        use_token(machine, world.new_token())
        again = publish(machine, "--key", "launch")
        assert world.texts() == {"Row 0": 1}
        assert again.code == 0, again.err

    @pytest.mark.usefixtures("guardrails")
    def test_schedule_with_key_once(self, world: World, machine: CommandLine) -> None:
        lose_responses_and_lists(world.proxy, "/posts/schedule")
        assert schedule_post(machine, "--key", "launch").code == 7
        world.proxy.recover()
        use_token(machine, world.new_token())
        again = schedule_post(machine, "--key", "launch")
        assert world.texts() == {"Row 0": 1}
        assert again.code == 0, again.err

    @pytest.mark.parametrize("key", [(), ("--key", "thanks")], ids=["text", "key"])
    def test_reply_once(
        self, world: World, machine: CommandLine, comment_id: str, key: tuple[str, ...]
    ) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        lose_responses_and_lists(world.proxy, "/comments/reply")
        assert reply(machine, comment_id, *key).code == 7
        world.proxy.recover()
        use_token(machine, world.new_token())
        again = reply(machine, comment_id, *key)
        assert replies(world, comment_id) == ["Thanks!"]
        assert again.code == 0, again.err

    def test_reply_to_unseen_comment_once(
        self, world: World, machine: CommandLine, comment_id: str
    ) -> None:
        lose_responses_and_lists(world.proxy, "/comments/reply")
        assert reply(machine, comment_id).code == 7
        world.proxy.recover()
        use_token(machine, world.new_token())
        reply(machine, comment_id)
        assert replies(world, comment_id) == ["Thanks!"]

    def test_upload_once(self, world: World, machine: CommandLine, image: Path) -> None:
        lose_responses_and_lists(world.proxy, "/media/upload")
        assert upload(machine, image).code != 0
        world.proxy.recover()
        use_token(machine, world.new_token())
        again = upload(machine, image)
        assert count_media(world) == 1
        assert again.code == 0, again.err

    @pytest.mark.usefixtures("guardrails")
    @pytest.mark.parametrize("change", [list, without_keys], ids=["keys", "no keys"])
    def test_bulk_once(
        self,
        world: World,
        machine: CommandLine,
        change: Callable[[list[CalendarRow]], list[CalendarRow]],
    ) -> None:
        rows = change(make_rows_on_pages(6))
        calendar = world.calendar(rows)
        lose_responses_and_lists(world.proxy, "/posts/schedule")
        assert schedule(machine, calendar).code != 0
        sent = sum(world.texts().values())
        assert 0 < sent < 6
        world.proxy.recover()
        use_token(machine, world.new_token())
        again = schedule(machine, calendar)
        world.assert_each_once(rows)
        assert again.code == 0, again.err
        assert_clean(schedule(machine, calendar))

    def test_bulk_on_one_page_once(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_one_page(6)
        calendar = world.calendar(rows)
        lose_responses_and_lists(world.proxy, "/posts/schedule")
        assert schedule(machine, calendar).code != 0
        world.proxy.recover()
        use_token(machine, world.new_token())
        settle(machine, calendar)
        world.assert_each_once(rows)

    @pytest.mark.usefixtures("guardrails")
    def test_reschedule_once(self, world: World, machine: CommandLine) -> None:
        assert schedule_post(machine).code == 0
        post_id = world.live_ids()["Row 0"]
        lose_responses_and_lists(world.proxy, "/posts/schedule")
        words = ("posts", "reschedule", post_id, "--at", "2026-12-02T09:00:00Z")
        assert machine.run(*words).code == 7
        assert world.texts() == {"Row 0": 2}, "the old post stays until the new one is known"
        world.proxy.recover()
        use_token(machine, world.new_token())
        # The next command that writes finishes the move.
        machine.run(*words)
        machine.run(*words)
        assert world.texts() == {"Row 0": 1}

    @pytest.mark.usefixtures("guardrails")
    def test_edited_row_once(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        new_rows = [replace(row, message=f"{row.message}, edited") for row in rows]
        world.calendar(new_rows)
        lose_responses_and_lists(world.proxy, "/posts/schedule")
        assert schedule(machine, calendar).code != 0
        world.proxy.recover()
        use_token(machine, world.new_token())
        settle(machine, calendar)
        world.assert_each_once(new_rows)

    def test_publish_with_the_first_token_again_once(
        self, world: World, machine: CommandLine
    ) -> None:
        first = machine.environ["OUTREPLY_API_KEY"]
        lose_responses_and_lists(world.proxy, "/posts/publish")
        assert publish(machine, "--key", "launch").code == 7
        use_token(machine, world.new_token())
        assert publish(machine, "--key", "launch").code == 7
        world.proxy.recover()
        use_token(machine, first)
        assert publish(machine, "--key", "launch").code == 0
        assert world.texts() == {"Row 0": 1}


class TestLostRequests:
    """A request did not arrive, which only a later lookup in the lists can show."""

    @pytest.fixture(autouse=True, params=["other token", "a day later"])
    def make_retry_unsafe(
        self,
        request: pytest.FixtureRequest,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
    ) -> Callable[[], None]:
        """Return the function that makes repeating the request unsafe."""

        def act() -> None:
            world.proxy.recover()
            if request.param == "other token":
                use_token(machine, world.new_token())
            else:
                emulator_clock.advance(SLEEP)

        return act

    def test_publish_with_key_is_sent_later(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        make_retry_unsafe: Callable[[], None],
    ) -> None:
        world.proxy.on("POST", "/posts/publish", lose_request)
        assert publish(machine, "--key", "launch", "--max-wait", "1s").code == 7
        make_retry_unsafe()
        publish(machine, "--key", "launch")
        emulator_clock.advance(HOUR)
        again = publish(machine, "--key", "launch")
        assert again.code == 0, again.err
        assert world.texts() == {"Row 0": 1}

    def test_reply_is_sent_later(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        comment_id: str,
        make_retry_unsafe: Callable[[], None],
    ) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        world.proxy.on("POST", "/comments/reply", lose_request)
        assert reply(machine, comment_id, "--max-wait", "1s").code == 7
        make_retry_unsafe()
        reply(machine, comment_id)
        emulator_clock.advance(HOUR)
        again = reply(machine, comment_id)
        assert again.code == 0, again.err
        assert replies(world, comment_id) == ["Thanks!"]

    def test_bulk_is_sent_later(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        make_retry_unsafe: Callable[[], None],
    ) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        world.proxy.on("POST", "/posts/schedule", lose_request)
        assert schedule(machine, calendar, "--max-wait", "1s").code != 0
        make_retry_unsafe()
        schedule(machine, calendar)
        emulator_clock.advance(HOUR)
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)


class TestRequestInProgress:
    """A server still works on a request whose connection broke, and refuses its repetition."""

    @pytest.fixture
    def finish(self, world: World) -> Callable[[], None]:
        """Return the function that finishes the first request."""
        first: list[Callable[[], object]] = []

        def lose(request: Request, exchange: Exchange) -> bytes:
            first.append(lambda: exchange.forward(request))
            return DROP

        world.proxy.on("POST", "*", lose, numbers=[1])
        world.proxy.on("POST", "*", refuse(409, IN_PROGRESS))

        def finish() -> None:
            world.proxy.recover()
            first.pop()()

        return finish

    def test_publish_is_repeated_until_the_first_request_is_finished(
        self, world: World, machine: CommandLine, finish: Callable[[], None]
    ) -> None:
        def finish_soon(request: Request, exchange: Exchange) -> None:
            del request, exchange
            finish()

        world.proxy.rules.insert(1, Rule("POST", "*", finish_soon, {3}))
        ran = publish(machine)
        assert ran.code == 0, ran.err
        assert world.texts() == {"Row 0": 1}

    @pytest.mark.parametrize("send", [publish, schedule_post])
    def test_post_with_key_once(
        self, world: World, machine: CommandLine, finish: Callable[[], None], send: Send
    ) -> None:
        held = send(machine, "--key", "launch", "--max-wait", "5s")
        assert held.code != 0
        assert "may have been" in held.err
        finish()
        again = send(machine, "--key", "launch")
        assert again.code == 0, again.err
        assert world.texts() == {"Row 0": 1}

    def test_reply_once(
        self, world: World, machine: CommandLine, comment_id: str, finish: Callable[[], None]
    ) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        held = reply(machine, comment_id, "--max-wait", "5s")
        assert "may have been sent" in held.err
        finish()
        assert reply(machine, comment_id).code == 0
        assert replies(world, comment_id) == ["Thanks!"]

    def test_bulk_once(
        self, world: World, machine: CommandLine, finish: Callable[[], None]
    ) -> None:
        rows = make_rows_on_pages(1)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar, "--max-wait", "5s").code != 0
        finish()
        assert_clean(schedule(machine, calendar))
        world.assert_each_once(rows)


class TestTwoTokensAtOnce:
    """Two tokens of one account are used at the same time."""

    @pytest.fixture
    def other(self, world: World, machine: CommandLine) -> CommandLine:
        """The same machine, with another token."""
        other = world.machine("machine", token=world.new_token())
        assert other.environ["OUTREPLY_STATE_DIR"] == machine.environ["OUTREPLY_STATE_DIR"]
        return other

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    def test_publish_with_key_once(
        self, world: World, machine: CommandLine, other: CommandLine
    ) -> None:
        with ThreadPoolExecutor(2) as pool:
            runs = list(
                pool.map(lambda computer: publish(computer, "--key", "launch"), (machine, other))
            )
        assert [run.code for run in runs] == [0, 0], [run.err for run in runs]
        assert world.texts() == {"Row 0": 1}

    def test_bulk_once(self, world: World, machine: CommandLine, other: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda computer: schedule(computer, calendar), (machine, other)))
        assert [run.code for run in runs] == [0, 0], [run.err for run in runs]
        world.assert_each_once(rows)

    def test_reply_once(
        self, world: World, machine: CommandLine, other: CommandLine, comment_id: str
    ) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda computer: reply(computer, comment_id), (machine, other)))
        assert replies(world, comment_id) == ["Thanks!"]
        assert reply(machine, comment_id).code == 0
        assert reply(other, comment_id).code == 0
        assert replies(world, comment_id) == ["Thanks!"]


class TestSleep:
    """A response is lost while the machine sleeps for 25 hours; keys live for 24."""

    @pytest.fixture(autouse=True, params=["clock continues", "clock stands still", "no Date"])
    def sleep(
        self,
        request: pytest.FixtureRequest,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
    ) -> None:
        """The machine's clock or the server's `Date` says how long it was."""
        if request.param == "clock stands still":
            machine.clock = ManualClock(emulator_clock.now())
        elif request.param == "no Date":
            world.proxy.response_filters.append(without_date)
        action = lose_response(lambda: emulator_clock.advance(SLEEP))
        world.proxy.on("POST", "*", action, numbers=[1])

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    def test_publish_once(self, world: World, machine: CommandLine) -> None:
        ran = publish(machine)
        assert world.texts() == {"Row 0": 1}
        assert_harmless(ran)

    def test_publish_with_key_once(self, world: World, machine: CommandLine) -> None:
        publish(machine, "--key", "launch")
        again = publish(machine, "--key", "launch")
        assert world.texts() == {"Row 0": 1}
        assert again.code == 0, again.err

    def test_schedule_once(self, world: World, machine: CommandLine) -> None:
        schedule_post(machine)
        assert world.texts() == {"Row 0": 1}

    def test_schedule_with_key_once(self, world: World, machine: CommandLine) -> None:
        schedule_post(machine, "--key", "launch")
        again = schedule_post(machine, "--key", "launch")
        assert world.texts() == {"Row 0": 1}
        assert again.code == 0, again.err

    def test_reply_once(self, world: World, machine: CommandLine, comment_id: str) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        reply(machine, comment_id)
        again = reply(machine, comment_id)
        assert replies(world, comment_id) == ["Thanks!"]
        assert again.code == 0, again.err

    def test_upload_once(self, world: World, machine: CommandLine, image: Path) -> None:
        ran = upload(machine, image)
        assert count_media(world) == 1
        assert ran.code == 0, ran.err

    def test_bulk_once(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        schedule(machine, calendar)
        settle(machine, calendar)
        world.assert_each_once(rows)

    def test_bulk_row_published_meanwhile_once(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        (row,) = make_rows_on_one_page(1)
        soon = replace(row, scheduled_at=emulator_clock.now().replace(hour=20))
        calendar = world.calendar([soon])
        schedule(machine, calendar)
        settle(machine, calendar)
        world.assert_each_once([soon])

    def test_webhook_once(self, world: World, machine: CommandLine) -> None:
        words = ("webhooks", "create", "--url", "http://127.0.0.1:9/", "--json")
        machine.run(*words)
        assert count_hooks(world) == 1


class TestWaits:
    """A server sends Retry-After."""

    @pytest.fixture
    def commit_then_503(self, world: World) -> None:
        """The first post is created, and the response is a 503 with a Retry-After of 25 hours."""
        action = respond_after_commit(503, {"error": "Later"}, retry_after="90000")
        world.proxy.on("POST", "/posts/schedule", action, numbers=[1])

    @pytest.mark.usefixtures("guardrails", "commit_then_503")
    def test_bulk_503_after_commit_once(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        schedule(machine, calendar)
        settle(machine, calendar)
        world.assert_each_once(rows)

    @pytest.mark.usefixtures("commit_then_503")
    def test_bulk_wait_of_a_day_is_announced(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        calendar = world.calendar(make_rows_on_pages(6))
        started_at = emulator_clock.now()
        ran = schedule(machine, calendar)
        waited = (emulator_clock.now() - started_at).total_seconds()
        assert waited < 30 or "retrying in" in ran.err

    def test_bulk_long_wait_is_announced(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows)
        busy = refuse(429, {"error": "Slow down", "code": "RATE_LIMITED"}, retry_after="45")
        world.proxy.on("POST", "/posts/schedule", busy, numbers=[1])
        ran = schedule(machine, calendar)
        assert ran.code == 0, ran.err
        assert "retrying in" in ran.err
        world.assert_each_once(rows)

    def test_bulk_wait_past_time_of_row_gives_it_up(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        soon, later = make_rows_on_pages(2)
        soon = replace(soon, scheduled_at=emulator_clock.now().replace(hour=14))
        calendar = world.calendar([soon, later])
        busy = refuse(503, {"error": "Later"}, retry_after="10800")
        world.proxy.on("POST", "/posts/schedule", busy, numbers=[1])
        started_at = emulator_clock.now()
        ran = schedule(machine, calendar, "--concurrency", "1")
        assert ran.code == 3, ran.err
        assert f"{calendar}:2" in ran.err
        assert (emulator_clock.now() - started_at).total_seconds() < 2 * HOUR
        assert [row["status"] for row in get_rows(ran)][1] == "done"
        world.assert_each_once([later])


class TestServerWithoutKeys:
    """A server ignores idempotency keys; its lists are current."""

    @pytest.fixture(autouse=True)
    def no_keys(self, world: World) -> Iterator[None]:
        world.proxy.request_filters.append(without_idempotency)
        with without_guardrails():
            yield

    @pytest.mark.parametrize("skew", [-8.0, 0.0, 8.0])
    def test_publish_once(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock, skew: float
    ) -> None:
        machine.clock = ManualClock(emulator_clock.now() + timedelta(seconds=skew))
        world.proxy.on("POST", "/posts/publish", lose_response(), numbers=[1])
        ran = publish(machine)
        assert world.texts() == {"Row 0": 1}
        assert ran.code == 0, ran.err

    def test_publish_with_key_once(self, world: World, machine: CommandLine) -> None:
        lose_responses_and_lists(world.proxy, "/posts/publish")
        publish(machine, "--key", "launch")
        world.proxy.recover()
        again = publish(machine, "--key", "launch")
        assert world.texts() == {"Row 0": 1}
        assert again.code == 0, again.err

    @pytest.mark.parametrize("body", [b"{}", b"[]", b'{"success": true, "post_id": null}'])
    @pytest.mark.parametrize(
        ("path", "send"), [("/posts/publish", publish), ("/posts/schedule", schedule_post)]
    )
    def test_response_without_id_once(
        self, world: World, machine: CommandLine, path: str, send: Send, body: bytes
    ) -> None:
        world.proxy.response_filters.append(replace_body(path, body))
        first = send(machine, "--key", "launch")
        assert first.code == 7, first.err
        assert "may have been" in first.err
        world.proxy.response_filters.clear()
        again = send(machine, "--key", "launch")
        assert again.code == 0, again.err
        assert world.texts() == {"Row 0": 1}

    def test_reply_without_id_once(
        self, world: World, machine: CommandLine, comment_id: str
    ) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        world.proxy.response_filters.append(replace_body("/comments/reply", b"{}"))
        first = reply(machine, comment_id)
        assert first.code == 7, first.err
        assert "may have been sent" in first.err
        world.proxy.response_filters.clear()
        assert reply(machine, comment_id).code == 0
        assert replies(world, comment_id) == ["Thanks!"]

    def test_schedule_once(self, world: World, machine: CommandLine) -> None:
        world.proxy.on("POST", "/posts/schedule", lose_response(), numbers=[1])
        ran = schedule_post(machine)
        assert world.texts() == {"Row 0": 1}
        assert ran.code == 0, ran.err

    def test_reply_once(self, world: World, machine: CommandLine, comment_id: str) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        world.proxy.on("POST", "/comments/reply", lose_response(), numbers=[1])
        ran = reply(machine, comment_id)
        assert replies(world, comment_id) == ["Thanks!"]
        assert ran.code == 0, ran.err

    def test_upload_once(self, world: World, machine: CommandLine, image: Path) -> None:
        world.proxy.on("POST", "/media/upload", lose_response(), numbers=[1])
        ran = upload(machine, image)
        assert count_media(world) == 1
        assert ran.code == 0, ran.err

    def test_reschedule_once(self, world: World, machine: CommandLine) -> None:
        assert schedule_post(machine).code == 0
        world.proxy.on("POST", "/posts/schedule", lose_response(), numbers=[1])
        post_id = world.live_ids()["Row 0"]
        ran = machine.run("posts", "reschedule", post_id, "--at", "2026-12-02T09:00:00Z")
        assert world.texts() == {"Row 0": 1}
        assert ran.code == 0, ran.err

    def test_cancellation_with_lost_response_succeeds(
        self, world: World, machine: CommandLine
    ) -> None:
        """The repeated cancellation is a 404, and the post is cancelled."""
        assert schedule_post(machine).code == 0
        world.proxy.on("DELETE", "*", lose_response(), numbers=[1])
        ran = machine.run("posts", "cancel", world.live_ids()["Row 0"])
        assert not world.live()
        assert ran.code == 0, ran.err

    def test_webhook_once(self, world: World, machine: CommandLine) -> None:
        world.proxy.on("POST", "/webhooks", lose_response(), numbers=[1])
        machine.run("webhooks", "create", "--url", "http://127.0.0.1:9/", "--json")
        assert count_hooks(world) == 1

    def test_bulk_with_file_once(self, world: World, machine: CommandLine, image: Path) -> None:
        calendar = world.directory / "calendar.yaml"
        calendar.write_text(
            "posts:\n- page: instagram:acme\n  scheduled_at: 2026-12-01T09:00:00Z\n"
            f"  message: Row 0\n  media_files: [{image.name}]\n",
            encoding="utf-8",
        )
        world.proxy.on("POST", "*", lose_response(), numbers=[1, 3])
        schedule(machine, calendar)
        settle(machine, calendar)
        assert world.texts() == {"Row 0": 1}
        assert count_media(world) == 1

    @pytest.mark.parametrize("numbers", [[1], [2, 4], range(1, 100)], ids=["one", "two", "all"])
    def test_bulk_once(self, world: World, machine: CommandLine, numbers: list[int]) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        world.proxy.on("POST", "/posts/schedule", lose_response(), numbers=numbers)
        schedule(machine, calendar)
        world.proxy.recover()
        settle(machine, calendar)
        world.assert_each_once(rows)

    def test_bulk_after_outage_once(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        lose_responses_and_lists(world.proxy, "/posts/schedule")
        schedule(machine, calendar)
        world.proxy.recover()
        settle(machine, calendar)
        world.assert_each_once(rows)

    def test_bulk_with_equal_texts_once(self, world: World, machine: CommandLine) -> None:
        """Two rows of a page have the same text; the post of one is not that of the other."""
        first, second = without_keys(make_rows_on_one_page(2))
        rows = [first, replace(second, message=first.message)]
        calendar = world.calendar(rows)
        world.proxy.on("POST", "/posts/schedule", lose_response(), numbers=[1, 2])
        schedule(machine, calendar)
        world.proxy.recover()
        settle(machine, calendar)
        world.assert_each_once(rows)


class TestLaggingLists:
    """Posts are listed seconds after they were created."""

    @pytest.fixture(autouse=True)
    def no_guardrails(self) -> Iterator[None]:
        with without_guardrails():
            yield

    def test_publish_with_key_and_other_token_once(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        world.proxy.on("POST", "/posts/publish", outage, numbers=[1])
        assert publish(machine, "--key", "launch", "--max-wait", "1s").code == 7
        world.proxy.recover()
        world.proxy.response_filters.append(lagging_lists(emulator_clock, 15))
        use_token(machine, world.new_token())
        publish(machine, "--key", "launch", "--max-wait", "1s")
        assert world.texts() == {"Row 0": 1}
        emulator_clock.advance(HOUR)
        again = publish(machine, "--key", "launch")
        assert again.code == 0, again.err
        assert world.texts() == {"Row 0": 1}

    def test_bulk_and_other_token_once(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        world.proxy.on("POST", "/posts/schedule", outage, numbers=[1])
        assert schedule(machine, calendar, "--max-wait", "1s").code != 0
        world.proxy.recover()
        world.proxy.response_filters.append(lagging_lists(emulator_clock, 15))
        use_token(machine, world.new_token())
        schedule(machine, calendar, "--max-wait", "1s")
        world.assert_none_twice()
        emulator_clock.advance(HOUR)
        settle(machine, calendar)
        world.assert_each_once(rows)

    def test_bulk_on_another_machine_once(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        """The same token sends the same keys, whatever the lists show."""
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        assert schedule(machine, calendar).code == 0
        world.proxy.response_filters.append(lagging_lists(emulator_clock, 15))
        schedule(world.machine("laptop"), calendar)
        world.assert_each_once(rows)

    def test_reply_and_other_token_once(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        comment_id: str,
    ) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        world.proxy.on("POST", "/comments/reply", outage, numbers=[1])
        assert reply(machine, comment_id, "--max-wait", "1s").code == 7
        world.proxy.recover()
        world.proxy.response_filters.append(lagging_lists(emulator_clock, 15))
        use_token(machine, world.new_token())
        reply(machine, comment_id, "--max-wait", "1s")
        assert replies(world, comment_id) == ["Thanks!"]
        emulator_clock.advance(HOUR)
        again = reply(machine, comment_id)
        assert again.code == 0, again.err
        assert replies(world, comment_id) == ["Thanks!"]

    def test_upload_once(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock, image: Path
    ) -> None:
        """Servers ignore the keys of uploads: only the list shows whether one arrived."""
        world.proxy.response_filters.append(lagging_lists(emulator_clock, 15))
        world.proxy.on("POST", "/media/upload", lose_response(), numbers=[1])
        ran = upload(machine, image)
        assert count_media(world) == 1
        assert ran.code == 0, ran.err


class TestLongLists:
    """The lookup of a lost request shows only 100 items, and more are newer."""

    def add_newer(self, world: World, table: str) -> None:
        """Copy the newest row of a table 120 times, with later times and a different text."""
        at = world.clock.now().timestamp() + 60
        with world.emulator.state.transaction() as db:
            row = dict(db.execute(f"SELECT * FROM {table} ORDER BY number DESC").fetchone())  # noqa: S608
            del row["number"]
            for n in range(120):
                copy = row | {"id": f"newer{n}", "created_at": at + n}
                if "published_at" in row:
                    copy |= {"published_at": at + n, "remote_id": f"newer{n}", "message": "other"}
                if "author_name" in row:
                    copy |= {"message": "other", "parent_id": None}
                marks = ", ".join("?" * len(copy))
                db.execute(
                    f"INSERT INTO {table} ({', '.join(copy)}) VALUES ({marks})",  # noqa: S608
                    tuple(copy.values()),
                )
        world.clock.advance(300)

    def test_publish_with_key_is_held(self, world: World, machine: CommandLine) -> None:
        lose_responses_and_lists(world.proxy, "/posts/publish")
        assert publish(machine, "--key", "launch", "--max-wait", "1s").code == 7
        world.proxy.recover()
        self.add_newer(world, "posts")
        use_token(machine, world.new_token())
        held = publish(machine, "--key", "launch")
        assert world.texts() == {"Row 0": 1}
        assert held.code != 0
        with world.emulator.state.transaction() as db:
            db.execute("DELETE FROM posts WHERE message = 'other'")
        again = publish(machine, "--key", "launch")
        assert again.code == 0, again.err
        assert world.texts() == {"Row 0": 1}

    def test_upload_is_found(self, world: World, machine: CommandLine, image: Path) -> None:
        lose_responses_and_lists(world.proxy, "/media/upload")
        assert upload(machine, image, "--max-wait", "1s").code == 7
        world.proxy.recover()
        self.add_newer(world, "media")
        # A different size, so that they cannot be mistaken for the upload.
        with world.emulator.state.transaction() as db:
            db.execute("UPDATE media SET size_bytes = 7 WHERE id LIKE 'newer%'")
        # The list of media is complete, whatever its length.
        found = upload(machine, image)
        assert found.code == 0, found.err
        assert count_media(world) == 121

    def test_reply_is_held(self, world: World, machine: CommandLine, comment_id: str) -> None:
        assert machine.run("comments", "inbox", "--all").code == 0
        lose_responses_and_lists(world.proxy, "/comments/reply")
        assert reply(machine, comment_id, "--max-wait", "1s").code == 7
        world.proxy.recover()
        self.add_newer(world, "comments")
        use_token(machine, world.new_token())
        held = reply(machine, comment_id)
        assert replies(world, comment_id) == ["Thanks!"]
        assert held.code != 0
        with world.emulator.state.transaction() as db:
            db.execute("DELETE FROM comments WHERE message = 'other'")
        again = reply(machine, comment_id)
        assert again.code == 0, again.err
        assert replies(world, comment_id) == ["Thanks!"]


class TestRefusals:
    """The server refuses one row."""

    def test_guardrail_of_one_row_does_not_end_run(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        world.proxy.on("POST", "/posts/schedule", refuse(429, GUARDRAIL), numbers=[1])
        ran = schedule(machine, calendar, "--concurrency", "1")
        assert ran.code == 3, ran.err
        assert_harmless(ran)
        assert get_statuses(ran) == {"failed": 1, "done": 5}
        world.assert_each_once(rows[1:])
        assert schedule(machine, calendar).code == 0
        world.assert_each_once(rows)

    def test_guardrail_of_ambiguous_row_does_not_end_run(
        self, world: World, machine: CommandLine
    ) -> None:
        """The guardrail that refuses the repeated request says nothing about the first one."""
        rows = make_rows_on_pages(6)
        calendar = world.calendar(rows)
        world.proxy.on("POST", "/posts/schedule", outage, numbers=[1])
        assert schedule(machine, calendar, "--concurrency", "1").code != 0
        world.proxy.recover()
        world.proxy.on("POST", "/posts/schedule", refuse(429, GUARDRAIL), numbers=[1])
        schedule(machine, calendar, "--concurrency", "1")
        world.assert_none_twice()
        assert sum(world.texts().values()) >= 5
        world.proxy.recover()
        settle(machine, calendar)
        world.assert_each_once(rows)

    @pytest.mark.parametrize("remaining", [0, -1, -3])
    def test_exhausted_publishes_are_an_error(
        self, world: World, machine: CommandLine, remaining: int
    ) -> None:
        rows = make_rows_on_pages(2)
        november = [
            replace(row, scheduled_at=row.scheduled_at.replace(month=11, day=28)) for row in rows
        ]
        calendar = world.calendar(november)

        def exhaust(account: dict[str, object]) -> None:
            account["quota"]["monthly"]["publishes"]["remaining"] = remaining  # type: ignore[index]

        world.proxy.response_filters.append(change_response("/account", exhaust))
        ran = schedule(machine, calendar)
        assert ran.code == 2, ran.err
        assert_harmless(ran)
        assert f"{calendar}:2" in ran.err
        assert world.texts() == Counter()

    @pytest.mark.parametrize("remaining", [0, -3])
    def test_exhausted_publishes_warn_about_later_months(
        self, world: World, machine: CommandLine, remaining: int
    ) -> None:
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows)

        def exhaust(account: dict[str, object]) -> None:
            account["quota"]["monthly"]["publishes"]["remaining"] = remaining  # type: ignore[index]

        world.proxy.response_filters.append(change_response("/account", exhaust))
        ran = schedule(machine, calendar)
        assert ran.code == 0, ran.err
        world.assert_each_once(rows)


class TestOrder:
    """Posts due soonest are sent first."""

    def test_rows_are_sent_nearest_first(self, world: World, machine: CommandLine) -> None:
        rows = make_rows_on_pages(6)
        calendar = world.calendar([rows[n] for n in (3, 0, 5, 1, 4, 2)])
        world.proxy.on("POST", "/posts/schedule", refuse(429, GUARDRAIL), numbers=[2])
        schedule(machine, calendar, "--concurrency", "1")
        texts = [request.json["message"] for request in world.proxy.writes()]
        assert texts == [row.message for row in rows]


class TestExpiredPages:
    """A row is published, and its page has expired or is gone since."""

    @pytest.mark.parametrize("change", ["expired", "gone", "renamed"])
    def test_published_row_does_not_stop_later_runs(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock, change: str
    ) -> None:
        published, later = make_rows_on_pages(2)
        later = replace(later, scheduled_at=later.scheduled_at.replace(day=20))
        calendar = world.calendar([published, later])
        assert schedule(machine, calendar).code == 0
        emulator_clock.advance(9 * DAY)
        assert_clean(schedule(machine, calendar))
        page_id = world.page_id("facebook")

        def apply(body: dict[str, list[dict[str, object]]]) -> None:
            for page in body["pages"]:
                if page["id"] == page_id and change == "expired":
                    page["expired"] = True
                elif page["id"] == page_id and change == "renamed":
                    page["username"] = "acme-inc"
            if change == "gone":
                body["pages"] = [page for page in body["pages"] if page["id"] != page_id]

        world.proxy.response_filters.append(change_response("/pages", apply))
        new = replace(later, key="new", message="Row new", page="tiktok:bluebirdcoffee")
        world.calendar([published, later, new])
        ran = schedule(machine, calendar)
        assert ran.code == 0, ran.err
        world.assert_each_once([published, later, new])

    def test_published_row_without_key_does_not_stop_later_runs(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock
    ) -> None:
        published, later = without_keys(make_rows_on_pages(2))
        later = replace(later, scheduled_at=later.scheduled_at.replace(day=20))
        calendar = world.calendar([published, later])
        assert schedule(machine, calendar).code == 0
        emulator_clock.advance(9 * DAY)
        # The emulator publishes what is due when it is called.
        assert machine.run("pages", "list").code == 0
        with world.emulator.state.transaction() as db:
            db.execute("UPDATE pages SET expired = 1 WHERE platform = 'facebook'")
        ran = schedule(machine, calendar)
        assert ran.code == 0, ran.err
        world.assert_each_once([published, later])

    def test_pending_row_on_expired_page_is_an_error(
        self, world: World, machine: CommandLine
    ) -> None:
        rows = make_rows_on_pages(2)
        calendar = world.calendar(rows[1:])
        with world.emulator.state.transaction() as db:
            db.execute("UPDATE pages SET expired = 1 WHERE platform = 'facebook'")
        assert schedule(machine, calendar).code == 0
        world.calendar(rows)
        ran = schedule(machine, calendar)
        assert ran.code in {2, 3}
        assert f"{calendar}:2" in ran.err
        world.assert_each_once(rows[1:])

    def test_missing_file_of_published_row_does_not_stop_later_runs(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock, image: Path
    ) -> None:
        calendar = world.directory / "calendar.yaml"
        calendar.write_text(
            "posts:\n- key: a\n  page: instagram:acme\n  scheduled_at: 2026-12-01T09:00:00Z\n"
            f"  message: Row 0\n  media_files: [{image.name}]\n",
            encoding="utf-8",
        )
        assert schedule(machine, calendar).code == 0
        emulator_clock.advance(9 * DAY)
        image.unlink()
        ran = schedule(machine, calendar)
        assert ran.code == 0, ran.err
        assert world.texts() == {"Row 0": 1}
