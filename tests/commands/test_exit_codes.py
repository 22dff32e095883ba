"""Exit codes and error messages for their typical causes."""

import json
import re
import signal
from datetime import datetime

import pytest

from outreply_cli.cli.reference import exit_codes
from outreply_cli.cli.tree import Command
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine, command_tree, wait_for_line
from tests.scripted_server import DROP, ScriptedServer, response


def parse_error(text: str) -> dict[str, object]:
    # Notes may precede the error.
    error = json.loads(text.splitlines()[-1])["error"]
    assert set(error) == {
        "code", "message", "status", "hint", "request_id", "retry_after_seconds", "details",
    }  # fmt: skip
    return dict(error)


def test_success_exits_0(cli: CommandLine) -> None:
    assert cli.run("pages", "list").code == 0


def test_signed_out_command_exits_4(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("pages", "list")
    assert (result.code, result.out) == (4, "")
    assert "outreply auth login" in result.err
    assert parse_error(cli_logged_out.run("pages", "list", "--json").err)["code"] == "NOT_SIGNED_IN"


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("revoked_at", 1, "TOKEN_REVOKED"),
        ("expires_at", 1, "TOKEN_EXPIRED"),
        ("secret", "outreply_live_other", "INVALID_TOKEN"),
        ("scopes", '["read:account"]', "MISSING_SCOPE"),
    ],
)
def test_rejected_token_exits_4(
    cli: CommandLine, emulator: EmulatorServer, column: str, value: object, code: str
) -> None:
    emulator.state.connection.execute(f"UPDATE tokens SET {column} = ?", (value,))  # noqa: S608
    result = cli.run("pages", "list", "--json")
    assert result.code == 4
    assert parse_error(result.err)["code"] == code
    result = cli.run("pages", "list")
    assert result.code == 4
    assert code in result.err
    assert len(result.err.strip().splitlines()) <= 3


def test_missing_object_exits_5(cli: CommandLine) -> None:
    result = cli.run("posts", "show", "68a100000000000000000001", "--json")
    assert result.code == 5
    assert parse_error(result.err)["status"] == 404


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("posts", "show", "68a100000000000000000001"), "not found: 68a100000000000000000001\n"),
        (("brands", "show", "Acme & Co."), "Brand not found: Acme & Co.\n"),
        (("webhooks", "show", "wh_nope"), "Webhook not found: wh_nope\n"),
        (("media", "delete", "nope.jpg", "--yes"), "Media not found: nope.jpg\n"),
    ],
)
def test_not_found_names_the_object_once(
    cli: CommandLine, words: tuple[str, ...], message: str
) -> None:
    result = cli.run(*words)
    assert result.code == 5
    assert message in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pages", "show", "instagram:nope"), "Page not found: instagram:nope"),
        (("pages", "list", "-p", "unknown"), "Profile not found: 'unknown'"),
        (("pages", "list", "-p", "emulator"), "Run: outreply emulator start\n"),
        (("pages", "list", "-p", "a/b"), "Invalid profile name 'a/b'\n  Use "),
        (
            ("posts", "schedule", "--page", "x:nope", "--at", "in 2h", "-m", "x"),
            "Page not found: x:nope",
        ),
        (("webhooks", "replay", "#12", "--to", "127.0.0.1:9"), "Delivery not found"),
    ],
)
def test_unknown_page_or_profile_exits_5_before_sending(
    cli: CommandLine, words: tuple[str, ...], message: str
) -> None:
    result = cli.run(*words)
    assert (result.code, result.out) == (5, "")
    assert message in result.err


