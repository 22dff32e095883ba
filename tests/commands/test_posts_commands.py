"""One-off posts through the command line, against the emulator."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pexpect
import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.sender import Sender
from outreply_cli.posts.service import PostService
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.media.sample_files import png


def schedule(cli: CommandLine, *more: str, at: str = "2026-12-24 18:00") -> Any:
    ran = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--at", at, "-m", "Hello", "--json", *more
    )
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def times(client: Client) -> list[str]:
    return sorted(post["scheduled_at"][:16] for post in client.scheduled_posts().items)


def test_a_post_is_scheduled_in_the_zone_that_was_asked_for(
    cli: CommandLine, client: Client
) -> None:
    assert schedule(cli)["scheduled_at"] == "2026-12-24T17:00:00.000Z"
    assert schedule(cli, "--tz", "Asia/Tokyo")["scheduled_at"] == "2026-12-24T09:00:00.000Z"
    post = cli.run(
        "posts", "schedule", "--page", "x:bluebird", "--at", "2026-12-24 18:00", "--tz", "brand",
        "-m", "Hi", "--json",
    )  # fmt: skip
    assert json.loads(post.out)["scheduled_at"] == "2026-12-24T23:00:00.000Z"
    shown = cli.run("posts", "list")
    assert "Thu 24 Dec 2026 18:00 CET (17:00 UTC)" in shown.out


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Asia/Tokyo", "18:00 JST (09:00 UTC)"), ("brand", "18:00 EST (23:00 UTC)"),
     (None, "18:00 CET (17:00 UTC)")],
)  # fmt: skip
def test_a_time_is_shown_in_the_zone_that_it_was_read_in(
    cli: CommandLine, zone: str | None, shown: str
) -> None:
    words = ("--page", "x:bluebird", "--at", "2026-12-24 18:00", "-m", "Hi")
    ran = cli.run("posts", "schedule", *words, *(["--tz", zone] if zone else []))
    assert f"Thu 24 Dec 2026 {shown}" in ran.out


def test_pages_of_brands_in_different_zones_each_get_their_own_time(
    cli: CommandLine, client: Client
) -> None:
    words = ("--page", "x:bluebird", "--page", "instagram:acme", "-m", "Hi", "--tz", "brand")
    ran = cli.run("posts", "schedule", *words, "--at", "2026-12-24 18:00")
    assert times(client) == ["2026-12-24T17:00", "2026-12-24T23:00"]
    assert "Fri 25 Dec 2026 00:00 CET (24 Dec 23:00 UTC)" in ran.out


@pytest.mark.parametrize(
    ("name", "platform"),
    [("instagram:acme", "instagram"), ("IG:acme", "instagram"), ("ig:@Acme", "instagram"),
     ("x:bluebird", "twitter"), ("TW:bluebird", "twitter"), ("Acme Company", "linkedin")],
)  # fmt: skip
def test_a_page_has_many_names(cli: CommandLine, name: str, platform: str) -> None:
    shown = cli.run("pages", "show", name, "--json")
    assert json.loads(shown.out)["platform"] == platform
    page_id = json.loads(shown.out)["id"]
    assert json.loads(cli.run("pages", "show", page_id, "--json").out)["id"] == page_id


def test_an_ambiguous_name_lists_the_candidates(cli: CommandLine) -> None:
    ran = cli.run("pages", "show", "Acme Official")
    assert ran.code == 2
    assert "facebook:acme" in ran.err
    assert "instagram:acme" in ran.err


def test_several_pages_get_a_post_each(cli: CommandLine) -> None:
    ran = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--page", "facebook:acme",
        "--at", "in 3h", "-m", "Hi", "-q",
    )  # fmt: skip
    assert ran.code == 0
    assert len(ran.out.split()) == 2


def test_the_message_comes_from_a_file_stdin_or_an_editor(
    cli: CommandLine, tmp_path: Path, client: Client
) -> None:
    file = tmp_path / "message.txt"
    file.write_text("From a file ünï\n", encoding="utf-8")
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'From an editor' > \"$1\"\n")
    editor.chmod(0o755)
    words = ("posts", "schedule", "--page", "instagram:acme", "--at")
    assert cli.run(*words, "in 3h", "-F", str(file)).code == 0
    assert cli.run(*words, "in 4h", "-F", "-", stdin="From stdin\n").code == 0
    assert cli.run(*words, "in 5h", "--edit", env={"EDITOR": str(editor)}).code == 0
    assert [post["message"] for post in client.scheduled_posts().items] == [
        "From a file ünï", "From stdin", "From an editor",
    ]  # fmt: skip
    assert cli.run(*words, "in 6h", "--edit").code == 2
    assert cli.run(*words, "in 6h", "-m", "x", "-F", str(file)).code == 2


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("-m", "x" * 5001), "5,001"),
        (("-m", " "), "neither a message nor any media"),
        (("-m", "x", "--media", "http://127.0.0.1/a.png"), "private address"),
        (("-m", "x", "--media", "https://2130706433/a.png"), "private address"),
        (("-m", "x", "--media", "https://[::ffff:10.0.0.1]/a.png"), "private address"),
        (("-m", "x", "--media", "https://user@example.com/a.png"), "user name"),
        (("-m", "x", "--media", "ftp://example.com/a.png"), "https://"),
        (("-m", "x", "--tiktok", "{}"), "mean nothing"),
        (("-m", "x", "--tiktok", "[1]"), "must be an object"),
        (("-m", "x", "--first-comment", "a\x00b"), "NUL"),
    ],
)
def test_what_can_be_known_to_be_wrong_is_not_sent(
    cli: CommandLine, client: Client, more: tuple[str, ...], told: str
) -> None:
    ran = cli.run("posts", "schedule", "--page", "instagram:acme", "--at", "in 3h", *more)
    assert ran.code == 2
    assert told in ran.err
    assert client.scheduled_posts().items == []


def test_a_dry_run_sends_nothing(cli: CommandLine, client: Client) -> None:
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "in 3h", "-m", "x")
    ran = cli.run(*words, "--dry-run")
    assert ran.code == 0
    assert ran.out.startswith("\tMon 23 Nov 2026 16:00 CET (15:00 UTC)\tinstagram:acme")
    # There is no id yet.
    assert cli.run(*words, "--dry-run", "-q").out == ""
    assert client.scheduled_posts().items == []


def test_the_same_occasion_twice_is_one_post(cli: CommandLine, client: Client) -> None:
    first = schedule(cli, "--key", "launch")
    again = schedule(cli, "--key", "launch")
    later = schedule(cli, "--key", "launch", at="2026-12-25 18:00")
    assert first["id"] == again["id"] == later["id"]
    assert schedule(cli, "--key", "other", at="2026-12-26 18:00")["id"] != first["id"]
    assert len(times(client)) == 2


def test_the_same_occasion_on_a_fresh_machine_is_one_post(
    cli: CommandLine, client: Client, emulator_clock: ManualClock
) -> None:
    first = schedule(cli, "--key", "launch")
    cli.environ["OUTREPLY_STATE_DIR"] = str(cli.home / "another")
    assert schedule(cli, "--key", "launch")["id"] == first["id"]
    cli.environ["OUTREPLY_STATE_DIR"] = str(cli.home / "third")
    emulator_clock.advance(3600)
    other_time = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--at", "in 9h", "-m", "Hello",
        "--key", "launch",
    )  # fmt: skip
    assert other_time.code == 1
    assert "has its post already" in other_time.err
    assert len(times(client)) == 1


def test_publish_needs_a_yes_where_nobody_can_be_asked(cli: CommandLine, client: Client) -> None:
    ran = cli.run("posts", "publish", "--page", "x:bluebird", "-m", "Live")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert "Live" not in [post["message"] for post in client.published_posts().items]


def test_publish_goes_out_at_once_and_its_key_holds(cli: CommandLine, client: Client) -> None:
    words = (
        "posts",
        "publish",
        "--page",
        "x:bluebird",
        "-m",
        "Live",
        "--key",
        "v1.2",
        "--yes",
        "--json",
    )
    first = cli.run(*words)
    assert first.code == 0, first.err
    assert json.loads(first.out)["status"] == "published"
    assert cli.run(*words).code == 0
    assert [p["message"] for p in client.published_posts().items].count("Live") == 1


def test_reschedule_makes_the_new_post_before_the_old_one_goes(
    cli: CommandLine, client: Client
) -> None:
    post = schedule(cli, "--first-comment", "Me first")
    ran = cli.run("posts", "reschedule", post["id"], "--at", "2026-12-25 18:00", "-v", "--json")
    assert ran.code == 0, ran.err
    assert times(client) == ["2026-12-25T17:00"]
    new = client.scheduled_post(json.loads(ran.out)["id"])
    assert (new["message"], new["first_comment"]) == ("Hello", "Me first")
    assert ran.err.index("POST ") < ran.err.index("DELETE ")
    moved_again = cli.run("posts", "reschedule", new["id"], "--at", "2026-12-26 18:00")
    assert moved_again.code == 0
    assert times(client) == ["2026-12-26T17:00"]
    assert cli.run("posts", "reschedule", post["id"], "--at", "2026-12-27 18:00").code == 5


STEPS = ("before sent", "before request", "after request", "after done", "before delete",
         "after delete", "after cancelled")  # fmt: skip


class KilledError(BaseException):
    """Stands for the end of the process: nothing of ours catches it."""


@pytest.fixture
def posts(cli: CommandLine, client: Client) -> PostService:
    return PostService(client, Path(cli.environ["OUTREPLY_STATE_DIR"]), lambda _: None)


@pytest.mark.parametrize("step", STEPS)
def test_a_reschedule_killed_anywhere_is_finished_by_the_next_command(
    cli: CommandLine, client: Client, step: str
) -> None:
    post = schedule(cli)

    class DyingPosts(PostService):
        def _sender(self, journal: Journal) -> Sender:
            def die(name: str) -> None:
                if name == step:
                    raise KilledError

            return Sender(client, journal, die)

    state = Path(cli.environ["OUTREPLY_STATE_DIR"])
    moment = client.now().replace(month=12, day=25, hour=17, minute=0)
    with pytest.raises(KilledError):
        DyingPosts(client, state, lambda _: None).reschedule(post["id"], moment)
    assert times(client), "the page is never without its post"
    assert cli.run("posts", "cancel", "68a100000000000000000001").code == 5
    assert len(times(client)) == 1
    ran = cli.run("posts", "reschedule", client.scheduled_posts().items[0]["id"],
                  "--at", "2026-12-25 18:00")  # fmt: skip
    assert ran.code == 0
    assert times(client) == ["2026-12-25T17:00"]


def test_wait_ends_when_the_post_is_out(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    post = schedule(cli, at="in 20m")
    ran = cli.run("posts", "wait", post["id"], "--timeout", "30m", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["status"] == "published"
    late = schedule(cli, at="in 3h")
    assert cli.run("posts", "wait", late["id"], "--timeout", "10m").code == 1
    emulator.state.connection.execute("UPDATE posts SET status = 'failed' WHERE id = ?",
                                      (late["id"],))  # fmt: skip
    assert cli.run("posts", "wait", late["id"]).code == 1
    assert cli.run("posts", "wait", "nope").code == 5


def test_a_cancelled_post_is_gone_and_its_row_knows(
    cli: CommandLine, client: Client, posts: PostService
) -> None:
    post = schedule(cli)
    assert cli.run("posts", "cancel", post["id"]).code == 0
    assert times(client) == []
    assert cli.run("posts", "cancel", post["id"]).code == 5
    # Named twice it is no batch.
    assert cli.run("posts", "cancel", post["id"], post["id"]).code == 5
    content = PostContent(message="Hi")
    page = client.pages(platform="instagram").items[0]
    moment = client.now().replace(day=30)
    (made,) = posts.post([page], content, scheduled_at=moment, occasion="k")
    assert made.post is not None
    posts.cancel(made.post["id"])
    (again,) = posts.post([page], content, scheduled_at=moment, occasion="k")
    assert again.post is not None
    assert again.post["id"] != made.post["id"]


def test_published_posts_are_listed_since_a_time(cli: CommandLine) -> None:
    everything = json.loads(cli.run("posts", "list", "--published", "--json").out)
    assert len(everything) == 4
    lately = json.loads(cli.run("posts", "list", "--published", "--since", "24h", "--json").out)
    assert len(lately) == 2
    only = cli.run("posts", "list", "--all", "--page", "instagram:acme", "--limit", "1", "--json")
    assert [post["platform"] for post in json.loads(only.out)] == ["instagram"]


def test_scheduled_posts_before_since_are_not_among_the_limit(cli: CommandLine) -> None:
    ids = [schedule(cli, at=f"2026-12-2{day} 18:00")["id"] for day in (1, 2, 3)]
    words = ("posts", "list", "--since", "2026-12-22", "-q", "--limit")
    assert cli.run(*words, "1").out.split() == ids[1:2]
    assert cli.run(*words, "5").out.split() == ids[1:]


def test_commands_at_once_end_in_one_post(cli: CommandLine, client: Client) -> None:
    def at_once(*command_lines: tuple[str, ...]) -> list[int]:
        processes = [
            subprocess.Popen(
                cli.words(*words), env=cli.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for words in command_lines
        ]
        for process in processes:
            process.communicate(timeout=60)
        return [process.returncode for process in processes]

    words = ("posts", "schedule", "--page", "facebook:acme", "-m", "Once", "--key", "k", "--at")
    assert at_once(*[(*words, "2026-12-25 10:00")] * 4) == [0] * 4
    (post,) = client.scheduled_posts().items
    moves = [("posts", "reschedule", post["id"], "--at", f"2026-12-25 1{n}:30") for n in range(4)]
    assert sorted(at_once(*moves)) == [0, 5, 5, 5]
    assert len(times(client)) == 1
    publish = ("posts", "publish", "--page", "x:bluebird", "-m", "Now", "--key", "k", "--yes")
    assert at_once(*[publish] * 4) == [0] * 4
    assert [p["message"] for p in client.published_posts().items].count("Now") == 1


@pytest.mark.parametrize(
    ("more", "told"), [((), "Look before you run it again"), (("--key", "k"), "Run the same again")]
)
def test_a_post_that_may_have_been_made_is_told_as_such(
    cli: CommandLine, emulator: EmulatorServer, more: tuple[str, ...], told: str
) -> None:
    emulator._emulator._faults.add("drop-after", method="POST", path="/posts/schedule", times=100)
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "in 3h", "-m", "Hi", *more)
    ran = cli.run(*words)
    assert ran.code == 7
    assert "may have been made all the same" in ran.err
    assert told in ran.err


def test_an_upload_for_a_post_has_a_bar_on_a_terminal_alone(
    cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "first.png").write_bytes(png())
    words = (
        "posts", "schedule", "--page", "instagram:acme", "--media", str(tmp_path / "first.png"),
    )  # fmt: skip
    ran = cli.spawn(*words, "--at", "in 3h")
    assert ran.code == 0, ran.err
    assert "Total" not in ran.out + ran.err
    (tmp_path / "first.png").write_bytes(png(b"other"))
    child = cli.at_terminal(*words, "--at", "in 5h", env={"NO_COLOR": "1"}, columns=100)
    child.expect("Total of 1")
    child.expect(pexpect.EOF)
    shown = str(child.before)
    child.close()
    assert child.exitstatus == 0
    assert "first.png" in shown


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("acme", "facebook:acme or instagram:acme"),
        ("@ACME", "facebook:acme or instagram:acme"),
        ("mastodon:bluebird", "twitter:bluebird"),
        ("acme company", "Acme Company or Acme Official"),
        ("instagram:acne", "instagram:acme"),
    ],
)
def test_a_page_that_is_none_is_answered_with_those_that_may_be_meant(
    cli: CommandLine, typed: str, meant: str
) -> None:
    ran = cli.run("posts", "schedule", "--page", typed, "--at", "in 2h", "-m", "Hi")
    assert ran.code == 2
    assert f"Did you mean {meant}?" in ran.err


def test_published_posts_have_their_time_in_csv_too(cli: CommandLine) -> None:
    for more in (["--published"], ["--all"]):
        lines = cli.run("posts", "list", *more, "-o", "csv", "--limit", "1").out.splitlines()
        assert lines[0] == "id,scheduled_at,published_at,page_id,status,message"
        assert lines[1].split(",")[2].startswith("2026-11-2")
    assert cli.run("posts", "list", "-o", "csv").out == "id,scheduled_at,page_id,message\n"


def test_one_exported_post_is_one(cli: CommandLine, tmp_path: Path) -> None:
    schedule(cli)
    ran = cli.run("posts", "export", "--ics", str(tmp_path / "a.ics"))
    assert ran.err == f"1 post is in {tmp_path / 'a.ics'}.\n"
