"""What commands say where a new user would be puzzled."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine


def test_status_counts_comments(cli: CommandLine, emulator: EmulatorServer, client: Client) -> None:
    posts = client.published_posts().items[:2]
    for post, count in zip(posts, (3, 1), strict=True):
        for number in range(count):
            emulator.handle.request(
                "comment", post_id=post["id"], message=f"Question {number}?", name="Kim"
            )
    summary = json.loads(cli.spawn("status", "--json").out)["unanswered_comments"]
    unanswered = sum(item["unanswered"] for item in summary)
    assert unanswered > len(summary)
    child = cli.at_terminal("status")
    child.expect(pexpect.EOF)
    assert f"Unanswered comments: {unanswered}" in str(child.before)


def test_status_shows_post_published_at_midnight(
    cli: CommandLine, emulator_clock: ManualClock
) -> None:
    words = ("--page", "x:bluebird", "--at", "2026-11-24 00:00", "-m", "First today")
    assert cli.run("posts", "schedule", *words).code == 0
    for hour, expected in ((0, ["published"]), (23, ["published"]), (24, [])):
        midnight = datetime(2026, 11, 23, 23, tzinfo=UTC)
        emulator_clock.current = midnight + timedelta(hours=hour)
        today = json.loads(cli.run("status", "--json").out)["today"]
        assert [post["status"] for post in today if post["message"] == "First today"] == expected


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_approve_and_reject_do_not_accept_yes(cli: CommandLine, verb: str) -> None:
    ran = cli.run("mcp", verb, "abc", "--yes")
    assert ran.code == 2
    assert "decided in a terminal; remove --yes" in ran.err


def test_clear_says_that_slots_are_gone(cli: CommandLine) -> None:
    assert cli.run("slots", "set", "facebook:acme", "daily 09:00").code == 0
    assert "Cleared the slots of " in cli.run("slots", "clear", "facebook:acme").err


def test_brand_name_without_its_prefix_is_suggested_with_it(cli: CommandLine) -> None:
    ran = cli.run("slots", "set", "acme co.", "daily 12:00")
    assert ran.code == 5
    assert "Did you mean: 'brand:Acme Co.'" in ran.err


def test_post_without_comments_prints_a_note(
    cli: CommandLine, emulator: EmulatorServer, client: Client
) -> None:
    with emulator.state.transaction() as db:
        db.execute("DELETE FROM comments")
    post = str(client.published_posts().items[0]["id"])
    ran = cli.run("comments", "list", post)
    assert (ran.code, ran.out) == (0, "")
    assert "No comments." in ran.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("post", "list"), "outreply posts"),
        (("logs",), "outreply webhooks history"),
        (("media", "rm", "x"), "outreply media delete"),
        (("emulator", "up"), "outreply emulator start"),
    ],
)
def test_command_names_of_other_tools_get_a_suggestion(
    cli: CommandLine, words: tuple[str, ...], hint: str
) -> None:
    ran = cli.run(*words)
    assert ran.code == 2
    assert f"Did you mean: {hint}" in ran.err


def test_row_at_the_time_of_another_post_is_rejected(cli: CommandLine, tmp_path: Path) -> None:
    words = ("posts", "schedule", "--page", "facebook:acme", "--at", "2026-12-24 18:00")
    assert cli.run(*words, "-m", "Other", "--key", "launch").code == 0
    calendar = tmp_path / "launch.csv"
    calendar.write_text("page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,Row\n")
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 2
    assert "the account has a post on this page at this time" in ran.err
    assert "posts --key" not in ran.err


def test_end_of_input_cancels_an_approval(cli: CommandLine, tmp_path: Path) -> None:
    calendar = tmp_path / "launch.csv"
    calendar.write_text("page,scheduled_at,message\nfacebook:acme,2036-12-24 18:00,Row\n")
    child = cli.at_terminal("bulk", "approve", str(calendar))
    child.expect("Your name: ")
    child.sendeof()
    child.expect("nothing was approved")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
    assert [path.name for path in tmp_path.iterdir() if "approv" in path.name] == []
