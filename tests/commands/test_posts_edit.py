"""`posts edit`: selection, differences, validation and output."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from hypothesis import given, strategies as st

from outreply_cli.api.client import Client
from outreply_cli.commands.posts.edit import parse_replacement
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.posts.edits import ContentEdit
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png

PAGE = "instagram:acme"
AT = "2026-12-24 18:00"
IMAGE = "https://example.com/a.jpg"
TEXT = "Doors open at 9\nBring a friend"
HOSTILE = "It's \"9\" o'clock $HOME `id` \\ \n--yes\t\x1b[31mred\u202e é 🚀"


def schedule(
    cli: CommandLine, *options: str, text: str | None = TEXT, page: str = PAGE, at: str = AT
) -> str:
    words = ("--page", page, "--at", at, *(("-m", text) if text is not None else ()))
    ran = cli.run("posts", "schedule", *words, *options, "-q")
    assert ran.code == 0, ran.err
    return ran.out.strip()


def edit(cli: CommandLine, *words: str, code: int = 0, **run: Any) -> Result:
    ran = cli.run("posts", "edit", *words, **run)
    assert ran.code == code, ran.err
    return ran


def edit_json(cli: CommandLine, *words: str, **run: Any) -> list[dict[str, Any]]:
    return list(json.loads(edit(cli, *words, "--yes", "--json", **run).out))


def texts(client: Client) -> list[str | None]:
    return [post["message"] for post in client.scheduled_posts().items]


def undo(cli: CommandLine, ran: Result) -> Result:
    """Run the undo command as a shell would."""
    (line,) = [line for line in ran.err.splitlines() if line.startswith("To undo: ")]
    program, *words = shlex.split(line.removeprefix("To undo: "))
    assert program == "outreply"
    return cli.run(*words, "--yes")


def test_edit_replaces_text_only(cli: CommandLine, client: Client) -> None:
    post_id = schedule(cli, "--first-comment", "First", "--media", IMAGE)
    (item,) = edit_json(cli, post_id, "-m", "New")
    before, new = item["replaces"], client.scheduled_post(item["id"])
    assert before == post_id != item["id"]
    assert item == {
        "id": new["id"],
        "replaces": post_id,
        "page_id": new["page_id"],
        "scheduled_at": "2026-12-24T17:00:00Z",
        "message": "New",
        "changes": {"message": {"before": TEXT, "after": "New"}},
    }
    assert new["scheduled_at"] == "2026-12-24T17:00:00.000Z"
    assert (new["message"], new["first_comment"]) == ("New", "First")
    assert [media["src"] for media in new["media"]] == [IMAGE]
    assert len(client.scheduled_posts().items) == 1


def test_post_is_cancelled_before_it_is_created_again(cli: CommandLine) -> None:
    """The API refuses a second post of a page at the same time."""
    ran = edit(cli, schedule(cli), "-m", "New", "--yes", "-v")
    assert ran.err.index("DELETE ") < ran.err.index("POST /api/v1/posts/schedule")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-m", "New"), {"message": "New"}),
        (("-F", "-"), {"message": "From stdin"}),
        (("--first-comment", "Second"), {"first_comment": "Second"}),
        (("--clear", "first-comment"), {"first_comment": None}),
        (("--link", "https://example.com/"), {"link": "https://example.com/"}),
        (("--clear", "message"), {"message": None}),
        (("-m", "New", "--clear", "media"), {"message": "New", "media": []}),
        (("--media", f"{IMAGE}?2"), {"media": [f"{IMAGE}?2"]}),
        (("--replace", "9=10"), {"message": TEXT.replace("9", "10")}),
        (("--replace", "First=Last"), {"first_comment": "Last"}),
        (
            ("--replace", "open=close", "--replace", "close=end"),
            {"message": TEXT.replace("open", "end")},
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_edit_changes_only_the_given_parts(
    cli: CommandLine, words: tuple[str, ...], expected: dict[str, Any]
) -> None:
    post_id = schedule(cli, "--first-comment", "First", "--media", IMAGE)
    (item,) = edit_json(cli, post_id, *words, stdin="From stdin\n")
    assert {name: change["after"] for name, change in item["changes"].items()} == expected
    shown = json.loads(cli.run("posts", "show", item["id"], "--json").out)
    for name in ("message", "first_comment"):
        if name in expected:
            assert (shown[name] or None) == expected[name]


def test_link_is_kept(cli: CommandLine, client: Client) -> None:
    post_id = schedule(cli, "--link", "https://example.com/", page="facebook:acme")
    (item,) = edit_json(cli, post_id, "-m", "New")
    assert dict(client.scheduled_post(item["id"]))["link"] == "https://example.com/"


def test_several_posts_get_same_text(cli: CommandLine, client: Client) -> None:
    ids = [schedule(cli), schedule(cli, page="facebook:acme")]
    items = edit_json(cli, *ids, "-m", "New")
    assert [item["replaces"] for item in items] == ids
    assert texts(client) == ["New", "New"]


class TestFilters:
    @pytest.fixture
    def ids(self, cli: CommandLine) -> dict[str, str]:
        """Posts by their names: page and day."""
        return {
            f"{page} {day}": schedule(
                cli, page=f"{page}:acme", at=f"2026-12-{day} 18:00", text=f"Sale {page} {day}"
            )
            for page in ("instagram", "facebook")
            for day in (23, 24, 25)
        }

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("--all",), {"instagram 23", "instagram 24", "instagram 25", "facebook 23",
                          "facebook 24", "facebook 25"}),
            (("--page", PAGE), {"instagram 23", "instagram 24", "instagram 25"}),
            (("--page", PAGE, "--since", "2026-12-24"), {"instagram 24", "instagram 25"}),
            (("--page", PAGE, "--until", "2026-12-24"), {"instagram 23", "instagram 24"}),
            (("--since", "2026-12-24 18:00", "--until", "2026-12-24 18:00"),
             {"instagram 24", "facebook 24"}),
            (("--since", "2026-12-24 18:01", "--until", "2026-12-25 17:59"), set()),
            (("--since", "2026-12-25 02:00", "--tz", "Asia/Tokyo", "--until", "2026-12-25 02:00"),
             {"instagram 24", "facebook 24"}),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )  # fmt: skip
    def test_filters_select_the_posts_to_edit(
        self, cli: CommandLine, ids: dict[str, str], words: tuple[str, ...], expected: set[str]
    ) -> None:
        items = edit_json(cli, *words, "--replace", "Sale=Offer")
        assert {item["replaces"] for item in items} == {ids[name] for name in expected}
        assert all(item["message"].startswith("Offer ") for item in items)

    def test_post_without_text_is_left_out(self, cli: CommandLine, ids: dict[str, str]) -> None:
        items = edit_json(cli, "--all", "--replace", "instagram 24=Eve")
        assert [item["replaces"] for item in items] == [ids["instagram 24"]]

    def test_text_in_no_post_edits_nothing(self, cli: CommandLine, ids: dict[str, str]) -> None:
        del ids
        ran = edit(cli, "--all", "--replace", "Nothing=x", "--json", "-v")
        assert json.loads(ran.out) == []
        assert "No post contains 'Nothing'; nothing was sent." in ran.err
        assert "DELETE" not in ran.err

    @pytest.mark.parametrize(
        "words",
        [
            ("-m", "Same"), ("--first-comment", "Same"), ("--media", IMAGE), ("--undo",),
            ("--clear", "link"), ("--edit",), ("--replace", "a=b", "--link", "https://a.example"),
        ],
        ids=" ".join,
    )  # fmt: skip
    def test_other_changes_need_ids(self, cli: CommandLine, words: tuple[str, ...]) -> None:
        ran = edit(cli, "--all", *words, "--yes", code=2)
        assert "specify their IDs" in ran.err

    def test_unknown_page_is_not_found(self, cli: CommandLine) -> None:
        edit(cli, "--page", "x:nope", "--replace", "a=b", code=5)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("-m", "x"), "specify either post IDs, or a filter"),
        (("ID", "--all", "--replace", "a=b"), "specify either post IDs, or a filter"),
        (("ID",), "nothing to edit"),
        (("ID", "-m", "a", "-F", "b"), "only one of -m, -F, --edit, --compose-with and --replace"),
        (("ID", "-m", "a", "--edit"), "only one of -m, -F, --edit, --compose-with and --replace"),
        (
            ("ID", "-m", "a", "--replace", "a=b"),
            "only one of -m, -F, --edit, --compose-with and --replace",
        ),
        (("ID", "--replace", "a"), "is not OLD=NEW"),
        (("ID", "--replace", "=a"), "is not OLD=NEW"),
        (("ID", "--undo", "-m", "a"), "--undo cannot be combined"),
        (("ID", "--clear", "nope"), "unknown part 'nope'"),
        (("ID", "--clear", "link", "--link", IMAGE), "--clear link conflicts"),
        (("ID", "--clear", "message", "--edit"), "--clear message conflicts"),
        (("ID", "-m", ""), "--clear message"),
        (("ID", "--first-comment", " "), "--clear first-comment"),
        (("ID", "--clear", "message"), "a message or media is required"),
        (("ID", "-m", "x" * 5001), "the limit is 5,000"),
        (("ID", "--media", "missing.png"), "missing.png"),
        (("ID", "--tiktok", '{"a": 1}'), "not supported on Instagram"),
        (("ID", "--undo"), "no earlier content"),
        (("ID", "-m", "outreply_live_" + "a1b2" * 10), "contains an API token"),
        (("--all", "--replace", "a=b", "--since", "never"), "--since"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_invalid_edit_is_rejected_and_sends_nothing(
    cli: CommandLine, client: Client, words: tuple[str, ...], reason: str
) -> None:
    post_id = schedule(cli)
    ran = edit(cli, *(post_id if word == "ID" else word for word in words), "--yes", "-v", code=2)
    message = " ".join(ran.err.split())
    assert reason.lower() in message.lower()
    assert "DELETE" not in ran.err
    assert texts(client) == [TEXT]


def test_dry_run_sends_nothing(cli: CommandLine, client: Client) -> None:
    post_id = schedule(cli)
    for words in (("-m", "New"), ("--replace", "9=10")):
        ran = edit(cli, post_id, *words, "--dry-run", "--json", "-v")
        (item,) = json.loads(ran.out)
        assert (item["id"], item["replaces"]) == (None, post_id)
        assert set(item["changes"]) == {"message"}
        assert "DELETE" not in ran.err
        assert "POST" not in ran.err
    shown = edit(cli, post_id, "-m", "New", "--dry-run")
    assert shown.out.split("\t")[0] == post_id
    assert "  + New" in shown.err
    assert edit(cli, post_id, "-m", "New", "--dry-run", "-q").out == ""
    assert texts(client) == [TEXT]


def test_confirmation_is_required(cli: CommandLine, client: Client) -> None:
    post_id = schedule(cli)
    for words in ((), ("--json",)):
        ran = edit(cli, post_id, "-m", "New", *words, code=2)
        assert "--yes" in ran.err
        assert "  + New\n" in ran.err, "the difference comes before the question"
    assert texts(client) == [TEXT]


@pytest.mark.parametrize(("answer", "expected"), [("n", TEXT), ("y", "New\nBring a friend")])
def test_terminal_shows_difference_and_asks(
    cli: CommandLine, client: Client, answer: str, expected: str
) -> None:
    post_id = schedule(cli)
    child = cli.at_terminal("posts", "edit", post_id, "--replace", "Doors open at 9=New")
    child.expect(r"Replace 1 post\? \[y/N\] ")
    shown = str(child.before)
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == (0 if answer == "y" else 2)
    lines = [line.strip("\r") for line in shown.split("\n")]
    assert "\x1b[31m  - Doors open at 9\x1b[0m" in lines
    assert "\x1b[32m  + New\x1b[0m" in lines
    assert "    Bring a friend" in lines
    assert texts(client) == [expected]


def test_difference_shows_neighboring_lines_only(cli: CommandLine) -> None:
    lines = [f"Line {n}" for n in range(12)]
    post_id = schedule(cli, text="\n".join(lines), page="linkedin:acme-co")
    ran = edit(cli, post_id, "--replace", "Line 3=Three", "--replace", "Line 9=Nine", "--dry-run")
    assert ran.err.splitlines()[1:] == [
        "  message:", "    Line 2", "  - Line 3", "  + Three", "    Line 4", "    …", "    Line 8",
        "  - Line 9", "  + Nine", "    Line 10", "Dry run: nothing was sent.",
    ]  # fmt: skip


def test_difference_escapes_control_characters(cli: CommandLine) -> None:
    post_id = schedule(cli, text="Plain")
    ran = edit(cli, post_id, "-m", HOSTILE, "--dry-run")
    assert "\\x1b[31mred\\u202e" in ran.err
    assert not any(character in ran.err + ran.out for character in "\x1b\u202e\r")
    (item,) = json.loads(edit(cli, post_id, "-m", HOSTILE, "--dry-run", "--json").out)
    assert item["message"] == HOSTILE


def test_difference_shows_white_space(cli: CommandLine) -> None:
    ran = edit(cli, schedule(cli, text="A B"), "-m", "A\tB", "--dry-run")
    assert "  - 'A B'\n  + 'A\\tB'\n" in ran.err


@pytest.mark.parametrize("text", [HOSTILE, "-first", "a=b", "'", "\n\nTwo\n"], ids=ascii)
def test_printed_undo_command_restores_everything(
    cli: CommandLine, client: Client, text: str
) -> None:
    """The printed command restores everything, and makes no second post."""
    first = schedule(
        cli, "--first-comment", text, "--media", IMAGE, "--link", "https://example.com/", text=text
    )
    before = client.scheduled_post(first)
    changes = ("--clear", "first-comment", "--clear", "link", "--clear", "media")
    ran = edit(cli, first, "-m", "New", *changes, "--yes")
    restored = undo(cli, ran)
    assert restored.code == 0, restored.err
    (listed,) = client.scheduled_posts().items
    post = client.scheduled_post(str(listed["id"]))
    ignored = {"id", "created_at"}
    assert {name: value for name, value in post.items() if name not in ignored} == {
        name: value for name, value in before.items() if name not in ignored
    }
    # The undo of the undo is the edit.
    assert undo(cli, restored).code == 0
    assert texts(client) == ["New"]


def test_undo_of_several_names_profile(cli: CommandLine, client: Client) -> None:
    login = ("auth", "login", "--with-token", "--insecure-storage", "--profile", "work")
    token, url = cli.environ.pop("OUTREPLY_API_KEY"), cli.environ.pop("OUTREPLY_BASE_URL")
    assert cli.run(*login, "--base-url", url, stdin=token).code == 0
    ids = [schedule(cli), schedule(cli, page="facebook:acme")]
    ran = edit(cli, *ids, "--replace", "9=10", "--yes", "--profile", "work")
    assert " --undo --profile work" in ran.err
    assert undo(cli, ran).code == 0
    assert texts(client) == [TEXT, TEXT]


def test_undo_after_a_move_keeps_the_new_time(cli: CommandLine, client: Client) -> None:
    """The time is not restored: `posts reschedule` moves a post back."""
    (item,) = edit_json(cli, schedule(cli), "-m", "New")
    moved = cli.run("posts", "reschedule", item["id"], "--at", "2026-12-26 18:00", "-q")
    (restored,) = edit_json(cli, moved.out.strip(), "--undo")
    assert (restored["message"], restored["scheduled_at"]) == (TEXT, "2026-12-26T17:00:00Z")
    assert len(client.scheduled_posts().items) == 1


def test_edit_without_differences_sends_nothing(cli: CommandLine, client: Client) -> None:
    post_id = schedule(cli, "--first-comment", "First")
    for words in (("-m", TEXT), ("--first-comment", "First"), ("--clear", "link")):
        ran = edit(cli, post_id, *words, "--json", "-v")
        assert json.loads(ran.out) == []
        assert "No differences; nothing was sent." in ran.err
        assert "DELETE" not in ran.err
    assert [post["id"] for post in client.scheduled_posts().items] == [post_id]


class TestFailures:
    def test_unknown_post_is_not_found(self, cli: CommandLine) -> None:
        assert edit(cli, "nope", "-m", "New", "--yes", "--json", code=5).out == ""

    def test_unknown_posts_among_several_are_reported(
        self, cli: CommandLine, client: Client
    ) -> None:
        post_id = schedule(cli)
        ran = edit(cli, "nope", post_id, "gone", "-m", "New", "--yes", "--json", code=3)
        assert [item["replaces"] for item in json.loads(ran.out)] == [post_id]
        error = json.loads(ran.err.splitlines()[-1])["error"]
        assert [item["id"] for item in error["details"]["failed"]] == ["nope", "gone"]
        assert "To undo: " in ran.err
        assert texts(client) == ["New"]

    def test_published_post_is_not_found(
        self, cli: CommandLine, client: Client, emulator_clock: ManualClock
    ) -> None:
        post_id = schedule(cli, at="in 20m")
        emulator_clock.advance(1800)
        edit(cli, post_id, "-m", "New", "--yes", code=5)
        assert TEXT in [post["message"] for post in client.published_posts().items]

    def test_replaced_post_is_not_found_and_names_its_replacement(self, cli: CommandLine) -> None:
        post_id = schedule(cli)
        (item,) = edit_json(cli, post_id, "-m", "New")
        # The same command finds the post that it made.
        assert edit_json(cli, post_id, "-m", "New") == [item]
        ran = edit(cli, post_id, "-m", "Other", "--yes", code=5)
        assert f"It was replaced by post {item['id']}; see: outreply posts show" in ran.err

    @pytest.mark.parametrize(
        "words",
        [("show",), ("cancel",), ("wait",), ("reschedule", "--at", "in 9h"), ("edit", "-m", "x")],
    )
    def test_commands_name_the_post_that_replaced_another(
        self, cli: CommandLine, words: tuple[str, ...]
    ) -> None:
        first = schedule(cli)
        (second,) = edit_json(cli, first, "-m", "New")
        moved = cli.run("posts", "reschedule", second["id"], "--at", "in 5h", "-q")
        last = moved.out.strip()
        for post_id in (first, second["id"]):
            ran = cli.run("posts", *words, post_id)
            assert ran.code == 5
            assert f"It was replaced by post {last}; see: outreply posts show {last}" in ran.err
        assert cli.run("posts", "show", last).code == 0
        ran = cli.run("posts", *words, "b" * 24)
        assert ran.code == 5
        assert "replaced" not in ran.err

    def test_cancelled_replacement_is_not_named(self, cli: CommandLine) -> None:
        first = schedule(cli)
        (second,) = edit_json(cli, first, "-m", "New")
        assert cli.run("posts", "cancel", second["id"]).code == 0
        ran = cli.run("posts", "show", first)
        assert ran.code == 5
        assert "replaced" not in ran.err

    @pytest.mark.parametrize(("at", "code"), [("in 11m", 2), ("in 13m", 0)])
    def test_post_due_in_less_than_12_minutes_is_not_edited(
        self, cli: CommandLine, client: Client, at: str, code: int
    ) -> None:
        post_id = schedule(cli, at=at)
        ran = edit(cli, post_id, "-m", "New", "--yes", code=code)
        assert ("needs at least 12m" in ran.err) == (code == 2)
        assert len(client.scheduled_posts().items) == 1

    def test_edits_beyond_the_monthly_quota_are_rejected(
        self, cli: CommandLine, client: Client, emulator: EmulatorServer
    ) -> None:
        ids = [schedule(cli), schedule(cli, page="facebook:acme")]
        with emulator.state.transaction() as db:
            db.execute("UPDATE usage SET used = 499 WHERE bucket = 'publishes'")
        ran = edit(cli, *ids, "-m", "New", "--yes", code=2)
        assert "needs 2 publishes" in ran.err
        assert "only 1 remain" in ran.err
        assert texts(client) == [TEXT, TEXT]
        edit(cli, ids[0], "-m", "New", "--yes")

    def test_post_of_an_expired_page_is_not_edited(
        self, cli: CommandLine, client: Client, emulator: EmulatorServer
    ) -> None:
        post_id = schedule(cli)
        with emulator.state.transaction() as db:
            db.execute("UPDATE pages SET expired = 1")
        ran = edit(cli, post_id, "-m", "New", "--yes", code=2)
        assert "has expired" in ran.err
        assert texts(client) == [TEXT]


class TestTikTok:
    SETTINGS = '{"privacy_level": "SELF_ONLY"}'

    @pytest.fixture
    def other(self, cli: CommandLine, tmp_path: Path) -> CommandLine:
        """Another machine, whose journal does not know the post."""
        keys = ("OUTREPLY_API_KEY", "OUTREPLY_BASE_URL")
        return CommandLine(tmp_path / "other", cli.clock, {key: cli.environ[key] for key in keys})

    @pytest.fixture
    def post_id(self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> str:
        """A post with settings; the API does not return them."""
        from outreply_cli.emulator import posts

        show = posts._scheduled_view

        def show_without_settings(row: Any) -> dict[str, Any]:
            hidden = {"tiktok_settings", "link"}
            return {name: value for name, value in show(row).items() if name not in hidden}

        monkeypatch.setattr(posts, "_scheduled_view", show_without_settings)
        words = ("--tiktok", self.SETTINGS, "--link", "https://example.com/", "--key", "k")
        return schedule(cli, *words, page="tiktok:bluebirdcoffee")

    def get_settings(self, emulator: EmulatorServer, post_id: str) -> Any:
        (row,) = emulator.state.connection.execute(
            "SELECT tiktok_settings FROM posts WHERE id = ?", (post_id,)
        )
        return row["tiktok_settings"]

    def test_known_settings_are_kept(
        self, cli: CommandLine, emulator: EmulatorServer, post_id: str
    ) -> None:
        (item,) = edit_json(cli, post_id, "-m", "New")
        (again,) = edit_json(cli, item["id"], "-m", "Newer")
        assert json.loads(self.get_settings(emulator, again["id"])) == json.loads(self.SETTINGS)

    def test_unknown_settings_are_not_lost(
        self, other: CommandLine, client: Client, post_id: str
    ) -> None:
        ran = edit(other, post_id, "-m", "New", "--yes", code=2)
        assert "--tiktok JSON" in ran.err
        assert [post["id"] for post in client.scheduled_posts().items] == [post_id]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [(("--tiktok", SETTINGS), {"privacy_level": "SELF_ONLY"}), (("--clear", "tiktok"), None)],
        ids=["settings", "none"],
    )
    def test_unknown_settings_are_given(
        self,
        other: CommandLine,
        emulator: EmulatorServer,
        post_id: str,
        *,
        words: tuple[str, ...],
        expected: Any,
    ) -> None:
        (item,) = edit_json(other, post_id, "-m", "New", *words)
        settings = self.get_settings(emulator, item["id"])
        assert (settings and json.loads(settings)) == expected
        # From now on, they are known.
        edit_json(other, item["id"], "-m", "Newer")

    def test_known_settings_are_moved(
        self, cli: CommandLine, client: Client, emulator: EmulatorServer, post_id: str
    ) -> None:
        ran = cli.run("posts", "reschedule", post_id, "--at", "+3d")
        assert ran.code == 0, ran.err
        (post,) = client.scheduled_posts().items
        settings = self.get_settings(emulator, str(post["id"]))
        assert json.loads(settings) == json.loads(self.SETTINGS)

    @pytest.mark.parametrize("options", [(), ("--print", "curl")], ids=["sent", "printed"])
    def test_unknown_settings_are_not_moved(
        self, other: CommandLine, client: Client, post_id: str, options: tuple[str, ...]
    ) -> None:
        ran = other.run("posts", "reschedule", post_id, "--at", "+3d", *options)
        assert ran.code == 2
        assert f"posts edit {post_id} --tiktok JSON" in ran.err
        assert [post["id"] for post in client.scheduled_posts().items] == [post_id]
        # The advice is followed.
        (item,) = edit_json(other, post_id, "--tiktok", self.SETTINGS)
        assert other.run("posts", "reschedule", item["id"], "--at", "+3d", *options).code == 0

    @pytest.fixture
    def failed_id(self, emulator: EmulatorServer, post_id: str) -> str:
        with emulator.state.transaction() as db:
            db.execute("UPDATE posts SET status = 'failed' WHERE id = ?", (post_id,))
        return post_id

    def test_known_content_is_retried(
        self, cli: CommandLine, emulator: EmulatorServer, failed_id: str
    ) -> None:
        ran = cli.run("posts", "retry", failed_id, "--yes")
        assert ran.code == 0, ran.err
        (row,) = emulator.state.connection.execute(
            "SELECT tiktok_settings, link FROM posts WHERE message = ? AND status = 'published'",
            (TEXT,),
        )
        assert json.loads(row["tiktok_settings"]) == json.loads(self.SETTINGS)
        assert row["link"] == "https://example.com/"

    @pytest.mark.parametrize("options", [("--yes",), ("--dry-run",)])
    def test_unknown_settings_are_not_retried(
        self, other: CommandLine, client: Client, failed_id: str, options: tuple[str, ...]
    ) -> None:
        ran = other.run("posts", "retry", failed_id, *options)
        assert ran.code == 2
        assert "its TikTok settings would be lost" in ran.err
        assert TEXT not in [post["message"] for post in client.published_posts().items]


class TestMedia:
    @pytest.fixture
    def picture(self, tmp_path: Path) -> Path:
        path = tmp_path / "hero.png"
        path.write_bytes(png())
        return path

    def uploads(self, client: Client) -> list[str]:
        return [str(item["media_id"]) for item in client.media().items]

    def test_uploaded_media_is_kept(self, cli: CommandLine, client: Client, picture: Path) -> None:
        post_id = schedule(cli, "--media", str(picture))
        before = client.scheduled_post(post_id)["media"]
        (item,) = edit_json(cli, post_id, "-m", "New")
        assert client.scheduled_post(item["id"])["media"] == before
        assert len(self.uploads(client)) == 1

    def test_file_replaces_media(self, cli: CommandLine, client: Client, picture: Path) -> None:
        ids = [schedule(cli, "--media", IMAGE), schedule(cli, page="facebook:acme")]
        dry = edit(cli, *ids, "--media", str(picture), "--dry-run", "--json")
        assert [item["changes"]["media"]["after"] for item in json.loads(dry.out)] == [
            ["hero.png"], ["hero.png"],
        ]  # fmt: skip
        assert self.uploads(client) == []
        ran = edit(cli, *ids, "--media", str(picture), "--yes", "--json")
        first, second = json.loads(ran.out)
        uploads = self.uploads(client)
        assert len(uploads) == 1, "the file is uploaded once"
        after = [f"media:{uploads[0]}"]
        assert first["changes"] == {"media": {"before": [IMAGE], "after": after}}
        assert second["changes"] == {"media": {"before": [], "after": after}}
        assert undo(cli, ran).code == 0
        assert [len(client.scheduled_post(str(post["id"]))["media"])
                for post in client.scheduled_posts().items] == [1, 0]  # fmt: skip

    def test_same_file_changes_nothing(
        self, cli: CommandLine, client: Client, picture: Path
    ) -> None:
        post_id = schedule(cli, "--media", str(picture))
        ran = edit(cli, post_id, "--media", str(picture), "--yes", "--json", "-v")
        assert json.loads(ran.out) == []
        assert "No differences; nothing was sent." in ran.err
        assert "DELETE" not in ran.err
        assert len(self.uploads(client)) == 1

    @pytest.mark.parametrize(("options", "kept"), [((), 0), (("--keep-media",), 1)])
    def test_upload_of_refused_edit_is_deleted(
        self,
        cli: CommandLine,
        client: Client,
        emulator: EmulatorServer,
        picture: Path,
        *,
        options: tuple[str, ...],
        kept: int,
    ) -> None:
        post_id = schedule(cli)
        fault = {"method": "POST", "path": "/posts/schedule", "times": 1}
        emulator.handle.request("fault", add="status:400", options=fault)
        edit(cli, post_id, "--media", str(picture), "--yes", *options, code=1)
        assert len(self.uploads(client)) == kept
        assert texts(client) == [TEXT]


class TestEditor:
    @pytest.fixture
    def script(self, cli: CommandLine, tmp_path: Path) -> Path:
        """An editor that runs Python code, with the path of the text as `path`."""
        script = tmp_path / "editor.py"
        cli.environ["EDITOR"] = f"{sys.executable} {script}"
        return script

    def write(self, script: Path, code: str) -> None:
        script.write_text(
            f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n", encoding="utf-8"
        )

    def test_current_text_is_edited(self, cli: CommandLine, client: Client, script: Path) -> None:
        self.write(script, "path.write_text(path.read_text().replace('9', '10') + '\\n')")
        ids = [schedule(cli), schedule(cli, page="facebook:acme", text="At 9")]
        edit_json(cli, *ids, "--edit")
        assert sorted(map(str, texts(client))) == ["At 10", TEXT.replace("9", "10")]

    def test_unchanged_text_sends_nothing(self, cli: CommandLine, script: Path) -> None:
        self.write(script, "")
        ran = edit(cli, schedule(cli, text=f"{TEXT} \n"), "--edit")
        assert "No differences" in ran.err

    def test_empty_text_is_rejected(self, cli: CommandLine, client: Client, script: Path) -> None:
        self.write(script, "path.write_text('')")
        ran = edit(cli, schedule(cli), "--edit", "--yes", code=2)
        assert "message is empty; nothing was sent" in ran.err
        assert texts(client) == [TEXT]

    def test_post_cancelled_in_the_meantime_is_not_found(
        self, cli: CommandLine, client: Client, script: Path, emulator: EmulatorServer
    ) -> None:
        """The time in the editor is long enough for others to change the post."""
        post_id = schedule(cli)
        url = f"{emulator.base_url}/posts/scheduled/{post_id}"
        self.write(
            script,
            "import urllib.request\n"
            f"headers = {{'Authorization': 'Bearer {emulator.token}'}}\n"
            f"request = urllib.request.Request('{url}', headers=headers, method='DELETE')\n"
            "urllib.request.urlopen(request)\n"
            "path.write_text('New')",
        )
        edit(cli, post_id, "--edit", "--yes", code=5)
        assert texts(client) == []


def test_text_edited_elsewhere_is_kept_and_restored(
    cli: CommandLine, client: Client, emulator: EmulatorServer
) -> None:
    """What the server has is kept and restored, not what the journal remembers."""
    post_id = schedule(cli, "--first-comment", "First", "--key", "k")
    with emulator.state.transaction() as db:
        db.execute("UPDATE posts SET message = 'From the dashboard' WHERE id = ?", (post_id,))
    ran = edit(cli, post_id, "--first-comment", "Second", "--yes")
    assert texts(client) == ["From the dashboard"]
    assert undo(cli, ran).code == 0
    (listed,) = client.scheduled_posts().items
    post = client.scheduled_post(str(listed["id"]))
    assert (post["message"], post["first_comment"]) == ("From the dashboard", "First")


def test_failed_post_is_not_edited(
    cli: CommandLine, client: Client, emulator: EmulatorServer
) -> None:
    post_id = schedule(cli)
    with emulator.state.transaction() as db:
        db.execute("UPDATE posts SET status = 'failed' WHERE id = ?", (post_id,))
    ran = edit(cli, post_id, "-m", "New", "--yes", code=2)
    assert f"outreply posts retry {post_id}" in ran.err
    assert texts(client) == []


def test_edited_calendar_row_is_in_sync_once_its_file_matches(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    """Once the file is edited like its post, they are in sync again."""
    (tmp_path / "hero.png").write_bytes(png())
    calendar = tmp_path / "launch.csv"

    def write(message: str) -> None:
        calendar.write_text(
            "key,page,scheduled_at,message,media_files\n"
            f"a,{PAGE},2026-12-24T17:00:00Z,{message},hero.png\n"
        )

    write("Old")
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    (post,) = client.scheduled_posts().items
    ran = edit(cli, str(post["id"]), "-m", "New", "--yes")
    assert f"1 post comes from the calendar {calendar}." in ran.err
    assert "changes it back" in ran.err
    assert "edited in the file" in cli.run("bulk", "status", str(calendar)).out
    write("New")
    assert "in sync" in cli.run("bulk", "status", str(calendar)).out
    assert undo(cli, ran).code == 0
    write("Old")
    assert "in sync" in cli.run("bulk", "status", str(calendar)).out


def test_table_has_one_line_per_post(cli: CommandLine) -> None:
    child = cli.at_terminal("posts", "edit", schedule(cli), "-m", "New " * 30, "--yes")
    child.expect(pexpect.EOF)
    *_, row, undo_line = str(child.before).splitlines()
    assert "To undo: " in undo_line
    assert "IG:acme" in row
    assert len(row) <= 80


def test_csv_names_old_and_new_post(cli: CommandLine) -> None:
    post_id = schedule(cli)
    ran = edit(cli, post_id, "-m", "New", "--yes", "-o", "csv")
    header, row = ran.out.splitlines()
    assert header == "id,replaces,scheduled_at,page_id,message"
    assert row.split(",")[1] == post_id


def test_short_id_selects_the_post(cli: CommandLine, client: Client) -> None:
    edit(cli, schedule(cli)[:8], "-m", "New", "--yes")
    assert texts(client) == ["New"]


def test_quiet_prints_new_ids(cli: CommandLine, client: Client) -> None:
    post_id = schedule(cli, page="linkedin:acme-co")
    ran = edit(cli, post_id, "-m", "New", "--yes", "-q")
    assert ran.out.split() == [post["id"] for post in client.scheduled_posts().items]
    assert ran.err == ""


@given(st.text(min_size=1), st.text())
def test_replacement_can_be_written(old: str, new: str) -> None:
    """Every text that does not end with a backslash can be given to --replace."""
    if old.endswith("\\") or "\\=" in old:
        return
    escaped = old.replace("=", "\\=")
    assert parse_replacement(f"{escaped}={new}") == (old, new)


@given(st.dictionaries(st.sampled_from(["message", "first_comment", "link"]), st.text(min_size=1)))
def test_empty_edit_changes_nothing(body: dict[str, str]) -> None:
    assert ContentEdit({}).apply(body) == body
    assert ContentEdit.from_body(body).apply({"message": "New", "link": "New"}) == body
