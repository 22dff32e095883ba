"""The commands of `outreply posts`, against the emulator."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.journal.store import Store
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.service import PostService
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.commands.test_quota_commands import set_used
from tests.forks import run_forks
from tests.kill_points import SteppingClient, SteppingJournal
from tests.media.sample_files import png
from tests.reliability.proxy import RuleProxy, lagging_lists, refuse

AT = "2026-12-24 18:00"


def schedule(cli: CommandLine, *options: str, at: str = AT) -> Any:
    ran = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--at", at, "-m", "Hello", "--json",
        *options,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    (post,) = json.loads(ran.out)
    return post


def scheduled_times(client: Client) -> list[str]:
    return sorted(post["scheduled_at"][:16] for post in client.scheduled_posts().items)


def test_post_too_close_to_another_is_not_advised_to_wait(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    schedule(cli)
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", f"{AT}:20", "-m", "Close")
    near = cli.run(*words)
    assert near.code == 6
    assert "PAGE_PUBLISH_GUARDRAIL" in near.err
    assert "retry in" not in near.err
    assert "Choose another time for the post." in near.err


@pytest.mark.parametrize("code", ["PAGE_PUBLISH_GUARDRAIL", "BRAND_PUBLISH_GUARDRAIL"])
def test_publish_over_a_guardrail_is_advised_to_wait(
    cli: CommandLine, emulator: EmulatorServer, code: str
) -> None:
    error = {"error": "Too many publishes", "code": code, "retry_after_seconds": 1708}
    with RuleProxy(emulator.app) as proxy:
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        proxy.on("POST", "/posts/publish", refuse(429, error))
        ran = cli.run("posts", "publish", "--page", "x:bluebird", "-m", "Now", "--yes")
    assert ran.code == 6
    assert "retry in 28m 28s" in ran.err
    assert "Run the command again later, or schedule the post" in ran.err


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize(
    ("since", "is_listed"), [("+2d", False), ("+1d", True), ("tomorrow", True)]
)
def test_list_reads_since_by_the_clock_of_the_server(
    cli: CommandLine, emulator_clock: ManualClock, output: str, since: str, is_listed: bool
) -> None:
    emulator_clock.advance(3 * 86_400)
    words = ("posts", "schedule", "--page", "x:bluebird", "--at", "+36h", "-m", "Later")
    assert cli.run(*words).code == 0
    ran = cli.run("posts", "list", "--since", since, "-o", output)
    assert ran.code == 0, ran.err
    assert ("Later" in ran.out) == is_listed


def test_schedule_reads_the_time_in_the_given_zone(cli: CommandLine, client: Client) -> None:
    assert schedule(cli)["scheduled_at"] == "2026-12-24T17:00:00.000Z"
    assert schedule(cli, "--tz", "Asia/Tokyo")["scheduled_at"] == "2026-12-24T09:00:00.000Z"
    post = cli.run(
        "posts", "schedule", "--page", "x:bluebird", "--at", "2026-12-24 18:00", "--tz", "brand",
        "-m", "Hi", "--json",
    )  # fmt: skip
    assert json.loads(post.out)[0]["scheduled_at"] == "2026-12-24T23:00:00.000Z"
    shown = cli.run("posts", "list")
    assert "Thu 24 Dec 2026 18:00 CET (17:00 UTC)" in shown.out


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Asia/Tokyo", "18:00 JST (09:00 UTC)"), ("brand", "18:00 EST (23:00 UTC)"),
     (None, "18:00 CET (17:00 UTC)")],
)  # fmt: skip
def test_schedule_shows_time_in_input_zone(cli: CommandLine, zone: str | None, shown: str) -> None:
    words = ("--page", "x:bluebird", "--at", "2026-12-24 18:00", "-m", "Hi")
    ran = cli.run("posts", "schedule", *words, *(["--tz", zone] if zone else []))
    assert f"Thu 24 Dec 2026 {shown}" in ran.out


def test_schedule_uses_the_zone_of_each_brand(cli: CommandLine, client: Client) -> None:
    words = ("--page", "x:bluebird", "--page", "instagram:acme", "-m", "Hi", "--tz", "brand")
    ran = cli.run("posts", "schedule", *words, "--at", "2026-12-24 18:00")
    assert scheduled_times(client) == ["2026-12-24T17:00", "2026-12-24T23:00"]
    assert "Fri 25 Dec 2026 00:00 CET (24 Dec 23:00 UTC)" in ran.out


@pytest.mark.parametrize(
    ("first_key", "is_moved"), [("k", False), ("k", True), (None, True)],
    ids=["key", "key, moved", "moved"],
)  # fmt: skip
def test_existing_post_at_another_time_is_named(
    cli: CommandLine, client: Client, first_key: str | None, *, is_moved: bool
) -> None:
    post_id = schedule(cli, *(["--key", first_key] if first_key else []))["id"]
    own, other = AT, "2026-12-28 18:00"
    if is_moved:
        own, other = other, own
        post_id = cli.run("posts", "reschedule", post_id, "--at", own, "-q").out.strip()
    words = ("posts", "schedule", "--page", "instagram:acme", "-m", "Hello", "--key", "k", "--at")
    ran, same = cli.run(*words, other), cli.run(*words, own)
    at = f"{own[:10]}T17:00:00Z"
    assert f"Post {post_id} is scheduled for {at}, not for the requested time" in ran.err
    assert f"outreply posts reschedule {post_id} --at TIME" in ran.err
    assert f"Post {post_id} already exists; nothing was sent." in ran.err
    assert "requested time" not in same.err
    assert scheduled_times(client) == [at[:16]]


@pytest.mark.parametrize(
    ("name", "platform"),
    [("instagram:acme", "instagram"), ("IG:acme", "instagram"), ("ig:@Acme", "instagram"),
     ("x:bluebird", "twitter"), ("TW:bluebird", "twitter"), ("Acme Company", "linkedin")],
)  # fmt: skip
def test_page_is_found_by_alias_name_or_id(cli: CommandLine, name: str, platform: str) -> None:
    shown = cli.run("pages", "show", name, "--json")
    assert json.loads(shown.out)["platform"] == platform
    page_id = json.loads(shown.out)["id"]
    assert json.loads(cli.run("pages", "show", page_id, "--json").out)["id"] == page_id


def test_ambiguous_page_lists_candidates(cli: CommandLine) -> None:
    ran = cli.run("pages", "show", "Acme Official")
    assert ran.code == 2
    assert "facebook:acme" in ran.err
    assert "instagram:acme" in ran.err


def test_schedule_makes_a_post_on_each_page(cli: CommandLine) -> None:
    ran = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--page", "facebook:acme",
        "--at", "in 3h", "-m", "Hi", "-q",
    )  # fmt: skip
    assert ran.code == 0
    assert len(ran.out.split()) == 2


def test_message_is_read_from_file_stdin_or_editor(
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
    ("options", "expected"),
    [
        (("-m", "x" * 5001), "5,001"),
        (("-m", " "), "a message or media is required"),
        (("-m", "x", "--media", "http://127.0.0.1/a.png"), "private address"),
        (("-m", "x", "--media", "https://2130706433/a.png"), "private address"),
        (("-m", "x", "--media", "https://[::ffff:10.0.0.1]/a.png"), "private address"),
        (("-m", "x", "--media", "https://user@example.com/a.png"), "user name"),
        (("-m", "x", "--media", "ftp://example.com/a.png"), "https://"),
        (("-m", "x", "--tiktok", "{}"), "not supported on Instagram"),
        (("-m", "x", "--tiktok", "[1]"), "must be an object"),
        (("-m", "x", "--tiktok", '{"a": 1, "a": 2}'), "not valid JSON: 'a' occurs twice"),
        (("-m", "x", "--first-comment", "a\x00b"), "NUL"),
    ],
)
def test_invalid_content_is_not_sent(
    cli: CommandLine, client: Client, options: tuple[str, ...], expected: str
) -> None:
    ran = cli.run("posts", "schedule", "--page", "instagram:acme", "--at", "in 3h", *options)
    assert ran.code == 2
    assert expected in ran.err
    assert client.scheduled_posts().items == []


def test_dry_run_sends_nothing(cli: CommandLine, client: Client) -> None:
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "in 3h", "-m", "x")
    ran = cli.run(*words, "--dry-run")
    assert ran.code == 0
    assert ran.out.startswith("\tMon 23 Nov 2026 16:00 CET (15:00 UTC)\tinstagram:acme")
    # A dry run has no ID to print.
    assert cli.run(*words, "--dry-run", "-q").out == ""
    assert client.scheduled_posts().items == []


def test_same_key_makes_one_post(cli: CommandLine, client: Client) -> None:
    first = schedule(cli, "--key", "launch")
    again = schedule(cli, "--key", "launch")
    later = schedule(cli, "--key", "launch", at="2026-12-25 18:00")
    assert first["id"] == again["id"] == later["id"]
    assert schedule(cli, "--key", "other", at="2026-12-26 18:00")["id"] != first["id"]
    assert len(scheduled_times(client)) == 2


def test_same_key_on_new_machine_makes_one_post(
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
    assert "already exists with different content" in other_time.err
    assert len(scheduled_times(client)) == 1


def test_publish_requires_confirmation(cli: CommandLine, client: Client) -> None:
    ran = cli.run("posts", "publish", "--page", "x:bluebird", "-m", "Live")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert "Live" not in [post["message"] for post in client.published_posts().items]


def test_publish_with_key_publishes_once(cli: CommandLine, client: Client) -> None:
    words = (
        "posts", "publish", "--page", "x:bluebird", "-m", "Live", "--key", "v1.2", "--yes",
        "--json",
    )  # fmt: skip
    first = cli.run(*words)
    assert first.code == 0, first.err
    (post,) = json.loads(first.out)
    assert post["status"] == "published"
    again = cli.run(*words)
    assert again.code == 0
    assert json.loads(again.out) == [post]
    assert [p["message"] for p in client.published_posts().items].count("Live") == 1


def test_reschedule_posts_before_it_deletes(cli: CommandLine, client: Client) -> None:
    post = schedule(cli, "--first-comment", "Me first")
    ran = cli.run("posts", "reschedule", post["id"], "--at", "2026-12-25 18:00", "-v", "--json")
    assert ran.code == 0, ran.err
    assert scheduled_times(client) == ["2026-12-25T17:00"]
    new = client.scheduled_post(json.loads(ran.out)["id"])
    assert (new["message"], new["first_comment"]) == ("Hello", "Me first")
    assert ran.err.index("POST ") < ran.err.index("DELETE ")
    moved_again = cli.run("posts", "reschedule", new["id"], "--at", "2026-12-26 18:00")
    assert moved_again.code == 0
    assert scheduled_times(client) == ["2026-12-26T17:00"]
    assert cli.run("posts", "reschedule", post["id"], "--at", "2026-12-27 18:00").code == 5


STEPS = ("before sent", "after sent", "after request", "after done", "before delete",
         "after delete", "after cancelled")  # fmt: skip


class KilledError(BaseException):
    """The end of the process: the product does not catch it."""


@pytest.fixture
def posts(cli: CommandLine, client: Client) -> PostService:
    return PostService(client, Store(Path(cli.environ["OUTREPLY_STATE_DIR"])), lambda _: None)


@pytest.mark.parametrize("step", STEPS)
def test_killed_reschedule_is_finished_by_next_command(
    cli: CommandLine, client: Client, step: str
) -> None:
    post = schedule(cli)

    def die(name: str) -> None:
        if name == step:
            raise KilledError

    class DyingPosts(PostService):
        @contextmanager
        def _open_journal(self) -> Iterator[Journal]:
            with closing(SteppingJournal(self._store.path, die)) as journal:
                yield journal

    state = Path(cli.environ["OUTREPLY_STATE_DIR"])
    new_time = client.now().replace(month=12, day=25, hour=17, minute=0)
    dying = DyingPosts(SteppingClient(client.transport, die), Store(state), lambda _: None)
    with pytest.raises(KilledError):
        dying.reschedule(post["id"], new_time)
    assert scheduled_times(client), "the page always has its post"
    assert cli.run("posts", "cancel", "68a100000000000000000001").code == 5
    assert len(scheduled_times(client)) == 1
    ran = cli.run("posts", "reschedule", client.scheduled_posts().items[0]["id"],
                  "--at", "2026-12-25 18:00")  # fmt: skip
    assert ran.code == 0
    assert scheduled_times(client) == ["2026-12-25T17:00"]


def test_wait_exit_code_tells_published_failed_and_timed_out_apart(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    post = schedule(cli, at="in 20m")
    ran = cli.run("posts", "wait", post["id"], "--timeout", "30m", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["status"] == "published"
    late = schedule(cli, at="in 3h")
    timed_out = cli.run("posts", "wait", late["id"], "--timeout", "10m", "--json")
    assert timed_out.code == 124
    assert json.loads(timed_out.err)["error"]["code"] == "TIMEOUT"
    emulator.state.connection.execute("UPDATE posts SET status = 'failed' WHERE id = ?",
                                      (late["id"],))  # fmt: skip
    assert cli.run("posts", "wait", late["id"]).code == 1
    assert cli.run("posts", "wait", "nope").code == 5


@pytest.mark.parametrize(
    ("timing", "code"), [((20, "30m"), 0), ((3600, "30m"), 5), ((3600, "20m10s"), 124)]
)
def test_wait_allows_for_a_lag_between_lists(
    cli: CommandLine,
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    timing: tuple[int, str],
    code: int,
) -> None:
    """A post leaves the list of scheduled posts before it is listed as published."""
    lag, timeout = timing
    post = schedule(cli, at="in 20m")
    with RuleProxy(emulator.app) as proxy:
        proxy.response_filters.append(lagging_lists(emulator_clock, lag))
        cli.environ["OUTREPLY_BASE_URL"] = proxy.url
        ran = cli.run("posts", "wait", post["id"], "--timeout", timeout, "--json")
    assert ran.code == code, ran.err


def test_time_less_than_10_minutes_ahead_is_rejected(
    cli: CommandLine, emulator_clock: ManualClock
) -> None:
    emulator_clock.advance(0.4)
    ran = cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 10m", "-m", "Hi")
    assert ran.code == 2
    assert "only 9m 59s ahead" in ran.err


def test_cancel_removes_the_post_and_frees_its_key(
    cli: CommandLine, client: Client, posts: PostService
) -> None:
    post = schedule(cli)
    ran = cli.run("posts", "cancel", post["id"], "--json")
    facts = {name: post[name] for name in ("page_id", "scheduled_at", "message")}
    assert json.loads(ran.out) == [{**facts, "id": post["id"], "success": True}]
    assert ran.code == 0
    assert scheduled_times(client) == []
    assert cli.run("posts", "cancel", post["id"]).code == 5
    # Duplicate IDs are not a batch.
    assert cli.run("posts", "cancel", post["id"], post["id"]).code == 5
    content = PostContent(message="Hi")
    page = client.pages(platform="instagram").items[0]
    at = client.now().replace(day=30)
    made = posts.post(page, content, scheduled_at=at, dedupe_key="k")
    assert made.post is not None
    posts.cancel(made.post["id"])
    again = posts.post(page, content, scheduled_at=at, dedupe_key="k")
    assert again.post is not None
    assert again.post["id"] != made.post["id"]


@pytest.mark.parametrize("is_unsettled", [False, True])
@pytest.mark.parametrize("sender", ["no journal", "no key", "key", "other token"])
def test_cancel_needs_no_reads(
    cli: CommandLine, emulator: EmulatorServer, sender: str, *, is_unsettled: bool
) -> None:
    token = cli.environ["OUTREPLY_API_KEY"]
    if sender == "other token":
        other = emulator.handle.request("token", name="other")["token"]
        cli.environ["OUTREPLY_API_KEY"] = str(other)
    if sender != "no journal":
        schedule(cli, "--key", "0", at="2026-12-25 18:00")
    post = schedule(cli, *(() if sender.startswith("no ") else ("--key", "1")))
    if is_unsettled and sender != "no journal":
        with closing(sqlite3.connect(cli.home / "state" / JOURNAL_FILE)) as db, db:
            db.execute("UPDATE entries SET state = 'cancelling' WHERE id = 1")
    cli.environ["OUTREPLY_API_KEY"] = token
    set_used(emulator, "reads", 10**9)
    ran = cli.run("posts", "cancel", post["id"], "-q")
    assert (ran.code, ran.out) == (0, f"{post['id']}\n"), ran.err
    set_used(emulator, "reads", 0)
    assert cli.run("posts", "show", post["id"]).code == 5
    if sender == "key":
        # The journal knows that the post is cancelled.
        assert schedule(cli, "--key", "1")["id"] != post["id"]


def test_list_published_since_omits_earlier_posts(cli: CommandLine) -> None:
    everything = json.loads(cli.run("posts", "list", "--published", "--json").out)
    assert len(everything) == 4
    recent = json.loads(cli.run("posts", "list", "--published", "--since", "24h", "--json").out)
    assert len(recent) == 2
    limited = cli.run(
        "posts", "list", "--all", "--page", "instagram:acme", "--limit", "1", "--json"
    )
    assert [post["platform"] for post in json.loads(limited.out)] == ["instagram"]


def test_list_since_filters_before_limit(cli: CommandLine) -> None:
    ids = [schedule(cli, at=f"2026-12-2{day} 18:00")["id"] for day in (1, 2, 3)]
    words = ("posts", "list", "--since", "2026-12-22", "-q", "--limit")
    assert cli.run(*words, "1").out.split() == ids[1:2]
    assert cli.run(*words, "5").out.split() == ids[1:]


def test_concurrent_commands_make_one_post(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    def run_concurrently(*command_lines: tuple[str, ...]) -> list[int]:
        output = tmp_path / command_lines[0][1]
        results = run_forks(cli, command_lines, output, at_once=True)
        return [result.code for result in results]

    words = ("posts", "schedule", "--page", "facebook:acme", "-m", "Once", "--key", "k", "--at")
    assert run_concurrently(*[(*words, "2026-12-25 10:00")] * 4) == [0] * 4
    (post,) = client.scheduled_posts().items
    moves = [("posts", "reschedule", post["id"], "--at", f"2026-12-25 1{n}:30") for n in range(4)]
    assert sorted(run_concurrently(*moves)) == [0, 5, 5, 5]
    assert len(scheduled_times(client)) == 1
    publish = ("posts", "publish", "--page", "x:bluebird", "-m", "Now", "--key", "k", "--yes")
    assert run_concurrently(*[publish] * 4) == [0] * 4
    assert [p["message"] for p in client.published_posts().items].count("Now") == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "Check whether it exists before you run it again"),
        (("--key", "k"), "Run the same command again"),
    ],
)
def test_unknown_outcome_is_reported(
    cli: CommandLine, emulator: EmulatorServer, options: tuple[str, ...], expected: str
) -> None:
    fault_options = {"method": "POST", "path": "/posts/schedule", "times": 100}
    emulator.handle.request("fault", add="drop-after", options=fault_options)
    # Otherwise the post is found in the list.
    list_options = {"method": "GET", "path": "/posts/scheduled", "times": 100}
    emulator.handle.request("fault", add="status:500", options=list_options)
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "in 3h", "-m", "Hi", *options)
    ran = cli.run(*words)
    assert ran.code == 7
    assert "may have been created anyway" in ran.err
    assert expected in ran.err


CHECK = (
    "Check which posts exist (outreply posts list --all), then run the command again only for "
    "pages whose post does not exist."
)


@pytest.mark.parametrize(
    ("faults", "maybe_applied", "hint"),
    [
        (
            {"drop-after": 2, "status:503": 1},
            [True],
            f"The other posts were created. {CHECK}",
        ),
        (
            {"drop-after": 1, "status:503": 1},
            [True, True],
            CHECK,
        ),
        (
            {"status:400": 2},
            [False],
            "The other posts were created. Run the command again with the failed pages only.",
        ),
        ({"status:400": 1}, [False, False], "Run the command again with the failed pages only."),
    ],
    ids=["one unknown", "all unknown", "one refused", "all refused"],
)
def test_hint_of_partial_failure_sends_no_post_twice(
    cli: CommandLine,
    emulator: EmulatorServer,
    faults: dict[str, int],
    maybe_applied: list[bool],
    hint: str,
) -> None:
    for fault, every in faults.items():
        # Lists that fail do not find the post.
        is_list = fault == "status:503"
        method, path = ("GET", "/posts/published") if is_list else ("POST", "/posts/publish")
        options = {"method": method, "path": path, "every": every}
        emulator.handle.request("fault", add=fault, options=options)
    words = ("--page", "facebook:acme", "--page", "linkedin:acme-co", "-m", "Hi", "--yes")
    ran = cli.run("posts", "publish", *words, "--json")
    assert ran.code == 3
    error = json.loads(ran.err.splitlines()[-1])["error"]
    assert error["hint"] == hint
    assert [item["maybe_applied"] for item in error["details"]["failed"]] == maybe_applied


@pytest.mark.parametrize("fault", ["rate-limit:90", "status:403", "status:500"])
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("schedule", ("--at", "2026-12-24 18:00", "--key", "k")),
        ("schedule", ("--at", "next-slot")),
        ("publish", ("--yes", "--key", "k")),
    ],
    ids=["key", "next-slot", "publish"],
)
def test_post_that_cannot_be_read_back_is_reported(
    cli: CommandLine,
    emulator: EmulatorServer,
    *,
    command: str,
    words: tuple[str, ...],
    fault: str,
) -> None:
    assert cli.run("slots", "set", "linkedin:acme-co", "daily 09:00").code == 0
    options = {"method": "GET", "path": "/posts/scheduled/*"}
    emulator.handle.request("fault", add=fault, options=options)
    words = ("posts", command, "--page", "linkedin:acme-co", "-m", "Once", *words, "--json")
    ran = cli.run(*words)
    assert ran.code == 0, ran.err
    (post,) = json.loads(ran.out)
    assert post["status"] == ("published" if command == "publish" else "scheduled")
    assert (post["message"], bool(post["id"])) == ("Once", True)
    if "--key" in words:
        cli.clock.advance(90)
        again = cli.run(*words)
        assert again.code == 0, again.err
        assert json.loads(again.out)[0]["id"] == post["id"]


def test_move_that_cannot_be_read_back_is_reported(
    cli: CommandLine, client: Client, emulator: EmulatorServer
) -> None:
    post = schedule(cli)
    # The first read is that of the old post.
    options = {"method": "GET", "path": "/posts/scheduled/*", "every": 2}
    emulator.handle.request("fault", add="status:403", options=options)
    ran = cli.run("posts", "reschedule", post["id"], "--at", "2026-12-25 18:00", "--json")
    assert ran.code == 0, ran.err
    (listed,) = client.scheduled_posts().items
    moved = json.loads(ran.out)
    assert (moved["id"], moved["status"]) == (listed["id"], "scheduled")
    assert scheduled_times(client) == ["2026-12-25T17:00"]


def test_upload_bar_on_terminal_only(cli: CommandLine, tmp_path: Path) -> None:
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
    ("typed", "suggestion"),
    [
        ("acme", "facebook:acme or instagram:acme"),
        ("@ACME", "facebook:acme or instagram:acme"),
        ("mastodon:bluebird", "twitter:bluebird"),
        ("acme company", "Acme Company or Acme Official"),
        ("instagram:acne", "instagram:acme"),
    ],
)
def test_unknown_page_suggests_similar_names(cli: CommandLine, typed: str, suggestion: str) -> None:
    ran = cli.run("posts", "schedule", "--page", typed, "--at", "in 2h", "-m", "Hi")
    assert ran.code == 5
    assert f"Did you mean {suggestion}?" in ran.err


def test_list_csv_has_published_time(cli: CommandLine) -> None:
    for option in ("--published", "--all"):
        lines = cli.run("posts", "list", option, "-o", "csv", "--limit", "1").out.splitlines()
        assert lines[0] == "id,scheduled_at,published_at,page_id,status,message"
        assert lines[1].split(",")[2].startswith("2026-11-2")
    assert cli.run("posts", "list", "-o", "csv").out == "id,scheduled_at,page_id,message\n"


def test_export_note_is_singular(cli: CommandLine, tmp_path: Path) -> None:
    schedule(cli)
    ran = cli.run("posts", "export", "--ics", str(tmp_path / "a.ics"))
    assert ran.err == f"Exported 1 post to {tmp_path / 'a.ics'}.\n"


def test_publish_json_has_fields_of_lists(cli: CommandLine) -> None:
    ran = cli.run("posts", "publish", "--page", "x:bluebird", "-m", "Live", "--yes", "--json")
    assert ran.code == 0, ran.err
    (post,) = json.loads(ran.out)
    assert post["platform"] == "twitter"
    assert post["id"] == post["post_id"]
    page = json.loads(cli.run("pages", "show", "x:bluebird", "--json").out)
    assert post["page_id"] == page["id"]
    shown = json.loads(cli.run("posts", "show", post["id"], "--json").out)
    assert shown["message"] == "Live"


def test_list_waits_for_next_rate_limit_window(
    cli: CommandLine, client: Client, emulator_clock: ManualClock
) -> None:
    # The window has just started: the wait of a minute is rounded up to 61 seconds.
    limit = int(client.account()["quota"]["rate_limit"]["per_minute"])
    for _ in range(limit - 1):
        client.pages()
    assert cli.run("posts", "list", "--json").code == 0
    assert sum(emulator_clock.sleeps) > 60