def test_missing_current_profile_exits_4_and_advises_to_switch(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    login = ("auth", "login", "--with-token", "--insecure-storage", "-p", "work")
    url = ("--base-url", emulator.base_url)
    assert cli_logged_out.run(*login, *url, stdin=emulator.token).code == 0
    config = cli_logged_out.home / "config" / "config.toml"
    config.write_text(config.read_text().replace('current = "work"', 'current = "gone"'))
    result = cli_logged_out.run("pages", "list")
    assert result.code == 4
    assert result.err == (
        "Error: You are not signed in with the profile 'gone'\n"
        "  Use --profile work, or run: outreply auth switch work\n"
    )
    # Which of several accounts is meant is not known.
    config.write_text(f"{config.read_text()}\n[profiles.agency]\n")
    assert cli_logged_out.run("pages", "list").err == (
        "Error: You are not signed in with the profile 'gone'; stored: agency, work\n"
        "  Use --profile NAME, or run: outreply auth switch NAME\n"
    )
    assert "auth switch NAME" in cli_logged_out.run("doctor").out
    assert cli_logged_out.run("auth", "switch", "work").code == 0
    assert cli_logged_out.run("pages", "list").code == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("brands", "show"), "outreply brands list"),
        (("pages", "list", "--brand"), "outreply brands list"),
        (("posts", "cancel"), "the post's ID"),
        (("posts", "wait"), "the post's ID"),
        (("comments", "list"), "outreply posts list --published"),
        (("comments", "reply", "-m", "Thanks", "--yes"), "outreply comments inbox --all"),
        (("media", "show"), "outreply media list"),
        (("media", "delete", "--yes"), "outreply media list"),
        (("webhooks", "show"), "outreply webhooks list"),
        (("webhooks", "delete", "--yes"), "outreply webhooks list"),
        (("api", "GET", "/media/x"), "outreply media list"),
    ],
)
def test_not_found_error_says_where_to_find_ids(
    cli: CommandLine, words: tuple[str, ...], hint: str
) -> None:
    result = cli.run(*words, *(["nope"] if words[0] != "api" else []))
    assert result.code == 5, result.err
    last_line = result.err.splitlines()[-1]
    assert hint in last_line
    assert "post" not in last_line or words[0] in {"posts", "comments"}


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
def test_api_error_exits_with_the_code_of_its_kind(
    cli_logged_out: CommandLine, status: int, body: dict[str, object], code: int
) -> None:
    with ScriptedServer([response(status, body)]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        result = cli_logged_out.run("api", "GET", "/me", "--json", env=env)
        text_result = cli_logged_out.run("api", "GET", "/me", env=env)
    assert result.code == text_result.code == code
    lines = [line for line in text_result.err.splitlines() if "retrying in" not in line]
    assert 2 <= len(lines) <= 3
    assert lines[0].startswith("Error: ")
    error = parse_error(result.err)
    assert (error["code"], error["status"]) == (body["code"], status)


@pytest.mark.parametrize(("status", "hint"), [(413, "unused media"), (429, "the next month")])
def test_quota_exceeded_hint_depends_on_status(
    cli_logged_out: CommandLine, status: int, hint: str
) -> None:
    full = {"error": "Full", "code": "QUOTA_EXCEEDED", "quota": "publishes", "resets_at": "2026-12"}
    with ScriptedServer([response(status, full)]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        result = cli_logged_out.run("brands", "list", env=env)
    message, details, advice = result.err.splitlines()
    assert message == "Error: Full"
    assert details.startswith(
        f"  QUOTA_EXCEEDED, HTTP {status}; quota: publishes; resets at: 2026-12"
    )
    assert hint in advice


@pytest.mark.parametrize(
    ("code", "hint"),
    [("BRAND_NEW", "  See: outreply errors BRAND_NEW"), ("X; rm -rf ~", None), (5, None)],
)
def test_unknown_error_code_gets_a_hint_only_if_it_is_a_name(
    cli_logged_out: CommandLine, code: object, hint: str | None
) -> None:
    with ScriptedServer([response(400, {"message": "No", "code": code})]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        result = cli_logged_out.run("brands", "list", env=env)
    assert result.err.splitlines()[2:] == ([hint] if hint else [])


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (response(200, None, b"<html>hi</html>"), "HTML_RESPONSE"),
        (response(200, None, b'{"truncated": '), "INVALID_JSON_RESPONSE"),
        (response(200, None, b""), "EMPTY_RESPONSE"),
        (response(302, location="https://evil.example/"), "REDIRECT_REFUSED"),
        (DROP, "CONNECTION_LOST"),
    ],
)
def test_invalid_response_exits_7(cli_logged_out: CommandLine, script: bytes, code: str) -> None:
    with ScriptedServer([script]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        result = cli_logged_out.run("pages", "list", "--json", env=env)
    assert result.code == 7
    assert parse_error(result.err)["code"] == code


def test_refused_connection_exits_7(cli: CommandLine) -> None:
    result = cli.run("pages", "list", env={"OUTREPLY_BASE_URL": "http://127.0.0.1:9/api/v1"})
    assert result.code == 7
    assert "127.0.0.1" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ("pages", "list", "--nonsense"),
        ("pages", "nonsense"),
        ("nonsense",),
        ("pages", "list", "--output", "xml"),
        ("pages", "list", "--fields", ","),
        ("pages", "list", "--platform", "myspace"),
        ("posts", "schedule", "--page", "instagram:acme", "--at", "soon", "-m", "x"),
        ("posts", "schedule", "--page", "instagram:acme", "--at", "in 2m", "-m", "x"),
        ("posts", "list", "--published", "--all"),
        ("bulk", "schedule", "missing.csv"),
        ("api", "POST", "/posts/schedule", "-H", "Idempotency-Key:"),
        ("api", "POST", "/posts/schedule", "-H", f"idempotency-key: {'k' * 121}"),
    ],
)
def test_usage_error_exits_2(cli: CommandLine, words: tuple[str, ...]) -> None:
    result = cli.run(*words)
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err
    if "--output" not in words:
        for flags in (("--json",), ("-o", "jsonl"), ("-qo", "json"), ("-qojson",)):
            parse_error(cli.run(*words, *flags).err)


