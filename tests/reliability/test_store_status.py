"""The command that `store status` prints for a request settles it, and nothing is sent twice."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png
from tests.reliability.machines import HOUR, World, assert_clean, make_rows_on_one_page, schedule
from tests.reliability.proxy import Exchange, Request, lose_request, lose_response, refuse

AT = "2026-12-01T09:00:00Z"
LATER = "2026-12-01T15:00:00Z"
CANCEL_PATH = "/posts/scheduled/*"
# What a shell would change if it was not quoted, and what could be read as an option.
TEXT = "Row $HOME 'one' \"two\" `three`\n--four é"
POSTS = {
    "publish": ("publish", "--page", "x:bluebird", "-m", "Row 0", "--yes"),
    "schedule": ("schedule", "--page", "instagram:acme", "--at", AT, "-m", "Row 0"),
    "quoted": ("publish", "--page", "x:bluebird", "-m", TEXT, "--yes"),
    "first comment": (
        *("schedule", "--page", "instagram:acme", "--at", AT, "-m", "Row 0"),
        *("--first-comment", "-first", "--media", "https://example.com/a.jpg"),
    ),
    "link": (
        *("schedule", "--page", "facebook:acme", "--at", AT, "-m", "Row 0"),
        *("--link", "https://example.com/?a=1&b=2"),
    ),
}


def set_expired(world: World, *, expired: bool) -> None:
    with world.emulator.state.transaction() as db:
        db.execute("UPDATE pages SET expired = ? WHERE platform = 'facebook'", (expired,))


def list_unsettled(machine: CommandLine) -> list[dict[str, Any]]:
    ran = machine.run("store", "status", "--json")
    assert ran.code == 0, ran.err
    return list(json.loads(ran.out))


def run_listed_command(machine: CommandLine) -> Result:
    """Run the command of the only unsettled request as a shell would."""
    (item,) = list_unsettled(machine)
    program, *words = shlex.split(item["command"])
    assert program == "outreply"
    return machine.run(*words)


def assert_settled(machine: CommandLine) -> None:
    ran = run_listed_command(machine)
    assert ran.code == 0, ran.err
    assert list_unsettled(machine) == []


def lose(world: World, path: str, *, is_applied: bool, method: str = "POST") -> None:
    """Lose each write to `path`, or its response; from the first on, nothing is read."""
    lost = world.proxy.on(method, path, lose_response() if is_applied else lose_request)
    unavailable = refuse(503, {"error": "unavailable"})

    def refuse_after_write(request: Request, exchange: Exchange) -> bytes | None:
        return unavailable(request, exchange) if lost.seen else None

    world.proxy.on("GET", "*", refuse_after_write)


@pytest.mark.parametrize("is_applied", [True, False], ids=["response", "request"])
class TestLost:
    @pytest.mark.parametrize("words", POSTS.values(), ids=POSTS)
    def test_post_with_key_is_settled_by_the_listed_command(
        self, world: World, machine: CommandLine, words: tuple[str, ...], is_applied: bool
    ) -> None:
        lose(world, f"/posts/{words[0]}", is_applied=is_applied)
        assert machine.run("posts", *words, "--key", "the 'launch'").code == 7
        world.proxy.recover()
        assert_settled(machine)
        assert list(world.texts().values()) == [1]

    def test_post_with_uploaded_media_is_settled_without_its_file(
        self, world: World, machine: CommandLine, tmp_path: Path, is_applied: bool
    ) -> None:
        image = tmp_path / "hero.png"
        image.write_bytes(png())
        lose(world, "/posts/schedule", is_applied=is_applied)
        words = ("schedule", "--page", "instagram:acme", "--at", AT, "--media", str(image))
        assert machine.run("posts", *words, "-m", "Row 0", "--key", "launch").code == 7
        world.proxy.recover()
        image.unlink()
        assert_settled(machine)
        assert world.texts() == {"Row 0": 1}

    @pytest.mark.parametrize("key", [(), ("--key", "launch")], ids=["no key", "key"])
    def test_move_is_settled_by_the_listed_command(
        self, world: World, machine: CommandLine, key: tuple[str, ...], is_applied: bool
    ) -> None:
        words = ("schedule", "--page", "instagram:acme", "--at", AT, "-m", "Row 0")
        assert machine.run("posts", *words, *key).code == 0
        post_id = world.live_ids()["Row 0"]
        lose(world, "/posts/schedule", is_applied=is_applied)
        assert machine.run("posts", "reschedule", post_id, "--at", LATER).code == 7
        world.proxy.recover()
        assert_settled(machine)
        assert world.texts() == {"Row 0": 1}
        assert world.live_ids()["Row 0"] != post_id

    @pytest.mark.parametrize("key", [(), ("--key", "launch")], ids=["no key", "key"])
    def test_cancellation_after_move_is_settled_by_the_listed_command(
        self, world: World, machine: CommandLine, key: tuple[str, ...], is_applied: bool
    ) -> None:
        words = ("schedule", "--page", "instagram:acme", "--at", AT, "-m", "Row 0")
        assert machine.run("posts", *words, *key).code == 0
        post_id = world.live_ids()["Row 0"]
        lose(world, CANCEL_PATH, is_applied=is_applied, method="DELETE")
        assert machine.run("posts", "reschedule", post_id, "--at", LATER).code == 7
        world.proxy.recover()
        assert_settled(machine)
        assert world.texts() == {"Row 0": 1}
        assert world.live_ids()["Row 0"] != post_id

    def test_cancellation_is_settled_by_the_listed_command(
        self, world: World, machine: CommandLine, is_applied: bool
    ) -> None:
        words = ("schedule", "--page", "instagram:acme", "--at", AT, "-m", "Row 0")
        assert machine.run("posts", *words, "--key", "launch").code == 0
        lose(world, CANCEL_PATH, is_applied=is_applied, method="DELETE")
        assert machine.run("posts", "cancel", world.live_ids()["Row 0"]).code == 7
        world.proxy.recover()
        assert_settled(machine)
        assert world.texts() == {}

    def test_retry_is_settled_by_the_listed_command(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        is_applied: bool,
    ) -> None:
        words = ("schedule", "--page", "facebook:acme", "--at", "+1h", "-m", "Row 0")
        assert machine.run("posts", *words, "--key", "launch").code == 0
        set_expired(world, expired=True)
        emulator_clock.advance(2 * HOUR)
        machine.run("posts", "list")
        set_expired(world, expired=False)
        assert world.texts() == {}
        (post,) = json.loads(machine.run("posts", "list", "--failed", "--json").out)
        lose(world, "/posts/publish", is_applied=is_applied)
        ran = machine.run("posts", "retry", post["id"], "--yes")
        assert ran.code == 7, ran.err
        world.proxy.recover()
        assert_settled(machine)
        assert world.texts() == {"Row 0": 1}

    def test_calendar_is_settled_by_the_listed_reconcile(
        self, world: World, machine: CommandLine, is_applied: bool
    ) -> None:
        calendar = world.calendar(make_rows_on_one_page(1), "a b.csv")
        lose(world, "/posts/schedule", is_applied=is_applied)
        assert schedule(machine, calendar).code != 0
        world.proxy.recover()
        (item,) = list_unsettled(machine)
        assert shlex.split(item["command"])[:3] == ["outreply", "bulk", "reconcile"]
        assert_settled(machine)
        assert_clean(schedule(machine, calendar))
        assert world.texts() == {"Row 0": 1}
