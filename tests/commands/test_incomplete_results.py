"""Reported effects match actual effects: cancelled, sent, exported, shown."""

import csv
import io
import json
import signal
from typing import Any

import pexpect
import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.commands.test_comment_commands import add_comment, replies
from tests.media.sample_files import jpeg


def run_json(cli: CommandLine, *words: str) -> Any:
    ran = cli.run(*words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def add_scheduled(emulator: EmulatorServer, page_id: str, count: int, at: float) -> None:
    with emulator.state.transaction() as db:
        for number in range(count):
            db.execute(
                "INSERT INTO posts (id, page_id, status, created_at, scheduled_at, message, media) "
                "VALUES (?, ?, 'scheduled', 0, ?, ?, '[]')",
                (f"{page_id[:8]}{number:016}", page_id, at + 60 * number, f"Post {number}"),
            )


def pages(cli: CommandLine) -> dict[str, str]:
    return {page["platform"]: page["id"] for page in run_json(cli, "pages", "list")}


@pytest.fixture
def post(cli: CommandLine) -> str:
    return str(run_json(cli, "posts", "list", "--published")[0]["id"])


@pytest.mark.parametrize("key", [(), ("--key", "launch")])
def test_cancel_says_what_it_cancelled(cli: CommandLine, key: tuple[str, ...]) -> None:
    words = ("--page", "instagram:acme", "--at", "2026-12-24 18:00", "-m", "Merry\nChristmas")
    post_id = cli.run("posts", "schedule", *words, "-q", *key).out.strip()
    ran = cli.run("posts", "cancel", post_id)
    expected = 'instagram:acme, Thu 24 Dec 18:00 (17:00Z), "Merry Christmas"'
    assert ran.out == f"Cancelled {post_id}: {expected}\n"


def test_cancel_escapes_control_characters(cli: CommandLine) -> None:
    words = ("--page", "x:bluebird", "--at", "+1d", "-m", "a\x1b[2Jb")
    post_id = cli.run("posts", "schedule", *words, "-q").out.strip()
    assert "\x1b" not in cli.run("posts", "cancel", post_id).out


def test_cancel_of_several_says_each_and_what_failed(cli: CommandLine) -> None:
    ids = [
        cli.run("posts", "schedule", "--page", "x:bluebird", "--at", at, "-m", at, "-q").out.strip()
        for at in ("+1d", "+2d")
    ]
    ran = cli.run("posts", "cancel", *ids, "68a100000000000000000001")
    assert ran.code == 3
    assert ['"+1d"' in ran.out, '"+2d"' in ran.out, len(ran.out.splitlines())] == [True, True, 2]


def start_triage(cli: CommandLine, *options: str) -> "pexpect.spawn[str]":
    child = cli.at_terminal("comments", "triage", "--days", "365", *options, columns=100)
    child.expect("uit\\? ")
    return child


def queue_reply(child: "pexpect.spawn[str]") -> None:
    child.sendline("r")
    child.expect("Reply: ")
    child.sendline("Not sure yet")
    child.expect("uit\\? ")


@pytest.fixture
def two_questions(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, post: str
) -> list[str]:
    """The IDs of the only unanswered comments."""
    emulator.state.connection.execute("DELETE FROM comments")
    first = add_comment(emulator, post, "First question?")
    emulator_clock.advance(60)
    return [first, add_comment(emulator, post, "Second question?")]


@pytest.mark.parametrize("exit_by", ["interrupt", "eof", "hangup"])
def test_interrupted_triage_sends_nothing_unconfirmed(
    cli: CommandLine, post: str, two_questions: list[str], exit_by: str
) -> None:
    child = start_triage(cli)
    queue_reply(child)
    if exit_by == "interrupt":
        child.sendintr()
    elif exit_by == "eof":
        child.sendeof()
    else:
        child.kill(signal.SIGHUP)
    child.expect(pexpect.EOF)
    child.close()
    if exit_by != "hangup":
        assert child.exitstatus == 130
        assert "interrupted; the last reply, to @jane.doe, was not sent" in str(child.before)
        assert "0 sent, 0 skipped, 1 left." in str(child.before)
    assert replies(cli, post, two_questions[0]) == []


@pytest.mark.parametrize("choice", ["q", "r", "s"])
def test_inbox_shows_what_triage_did_not_show(
    cli: CommandLine,
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    post: str,
    two_questions: list[str],
    *,
    choice: str,
) -> None:
    first, second = two_questions
    emulator_clock.advance(60)
    answered = add_comment(emulator, post, "Answered elsewhere?")
    elsewhere = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    words = ("comments", "reply", answered, "-m", "Yes", "--yes")
    assert cli.run(*words, env=elsewhere).code == 0
    child = start_triage(cli)
    if choice == "r":
        queue_reply(child)
    elif choice == "s":
        child.sendline("s")
        child.expect("Second question")
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()
    inbox = cli.run("comments", "inbox", "--days", "365", "-q").out.split()
    assert inbox == [*[first] * (choice == "q"), second, answered]


def test_triage_warns_of_comments_that_are_not_listed(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    for number in range(101):
        add_comment(emulator, post, f"Question {number}?")
    child = start_triage(cli)
    assert "there may be more comments than the API lists" in str(child.before)
    child.close()


def test_interrupt_in_a_reply_sends_nothing(
    cli: CommandLine, post: str, two_questions: list[str]
) -> None:
    child = start_triage(cli)
    child.sendline("r")
    child.expect("Reply: ")
    child.send("Half a rep")
    child.sendintr()
    child.expect("no reply was waiting to be sent")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert replies(cli, post, two_questions[0]) == []


def test_triage_sends_confirmed_reply(
    cli: CommandLine, post: str, two_questions: list[str]
) -> None:
    child = start_triage(cli)
    queue_reply(child)
    child.sendline("o")
    child.expect("uit\\? ")
    child.sendline("s")
    child.expect("1 sent, 1 skipped, 0 left")
    child.expect(pexpect.EOF)
    child.close()
    assert replies(cli, post, two_questions[0]) == ["Not sure yet"]


def test_interrupt_while_a_confirmed_reply_is_sent_has_an_unknown_outcome(
    cli: CommandLine, emulator: EmulatorServer, post: str, two_questions: list[str]
) -> None:
    options = {"method": "POST", "path": "/comments/reply", "times": 1}
    emulator.handle.request("fault", add="rate-limit:60", options=options)
    child = start_triage(cli)
    queue_reply(child)
    # The confirmed reply waits to be sent again when the interrupt arrives.
    child.sendline("s")
    child.expect("retrying in")
    child.sendintr()
    child.expect("the last reply, to @jane.doe, may have been sent")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    # The same reply is sent once, even if the first request was carried out.
    assert cli.run("comments", "reply", two_questions[0], "-m", "Not sure yet").code == 0
    assert replies(cli, post, two_questions[0]) == ["Not sure yet"]


def fail_comments(emulator: EmulatorServer, method: str | None = None) -> None:
    options = {"method": method, "path": "/comments*"}
    emulator.handle.request("fault", add="status:503", options=options)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_triage_undoes_only_what_was_not_sent(
    cli: CommandLine, emulator: EmulatorServer, post: str, two_questions: list[str], method: str
) -> None:
    is_uncertain = method == "POST"
    child = start_triage(cli, "--max-wait", "1s")
    queue_reply(child)
    fail_comments(emulator, method)
    child.sendline("s")
    child.expect("Warning: .*uit\\? ")
    child.sendline("u")
    child.expect("cannot be undone; enter q" if is_uncertain else "Undone; nothing was sent")
    child.expect("uit\\? ")
    if not is_uncertain:
        queue_reply(child)
    # Now no reply can be sent again.
    fail_comments(emulator, "GET")
    child.sendline("q")
    child.expect("0 sent, 0 skipped, 1 left")
    child.expect(f"reply, to @jane.doe, {'may have been' if is_uncertain else 'was not'} sent: ")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 7
    emulator.handle.request("fault", clear=None)
    assert replies(cli, post, two_questions[0]) == []


def test_triage_finishes_a_reply_with_unknown_outcome(
    cli: CommandLine, emulator: EmulatorServer, post: str, two_questions: list[str]
) -> None:
    child = start_triage(cli, "--max-wait", "1s")
    queue_reply(child)
    fail_comments(emulator, "POST")
    child.sendline("s")
    child.expect("the reply may have been sent.*uit\\? ")
    emulator.handle.request("fault", clear=None)
    child.sendline("s")
    child.expect("1 sent, 1 skipped, 0 left")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert replies(cli, post, two_questions[0]) == ["Not sure yet"]


@pytest.mark.parametrize("state", ["state", "elsewhere"], ids=["same store", "other machine"])
@pytest.mark.parametrize(
    ("text", "answer"), [("No", "n"), ("No", "y"), ("Not sure yet", None)], ids=str
)
def test_triage_asks_before_it_answers_again(
    cli: CommandLine, two_questions: list[str], state: str, text: str, answer: str | None
) -> None:
    child = start_triage(cli)
    queue_reply(child)
    other = {"OUTREPLY_STATE_DIR": str(cli.home / state)}
    assert cli.run("comments", "reply", two_questions[0], "-m", text, env=other).code == 0
    child.sendline("q")
    if answer is not None:
        child.expect('by @jane.doe was already answered on .* with "No". Send your reply as well')
        child.sendline(answer)
    child.expect(f"{int(answer != 'n')} sent, 0 skipped, 1 left")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    post = str(run_json(cli, "posts", "list", "--published")[0]["id"])
    expected = {text} if answer == "n" else {text, "Not sure yet"}
    assert replies(cli, post, two_questions[0]) == sorted(expected)


def test_skipped_comment_is_not_counted_as_unanswered(
    cli: CommandLine, two_questions: list[str]
) -> None:
    assert two_questions
    child = start_triage(cli)
    child.sendline("s")
    child.expect("uit\\? ")
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()
    inbox = cli.run("comments", "inbox", "--days", "365", "--json")
    assert [item["id"] for item in json.loads(inbox.out)] == two_questions[1:]
    assert "1 unanswered, 0 new comments;" in inbox.err
    assert sum(item["unanswered"] for item in run_json(cli, "status")["unanswered_comments"]) == 1


EXPORTS = [
    ("bulk", "export"),
    ("posts", "export", "--csv", "-"),
    ("posts", "export", "--ics", "-"),
]


def count_posts(text: str) -> int:
    if text.startswith("BEGIN:VCALENDAR"):
        return text.count("BEGIN:VEVENT")
    return len(list(csv.DictReader(io.StringIO(text))))


@pytest.mark.parametrize("words", EXPORTS, ids=" ".join)
def test_export_holds_more_than_one_list(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, words: tuple[str, ...]
) -> None:
    at = emulator_clock.now().timestamp() + 86_400
    by_platform = pages(cli)
    for platform in ("instagram", "facebook"):
        add_scheduled(emulator, by_platform[platform], 60, at)
    before = len(run_json(cli, "posts", "list"))
    assert before == 100
    ran = cli.run(*words)
    assert ran.code == 0, ran.err
    assert count_posts(ran.out) == 120


@pytest.mark.parametrize("words", EXPORTS, ids=" ".join)
@pytest.mark.parametrize("page", [(), ("--page", "instagram:acme")], ids=["all", "page"])
def test_incomplete_export_fails_with_reason(
    cli: CommandLine,
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    words: tuple[str, ...],
    page: tuple[str, ...],
) -> None:
    at = emulator_clock.now().timestamp() + 86_400
    add_scheduled(emulator, pages(cli)["instagram"], 130, at)
    ran = cli.run(*words, *page)
    assert ran.code == 3
    assert count_posts(ran.out) == 100
    assert "incomplete: the API lists at most 100 posts of a page" in ran.err
    assert "instagram:acme may have more" in ran.err
    assert "PARTIAL_FAILURE" in cli.run(*words, *page, "--json").err


def test_export_names_what_the_api_does_not_return(cli: CommandLine) -> None:
    words = ("--page", "tiktok:bluebirdcoffee", "--at", "+1d", "-m", "Dance")
    settings = ("--tiktok", '{"privacy_level": "PUBLIC"}')
    post_id = cli.run("posts", "schedule", *words, *settings, "-q").out.strip()
    ran = cli.run("bulk", "export")
    assert ran.code == 0
    exported = list(csv.DictReader(io.StringIO(ran.out)))
    assert exported[0]["tiktok_settings"] or post_id in ran.err


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("login", "auth login"), ("logout", "auth logout"), ("whoami", "auth status"),
        ("schedule", "posts schedule"), ("publish", "posts publish"), ("inbox", "comments inbox"),
        ("import", "bulk schedule"), ("upload", "media upload"), ("reply", "comments reply"),
        ("retry", "posts retry"), ("triage", "comments triage"), ("Login", "auth login"),
        ("lgoin", "auth login"), ("statsu", "status"), ("cancel", "posts cancel"),
    ],
)  # fmt: skip
def test_words_of_other_tools_lead_to_the_command(
    cli_logged_out: CommandLine, word: str, command: str
) -> None:
    ran = cli_logged_out.run(word)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f'Error: Unknown command "{word}" for outreply\n  Did you mean: outreply {command}\n'
    )
    error = json.loads(cli_logged_out.run(word, "--json").err)["error"]
    assert error["hint"] == f"Did you mean: outreply {command}"


