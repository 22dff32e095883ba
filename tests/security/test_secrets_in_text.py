"""Texts that contain a token or a webhook secret: refused before anything is sent."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from outreply_cli.accounts.keyring import KeyringStore
from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.api.transport import Transport
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result

PROBLEM = "contains an API token or a webhook secret"
SHAPES = [
    "outreply_live_" + "a" * 48,
    "orply_live_0123456789abcdef0123",
    "outreply_test_" + "Ab9-_" * 5,
    "whsec_" + "5" * 48,
]
EXAMPLES = [
    "whsec_",
    "whsec_… is what your secret starts with",
    "Bearer outreply_live_...",
    "outreply_live_ab12c is the prefix of a key",
    "Tokens begin with outreply_live_ (older orply_live_ tokens still work)",
    "export OUTREPLY_API_KEY=outreply_live_…",
]
POST = ("--page", "instagram:acme", "--at", "in 3h")


def check_refused(cli: CommandLine, result: Result, secret: str, *locations: str) -> None:
    assert result.code == 2, result.out + result.err
    assert PROBLEM in result.err
    assert secret not in result.out + result.err
    for location in locations:
        assert f"{location} {PROBLEM}" in result.err or f"{location}: {PROBLEM}" in result.err
    assert cli.run("posts", "list", "-q").out == ""


def test_every_field_of_a_calendar_is_checked(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    secrets = [emulator.token, *SHAPES]
    rows: list[tuple[str, Callable[[str], str]]] = [
        ("message", lambda secret: f"Our key: {secret}!"),
        ("message_file", lambda secret: secret),
        ("first_comment", lambda secret: f"x{secret}"),
        ("link", lambda secret: f"https://example.com/?key={secret}"),
        ("media_urls", lambda secret: f"https://example.com/{secret}.png"),
        ("tiktok_settings", lambda secret: json.dumps({"title": [secret]})),
        ("tiktok_settings", lambda secret: json.dumps({secret: 1})),
    ]
    fields = list(dict.fromkeys(field for field, _ in rows))
    lines: list[str] = []
    locations: list[str] = []
    for secret in secrets:
        for number, (field, make) in enumerate(rows):
            text = make(secret)
            if field == "message_file":
                (tmp_path / f"{len(lines)}.txt").write_text(text)
                text = f"{len(lines)}.txt"
            cells = [text if name == field else "" for name in fields]
            page = "tiktok:bluebirdcoffee" if field == "tiktok_settings" else "instagram:acme"
            cells[0] = cells[0] or ("" if field == "message_file" else "Hi")
            quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
            lines.append(f"{page},2026-12-{number + 1:02} 0{len(lines) % 9}:00,{quoted}\n")
            name = "message" if field == "message_file" else field
            locations.append(f"launch.csv:{len(lines) + 1}: {name}")
    calendar = tmp_path / "launch.csv"
    calendar.write_text(f"page,scheduled_at,{','.join(fields)}\n{''.join(lines)}")
    for words in ((), ("--dry-run",), ("--json",)):
        result = cli.run("bulk", "schedule", str(calendar), *words)
        for secret in secrets:
            # Equal problems share a line in text output.
            check_refused(
                cli, result, secret, *(locations if words == ("--json",) else locations[:1])
            )
    for name in ("status", "reconcile"):
        result = cli.run("bulk", name, str(calendar))
        assert PROBLEM in result.err
        assert not any(secret in result.out + result.err for secret in secrets)
    # Other problems are reported together.
    calendar.write_text(f"page,scheduled_at,message\nx:nope,soon,{SHAPES[0]}\n")
    result = cli.run("bulk", "schedule", str(calendar))
    assert len(result.err.splitlines()) >= 4
    check_refused(cli, result, SHAPES[0], "launch.csv:2: message")


@pytest.mark.parametrize("secret", [None, *SHAPES])
def test_every_option_of_a_post_is_checked(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, secret: str | None
) -> None:
    secret = secret or emulator.token
    file = tmp_path / "text.txt"
    file.write_text(f"See {secret}\n")
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"a": [{"b": secret}]}).replace("_", "\\u005f"))
    tiktok = ("--page", "tiktok:bluebirdcoffee", "--at", "in 3h")
    for words, location in (
        ((*POST, "-m", f"x {secret}"), "--message"),
        ((*POST, "-F", str(file)), "--message"),
        ((*POST, "-F", "-"), "--message"),
        ((*POST, "-m", "x", "--first-comment", secret), "--first-comment"),
        ((*POST, "-m", "x", "--link", f"https://example.com/#{secret}"), "--link"),
        ((*POST, "-m", "x", "--media", f"http://example.com/{secret}"), "--media"),
        ((*tiktok, "-m", "x", "--tiktok", f"@{settings}"), "--tiktok"),
        ((*POST, "-m", secret, "--key", "k"), "--message"),
        ((*POST, "-m", secret, "--dry-run"), "--message"),
        ((*POST, "-m", secret, "--json"), "--message"),
    ):
        result = cli.run("posts", "schedule", *words, stdin=secret)
        check_refused(cli, result, secret, location)
    result = cli.run("posts", "publish", "--page", "x:bluebird", "-m", secret, "--yes")
    check_refused(cli, result, secret, "--message")
    assert cli.run("posts", "list", "--published", "-q").out.count("\n") == 4


@pytest.mark.parametrize("secret", [None, SHAPES[0], SHAPES[3]])
def test_replies_and_raw_requests_are_checked(
    cli: CommandLine, emulator: EmulatorServer, secret: str | None
) -> None:
    secret = secret or emulator.token
    comment = cli.run("comments", "inbox", "--all", "--days", "60", "-q").out.split()[0]
    for words in (("-m", secret), ("-F", "-"), ("--template", "-")):
        result = cli.run("comments", "reply", comment, *words, "--yes", stdin=f"Hi {secret}")
        check_refused(cli, result, secret)
    for method in ("POST", "PUT", "PATCH"):
        for words, location in (
            (("-f", f"text={secret}"), "`text`"),
            (("-F", f"text=[{json.dumps(secret)}]"), "`text`"),
            (("-f", f"{secret}=1"), "The body"),
            (("--input", "-"), "The body"),
        ):
            result = cli.run(
                "api", method, "/posts/schedule", *words, "-v", stdin=json.dumps([secret])
            )
            assert "posts/schedule" not in result.err
            check_refused(cli, result, secret, location)
    result = cli.run("webhooks", "create", "--url", f"https://example.com/{secret}")
    check_refused(cli, result, secret, "`url`")


def test_moved_post_is_checked(cli: CommandLine, emulator: EmulatorServer) -> None:
    page = json.loads(cli.run("pages", "list", "--json").out)[0]["id"]
    # Scheduled by another program.
    post = {"page_id": page, "scheduled_at": "2026-12-24T18:00:00Z", "message": SHAPES[0]}
    created = httpx.post(
        f"{emulator.base_url}/posts/schedule",
        json=post,
        headers={"Authorization": f"Bearer {emulator.token}"},
        timeout=60,
    )
    post_id = created.json()["scheduled_post"]["id"]
    result = cli.run("posts", "reschedule", post_id, "--at", "2026-12-25 18:00")
    assert (result.code, "`message` " + PROBLEM in result.err) == (2, True), result.err
    assert cli.run("posts", "list", "-q").out.split() == [post_id]
    assert cli.run("posts", "cancel", post_id).code == 0


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_in_documentation_are_sent(cli: CommandLine, text: str) -> None:
    result = cli.run("posts", "schedule", *POST, "-m", text, "-q")
    assert result.code == 0, result.err


def test_token_of_any_shape_is_found_before_a_connection() -> None:
    token = "My+own/token=="
    # Nothing listens there.
    url = "http://127.0.0.1:1/api/v1"
    transport = Transport(base_url=url, token=Token(token), clock=ManualClock())
    for body in ({"message": f"x{token}x"}, [token], {"a": {token: ()}}, {token: token}):
        with pytest.raises(InvalidInputError, match=PROBLEM) as raised:
            transport.send(ApiRequest("POST", "/posts/schedule", body))
        assert token not in str(raised.value)
    transport.close()
    # A short token could be a word of the text.
    short = Transport(base_url=url, token=Token("abc"), clock=ManualClock())
    assert not short.holds_secret("abc")
    short.close()


def test_stored_token_is_checked_without_a_keyring(
    cli: CommandLine, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = cli.environ.pop("OUTREPLY_API_KEY")
    assert cli.run("auth", "login", "--with-token", "--insecure-storage", stdin=token).code == 0

    def refuse(*_: object) -> None:
        raise AssertionError("a keyring was opened")

    monkeypatch.setattr(KeyringStore, "_run", refuse)
    check_refused(cli, cli.run("posts", "schedule", *POST, "-m", token), token, "--message")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no core files")
def test_core_files_are_off(cli: CommandLine, tmp_path: Path) -> None:
    # Commands that outreply starts inherit the limit.
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "core files: $(ulimit -S -c) $(ulimit -H -c)" > "$1"\n')
    editor.chmod(0o755)
    cli.environ["EDITOR"] = str(editor)
    result = cli.spawn("posts", "schedule", *POST, "--edit", "--dry-run", "--fields", "message")
    assert "core files: 0 0" in result.out, result.err
