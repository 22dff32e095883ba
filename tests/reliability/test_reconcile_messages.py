"""Messages of `bulk reconcile` after the journal was lost, about posts and rows without a pair."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import CalendarRow, server_posts, write_calendar
from tests.command_line import CommandLine
from tests.reliability.machines import World, make_rows_on_one_page, schedule
from tests.reliability.proxy import Exchange, Request, lose_request, lose_response, refuse

FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)


def lose_state(cli: CommandLine) -> None:
    shutil.rmtree(cli.environ["OUTREPLY_STATE_DIR"])


def test_post_claimed_by_other_row_leaves_no_ambiguity(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    calendar = tmp_path / "calendar.csv"
    old = CalendarRow("a", "facebook:acme", FIRST, "Row 0")
    new = CalendarRow("b", "facebook:acme", FIRST + timedelta(hours=8), "New Row 0")
    write_calendar(calendar, [old])
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    lose_state(cli)
    write_calendar(calendar, [old, new])
    result = cli.run("bulk", "reconcile", str(calendar), "--yes")
    assert (result.code, "unknown" in result.out) == (0, False), result
    result = cli.run("bulk", "schedule", str(calendar))
    assert result.code == 0, result
    assert server_posts(emulator).total() == 2


def test_unclaimed_post_with_the_text_of_a_row_is_named(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path
) -> None:
    # The state after a crash between creating a moved row's new post and cancelling its old one.
    page = next(str(page["id"]) for page in client.pages().items if page["platform"] == "facebook")
    posts = [
        client.schedule({"page_id": page, "message": "Row 0", "scheduled_at": f"{at:%FT%TZ}"})
        for at in (FIRST, FIRST + timedelta(minutes=45))
    ]
    left_over = str(posts[0].post.get("id") or posts[0].post.get("post_id"))
    calendar = tmp_path / "calendar.csv"
    moved = CalendarRow("a", "facebook:acme", FIRST + timedelta(minutes=45), "Row 0")
    write_calendar(calendar, [moved])
    result = cli.run("bulk", "reconcile", str(calendar), "--yes")
    assert "1 paired" in result.out + result.err, result
    assert left_over in result.out + result.err, result


def lose_responses(world: World) -> None:
    """Lose the response to each new post; from the first on, nothing is read."""
    lost = world.proxy.on("POST", "/posts/schedule", lose_response())
    unavailable = refuse(503, {"error": "unavailable"})

    def refuse_after_write(request: Request, exchange: Exchange) -> bytes | None:
        return unavailable(request, exchange) if lost.seen else None

    world.proxy.on("GET", "*", refuse_after_write)


def test_dry_run_pairs_rows_with_lost_posts(world: World, machine: CommandLine) -> None:
    calendar = world.calendar(make_rows_on_one_page(1))
    lose_responses(world)
    assert schedule(machine, calendar).code != 0
    world.proxy.recover()
    (post_id,) = world.live_ids().values()
    dry_run = machine.run("bulk", "reconcile", str(calendar), "--dry-run")
    assert dry_run.code == 0, dry_run
    assert f"paired with {post_id}" in dry_run.out, dry_run
    assert "posts cancel" not in dry_run.err, dry_run
    world.clock.advance(60)
    ran = machine.run("bulk", "reconcile", str(calendar))
    assert ran.code == 0, ran
    assert "Resolved 1 request with an unknown outcome." in ran.err, ran
    assert world.live_ids() == {"Row 0": post_id}


def test_dry_run_holds_row_whose_request_was_lost(world: World, machine: CommandLine) -> None:
    calendar = world.calendar(make_rows_on_one_page(1))
    lost = world.proxy.on("POST", "/posts/schedule", lose_request)
    unavailable = refuse(503, {"error": "unavailable"})
    world.proxy.on("GET", "*", lambda *call: unavailable(*call) if lost.seen else None)
    assert schedule(machine, calendar).code != 0
    world.proxy.recover()
    dry_run = machine.run("bulk", "reconcile", str(calendar), "--dry-run")
    assert (dry_run.code, "unknown: " in dry_run.out) == (0, True), dry_run


def test_dry_run_pairs_each_of_two_lost_posts(world: World, machine: CommandLine) -> None:
    calendar = world.calendar(make_rows_on_one_page(2))
    lose_responses(world)
    assert schedule(machine, calendar, "--concurrency", "2").code != 0
    world.proxy.recover()
    ids = world.live_ids().values()
    dry_run = machine.run("bulk", "reconcile", str(calendar), "--dry-run")
    assert all(f"paired with {post_id}" in dry_run.out for post_id in ids), dry_run
    assert "posts cancel" not in dry_run.err, dry_run


def test_edited_row_with_a_lost_post_is_not_told_to_cancel_it(
    world: World, machine: CommandLine
) -> None:
    (row,) = make_rows_on_one_page(1)
    calendar = world.calendar([row])
    lose_responses(world)
    assert schedule(machine, calendar).code != 0
    world.proxy.recover()
    world.calendar([replace(row, message="Row 0, corrected")])
    dry_run = machine.run("bulk", "reconcile", str(calendar), "--dry-run")
    assert "posts cancel" not in dry_run.err, dry_run
