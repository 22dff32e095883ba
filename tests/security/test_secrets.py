"""Secrets never appear in arguments, errors or the environment of child processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from outreply_cli.commands import COMMANDS
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.webhooks.receiver import ReceiverConfig
from tests.command_line import CommandLine, command_tree
from tests.media.sample_files import png
from tests.scripted_server import ScriptedServer, response
from tests.security.test_transit import find_flags
from tests.webhooks.receiver_fixture import event_body, run_receiver

TOKEN = "outreply_live_0123456789abcdef0123456789abcdef"
SECRET = "whsec_0123456789abcdef0123456789abcdef"


def test_token_option_is_rejected_with_hint(cli_logged_out: CommandLine) -> None:
    flags = set(find_flags(command_tree()))
    assert not flags & {"--token", "--api-key", "--api-token", "--secret", "--password", "-t"}
    for words in (
        ("pages", "list", "--token", TOKEN), ("auth", "login", f"--token={TOKEN}"),
        ("posts", "list", "--api-key", TOKEN), ("doctor", f"--api-token={TOKEN}"),
        ("--token", TOKEN, "pages", "list"),
    ):  # fmt: skip
        result = cli_logged_out.run(*words)
        assert result.code == 2
        assert TOKEN not in result.err
        assert "other users can see command lines" in result.err
        assert "OUTREPLY_API_KEY" in result.err


def test_token_in_arguments_is_redacted(cli_logged_out: CommandLine) -> None:
    env = {"OUTREPLY_API_KEY": "outreply_live_another_one_of_them_1234"}
    for word in (TOKEN, SECRET, f"Bearer {TOKEN}", f"https://x/?token={TOKEN}"):
        for words in (("auth", "login", word), ("pages", "list", word), ("errors", word),
                      ("webhooks", "verify", "--signature", "x", "--secret-env", word),
                      ("auth", "switch", word), (word,), (word, "--json")):  # fmt: skip
            result = cli_logged_out.run(*words, stdin="{}", env=env)
            assert result.code != 0
            assert TOKEN not in result.out + result.err, words
            assert SECRET not in result.out + result.err, words


def test_login_redacts_token_echoed_by_server(
    cli_logged_out: CommandLine,
) -> None:
    unknown_kind = "a-token-of-unknown-kind!#%"
    for token in (TOKEN, unknown_kind):
        with ScriptedServer([response(401, {"error": f"bad {token}", "code": token})]) as server:
            env = {"OUTREPLY_BASE_URL": server.url}
            for extra in ((), ("--json",), ("-v",)):
                words = ("auth", "login", "--with-token", "--yes", *extra)
                result = cli_logged_out.run(*words, stdin=token, env=env)
                assert result.code == 4, result.err
                assert token not in result.out + result.err


def test_token_echoed_in_an_error_is_not_in_results(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    upload = ("media", "upload", str(picture), "--json")
    for token in (TOKEN, 'of-an-unknown-kind-"quoted"!#%'):
        empty = response(200, {"media": []})
        refusal = response(409, {"error": f"bad {token}", "code": token, "details": [token]})
        # The account, the token and the media are read first.
        with ScriptedServer([empty, empty, empty, refusal]) as server:
            # A token of any kind may be sent to this machine.
            env = {"OUTREPLY_BASE_URL": server.url, "OUTREPLY_API_KEY": token}
            result = cli_logged_out.run(*upload, env=env)
        assert json.loads(result.out)[0]["error"]["message"] == "bad (hidden)"
        assert token not in result.out + result.err
        assert json.dumps(token)[1:-1] not in result.out + result.err


def test_traceback_has_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import outreply_cli.context as c\n"
        "def fail(context):\n"
        "    token = context.environ['OUTREPLY_API_KEY']\n"
        "    secret = context.environ['OUTREPLY_WEBHOOK_SECRET']\n"
        "    raise RuntimeError(f'near {token} and {secret}')\n"
        "c.Context.account = property(fail)\n"
    )
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "OUTREPLY_API_KEY": TOKEN,
        "OUTREPLY_WEBHOOK_SECRET": SECRET, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}",
        "OUTREPLY_DEBUG": "1", "PYTHONFAULTHANDLER": "1", "TYPER_STANDARD_TRACEBACK": "",
        "_TYPER_STANDARD_TRACEBACK": "", "RICH_TRACEBACK": "1",
    }  # fmt: skip
    for modes in (("-X", "dev"), ("-X", "faulthandler", "-X", "tracemalloc"), ("-W", "always")):
        for extra in ((), ("-v",)):
            result = subprocess.run(
                [sys.executable, *modes, "-m", "outreply_cli", "pages", "list", *extra],
                env=env, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert result.returncode == 1, result.stderr
            assert "RuntimeError: near" in result.stderr
            assert TOKEN not in result.stdout + result.stderr
            assert SECRET not in result.stdout + result.stderr
            assert "locals" not in result.stderr


KEYRING = """
import os, pathlib, subprocess
from keyring.backend import KeyringBackend

