"""Signing in and out: what is stored where, and what is asked first."""

import json
import os
import stat
import time
from pathlib import Path

import pexpect
import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, answer

BACKENDS = """
import json, os, pathlib, time
from keyring.backend import KeyringBackend

class Kept(KeyringBackend):
    priority = 1
    path = pathlib.Path(os.environ.get("KEPT_PATH", "/nonexistent"))
    def _all(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}
    def get_password(self, service, username):
        return self._all().get(username)
    def set_password(self, service, username, password):
        self.path.write_text(json.dumps({**self._all(), username: password}))
    def delete_password(self, service, username):
        kept = self._all(); kept.pop(username); self.path.write_text(json.dumps(kept))

class Hanging(KeyringBackend):
    priority = 1
    def get_password(self, *words):
        time.sleep(3600)
    set_password = delete_password = get_password

class Leaky(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        return None
    def set_password(self, service, username, password):
        raise RuntimeError("could not store " + password)
"""


@pytest.fixture
def signed_out(
    cli_logged_out: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> CommandLine:
    cli_logged_out.environ["OUTREPLY_BASE_URL"] = emulator.base_url
    backends = tmp_path / "backends"
    backends.mkdir()
    (backends / "test_backends.py").write_text(BACKENDS)
    cli_logged_out.environ["PYTHONPATH"] = f"{backends}{os.pathsep}{Path.cwd()}"
    cli_logged_out.environ["KEPT_PATH"] = str(tmp_path / "kept.json")
    return cli_logged_out


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_in_a_file_is_for_its_owner_alone(
    signed_out: CommandLine, emulator: EmulatorServer
) -> None:
    umask = os.umask(0)
    try:
        ran = signed_out.run(
            "auth", "login", "--with-token", "--insecure-storage", stdin=emulator.token + "\n"
        )
    finally:
        os.umask(umask)
    assert ran.code == 0, ran.err
    assert "alex@example.com" in ran.err
    token = signed_out.home / "config" / "tokens" / "default"
    config = signed_out.home / "config" / "config.toml"
    assert (mode_of(token), mode_of(config), mode_of(token.parent)) == (0o600, 0o600, 0o700)
    assert emulator.token not in config.read_text()
    assert signed_out.run("pages", "list").code == 0
    token.chmod(0o644)
    refused = signed_out.run("pages", "list")
    assert refused.code == 1
    assert "chmod 600" in refused.err


def test_a_token_that_does_not_work_is_not_stored(signed_out: CommandLine) -> None:
    ran = signed_out.run(
        "auth", "login", "--with-token", "--insecure-storage", stdin="outreply_live_nobody\n"
    )
    assert ran.code == 4
    assert not (signed_out.home / "config").exists()


def test_without_a_keyring_the_way_out_is_named(
    signed_out: CommandLine, emulator: EmulatorServer
) -> None:
    ran = signed_out.run("auth", "login", "--with-token", stdin=emulator.token)
    assert ran.code == 1
    assert "--insecure-storage" in ran.err
    assert emulator.token not in ran.err


def test_the_keyring_keeps_a_token_and_forgets_it(
    signed_out: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    signed_out.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Kept"
    login = signed_out.spawn("auth", "login", "--with-token", stdin=emulator.token)
    assert login.code == 0, login.err
    kept = tmp_path / "kept.json"
    assert json.loads(kept.read_text()) == {"default": emulator.token}
    assert not (signed_out.home / "config" / "tokens" / "default").exists()
    status = json.loads(signed_out.spawn("auth", "status", "--json").out)
    assert (status["token_source"], status["email"]) == ("keyring", "alex@example.com")
    assert signed_out.spawn("auth", "token").out == emulator.token + "\n"
    assert signed_out.spawn("auth", "logout").code == 0
    assert json.loads(kept.read_text()) == {}
    assert signed_out.spawn("auth", "status").code == 4


def test_a_keyring_that_never_answers_is_left_alone(
    signed_out: CommandLine, emulator: EmulatorServer
) -> None:
    signed_out.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Hanging"
    began = time.monotonic()
    ran = signed_out.spawn("auth", "login", "--with-token", stdin=emulator.token, seconds=30)
    assert ran.code == 1
    assert "did not answer within 3 seconds" in ran.err
    assert time.monotonic() - began < 30


def test_a_keyring_whose_error_quotes_the_token_is_not_quoted(
    signed_out: CommandLine, emulator: EmulatorServer
) -> None:
    signed_out.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Leaky"
    ran = signed_out.spawn("auth", "login", "--with-token", stdin=emulator.token)
    assert ran.code == 1
    assert emulator.token not in ran.out + ran.err


def test_the_hidden_prompt_does_not_echo(signed_out: CommandLine, emulator: EmulatorServer) -> None:
    child = signed_out.at_terminal("auth", "login", "--insecure-storage")
    child.expect("API token: ")
    child.sendline(emulator.token)
    child.expect("Signed in as alex@example.com")
    before = str(child.before)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert emulator.token not in before + str(child.before)


def test_a_token_of_an_unknown_kind_is_questioned_before_it_is_sent(
    cli_logged_out: CommandLine,
) -> None:
    for env in (
        {"OUTREPLY_API_KEY": "sk_live_somebody_elses_secret"},
        {"OUTREPLY_TOKEN": "ghp_0123456789"},
    ):
        ran = cli_logged_out.run("pages", "list", env=env)
        assert ran.code == 4
        assert "outreply_live_" in ran.err
    ran = cli_logged_out.run("auth", "login", "--with-token", stdin="ghp_0123456789")
    assert ran.code == 4
    assert "ghp_" not in ran.err


@pytest.mark.parametrize("prefix", ["outreply_live_", "orply_live_", "outreply_test_"])
def test_the_three_prefixes_are_sent(cli_logged_out: CommandLine, prefix: str) -> None:
    with ScriptedServer([answer(200, {"pages": []})]) as server:
        env = {"OUTREPLY_API_KEY": prefix + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        assert cli_logged_out.run("pages", "list", env=env).code == 0
        assert server.received[0].headers["authorization"] == f"Bearer {prefix}{'x' * 30}"


def test_flag_beats_environment_beats_profile(
    signed_out: CommandLine, emulator: EmulatorServer
) -> None:
    signed_out.run(
        "auth", "login", "--with-token", "--insecure-storage", "-p", "stored", "--base-url",
        emulator.base_url, stdin=emulator.token,
    )  # fmt: skip
    bad = {"OUTREPLY_API_KEY": "outreply_live_wrong"}
    assert signed_out.run("pages", "list", env=bad).code == 4
    assert signed_out.run("pages", "list", "-p", "stored", env=bad).code == 0
    assert signed_out.run("pages", "list", env={"OUTREPLY_PROFILE": "stored"}).code == 0
    assert signed_out.run("pages", "list", env={"OUTREPLY_PROFILE": "nobody"}).code == 2


def test_profiles_are_listed_and_switched(
    signed_out: CommandLine, emulator: EmulatorServer
) -> None:
    for name in ("one", "two"):
        signed_out.run(
            "auth", "login", "--with-token", "--insecure-storage", "-p", name, stdin=emulator.token
        )
    profiles = json.loads(signed_out.run("auth", "list", "--json").out)
    assert [(p["name"], p["current"]) for p in profiles] == [("one", True), ("two", False)]
    assert signed_out.run("auth", "switch", "two").code == 0
    profiles = json.loads(signed_out.run("auth", "list", "--json").out)
    assert [p["current"] for p in profiles] == [False, True]
    assert signed_out.run("auth", "switch", "three").code == 2


def test_the_profile_that_the_environment_names_is_signed_in_and_out(
    signed_out: CommandLine, emulator: EmulatorServer
) -> None:
    login = ("auth", "login", "--with-token", "--insecure-storage")
    for env in ({}, {"OUTREPLY_PROFILE": "work"}):
        assert signed_out.run(*login, stdin=emulator.token, env=env).code == 0
    assert signed_out.run("auth", "list", "-q").out.split() == ["default", "work"]
    assert signed_out.run("auth", "logout", env={"OUTREPLY_PROFILE": "work"}).code == 0
    tokens = signed_out.home / "config" / "tokens"
    assert [path.name for path in tokens.iterdir()] == ["default"]
    assert signed_out.run("auth", "logout", env={"OUTREPLY_PROFILE": "nobody"}).code == 2
    other = {"OUTREPLY_PROFILE": "x"}
    assert signed_out.run(*login, "-p", "own", stdin=emulator.token, env=other).code == 0
    assert signed_out.run("auth", "list", "-q").out.split() == ["default", "work", "own"]


def test_each_setting_comes_from_flag_environment_profile_and_default_in_that_order(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    here, nowhere = emulator.base_url, "http://127.0.0.1:9/api/v1"
    login = ("auth", "login", "--with-token", "--insecure-storage", "--tz", "Asia/Tokyo")
    assert cli_logged_out.run(*login, "--base-url", here, stdin=emulator.token).code == 0
    del cli_logged_out.environ["OUTREPLY_TIMEZONE"]

    def hour(*words: str, **env: str) -> str:
        ran = cli_logged_out.run(
            "posts", "list", "--published", "--page", "x:bluebird", *words, env=env
        )
        return ran.out.split("\t")[1][16:25] if ran.code == 0 else str(ran.code)

    assert hour() == "15:00 JST"
    assert hour(OUTREPLY_TIMEZONE="UTC") == "06:00 UTC"
    assert hour("--tz", "America/New_York", OUTREPLY_TIMEZONE="UTC") == "01:00 EST"
    assert hour(OUTREPLY_BASE_URL=nowhere) == "7"
    assert hour("-p", "default", OUTREPLY_BASE_URL=nowhere) == "15:00 JST"
    status = json.loads(cli_logged_out.run("auth", "status", "--json").out)
    assert (status["profile"], status["base_url"]) == ("default", here)
    second = {"OUTREPLY_API_KEY": "", "OUTREPLY_TOKEN": "outreply_live_wrong"}
    assert cli_logged_out.run("pages", "list", env=second).code == 4
    both = {"OUTREPLY_API_KEY": emulator.token, "OUTREPLY_TOKEN": "outreply_live_wrong"}
    assert cli_logged_out.run("pages", "list", env=both).code == 0


@pytest.mark.parametrize(
    "text",
    ["not = [toml", "profiles = 3", "[profiles.a]\nbase_url = 7", "[profiles.a]\nstorage = 'x'",
     "\x00", "profiles = {a = 1}"],
)  # fmt: skip
def test_a_damaged_config_is_a_clear_error(cli_logged_out: CommandLine, text: str) -> None:
    config = cli_logged_out.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(text)
    ran = cli_logged_out.run("auth", "list")
    assert ran.code == 1
    assert "config.toml" in ran.err
    assert "Traceback" not in ran.err


def test_a_token_never_goes_over_plain_http_to_another_machine(cli: CommandLine) -> None:
    ran = cli.run("pages", "list", env={"OUTREPLY_BASE_URL": "http://api.outreply.com/api/v1"})
    assert ran.code == 2
    assert "plain http" in ran.err
