"""`outreply comments`: threads, the inbox, watching, replying and a pass at a terminal."""

import json
import re
import sys
from pathlib import Path

import pexpect
import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine

HOSTILE = (
    "\x1b]52;c;cm0gLXJm\x07\x1b[2J\x1b]8;;http://evil\x07link\x1b]8;;\x07 [bold red]markup[/] "
    "\u202egnitirw\u202c \u200b\u2066x\u2069 \x9b31m ünï \U0001f469\u200d\U0001f467 עברית "
    + "y"
    * 50_000
)


@pytest.fixture
def post(cli: CommandLine) -> str:
    listed = json.loads(cli.run("posts", "list", "--published", "--json").out)
    return str(listed[0]["id"])


def add_comment(emulator: EmulatorServer, post: str, message: str) -> str:
    told = emulator.running.request(
        "comment", post_id=post, message=message, name="Jane Doe", username="jane.doe"
    )
    return str(told["id"])


def test_a_posts_comments_are_listed_filtered_and_found_by_address(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    mine = add_comment(emulator, post, "Is it OPEN on Sunday?")
    everything = json.loads(cli.run("comments", "list", post, "--json").out)
    assert mine in {one["id"] for one in everything}
    assert {"author", "message", "created_at", "replies_count", "parent_id"} <= set(everything[0])
    asked = json.loads(cli.run("comments", "list", post, "--contains", "open on", "--json").out)
    assert [one["id"] for one in asked] == [mine]
    address = json.loads(cli.run("posts", "list", "--published", "--json").out)[0]["permalink"]
    same = json.loads(cli.run("comments", "list", address, "--json").out)
    assert len(same) == len(everything)
    assert cli.run("comments", "reply", mine, "-m", "Yes!").code == 0
    left = json.loads(cli.run("comments", "list", post, "--unanswered", "--json").out)
    assert mine not in {one["id"] for one in left}
    assert cli.run("comments", "list", "https://nowhere.example/p").code == 2
    assert cli.run("comments", "list", "nobody").code == 5


def test_the_inbox_shows_what_is_new_and_costs_a_read_a_post(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    first = cli.run("comments", "inbox", "--days", "365", "--json", "-v")
    assert first.code == 0, first.err
    posts = len(json.loads(cli.run("posts", "list", "--published", "--json").out))
    assert first.err.count("GET /api/v1/comments") == posts
    assert json.loads(first.out)
    again = cli.run("comments", "inbox", "--days", "365", "--json")
    assert json.loads(again.out) == []
    mine = add_comment(emulator, post, "And on Monday?")
    fresh = json.loads(cli.run("comments", "inbox", "--days", "365", "--json").out)
    assert [one["id"] for one in fresh] == [mine]
    assert cli.run("comments", "reply", mine, "-m", "Closed").code == 0
    after = cli.run("comments", "inbox", "--days", "365", "--json")
    assert json.loads(after.out) == []
    assert "0 new comments" in after.err
    every = json.loads(cli.run("comments", "inbox", "--days", "365", "--all", "--json").out)
    assert len(every) == len(json.loads(first.out)) + 2
    waits = [one["waits"] for one in every]
    assert any(waits)


def test_an_answered_comment_is_asked_about(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    mine = add_comment(emulator, post, "Is it open?")
    assert cli.run("comments", "reply", mine, "-m", "Yes").code == 0
    same = cli.run("comments", "reply", mine, "-m", "Yes", "--json")
    assert same.code == 0
    other = cli.run("comments", "reply", mine, "-m", "No")
    assert other.code == 2
    assert "--yes" in other.err
    assert re.search(r'already answered at \w{3} \d\d \w{3} \d\d:\d\d .* with "Yes"', other.err)
    assert cli.run("comments", "reply", mine, "-m", "No", "--yes").code == 0
    listed = json.loads(cli.run("comments", "list", post, "--json").out)
    assert sorted(one["message"] for one in listed if one["parent_id"] == mine) == ["No", "Yes"]


def test_an_answer_from_elsewhere_is_told_too(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    mine = add_comment(emulator, post, "Is it open?")
    elsewhere = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    assert cli.run("comments", "reply", mine, "-m", "Yes", env=elsewhere).code == 0
    assert cli.run("comments", "list", post).code == 0
    other = cli.run("comments", "reply", mine, "-m", "No")
    assert other.code == 2
    assert 'with "Yes"' in other.err


def test_a_reply_that_may_have_arrived_is_told_as_such(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    mine = add_comment(emulator, post, "Is it open?")
    faults = emulator._emulator._faults
    faults.add("drop-after", method="POST", path="/comments/reply", times=100)
    lost = cli.run("comments", "reply", mine, "-m", "Yes")
    faults.clear()
    assert lost.code == 7
    assert "may have been sent all the same" in lost.err
    assert "Run the same again" in lost.err
    again = cli.run("comments", "reply", mine, "-m", "Yes")
    assert again.code == 0, again.err
    listed = json.loads(cli.run("comments", "list", post, "--json").out)
    assert [one["message"] for one in listed if one["parent_id"] == mine] == ["Yes"]


def test_a_template_knows_who_is_answered(
    cli: CommandLine, emulator: EmulatorServer, post: str, tmp_path: Path
) -> None:
    mine = add_comment(emulator, post, "Nice")
    template = tmp_path / "thanks.txt"
    template.write_text("Thank you, {author}!\n")
    unknown = cli.run("comments", "reply", mine, "--template", str(template))
    assert unknown.code == 2
    assert "comments list" in unknown.err
    cli.run("comments", "list", post)
    done = cli.run("comments", "reply", mine, "--template", str(template), "--json")
    assert json.loads(done.out)["message"] == "Thank you, Jane Doe!"


def test_watch_shows_each_once_and_runs_a_command_without_the_token(
    cli: CommandLine,
    emulator: EmulatorServer,
    post: str,
    tmp_path: Path,
    emulator_clock: ManualClock,
) -> None:
    mine = add_comment(emulator, post, "Now?")
    emulator_clock.advance(60)
    out = tmp_path / "out"
    program = (
        "import json, os, sys; item = json.load(sys.stdin); "
        "open(sys.argv[1], 'a').write(item['id'] + os.environ['OUTREPLY_COMMENT'] + "
        "str('OUTREPLY_API_KEY' in os.environ))"
    )
    ran = cli.run(
        "comments", "watch", "--days", "365", "--since", "2m", "--max", "3", "-o", "jsonl",
        "--exec", f"{sys.executable} -c {json.dumps(program)} {out}",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (line,) = ran.out.splitlines()
    assert json.loads(line)["id"] == mine
    assert out.read_text() == f"{mine}{mine}False"
    assert sum(emulator_clock.sleeps) >= 120


def test_hostile_comments_can_not_steer_the_terminal_and_json_keeps_them(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    add_comment(emulator, post, HOSTILE)
    child = cli.at_terminal("comments", "list", post, "--no-color", columns=100)
    child.expect(pexpect.EOF)
    shown = str(child.before)
    child.close()
    assert child.exitstatus == 0
    for part in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u2066", "\u200b"):
        assert part not in shown
    assert max(len(line) for line in shown.splitlines()) <= 130
    kept = json.loads(cli.run("comments", "list", post, "--json").out)
    assert HOSTILE in {one["message"] for one in kept}


def test_a_pass_replies_skips_takes_back_and_resumes(
    cli: CommandLine, emulator: EmulatorServer, post: str, emulator_clock: ManualClock
) -> None:
    assert cli.run("comments", "triage").code == 2
    for one in json.loads(cli.run("comments", "inbox", "--days", "365", "--all", "--json").out):
        if one["waits"]:
            cli.run("comments", "reply", one["id"], "-m", "Thanks", "--yes")
    first = add_comment(emulator, post, "First question?")
    emulator_clock.advance(60)
    second = add_comment(emulator, post, "Second question?")
    child = cli.at_terminal("comments", "triage", "--days", "365", columns=100)
    child.expect("First question")
    child.expect("uit\\? ")
    child.sendline("r")
    child.expect("Reply: ")
    child.sendline("Wrong answer")
    child.expect("Second question")
    child.sendline("u")
    child.expect("Taken back")
    child.expect("First question")
    child.expect("uit\\? ")
    child.sendline("r")
    child.expect("Reply: ")
    child.sendline("Right answer")
    child.expect("Second question")
    child.expect("uit\\? ")
    child.sendline("q")
    child.expect("1 sent, 0 skipped, 1 left")
    child.expect(pexpect.EOF)
    child.close()
    listed = json.loads(cli.run("comments", "list", post, "--json").out)
    answers = {one["message"] for one in listed if one["parent_id"] == first}
    assert answers == {"Right answer"}
    child = cli.at_terminal("comments", "triage", "--days", "365", columns=100)
    child.expect("Second question")
    child.sendline("s")
    child.expect("0 sent, 1 skipped, 0 left")
    child.close()
    child = cli.at_terminal("comments", "triage", "--days", "365", columns=100)
    child.expect("0 sent, 0 skipped, 0 left")
    child.close()
    assert second in {one["id"] for one in listed}


def test_the_inbox_of_many_posts_keeps_to_the_budget(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    page = json.loads(cli.run("pages", "list", "--json").out)[4]
    with emulator.state.transaction() as db:
        for number in range(100):
            db.execute(
                "INSERT INTO posts (id, page_id, status, created_at, published_at, remote_id, "
                "permalink, message, media) VALUES (?, ?, 'published', ?, ?, ?, '', 'x', '[]')",
                (f"post{number}", page["id"], 0, emulator_clock.now().timestamp() - number,
                 f"remote{number}"),
            )  # fmt: skip
    ran = cli.run("comments", "inbox", "--days", "1", "-v")
    assert ran.code == 0, ran.err
    assert ran.err.count("GET /api/v1/comments") == 101
    assert "101 posts, a read each" in ran.err
    assert " 429 " not in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["reply", "c_1", "-m", ""], ["reply", "c_1"], ["reply", "c_1", "-m", "\ud800"],
        ["reply", "c_1", "-m", "x" * 5_001],
        ["reply", "c_1", "-F", "/no/such/file"], ["reply", "c_1", "-m", "x", "--edit"],
        ["inbox", "--days", "0"], ["watch", "--interval", "0s"], ["watch", "--exec", "'"],
        ["watch", "-o", "csv"], ["triage"],
    ],
    ids=lambda words: " ".join(words)[:30],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_without_an_account(
    cli_logged_out: CommandLine, words: list[str]
) -> None:
    ran = cli_logged_out.run("comments", *words)
    assert ran.code == 2, ran.err


def test_no_post_and_an_unreadable_time_are_refused(cli: CommandLine) -> None:
    assert cli.run("comments", "list", "").code == 2
    assert cli.run("comments", "inbox", "--since", "nonsense").code == 2
