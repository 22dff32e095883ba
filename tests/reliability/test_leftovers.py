"""Messages of `bulk reconcile` after the journal was lost, about posts and rows without a pair."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import CalendarRow, server_posts, write_calendar
from tests.command_line import CommandLine

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