def test_json_flag_as_option_value_does_not_select_json(cli: CommandLine) -> None:
    words = ("posts", "schedule", "--page", "facebook:acme", "--at", "in 2m", "-m", "--json")
    assert cli.run(*words).err.startswith("Error: ")
    parse_error(cli.run(*words, "-qo", "json").err)


@pytest.mark.parametrize(
    ("words", "maybe_applied"),
    [
        (("webhooks", "create", "--url", "http://127.0.0.1:9/"), True),
        (("api", "POST", "/webhooks", "-f", "url=http://127.0.0.1:9/"), True),
        (("api", "POST", "/webhooks", "-f", "url=x", "-H", "Idempotency-Key: mine"), False),
        (("api", "GET", "/webhooks"), False),
    ],
)
def test_write_that_may_have_been_applied_gets_a_hint(
    cli: CommandLine, emulator: EmulatorServer, words: tuple[str, ...], maybe_applied: bool
) -> None:
    emulator.handle.request("fault", add="drop-after", options={"path": "/webhooks", "times": 100})
    result = cli.run(*words)
    assert result.code == 7
    assert ("check the result before you run it again" in result.err) == maybe_applied


def build_words(command: Command, metavar: str, value: str) -> list[str]:
    """Command line in which all values with that metavar are `value`."""
    words = list(command.path)
    for parameter in command.parameters:
        if parameter.metavar == metavar or parameter.is_required:
            words += [*parameter.flags[:1], value if parameter.metavar == metavar else "1"]
    return words


def find_values(*, exclude: str) -> list[tuple[Command, str]]:
    """All commands, with each metavar of their parameters."""
    return [
        (command, metavar)
        for command in command_tree().walk()
        if not command.commands and command.path not in {("api",), ("emulator", "exec")}
        for metavar in dict.fromkeys(parameter.metavar for parameter in command.parameters)
        if metavar and metavar not in _NUMBERS and not re.search(exclude, metavar)
    ]


_NUMBERS = {"COUNT", "DAYS", "N", "PORT", "SECONDS", "[NUMBER]", "RATE"}


