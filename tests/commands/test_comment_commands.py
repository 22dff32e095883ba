"""`outreply comments`, against the emulator."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from outreply_cli.api.client import Client
from outreply_cli.comments.inbox import fetch_post_comments
from outreply_cli.comments.replies import ReplyService
from outreply_cli.comments.store import open_comments
from outreply_cli.comments.triage import Triage
from outreply_cli.context import Context
from outreply_cli.emulator.incoming_comments import add_incoming_comment
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.account import account_fingerprint
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.composers import Composer
from tests.request_count import count_requests

HOSTILE = (
    "\x1b]52;c;cm0gLXJm\x07\x1b[2J\x1b]8;;http://evil\x07link\x1b]8;;\x07 [bold red]markup[/] "
    "\u202egnitirw\u202c \u200b\u2066x\u2069 \x9b31m ünï \U0001f469\u200d\U0001f467 עברית "
    + "y"
    * 50_000
)


@pytest.fixture
def post(cli: CommandLine) -> str:
    return str(run_json(cli, "posts", "list", "--published")[0]["id"])


def run_json(cli: CommandLine, *words: str) -> Any:
    return json.loads(cli.run(*words, "--json").out)


def ids(comments: list[dict[str, Any]]) -> list[str]:
    return [comment["id"] for comment in comments]


def replies(cli: CommandLine, post: str, comment: str) -> list[str]:
    listed = run_json(cli, "comments", "list", post)
    return sorted(item["message"] for item in listed if item["parent_id"] == comment)


def add_comment(emulator: EmulatorServer, post: str, message: str) -> str:
    comment = emulator.handle.request(
        "comment", post_id=post, message=message, name="Jane Doe", username="jane.doe"
    )
    return str(comment["id"])


def lose_replies(emulator: EmulatorServer) -> None:
    """Lose the response to each reply, and list no comments."""
    lost = {"method": "POST", "path": "/comments/reply"}
    emulator.handle.request("fault", add="drop-after", options=lost)
    emulator.handle.request("fault", add="status:503", options={"path": "/comments"})


def test_list_accepts_filters_and_the_address_of_a_post(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    added = add_comment(emulator, post, "Is it OPEN on Sunday?")
    comments = run_json(cli, "comments", "list", post)
    assert added in ids(comments)
    assert {"author", "message", "created_at", "replies_count", "parent_id"} <= set(comments[0])
    assert {"page", "depth", "is_answered", "is_own", "needs_reply"} <= set(comments[0])
    assert ids(run_json(cli, "comments", "list", post, "--contains", "open on")) == [added]
    address = run_json(cli, "posts", "list", "--published")[0]["permalink"]
    assert len(run_json(cli, "comments", "list", address)) == len(comments)
    assert cli.run("comments", "reply", added, "-m", "Yes!").code == 0
    assert added not in ids(run_json(cli, "comments", "list", post, "--unanswered"))
    assert cli.run("comments", "list", "https://nowhere.example/p").code == 5
    assert cli.run("comments", "list", "unknown").code == 5


def test_since_is_exact_to_the_millisecond(
    cli: CommandLine, emulator: EmulatorServer, new_post: str, emulator_clock: ManualClock
) -> None:
    emulator_clock.advance(0.268)
    first = add_comment(emulator, new_post, "Is it open?")
    emulator_clock.advance(0.001)
    second = add_comment(emulator, new_post, "And on Monday?")
    comments = {
        item["id"]: item["created_at"] for item in run_json(cli, "comments", "list", new_post)
    }
    words = ("comments", "list", new_post, "--since")
    assert comments[first].endswith(".268Z")
    assert ids(run_json(cli, *words, comments[first])) == [second]
    assert run_json(cli, *words, comments[second]) == []
    published = run_json(cli, "posts", "show", new_post)["published_at"]
    assert run_json(cli, "posts", "list", "--published", "--since", published) == []


def test_inbox_shows_new_and_unanswered_comments_at_one_read_per_post(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    inbox = ("comments", "inbox", "--days", "365")
    first = cli.run(*inbox, "--json", "-v")
    assert first.code == 0, first.err
    posts = len(run_json(cli, "posts", "list", "--published"))
    assert first.err.count("GET /api/v1/comments") == posts
    assert json.loads(first.out)
    unanswered = [item["id"] for item in json.loads(first.out) if item["needs_reply"]]
    assert unanswered
    second = cli.run(*inbox, "--json")
    assert ids(json.loads(second.out)) == unanswered
    assert f"{len(unanswered)} unanswered, 0 new comments; {posts} posts checked." in second.err
    added = add_comment(emulator, post, "And on Monday?")
    third = cli.run(*inbox, "--json")
    assert sorted(ids(json.loads(third.out))) == sorted([*unanswered, added])
    assert f"{len(unanswered) + 1} unanswered, 1 new comment; {posts} posts checked." in third.err
    assert cli.run("comments", "reply", added, "-m", "Closed").code == 0
    last = cli.run(*inbox, "--json")
    assert ids(json.loads(last.out)) == unanswered
    assert f"{len(unanswered)} unanswered, 0 new comments; {posts} posts checked." in last.err
    comments = run_json(cli, *inbox, "--all")
    assert len(comments) == len(json.loads(first.out)) + 2
    assert any(comment["needs_reply"] for comment in comments)


def test_filtered_list_leaves_other_comments_new(
    cli: CommandLine, emulator: EmulatorServer, new_post: str
) -> None:
    first, second = (add_comment(emulator, new_post, text) for text in ("apples?", "pears?"))
    elsewhere = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    assert cli.run("comments", "reply", second, "-m", "Yes", env=elsewhere).code == 0
    listed = run_json(cli, "comments", "list", new_post, "--contains", "apples")
    assert ids(listed) == [first]
    assert second in ids(run_json(cli, "comments", "inbox"))


@pytest.mark.parametrize("spell", ["@{}".format, str.upper])
def test_own_answer_is_recognized_under_another_spelling(
    cli: CommandLine, emulator: EmulatorServer, new_post: str, spell: Callable[[str], str]
) -> None:
    page = run_json(cli, "pages", "show", run_json(cli, "posts", "show", new_post)["page_id"])
    comment = add_comment(emulator, new_post, "Open today?")
    answer = ("Page", spell(page["username"]), "Yes, we are")
    now = cli.clock.now().timestamp()
    add_incoming_comment(emulator.state, new_post, answer, now, comment)
    assert ids(run_json(cli, "comments", "list", new_post, "--unanswered")) == []
    assert cli.run("comments", "reply", comment, "-m", "Second answer").code == 2


def test_nested_reply_is_not_mistaken_for_its_parent(
    cli: CommandLine, emulator: EmulatorServer, new_post: str
) -> None:
    comment = "UgxKREWxIgDrw8w2e_Z4AaABAg"
    added = add_comment(emulator, new_post, "A nested reply")
    with emulator.state.transaction() as db:
        db.execute("UPDATE comments SET id = ? WHERE id = ?", (f"{comment}.9abc", added))
    assert run_json(cli, "comments", "list", new_post)
    ran = cli.run("comments", "reply", comment, "-m", "Yes", "--dry-run", "--json")
    assert f"{comment}.9abc" not in ran.out


def test_triage_asks_if_an_answer_may_not_be_listed(
    cli: CommandLine, client: Client, emulator: EmulatorServer, new_post: str
) -> None:
    comment = add_comment(emulator, new_post, "Open today?")
    context = Context(environ=cli.environ, clock=cli.clock)
    store = open_comments(context.store, account_fingerprint(client))
    group = fetch_post_comments(client, store, {"id": new_post})
    asked: list[object] = []

    def confirm(_: object, last: object) -> bool:
        asked.append(last)
        return False

    triage = Triage(ReplyService(client, store), store, [group], confirm)
    triage.reply("No, closed")
    elsewhere = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    assert cli.run("comments", "reply", comment, "-m", "Yes, open", env=elsewhere).code == 0
    cli.clock.advance(60)
    for number in range(100):
        add_comment(emulator, new_post, f"Comment {number}")
    triage.send_queued()
    store.close()
    assert asked == [None]
    assert triage.sent == 0


def test_reply_to_answered_comment_asks_for_confirmation(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    added = add_comment(emulator, post, "Is it open?")
    assert cli.run("comments", "reply", added, "-m", "Yes").code == 0
    assert cli.run("comments", "reply", added, "-m", "Yes", "--json").code == 0
    refused = cli.run("comments", "reply", added, "-m", "No")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert re.search(r'already answered on \w{3} \d\d \w{3} \d\d:\d\d .* with "Yes"', refused.err)
    assert cli.run("comments", "reply", added, "-m", "No", "--yes").code == 0
    assert replies(cli, post, added) == ["No", "Yes"]


@pytest.mark.parametrize("again", ["-m Yes", "-m ' Yes \r\n'", "--compose-with program --yes"])
@pytest.mark.parametrize("is_lost", [False, True], ids=["delivered", "lost response"])
def test_text_that_was_sent_with_a_key_is_not_sent_again(
    cli: CommandLine, emulator: EmulatorServer, post: str, again: str, is_lost: bool
) -> None:
    added = add_comment(emulator, post, "Is it open?")
    run_json(cli, "comments", "list", post)
    words = shlex.split(again.replace("program", sys.executable))
    if is_lost:
        lose_replies(emulator)
    first = cli.run("comments", "reply", added, "-m", "Yes", "--key", "k", "--json")
    assert first.code == (7 if is_lost else 0)
    emulator.handle.request("fault", clear=None)
    sent = run_json(cli, "comments", "reply", added, *words)
    assert replies(cli, post, added) == ["Yes"]
    assert is_lost or sent == json.loads(first.out)
    # Another key is meant as another reply.
    assert cli.run("comments", "reply", added, "-m", "Yes", "--key", "k2").code == 0
    assert replies(cli, post, added) == ["Yes", "Yes"]


def test_dry_run_shows_comment_and_reply_and_sends_nothing(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    added = add_comment(emulator, post, "Is it open?")
    run_json(cli, "comments", "list", post)
    words = ("comments", "reply", added, "--dry-run")
    shown = run_json(cli, *words, "-m", "Yes")
    assert shown["parent_id"] == added
    assert shown["post_id"] == post
    assert (shown["author"], shown["comment"]) == ("jane.doe", "Is it open?")
    assert (shown["last_reply"], shown["message"]) == (None, "Yes")
    assert shown["page_id"] in {page["id"] for page in run_json(cli, "pages", "list")}
    assert replies(cli, post, added) == []
    assert cli.run("comments", "reply", added, "-m", "Yes").code == 0
    # A second reply is shown with the first, and needs no confirmation.
    assert run_json(cli, *words, "-m", "No")["last_reply"] == "Yes"
    table = cli.run(*words, "-m", "No")
    assert "Dry run: nothing was sent." in table.err
    assert {"jane.doe", "Is it open?", "Yes", "No"} <= set(re.split(r"[\t\n]", table.out))
    assert replies(cli, post, added) == ["Yes"]
    invalid = cli.run(*words, "-m", " ")
    assert (invalid.code, invalid.out) == (2, "")


@pytest.mark.parametrize("option", [(), ("--key", "open")])
@pytest.mark.parametrize("is_answered", [True, False])
def test_dry_run_shows_an_edited_comment(
    cli: CommandLine,
    emulator: EmulatorServer,
    post: str,
    option: tuple[str, ...],
    is_answered: bool,
) -> None:
    added = add_comment(emulator, post, "Is it open?")
    run_json(cli, "comments", "list", post)
    if is_answered:
        assert cli.run("comments", "reply", added, "-m", "Yes").code == 0
    with emulator.state.transaction() as db:
        db.execute("UPDATE comments SET message = 'Is it safe?' WHERE id = ?", (added,))
    shown = run_json(cli, "comments", "reply", added, "-m", "No", "--dry-run", *option)
    assert shown["comment"] == "Is it safe?"


@pytest.mark.parametrize("option", [(), ("--key", "open"), ("--yes",)])
def test_printed_reply_reads_no_comments(
    cli: CommandLine, emulator: EmulatorServer, option: tuple[str, ...]
) -> None:
    words = ("comments", "reply", "c_99", "-m", "Yes", "--print", "curl", "--dry-run")
    before = count_requests(emulator)
    assert cli.run(*words, *option).code == 0
    assert count_requests(emulator) - before <= 1


@pytest.mark.parametrize("option", [(), ("--key", "open"), ("--yes",)])
def test_dry_run_of_a_reply_to_an_unknown_comment_warns(
    cli: CommandLine, option: tuple[str, ...]
) -> None:
    ran = cli.run("comments", "reply", "c_99", "-m", "Yes", "--dry-run", "--json", *option)
    shown = json.loads(ran.out)
    assert (ran.code, shown["parent_id"], shown["message"]) == (0, "c_99", "Yes")
    assert (shown["comment"], shown["author"], shown["page_id"]) == (None, None, None)
    assert "comment c_99 was not found on the posts of the last 7 days" in ran.err


def test_reply_from_other_machine_asks_for_confirmation(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    added = add_comment(emulator, post, "Is it open?")
    other_machine = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    assert cli.run("comments", "reply", added, "-m", "Yes", env=other_machine).code == 0
    assert cli.run("comments", "list", post).code == 0
    refused = cli.run("comments", "reply", added, "-m", "No")
    assert refused.code == 2
    assert 'with "Yes"' in refused.err


@pytest.fixture
def old_post(cli: CommandLine, emulator: EmulatorServer, post: str, newer: int) -> dict[str, Any]:
    """A post with `newer` posts on its page and on another one, and an answered comment."""
    comment = add_comment(emulator, post, "Is it open?")
    words = ("comments", "reply", comment, "-m", "Yes", "--yes")
    assert cli.run(*words, env={"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}).code == 0
    db = emulator.state.connection
    row = dict(db.execute("SELECT * FROM posts WHERE id = ?", (post,)).fetchone())
    del row["number"]
    sql = "SELECT id FROM pages WHERE id <> ?"
    pages = [row["page_id"], db.execute(sql, (row["page_id"],)).fetchone()["id"]]
    with emulator.state.transaction():
        for number in range(2 * newer):
            new = {"id": f"{number:024x}", "page_id": pages[number % 2], "remote_id": str(number)}
            at = row["published_at"] + 1 + number / 1000
            new |= {"permalink": f"https://x.com/{number}", "published_at": at}
            emulator.state.insert("posts", **{**row, **new})
    return {**row, "comment": comment}


@pytest.mark.parametrize("newer", [75, 110])
def test_comments_of_an_old_post_are_listed_even_if_the_post_is_not(
    cli: CommandLine, old_post: dict[str, Any], newer: int
) -> None:
    is_listed = newer < 100
    listed = run_json(cli, "comments", "list", old_post["id"])
    assert {item["is_own"] for item in listed if item["parent_id"] == old_post["comment"]} == {True}
    unanswered = run_json(cli, "comments", "list", old_post["id"], "--unanswered")
    assert old_post["comment"] not in ids(unanswered)
    assert not any(item["is_own"] for item in unanswered)
    assert cli.run("posts", "show", old_post["id"]).code == (0 if is_listed else 5)
    by_url = cli.run("comments", "list", old_post["permalink"], "--json")
    assert by_url.code == (0 if is_listed else 5)
    assert not is_listed or json.loads(by_url.out) == listed
    (cli.home / "reply.txt").write_text("See {post}")
    reply = ("comments", "reply", old_post["comment"], "--template", str(cli.home / "reply.txt"))
    shown = cli.run(*reply, "--dry-run", "--json")
    assert shown.code == (0 if is_listed else 2), shown.err
    if is_listed:
        assert json.loads(shown.out)["message"] == f"See {old_post['permalink']}"
        assert json.loads(shown.out)["page_id"] == old_post["page_id"]
    else:
        assert "the API does not list the URL of the post" in shown.err


@pytest.fixture
def new_post(cli: CommandLine, post: str) -> str:
    """The ID of a post that was just published."""
    page = run_json(cli, "posts", "show", post)["page_id"]
    published = run_json(cli, "posts", "publish", "--page", page, "-m", "Come by", "--yes")
    (listed,) = [
        item
        for item in run_json(cli, "posts", "list", "--published")
        if published[0]["id"] in {item["id"], item["remote_id"]}
    ]
    return str(listed["id"])


@pytest.mark.parametrize("characters", [None, 10])
def test_reply_to_a_comment_that_this_machine_has_not_listed_looks_for_others(
    cli: CommandLine, emulator: EmulatorServer, new_post: str, characters: int | None
) -> None:
    added = add_comment(emulator, new_post, "Is it open?")
    other_machine = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    first = cli.run("comments", "reply", added, "-m", "Yes", env=other_machine)
    assert first.code == 0, first.err
    words = ("comments", "reply", added[:characters])
    shown = run_json(cli, *words, "-m", "No", "--dry-run")
    assert (shown["last_reply"], shown["comment"]) == ("Yes", "Is it open?")
    refused = cli.run(*words, "-m", "No")
    assert refused.code == 2
    assert 'with "Yes"' in refused.err
    assert replies(cli, new_post, added) == ["Yes"]
    assert cli.run(*words, "-m", "No", "--yes").code == 0
    assert replies(cli, new_post, added) == ["No", "Yes"]


def test_reply_asks_about_a_comment_that_is_not_found(
    cli: CommandLine, emulator: EmulatorServer, new_post: str, emulator_clock: ManualClock
) -> None:
    added = add_comment(emulator, new_post, "Is it open?")
    emulator_clock.advance(8 * 86_400)
    words = ("comments", "reply", added, "-m", "Yes")
    refused = cli.run(*words)
    assert refused.code == 2
    assert (
        f"Comment {added} was not found on posts from the last 7 days, so it may already have a"
        in refused.err
    )
    assert cli.run(*words, "--json").code == 2
    assert replies(cli, new_post, added) == []
    # The list has marked it as seen.
    assert cli.run(*words).code == 0


def test_reply_with_a_token_that_may_read_nothing_asks(
    cli: CommandLine, emulator: EmulatorServer, new_post: str
) -> None:
    added = add_comment(emulator, new_post, "Is it open?")
    token = emulator.handle.request("token", scopes=["write:comments"])["token"]
    words, env = ("comments", "reply", added, "-m", "Yes"), {"OUTREPLY_API_KEY": token}
    refused = cli.run(*words, env=env)
    assert refused.code == 2
    assert "may already have a reply" in refused.err
    assert cli.run(*words, "--yes", env=env).code == 0


@pytest.mark.parametrize("option", [("--yes",), ("--key", "open")])
def test_confirmed_reply_reads_nothing(
    cli: CommandLine, emulator: EmulatorServer, new_post: str, option: tuple[str, ...]
) -> None:
    added = add_comment(emulator, new_post, "Is it open?")
    sent = cli.run("comments", "reply", added, "-m", "Yes", *option, "-v")
    assert sent.code == 0, sent.err
    assert "GET /api/v1/posts" not in sent.err
    assert "GET /api/v1/comments" not in sent.err


def test_reply_asks_if_the_list_of_comments_is_truncated(
    cli: CommandLine, emulator: EmulatorServer, new_post: str, emulator_clock: ManualClock
) -> None:
    added = add_comment(emulator, new_post, "Is it open?")
    run_json(cli, "comments", "list", new_post)
    other_machine = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    assert cli.run("comments", "reply", added, "-m", "Yes", env=other_machine).code == 0
    emulator_clock.advance(60)
    for number in range(100):
        add_comment(emulator, new_post, f"And on day {number}?")
    refused = cli.run("comments", "reply", added, "-m", "No")
    assert refused.code == 2
    assert (
        "is on a post with more comments than the 100 that the API lists, so it may" in refused.err
    )
    # A reply is never older than its comment.
    emulator_clock.advance(60)
    last = add_comment(emulator, new_post, "And at night?")
    run_json(cli, "comments", "list", new_post)
    assert cli.run("comments", "reply", last, "-m", "No").code == 0


@pytest.mark.parametrize("words", ["-m Yes", "--compose-with program --yes"])
def test_comment_that_another_user_replied_to_is_answered(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, post: str, words: str
) -> None:
    added = add_comment(emulator, post, "Is it open?")
    another_user = ("Sam Lee", "samlee", "Me too, haha")
    with emulator.state.transaction():
        add_incoming_comment(emulator.state, post, another_user, 0.0, added)
    inbox = run_json(cli, "comments", "inbox", "--days", "365")
    assert [item["needs_reply"] for item in inbox if item["id"] == added] == [True]
    program = Composer.make(tmp_path, "print('Yes')").command
    sent = cli.run(
        "comments", "reply", added, *shlex.split(words.replace("program", repr(program)))
    )
    assert sent.code == 0, sent.err
    assert replies(cli, post, added) == ["Me too, haha", "Yes"]


@pytest.mark.parametrize(("hours", "text"), [(1, "Yes"), (1, "Yes\n"), (25, "Yes")])
def test_text_that_another_machine_sent_is_not_sent_again(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock, hours: int, text: str
) -> None:
    post = str(run_json(cli, "posts", "list", "--published")[0]["id"])
    added = add_comment(emulator, post, "Is it open?")
    other_machine = {"OUTREPLY_STATE_DIR": str(cli.home / "elsewhere")}
    first = cli.run("comments", "reply", added, "-m", "Yes", "--json", env=other_machine)
    emulator_clock.advance(hours * 3_600)
    assert cli.run("comments", "list", post).code == 0
    again = cli.run("comments", "reply", added, "-m", text, "--json")
    assert json.loads(again.out)["id"] == json.loads(first.out)["id"]
    assert "Nothing was sent; the comment already has this reply." in again.err
    assert replies(cli, post, added) == ["Yes"]


def test_reply_with_lost_response_is_not_sent_twice(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    added = add_comment(emulator, post, "Is it open?")
    options = {"method": "POST", "path": "/comments/reply", "times": 100}
    emulator.handle.request("fault", add="drop-after", options=options)
    lost = cli.run("comments", "reply", added, "-m", "Yes", "--yes")
    emulator.handle.request("fault", clear=None)
    assert lost.code == 7
    assert "the reply may have been sent" in lost.err
    assert "Run the same command again" in lost.err
    again = cli.run("comments", "reply", added, "-m", "Yes", "--yes")
    assert again.code == 0, again.err
    assert replies(cli, post, added) == ["Yes"]


def test_reply_fills_in_its_template(
    cli: CommandLine,
    emulator: EmulatorServer,
    post: str,
    tmp_path: Path,
    emulator_clock: ManualClock,
) -> None:
    added = add_comment(emulator, post, "Nice")
    template = tmp_path / "thanks.txt"
    template.write_text("Thank you, {author}!\n")
    assert run_json(cli, "comments", "reply", added, "--template", str(template), "--dry-run")
    cli.environ["OUTREPLY_STATE_DIR"] = str(tmp_path / "elsewhere")
    emulator_clock.advance(30 * 86_400)
    unseen = cli.run("comments", "reply", added, "--template", str(template))
    assert unseen.code == 2
    assert "comments list" in unseen.err
    cli.run("comments", "list", post)
    reply = run_json(cli, "comments", "reply", added, "--template", str(template))
    assert reply["message"] == "Thank you, Jane Doe!"


def test_watch_shows_comments_once_and_runs_exec_without_token(
    cli: CommandLine,
    emulator: EmulatorServer,
    post: str,
    tmp_path: Path,
    emulator_clock: ManualClock,
) -> None:
    added = add_comment(emulator, post, "Now?")
    emulator_clock.advance(60)
    out = tmp_path / "out"
    program = (
        "import json, os, sys; item = json.load(sys.stdin); "
        "open(sys.argv[1], 'a').write(item['id'] + os.environ['OUTREPLY_COMMENT'] + "
        "str('OUTREPLY_API_KEY' in os.environ))"
    )
    result = cli.run(
        "comments", "watch", "--days", "365", "--since", "2m", "--count", "3", "-o", "jsonl",
        "--exec", f"{sys.executable} -c {json.dumps(program)} {out}",
    )  # fmt: skip
    assert result.code == 0, result.err
    (line,) = result.out.splitlines()
    assert json.loads(line)["id"] == added
    assert out.read_text() == f"{added}{added}False"
    assert sum(emulator_clock.sleeps) >= 120


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("comments", "watch", "--since", "1d"), "/posts/published"),
        (("comments", "watch", "--since", "1d"), "/comments"),
        (("quota", "watch"), "/account"),
    ],
)
def test_watch_waits_until_the_api_responds_again(
    cli: CommandLine, emulator: EmulatorServer, words: tuple[str, ...], path: str
) -> None:
    options = {"path": path, "times": 30}
    emulator.handle.request("fault", add="status:503", options=options)
    limited = cli.run(*words, "--count", "1", "--max-wait", "5s")
    assert limited.code == 7
    watched = cli.run(*words, "--count", "1", "-o", "jsonl")
    assert watched.code == 0, watched.err
    assert watched.out
    assert 1 <= watched.err.count("retrying in") <= 12


@pytest.mark.parametrize(
    ("words", "times"),
    [
        (("inbox", "--days", "365"), 1),
        (("watch", "--days", "365", "--since", "1d", "--count", "2"), 2),
    ],
    ids=["inbox", "watch"],
)
def test_removed_post_is_skipped(
    cli: CommandLine, emulator: EmulatorServer, post: str, words: tuple[str, ...], times: int
) -> None:
    added = add_comment(emulator, post, "Now?")
    posts = run_json(cli, "posts", "list", "--published")
    # The oldest post, which is read last.
    options = {"path": "/comments", "every": len(posts), "times": times}
    emulator.handle.request("fault", add="status:404", options=options)
    result = cli.run("comments", *words, "-o", "jsonl")
    assert result.code == 0, result.err
    assert added in result.out
    assert result.err.count(f"Warning: the comments of post {posts[-1]['id']} were skipped") == 1


def test_watch_warns_of_comments_that_are_not_listed(
    cli: CommandLine, emulator: EmulatorServer, post: str, emulator_clock: ManualClock
) -> None:
    now = emulator_clock.now().timestamp()
    for number in range(150):
        comment = ("Jane", "jane", f"Burst {number}")
        add_incoming_comment(emulator.state, post, comment, now - 10 * number)
    # Arrives at the second poll.
    add_incoming_comment(emulator.state, post, ("Jane", "jane", "Late"), now + 30)
    words = ("comments", "watch", "--days", "365", "--since", "1h", "--count", "4", "-o", "jsonl")
    result = cli.run(*words)
    messages = [json.loads(line)["message"] for line in result.out.splitlines()]
    assert sum(message.startswith("Burst") for message in messages) == 100
    assert messages[-1] == "Late"
    warning = f"Warning: post {post} may have new comments that the API does not list"
    assert result.err.splitlines() == [warning]


def test_list_sanitizes_terminal_output_only(
    cli: CommandLine, emulator: EmulatorServer, post: str
) -> None:
    add_comment(emulator, post, HOSTILE)
    child = cli.at_terminal("comments", "list", post, "--no-color", columns=100)
    child.expect(pexpect.EOF)
    output = str(child.before)
    child.close()
    assert child.exitstatus == 0
    for part in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u2066", "\u200b"):
        assert part not in output
    assert max(len(line) for line in output.splitlines()) <= 130
    assert HOSTILE in {item["message"] for item in run_json(cli, "comments", "list", post)}


def test_triage_replies_skips_undoes_and_resumes(
    cli: CommandLine, emulator: EmulatorServer, post: str, emulator_clock: ManualClock
) -> None:
    refused = cli.run("comments", "triage")
    assert refused.code == 2
    assert "`comments triage` requires a terminal" in refused.err
    assert "does not support -o json" in cli.run("comments", "triage", "--json").err
    for comment in run_json(cli, "comments", "inbox", "--days", "365", "--all"):
        if comment["needs_reply"]:
            cli.run("comments", "reply", comment["id"], "-m", "Thanks", "--yes")
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
    child.expect("Undone")
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
    assert replies(cli, post, first) == ["Right answer"]
    child = cli.at_terminal("comments", "triage", "--days", "365", columns=100)
    child.expect("Second question")
    child.sendline("s")
    child.expect("0 sent, 1 skipped, 0 left")
    child.close()
    child = cli.at_terminal("comments", "triage", "--days", "365", columns=100)
    child.expect("0 sent, 0 skipped, 0 left")
    child.close()
    assert second in ids(run_json(cli, "comments", "list", post))


@pytest.mark.parametrize("choice", ["r", "e"])
def test_triage_reports_a_failed_reply_before_the_next_one_is_typed(
    cli: CommandLine, emulator: EmulatorServer, post: str, tmp_path: Path, choice: str
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nread -p \'Reply: \' text; echo "$text" >"$1"\n')
    editor.chmod(0o755)
    cli.environ["EDITOR"] = str(editor)
    for number in (1, 2):
        add_comment(emulator, post, f"Question {number}?")
        cli.clock.advance(60)
    options = {"method": "POST", "path": "/comments/reply", "times": 1}
    emulator.handle.request("fault", add="status:422", options=options)
    child = cli.at_terminal("comments", "triage", "--days", "365", columns=100)
    child.expect("Question 1")
    child.sendline(choice)
    child.expect("Reply: ")
    child.sendline("Answer 1")
    child.expect("Question 2")
    child.sendline(choice)
    assert child.expect(["Warning: ", "Reply: "]) == 0
    child.sendline(choice)
    child.expect("Reply: ")
    child.sendline("Answer 2")
    child.expect("Reply queued")
    child.sendline("q")
    child.expect("2 sent")
    child.close()


def test_inbox_of_many_posts_stays_within_rate_limit(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    page = run_json(cli, "pages", "list")[4]
    with emulator.state.transaction() as db:
        for number in range(100):
            db.execute(
                "INSERT INTO posts (id, page_id, status, created_at, published_at, remote_id, "
                "permalink, message, media) VALUES (?, ?, 'published', ?, ?, ?, '', 'x', '[]')",
                (f"post{number}", page["id"], 0, emulator_clock.now().timestamp() - number,
                 f"remote{number}"),
            )  # fmt: skip
    result = cli.run("comments", "inbox", "--days", "1", "-v")
    assert result.code == 0, result.err
    assert result.err.count("GET /api/v1/comments") == 101
    assert "101 posts checked" in result.err
    assert " 429 " not in result.err


@pytest.mark.parametrize(
    "words",
    [
        ["reply", "c_1", "-m", ""], ["reply", "c_1"], ["reply", "c_1", "-m", "\ud800"],
        ["reply", "c_1", "-m", "x" * 5_001],
        ["reply", "c_1", "-F", "/no/such/file"], ["reply", "c_1", "-m", "x", "--edit"],
        ["inbox", "--days", "0"], ["watch", "--interval", "0s"], ["watch", "--exec", "'"],
        ["watch", "-o", "csv"], ["watch", "--json"], ["triage"],
    ],
    ids=lambda words: " ".join(words)[:30],
)  # fmt: skip
def test_invalid_input_needs_no_account(cli_logged_out: CommandLine, words: list[str]) -> None:
    result = cli_logged_out.run("comments", *words)
    assert result.code == 2, result.err


def test_watch_json_hints_at_jsonl(cli: CommandLine) -> None:
    result = cli.run("comments", "watch", "--json")
    assert result.code == 2
    assert "-o jsonl" in result.err


def test_empty_post_and_invalid_time_are_usage_errors(cli: CommandLine) -> None:
    assert cli.run("comments", "list", "").code == 2
    assert cli.run("comments", "inbox", "--since", "nonsense").code == 2
