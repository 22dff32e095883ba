"""Every exit code of the contract, from the cause that a user meets."""

import json
import re
import signal
import subprocess
import time
from datetime import datetime

import pytest

from outreply_cli.cli.tree import Command
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine, command_tree
from tests.scripted_server import DROP, ScriptedServer, answer


def error_of(text: str) -> dict[str, object]:
    error = json.loads(text)["error"]
    assert set(error) == {
        "code", "message", "status", "hint", "request_id", "retry_after_seconds", "details",
    }  # fmt: skip
    return dict(error)


def test_done_is_0(cli: CommandLine) -> None:
    assert cli.run("pages", "list").code == 0


def test_no_token_is_4_and_says_how_to_sign_in(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("pages", "list")
    assert (ran.code, ran.out) == (4, "")
    assert "outreply auth login" in ran.err
    assert error_of(cli_logged_out.run("pages", "list", "--json").err)["code"] == "NOT_SIGNED_IN"


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("revoked_at", 1, "TOKEN_REVOKED"),
        ("expires_at", 1, "TOKEN_EXPIRED"),
        ("secret", "outreply_live_other", "INVALID_TOKEN"),
        ("scopes", '["read:account"]', "MISSING_SCOPE"),
    ],
)
def test_a_token_that_does_not_work_is_4(
    cli: CommandLine, emulator: EmulatorServer, column: str, value: object, code: str
) -> None:
    emulator.state.connection.execute(f"UPDATE tokens SET {column} = ?", (value,))  # noqa: S608
    ran = cli.run("pages", "list", "--json")
    assert ran.code == 4
    assert error_of(ran.err)["code"] == code
    shown = cli.run("pages", "list")
    assert shown.code == 4
    assert code in shown.err
    assert len(shown.err.strip().splitlines()) <= 3