@pytest.mark.parametrize("word", ["list", "show", "delete", "zzz"])
def test_ambiguous_word_leads_to_help(cli_logged_out: CommandLine, word: str) -> None:
    ran = cli_logged_out.run(word)
    assert ran.code == 2
    assert "See: outreply --help" in ran.err


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Asia/Tokyo"])
def test_each_row_takes_one_line_at_80_columns(cli: CommandLine, zone: str) -> None:
    cli.environ["OUTREPLY_TIMEZONE"] = zone
    # In one of the zones, 02:00 UTC is on another day.
    words = (
        "--page",
        "youtube:bluebirdathome",
        "--at",
        "+14h",
        "-m",
        "A message of many words " * 4,
        "--media",
        "https://cdn.example.com/clip.mp4",
    )
    shown = draw(cli, zone, "posts", "schedule", *words)
    assert len(shown) == 3
    posts = run_json(cli, "posts", "list", "--all")
    assert len(draw(cli, zone, "posts", "list", "--all")) == len(posts) + 2
    assert len(draw(cli, zone, "pages", "list")) == 6 + 2


def draw(cli: CommandLine, zone: str, *words: str) -> list[str]:
    child = cli.at_terminal(*words, "--no-color", columns=80, env={"OUTREPLY_TIMEZONE": zone})
    child.expect(pexpect.EOF)
    child.close()
    lines = str(child.before).replace("\r", "").splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def test_media_show_own_file_names(cli: CommandLine) -> None:
    folder = cli.home / "a-folder-with-a-name-that-is-longer-than-the-column-of-the-file"
    folder.mkdir(parents=True)
    picture = folder / "hero of the day.jpg"
    picture.write_bytes(jpeg())
    child = cli.at_terminal("media", "upload", str(picture), "--no-color", columns=80)
    child.expect(pexpect.EOF)
    child.close()
    assert str(folder) not in str(child.before)
    assert "  hero of the day.jpg\r\n" in str(child.before)
    (item,) = run_json(cli, "media", "list")
    assert item["file"] == "hero of the day.jpg"
    assert item["filename"].startswith("api_")
    assert "hero of the day.jpg" in cli.run("media", "list").out
    assert run_json(cli, "media", "show", item["media_id"])["file"] == "hero of the day.jpg"
    assert "hero of the day.jpg" in cli.run("media", "prune", "--dry-run").out
    elsewhere = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    assert "api_" in cli.run("media", "list", env=elsewhere).out
    # Without the journal, the list is still shown.
    (cli.home / "state" / "journal.db").write_bytes(b"damaged" * 1000)
    assert "api_" in cli.run("media", "list").out
