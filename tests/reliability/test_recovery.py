"""What the next writing command does about a command whose request was lost minutes ago."""

import json

import pytest

from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.reliability.machines import World
from tests.reliability.proxy import refuse
from tests.reliability.test_store_status import list_unsettled, lose

AT, LATER = "2026-12-01T09:00:00Z", "2026-12-01T15:00:00Z"
# Long enough that a complete list proves what was not created.
MINUTES = 180.0
PAGE = "instagram:acme"


def run_any_writing_command(machine: CommandLine) -> Result:
    return machine.run("posts", "cancel", "68a100000000000000000001")


def ids_at(world: World, at: str) -> list[str]:
    rows = world.emulator.state.connection.execute(
        "SELECT id FROM posts WHERE status = 'scheduled' AND scheduled_at = unixepoch(?)", (at,)
    )
    return [row["id"] for row in rows]


def live_times(world: World) -> list[str]:
    rows = world.emulator.state.connection.execute(
        "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', scheduled_at, 'unixepoch') AS at FROM posts "
        "WHERE status = 'scheduled' AND message LIKE 'Row %'"
    )
    return [row["at"] for row in rows]


class TestNeverSent:
    @pytest.mark.parametrize("key", [(), ("--key", "launch")], ids=["no key", "key"])
    def test_move_is_finished(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        key: tuple[str, ...],
    ) -> None:
        words = ("--page", PAGE, "--at", AT, "-m", "Row 0", *key)
        assert machine.run("posts", "schedule", *words).code == 0
        post_id = world.live_ids()["Row 0"]
        lose(world, "/posts/schedule", is_applied=False)
        assert machine.run("posts", "reschedule", post_id, "--at", LATER).code == 7
        world.proxy.recover()
        emulator_clock.advance(MINUTES)
        ran = run_any_writing_command(machine)
        assert "Finished an earlier command (posts " in ran.err
        assert live_times(world) == [LATER]
        assert list_unsettled(machine) == []

    @pytest.mark.parametrize("characters", [None, 10], ids=["whole ID", "short ID"])
    @pytest.mark.parametrize(
        ("words", "times"),
        [
            (("cancel", "ID"), []),
            (("edit", "ID", "-m", "Row new", "--yes"), [AT]),
            (("reschedule", "ID", "--at", "2026-12-02T09:00:00Z"), ["2026-12-02T09:00:00Z"]),
            (("reschedule", "ID", "--at", AT), [AT]),
        ],
        ids=["cancel", "edit", "reschedule", "move back"],
    )
    def test_lost_move_is_not_made_before_another_change_of_the_post(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        *,
        characters: int | None,
        words: tuple[str, ...],
        times: list[str],
    ) -> None:
        assert machine.run("posts", "schedule", "--page", PAGE, "--at", AT, "-m", "Row 0").code == 0
        post_id = world.live_ids()["Row 0"]
        lose(world, "/posts/schedule", is_applied=False)
        assert machine.run("posts", "reschedule", post_id, "--at", LATER).code == 7
        world.proxy.recover()
        emulator_clock.advance(MINUTES)
        ran = machine.run("posts", *(post_id[:characters] if w == "ID" else w for w in words))
        assert ran.code == 0, ran.err
        assert live_times(world) == times

    @pytest.mark.parametrize("status", ["cancelled", "published"])
    def test_move_of_post_that_is_gone_is_not_sent(
        self, world: World, machine: CommandLine, emulator_clock: ManualClock, status: str
    ) -> None:
        """A post that was cancelled elsewhere does not come back, nor is a published one moved."""
        words = ("--page", PAGE, "--at", AT, "-m", "Row 0")
        assert machine.run("posts", "schedule", *words).code == 0
        post_id = world.live_ids()["Row 0"]
        lose(world, "/posts/schedule", is_applied=False)
        assert machine.run("posts", "reschedule", post_id, "--at", LATER).code == 7
        world.proxy.recover()
        with world.emulator.state.transaction() as db:
            db.execute("UPDATE posts SET status = ? WHERE id = ?", (status, post_id))
        emulator_clock.advance(MINUTES)
        ran = run_any_writing_command(machine)
        assert "was not sent." in ran.err
        assert live_times(world) == []

    @pytest.mark.parametrize(
        "words",
        [
            ("publish", "--page", PAGE, "--yes", "--key", "launch"),
            ("schedule", "--page", PAGE, "--at", AT, "--key", "launch"),
            ("schedule", "--page", PAGE, "--at", "next-slot"),
        ],
        ids=["publish", "schedule", "next-slot"],
    )
    def test_new_post_is_left_to_its_command(
        self,
        world: World,
        machine: CommandLine,
        emulator_clock: ManualClock,
        words: tuple[str, ...],
    ) -> None:
        """It may not be wanted any more, and is not reported as sent."""
        assert machine.run("slots", "set", PAGE, "daily 09:00").code == 0
        words = ("posts", *words, "-m", "Row 0")
        lose(world, f"/posts/{words[1]}", is_applied=False)
        assert machine.run(*words).code == 7
        world.proxy.recover()
        emulator_clock.advance(MINUTES)
        ran = run_any_writing_command(machine)
        assert "Finished" not in ran.err
        assert "was not sent." in ran.err
        assert world.texts() == {}
        again = machine.run(*words, "--json")
        assert again.code == 0, again.err
        assert world.live_ids().keys() == {"Row 0"}
        assert len(json.loads(again.out)) == 1


class TestOldPostNotCancelled:
    """The new post of a move is scheduled, and the cancellation of the old one fails."""

    @pytest.fixture
    def ids(self, world: World, machine: CommandLine) -> tuple[str, str]:
        """IDs of the old and of the new post."""
        words = ("--page", PAGE, "--at", AT, "-m", "Row 0")
        assert machine.run("posts", "schedule", *words).code == 0
        old_id = world.live_ids()["Row 0"]
        world.proxy.on("DELETE", "/posts/scheduled/*", refuse(503, {"error": "busy"}))
        ran = machine.run("posts", "reschedule", old_id, "--at", LATER)
        assert ran.code == 7
        (new_id,) = set(ids_at(world, LATER))
        assert f"Post {new_id} is scheduled, but post {old_id} is not cancelled yet: " in ran.err
        assert "Run the command again to finish." in ran.err
        world.proxy.recover()
        return old_id, new_id

    def test_same_command_finishes_the_move(
        self, world: World, machine: CommandLine, ids: tuple[str, str]
    ) -> None:
        ran = machine.run("posts", "reschedule", ids[0], "--at", LATER, "-q")
        assert (ran.code, ran.out.strip()) == (0, ids[1])
        assert live_times(world) == [LATER]

    def test_cancellation_of_old_post_names_new_one(
        self, world: World, machine: CommandLine, ids: tuple[str, str]
    ) -> None:
        ran = machine.run("posts", "cancel", ids[0])
        assert ran.code == 5
        assert f"It was replaced by post {ids[1]}" in ran.err
        assert live_times(world) == [LATER]
        assert machine.run("posts", "cancel", ids[1]).code == 0
        assert live_times(world) == []

    def test_cancellation_of_both_posts_cancels_both(
        self, world: World, machine: CommandLine, ids: tuple[str, str]
    ) -> None:
        machine.run("posts", "cancel", *ids)
        assert live_times(world) == []