def test_not_found_is_5(cli: CommandLine) -> None:
    ran = cli.run("posts", "show", "68a100000000000000000001", "--json")
    assert ran.code == 5
    assert error_of(ran.err)["status"] == 404


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("brands", "show"), "outreply brands list"),
        (("pages", "list", "--brand"), "outreply brands list"),
        (("posts", "cancel"), "the post's id"),
        (("posts", "wait"), "the post's id"),
        (("comments", "list"), "outreply posts list --published"),
        (("comments", "reply", "-m", "Thanks"), "outreply comments inbox --all"),
        (("media", "show"), "outreply media list"),
        (("media", "delete", "--yes"), "outreply media list"),
        (("webhooks", "show"), "outreply webhooks list"),
        (("webhooks", "delete", "--yes"), "outreply webhooks list"),
        (("api", "GET", "/media/x"), "outreply media list"),
    ],
)
def test_what_is_not_found_is_named_with_where_to_look(
    cli: CommandLine, words: tuple[str, ...], told: str
) -> None:
    ran = cli.run(*words, *(["nope"] if words[0] != "api" else []))
    assert ran.code == 5, ran.err
    hint = ran.err.splitlines()[-1]
    assert told in hint
    assert "post" not in hint or words[0] in {"posts", "comments"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error": "No", "code": "MISSING_FIELD"}, 1),
        (409, {"error": "Other body", "code": "IDEMPOTENCY_KEY_MISMATCH"}, 1),
        (422, {"message": "No", "code": "VALIDATION"}, 1),
        (402, {"error": "Used up", "code": "SANDBOX_EXHAUSTED", "upgrade_url": "https://x.y"}, 6),
        (413, {"error": "Full", "code": "QUOTA_EXCEEDED"}, 6),
        (429, {"error": "Month", "code": "QUOTA_EXCEEDED"}, 6),
        (400, {"error": "a\nb\r\nc\u2028d", "code": "UPLOAD_ERROR", "more": ["e\nf"] * 9}, 1),
        (429, {"error": "Month", "code": "MONTHLY_QUOTA_EXCEEDED", "resets_at": "2026-12-01"}, 6),
        (429, {"error": "Page", "code": "PAGE_PUBLISH_GUARDRAIL", "retry_after_seconds": 9}, 6),
        (429, {"error": "Slow", "code": "RATE_LIMITED", "retry_after_seconds": 30}, 6),
        (500, {"error": "Ours", "code": "SERVER_ERROR"}, 7),
        (403, {"error": "Brand", "code": "BRAND_NOT_AUTHORIZED"}, 4),
    ],
)
def test_what_the_api_refuses_has_its_code(
    cli_logged_out: CommandLine, status: int, body: dict[str, object], code: int
) -> None:
    with ScriptedServer([answer(status, body)]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("api", "GET", "/me", "--json", env=env)
        for_people = cli_logged_out.run("api", "GET", "/me", env=env)
    assert ran.code == for_people.code == code
    assert 2 <= len(for_people.err.splitlines()) <= 3
    assert for_people.err.startswith("Error: ")
    error = error_of(ran.err)
    assert (error["code"], error["status"]) == (body["code"], status)


@pytest.mark.parametrize(("status", "told"), [(413, "Delete media"), (429, "the next month")])
def test_a_quota_is_of_storage_or_of_the_month_as_its_status_says(
    cli_logged_out: CommandLine, status: int, told: str
) -> None:
    full = {"error": "Full", "code": "QUOTA_EXCEEDED", "quota": "publishes", "resets_at": "2026-12"}
    with ScriptedServer([answer(status, full)]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("brands", "list", env=env)
    what, why, now = ran.err.splitlines()
    assert what == "Error: Full"
    assert why.startswith(f"  QUOTA_EXCEEDED, HTTP {status}; quota: publishes; resets at: 2026-12")
    assert told in now


@pytest.mark.parametrize(
    ("code", "hint"),
    [("BRAND_NEW", "  See: outreply errors BRAND_NEW"), ("X; rm -rf ~", None), (5, None)],
)
def test_a_code_that_is_newer_than_the_catalogue_built_in_is_explained_by_the_live_one(
    cli_logged_out: CommandLine, code: object, hint: str | None
) -> None:
    with ScriptedServer([answer(400, {"message": "No", "code": code})]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("brands", "list", env=env)
    assert ran.err.splitlines()[2:] == ([hint] if hint else [])


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (answer(200, None, b"<html>hi</html>"), "HTML_ANSWER"),
        (answer(200, None, b'{"truncated": '), "NOT_JSON"),
        (answer(200, None, b""), "EMPTY_ANSWER"),
        (answer(302, location="https://evil.example/"), "REDIRECT_REFUSED"),
        (DROP, "CONNECTION_LOST"),
    ],
)
def test_what_is_no_answer_of_the_api_is_7(
    cli_logged_out: CommandLine, script: bytes, code: str
) -> None:
    with ScriptedServer([script]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("pages", "list", "--json", env=env)
    assert ran.code == 7
    assert error_of(ran.err)["code"] == code


def test_a_dead_server_is_7(cli: CommandLine) -> None:
    ran = cli.run("pages", "list", env={"OUTREPLY_BASE_URL": "http://127.0.0.1:9/api/v1"})
    assert ran.code == 7
    assert "127.0.0.1" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("pages", "list", "--nonsense"),
        ("pages", "nonsense"),
        ("nonsense",),
        ("pages", "list", "--output", "xml"),
        ("pages", "list", "--fields", ","),
        ("pages", "list", "--platform", "myspace"),
        ("pages", "list", "-p", "nobody"),
        ("posts", "schedule", "--page", "instagram:acme", "--at", "soon", "-m", "x"),
        ("posts", "schedule", "--page", "instagram:acme", "--at", "in 2m", "-m", "x"),
        ("posts", "list", "--published", "--all"),
        ("bulk", "schedule", "missing.csv"),
        ("api", "POST", "/posts/schedule", "-H", "Idempotency-Key:"),
        ("api", "POST", "/posts/schedule", "-H", f"idempotency-key: {'k' * 121}"),
    ],
)
def test_wrong_usage_is_2_with_json_when_asked(cli: CommandLine, words: tuple[str, ...]) -> None:
    ran = cli.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    if "--output" not in words:
        for flags in (("--json",), ("-o", "jsonl"), ("-qo", "json"), ("-qojson",)):
            error_of(cli.run(*words, *flags).err)


def test_a_value_that_looks_like_the_flag_asks_for_no_json(cli: CommandLine) -> None:
    words = ("posts", "schedule", "--page", "instagram:acme", "--at", "in 2m", "-m", "--json")
    assert cli.run(*words).err.startswith("Error: ")
    error_of(cli.run(*words, "-qo", "json").err)


@pytest.mark.parametrize(
    ("words", "is_doubtful"),
    [
        (("webhooks", "create", "--url", "http://127.0.0.1:9/"), True),
        (("api", "POST", "/webhooks", "-f", "url=http://127.0.0.1:9/"), True),
        (("api", "POST", "/webhooks", "-f", "url=x", "-H", "Idempotency-Key: mine"), False),
        (("api", "GET", "/webhooks"), False),
    ],
)
def test_a_write_that_may_have_been_done_is_not_just_run_again(
    cli: CommandLine, emulator: EmulatorServer, words: tuple[str, ...], is_doubtful: bool
) -> None:
    emulator._emulator._faults.add("drop-after", path="/webhooks", times=100)
    ran = cli.run(*words)
    assert ran.code == 7
    assert ("look before you run it again" in ran.err) == is_doubtful