class HelperKeyring(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        done = subprocess.run(["env"], capture_output=True, text=True)
        pathlib.Path(os.environ["DUMP"]).write_text(done.stdout)
        return None
    set_password = delete_password = get_password
"""


def test_keyring_subprocess_inherits_no_secrets(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text(KEYRING)
    dump = tmp_path / "environ"
    env = {
        "PYTHONPATH": f"{tmp_path}:{Path.cwd()}", "PYTHON_KEYRING_BACKEND": "helper.HelperKeyring",
        "DUMP": str(dump), "OUTREPLY_API_KEY": TOKEN, "OUTREPLY_TOKEN": TOKEN,
        "OUTREPLY_WEBHOOK_SECRET": SECRET, "UNRELATED": "kept",
        "OUTREPLY_BASE_URL": "http://127.0.0.1:9/",
    }  # fmt: skip
    result = cli_logged_out.spawn("doctor", env=env)
    assert "helper.HelperKeyring" in result.out
    assert "UNRELATED=kept" in dump.read_text()
    assert TOKEN not in dump.read_text()
    assert SECRET not in dump.read_text()


def test_browser_and_editor_inherit_no_secrets(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    dump, program = tmp_path / "environ", tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$1" >> {dump}\nenv >> {dump}\necho Hi >> "$1"\n')
    program.chmod(0o700)
    env = {"BROWSER": str(program), "EDITOR": str(program), "OUTREPLY_WEBHOOK_SECRET": SECRET,
           "UNRELATED": "kept"}  # fmt: skip
    child = cli.at_terminal("comments", "triage", "--days", "300", env=env)
    child.expect("uit\\? ")
    child.sendline("o")
    child.expect("uit\\? ")
    text = dump.read_text()
    assert "https://" in text.splitlines()[0]
    child.sendline("e")
    child.expect("Reply queued")
    child.sendline("u")
    child.expect("Undone")
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()
    text = dump.read_text()
    assert text.count("UNRELATED=kept") == 2
    assert emulator.token not in text
    assert SECRET not in text


def test_subprocess_use_is_confined() -> None:
    root = Path(__file__).parent.parent.parent / "outreply_cli"
    modules = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if any(name in path.read_text() for name in ("subprocess.", "webbrowser.", "os.exec"))
    }
    assert modules == {
        "commands/comments/triage.py", "completion/query.py", "emulator/daemon.py",
        "subprocesses.py", "ui/editor.py", "webhooks/tunnel.py",
    }  # fmt: skip
    assert len(COMMANDS) >= 17


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_unverified_receiver_rejects_browser_origins(tmp_path: Path, origin: str) -> None:
    with run_receiver(tmp_path, ReceiverConfig(secrets=[])) as setup:
        status, body = setup.send(event_body(), signature=None, headers={"Origin": origin})
        assert status == 403
        assert "web pages" in json.loads(body)["error"]
        assert setup.store.history(limit=9) == []
        assert setup.send(event_body(), signature=None)[0] == 200