@pytest.mark.parametrize("blank", ["", " \t"])
def test_empty_values_are_rejected(cli_logged_out: CommandLine, blank: str) -> None:
    for command, metavar in find_values(exclude="^TEXT$|^SIGNATURE$|DIR$"):
        words = build_words(command, metavar, blank)
        result = cli_logged_out.run(*words)
        assert (result.code, result.out) == (2, ""), (words, result.err)
        assert "Error: " in result.err
    result = cli_logged_out.run("comments", "reply", "", "-m", "Thanks")
    assert result.err.startswith("Error: COMMENT is empty\n  See: outreply comments reply --help")


def test_non_utf8_arguments_are_rejected(
    cli_logged_out: CommandLine,
) -> None:
    for command, metavar in find_values(exclude="FILE|DIR|PLAN"):
        words = build_words(command, metavar, "a\udcff")
        result = cli_logged_out.run(*words)
        assert (result.code, result.out) == (2, ""), (words, result.err)
        assert "bug in outreply" not in result.err
    result = cli_logged_out.run("media", "show", "\udcff", "--json")
    assert parse_error(result.err)["message"] == "ID is not valid UTF-8"


def test_lone_surrogates_are_rejected(cli: CommandLine) -> None:
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
        result = cli.run(*words, stdin='{"a": "\\udfff"}')
        assert result.code == 2, result.err
        assert "Unicode" in result.err


class BrokenClock(ManualClock):
    def now(self) -> datetime:
        raise RuntimeError("the\x1b[31m clock is broken")


def test_internal_error_exits_1_and_names_its_line(
    cli_logged_out: CommandLine,
) -> None:
    cli_logged_out.clock = BrokenClock()
    result = cli_logged_out.run("bulk", "template")
    assert (result.code, result.out) == (1, "")
    assert "RuntimeError: the" in result.err
    assert "test_exit_codes.py:" in result.err
    assert "\x1b" not in result.err
    assert len(result.err.splitlines()) <= 3
    result = cli_logged_out.run("bulk", "template", "--json")
    assert (result.code, result.out) == (1, "")
    assert parse_error(result.err)["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize("words", [("posts", "cancel"), ("media", "delete", "--yes")])
@pytest.mark.parametrize(
    ("refused", "exit_code"),
    [
        (response(403, {"error": "No", "code": "MISSING_SCOPE"}), 4),
        (response(429, {"error": "No", "code": "DAILY_LIMIT_EXCEEDED"}), 6),
        (DROP, 7),
    ],
    ids=["scope", "limit", "network"],
)
def test_error_that_stops_a_batch_sets_its_exit_code(
    cli: CommandLine, words: tuple[str, ...], refused: bytes, exit_code: int
) -> None:
    ids = ("68a100000000000000000001", "68a100000000000000000002")
    with ScriptedServer([refused]) as server:
        result = cli.run(*words, *ids, env={"OUTREPLY_BASE_URL": server.url})
    assert result.code == exit_code
    assert {request.path[-24:] for request in server.received if request.method == "DELETE"} == {
        ids[0]
    }


@pytest.mark.parametrize(
    ("name", "options"), [("posts cancel", ()), ("posts edit", ("-m", "New", "--yes"))]
)
def test_partial_failure_exits_3(cli: CommandLine, name: str, options: tuple[str, ...]) -> None:
    scheduled = cli.run(
        "posts", "schedule", "--page", "instagram:acme", "--at", "in 2h", "-m", "Hi", "-q"
    )
    words = name.split()
    result = cli.run(*words, scheduled.out.strip(), "68a100000000000000000001", *options)
    assert result.code == 3
    command = command_tree().find(words)
    assert command is not None
    assert result.code in exit_codes(command)
    assert "1 of 2" in result.err


@pytest.mark.parametrize("is_json", [False, True])
def test_interrupted_command_exits_130(cli_logged_out: CommandLine, *, is_json: bool) -> None:
    slow = response(503, {"error": "Later"}, retry_after="30")
    with ScriptedServer([slow]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        words = ("pages", "list", "--verbose", *(["--json"] if is_json else []))
        process = cli_logged_out.start(*words, env=env)
        wait_for_line(process, "retrying in")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    if is_json:
        assert parse_error(err)["code"] == "INTERRUPTED"
    else:
        assert "Error" not in err