def words_with(command: Command, metavar: str, value: str) -> list[str]:
    """A command line of `command` whose values with that metavar are `value`."""
    words = list(command.path)
    for one in command.parameters:
        if one.metavar == metavar or one.is_required:
            words += [*one.flags[:1], value if one.metavar == metavar else "1"]
    return words


def places_of_values(*, but: str) -> list[tuple[Command, str]]:
    """Every command that there is, with each kind of value that it takes."""
    return [
        (command, metavar)
        for command in command_tree().walk()
        if not command.commands and command.path not in {("api",), ("emulator", "exec")}
        for metavar in dict.fromkeys(one.metavar for one in command.parameters)
        if metavar and metavar not in _NUMBERS and not re.search(but, metavar)
    ]


_NUMBERS = {"N", "PORT", "SECONDS", "[NUMBER]", "RATE"}


@pytest.mark.parametrize("blank", ["", " \t"])
def test_an_empty_value_is_refused_before_anything_is_asked(
    cli_logged_out: CommandLine, blank: str
) -> None:
    for command, metavar in places_of_values(but="^TEXT$|^S$|DIR$"):
        words = words_with(command, metavar, blank)
        ran = cli_logged_out.run(*words)
        assert (ran.code, ran.out) == (2, ""), (words, ran.err)
        assert "Error: " in ran.err
    ran = cli_logged_out.run("comments", "reply", "", "-m", "Thanks")
    assert ran.err.startswith("Error: COMMENT is empty\n  See: outreply comments reply --help")


def test_bytes_that_are_no_text_are_refused_before_anything_is_asked(
    cli_logged_out: CommandLine,
) -> None:
    for command, metavar in places_of_values(but="FILE|DIR|PLAN"):
        words = words_with(command, metavar, "a\udcff")
        ran = cli_logged_out.run(*words)
        assert (ran.code, ran.out) == (2, ""), (words, ran.err)
        assert "fault of outreply" not in ran.err
    shown = cli_logged_out.run("media", "show", "\udcff", "--json")
    assert error_of(shown.err)["message"] == "ID has bytes in it that are no UTF-8 text"


def test_half_a_character_in_json_is_refused(cli: CommandLine) -> None:
    for words in (
        ["api", "POST", "/comments/reply", "-F", 'message="\\ud800"'],
        ["api", "POST", "/comments/reply", "--input", "-"],
        ["posts", "schedule", "--page", "tiktok:bluebirdcoffee", "--at", "in 1h", "-m", "x",
         "--tiktok", '{"a": "\\ud800"}'],
        ["posts", "schedule", "--page", "instagram:acme", "--at", "in 1h", "-m", "x",
         "--media", "media:\udcff"],
        ["posts", "schedule", "--page", "instagram:acme", "--at", "in 1h", "-m", "x",
         "--media", "https://x.example/\udcff"],
    ):  # fmt: skip
        ran = cli.run(*words, stdin='{"a": "\\udfff"}')
        assert ran.code == 2, ran.err
        assert "Unicode" in ran.err


class StoppedClock(ManualClock):
    def now(self) -> datetime:
        message = "the\x1b[31m hands fell off"
        raise RuntimeError(message)


def test_a_fault_of_our_own_is_1_with_its_place_and_json_when_asked(
    cli_logged_out: CommandLine,
) -> None:
    cli_logged_out.clock = StoppedClock()
    ran = cli_logged_out.run("bulk", "template")
    assert (ran.code, ran.out) == (1, "")
    assert "RuntimeError: the" in ran.err
    assert "test_exit_codes.py:" in ran.err
    assert "\x1b" not in ran.err
    assert len(ran.err.splitlines()) <= 3
    ran = cli_logged_out.run("bulk", "template", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert error_of(ran.err)["code"] == "UNEXPECTED"


def test_some_of_a_batch_failed_is_3(cli: CommandLine) -> None:
    posted = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--at", "in 2h", "-m", "Hi", "-q"
    )
    ran = cli.run("posts", "cancel", posted.out.strip(), "68a100000000000000000001")
    assert ran.code == 3
    assert "1 of 2" in ran.err


def test_ctrl_c_is_130(cli_logged_out: CommandLine, emulator_clock: ManualClock) -> None:
    slow = answer(503, {"error": "Later"}, retry_after="30")
    with ScriptedServer([slow]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        process = subprocess.Popen(
            cli_logged_out.words("pages", "list"),
            env={**cli_logged_out.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(200):
            if server.received:
                break
            time.sleep(0.05)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1", "utf-8"])
def test_characters_that_the_terminal_lacks_are_escaped(cli: CommandLine, encoding: str) -> None:
    ran = cli.spawn("posts", "list", "--published", env={"PYTHONIOENCODING": encoding})
    assert ran.code == 0
    assert ("\\u2615" in ran.out) == (encoding != "utf-8")
