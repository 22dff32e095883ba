"""Secrets: in no argument, no error, no child's environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from outreply_cli.app import COMMANDS
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.webhooks.receiver import ReceiverConfig
from tests.command_line import CommandLine, command_tree
from tests.scripted_server import ScriptedServer, answer
from tests.security.test_transit import flags_of
from tests.webhooks.receiver_fixture import event_body, receiving

TOKEN = "outreply_live_0123456789abcdef0123456789abcdef"
SECRET = "whsec_0123456789abcdef0123456789abcdef"


def test_no_option_takes_a_token_and_a_word_says_where_it_goes(cli_logged_out: CommandLine) -> None:
    found = set(flags_of(command_tree()))
    assert not found & {"--token", "--api-key", "--api-token", "--secret", "--password", "-t"}
    for words in (
        ("pages", "list", "--token", TOKEN), ("auth", "login", f"--token={TOKEN}"),
        ("posts", "list", "--api-key", TOKEN), ("doctor", f"--api-token={TOKEN}"),
        ("--token", TOKEN, "pages", "list"),
    ):  # fmt: skip
        ran = cli_logged_out.run(*words)
        assert ran.code == 2
        assert TOKEN not in ran.err
        assert "arguments are public" in ran.err
        assert "OUTREPLY_API_KEY" in ran.err


def test_a_token_typed_in_a_wrong_place_is_not_shown_again(cli_logged_out: CommandLine) -> None:
    env = {"OUTREPLY_API_KEY": "outreply_live_another_one_of_them_1234"}
    for word in (TOKEN, SECRET, f"Bearer {TOKEN}", f"https://x/?token={TOKEN}"):
        for words in (("auth", "login", word), ("pages", "list", word), ("errors", word),
                      ("webhooks", "verify", "--signature", "x", "--secret-env", word),
                      ("auth", "switch", word), (word,), (word, "--json")):  # fmt: skip
            ran = cli_logged_out.run(*words, stdin="{}", env=env)
            assert ran.code != 0
            assert TOKEN not in ran.out + ran.err, words
            assert SECRET not in ran.out + ran.err, words


def test_a_server_that_echoes_what_is_being_stored_does_not_get_it_shown(
    cli_logged_out: CommandLine,
) -> None:
    odd = "a-token-of-no-known-kind!#%"
    for token in (TOKEN, odd):
        with ScriptedServer([answer(401, {"error": f"bad {token}", "code": token})]) as server:
            env = {"OUTREPLY_BASE_URL": server.url}
            for extra in ((), ("--json",), ("-v",)):
                words = ("auth", "login", "--with-token", "--yes", *extra)
                ran = cli_logged_out.run(*words, stdin=token, env=env)
                assert ran.code == 4, ran.err
                assert token not in ran.out + ran.err


def test_a_crash_shows_no_secret_in_any_of_pythons_modes(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import outreply_cli.context as s\n"
        "def fault(session):\n"
        "    token = session.environ['OUTREPLY_API_KEY']\n"
        "    secret = session.environ['OUTREPLY_WEBHOOK_SECRET']\n"
        "    raise RuntimeError(f'near {token} and {secret}')\n"
        "s.Session.account = property(fault)\n"
    )
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "OUTREPLY_API_KEY": TOKEN,
        "OUTREPLY_WEBHOOK_SECRET": SECRET, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}",
        "OUTREPLY_DEBUG": "1", "PYTHONFAULTHANDLER": "1", "TYPER_STANDARD_TRACEBACK": "",
        "_TYPER_STANDARD_TRACEBACK": "", "RICH_TRACEBACK": "1",
    }  # fmt: skip
    for modes in (("-X", "dev"), ("-X", "faulthandler", "-X", "tracemalloc"), ("-W", "always")):
        for extra in ((), ("-v",)):
            ran = subprocess.run(
                [sys.executable, *modes, "-m", "outreply_cli", "pages", "list", *extra],
                env=env, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert ran.returncode == 1, ran.stderr
            assert "RuntimeError: near" in ran.stderr
            assert TOKEN not in ran.stdout + ran.stderr
            assert SECRET not in ran.stdout + ran.stderr
            assert "locals" not in ran.stderr


KEYRING = """
import os, pathlib, subprocess
from keyring.backend import KeyringBackend

class Helped(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        asked = subprocess.run(["env"], capture_output=True, text=True)
        pathlib.Path(os.environ["SEEN"]).write_text(asked.stdout)
        return None
    set_password = delete_password = get_password
"""


def test_what_a_keyring_starts_inherits_no_secret(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "helped.py").write_text(KEYRING)
    seen = tmp_path / "seen"
    env = {
        "PYTHONPATH": f"{tmp_path}:{Path.cwd()}", "PYTHON_KEYRING_BACKEND": "helped.Helped",
        "SEEN": str(seen), "OUTREPLY_API_KEY": TOKEN, "OUTREPLY_TOKEN": TOKEN,
        "OUTREPLY_WEBHOOK_SECRET": SECRET, "MINE": "kept",
        "OUTREPLY_BASE_URL": "http://127.0.0.1:9/",
    }  # fmt: skip
    ran = cli_logged_out.spawn("doctor", env=env)
    assert "helped.Helped" in ran.out
    assert "MINE=kept" in seen.read_text()
    assert TOKEN not in seen.read_text()
    assert SECRET not in seen.read_text()


def test_what_a_person_opens_or_edits_with_inherits_no_secret(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    seen, program = tmp_path / "seen", tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$1" >> {seen}\nenv >> {seen}\necho Hi >> "$1"\n')
    program.chmod(0o700)
    env = {"BROWSER": str(program), "EDITOR": str(program), "OUTREPLY_WEBHOOK_SECRET": SECRET,
           "MINE": "kept"}  # fmt: skip
    child = cli.at_terminal("comments", "triage", "--days", "300", env=env)
    child.expect("uit\\? ")
    child.sendline("o")
    child.expect("uit\\? ")
    told = seen.read_text()
    assert "https://" in told.splitlines()[0]
    child.sendline("e")
    child.expect("Held")
    child.sendline("u")
    child.expect("Taken back")
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()
    told = seen.read_text()
    assert told.count("MINE=kept") == 2
    assert emulator.token not in told
    assert SECRET not in told


def test_every_command_that_starts_programs_is_known() -> None:
    root = Path(__file__).parent.parent.parent / "outreply_cli"
    starting = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if any(name in path.read_text() for name in ("subprocess.", "webbrowser.", "os.exec"))
    }
    assert starting == {
        "child_commands.py", "commands/comment_triage.py", "completion/answer.py",
        "emulator/background.py", "terminal/message_editor.py",
    }  # fmt: skip
    assert len(COMMANDS) >= 17


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_a_page_in_a_browser_delivers_nothing_where_nothing_is_verified(
    tmp_path: Path, origin: str
) -> None:
    with receiving(tmp_path, ReceiverConfig(secrets=[])) as setup:
        status, body = setup.send(event_body(), signature=None, headers={"Origin": origin})
        assert status == 403
        assert "browser" in json.loads(body)["error"]
        assert setup.inbox.history(limit=9) == []
        assert setup.send(event_body(), signature=None)[0] == 200
