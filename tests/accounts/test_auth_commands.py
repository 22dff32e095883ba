"""`outreply auth`: storage of tokens, and precedence of settings."""

import json
import os
import stat
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pexpect
import pytest

from outreply_cli.accounts.keyring import KeyringError, KeyringStore
from outreply_cli.accounts.profiles import Profile, Profiles
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.storage.private_files import LOCKED_HINT, _unusable_error
from outreply_cli.storage.sqlite import file_lock
from tests.command_line import CommandLine, Result
from tests.scripted_server import ScriptedServer, response

BACKENDS = """
import json, os, pathlib, time
from keyring.backend import KeyringBackend

class Working(KeyringBackend):
    priority = 1
    path = pathlib.Path(os.environ.get("KEYRING_PATH", "/nonexistent"))
    def _all(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}
    def get_password(self, service, username):
        return self._all().get(username)
    def set_password(self, service, username, password):
        self.path.write_text(json.dumps({**self._all(), username: password}))
    def delete_password(self, service, username):
        tokens = self._all(); tokens.pop(username); self.path.write_text(json.dumps(tokens))

class Hanging(KeyringBackend):
    priority = 1
    def get_password(self, *words):
        time.sleep(3600)
    set_password = delete_password = get_password

class Locked(Working):
    def get_password(self, service, username):
        unlocked = pathlib.Path(os.environ["KEYRING_PATH"]).with_name("unlocked")
        while not unlocked.exists():
            time.sleep(0.01)
        return super().get_password(service, username)
    def set_password(self, service, username, password):
        self.get_password(service, username)
        super().set_password(service, username, password)

class Leaky(KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        return None
    def set_password(self, service, username, password):
        raise RuntimeError("could not store " + password)
"""


@pytest.fixture
def login_cli(cli_logged_out: CommandLine, emulator: EmulatorServer, tmp_path: Path) -> CommandLine:
    cli_logged_out.environ["OUTREPLY_BASE_URL"] = emulator.base_url
    backends = tmp_path / "backends"
    backends.mkdir()
    (backends / "test_backends.py").write_text(BACKENDS)
    cli_logged_out.environ["PYTHONPATH"] = f"{backends}{os.pathsep}{Path.cwd()}"
    cli_logged_out.environ["KEYRING_PATH"] = str(tmp_path / "keyring.json")
    return cli_logged_out


def get_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_token_file_is_private(login_cli: CommandLine, emulator: EmulatorServer) -> None:
    umask = os.umask(0)
    try:
        result = login_cli.run(
            "auth", "login", "--with-token", "--insecure-storage", stdin=emulator.token + "\n"
        )
    finally:
        os.umask(umask)
    assert result.code == 0, result.err
    assert "alex@example.com" in result.err
    token = login_cli.home / "config" / "tokens" / "default"
    config = login_cli.home / "config" / "config.toml"
    assert (get_mode(token), get_mode(config), get_mode(token.parent)) == (0o600, 0o600, 0o700)
    assert emulator.token not in config.read_text()
    assert login_cli.run("pages", "list").code == 0
    token.chmod(0o644)
    refused = login_cli.run("pages", "list")
    assert refused.code == 1
    assert "chmod 600" in refused.err


def test_invalid_token_is_not_stored(login_cli: CommandLine) -> None:
    result = login_cli.run(
        "auth", "login", "--with-token", "--insecure-storage", stdin="outreply_live_unknown\n"
    )
    assert result.code == 4
    assert not (login_cli.home / "config").exists()


def test_login_without_keyring_suggests_file(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    result = login_cli.run("auth", "login", "--with-token", stdin=emulator.token)
    assert result.code == 1
    assert "--insecure-storage" in result.err
    assert emulator.token not in result.err


def test_login_stores_token_in_keyring_and_logout_deletes_it(
    login_cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    login_cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Working"
    login = login_cli.spawn("auth", "login", "--with-token", stdin=emulator.token)
    assert login.code == 0, login.err
    keyring = tmp_path / "keyring.json"
    assert json.loads(keyring.read_text()) == {"default": emulator.token}
    assert not (login_cli.home / "config" / "tokens" / "default").exists()
    status = json.loads(login_cli.spawn("auth", "status", "--json").out)
    assert (status["token_source"], status["email"]) == ("keyring", "alex@example.com")
    assert login_cli.spawn("auth", "token").out == emulator.token + "\n"
    assert login_cli.spawn("auth", "logout").code == 0
    assert json.loads(keyring.read_text()) == {}
    assert login_cli.spawn("auth", "status").code == 4


@pytest.mark.slow
def test_hanging_keyring_times_out(login_cli: CommandLine, emulator: EmulatorServer) -> None:
    login_cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Hanging"
    started_at = time.monotonic()
    result = login_cli.spawn("auth", "login", "--with-token", stdin=emulator.token, seconds=30)
    assert result.code == 1
    assert "no response within 3 seconds" in result.err
    assert time.monotonic() - started_at < 30


def test_keyring_waits_for_a_person_at_a_terminal(
    login_cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    login_cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Locked"
    for words, end in (("auth login", "Signed in as"), ("auth token", emulator.token)):
        (tmp_path / "unlocked").unlink(missing_ok=True)
        child = login_cli.at_terminal(*words.split())
        if words == "auth login":
            child.expect("API token: ")
            child.sendline(emulator.token)
        child.expect("Waiting for the system keyring")
        (tmp_path / "unlocked").touch()
        child.expect(end)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0


def test_keyring_dialog_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outreply_cli.accounts.keyring._DIALOG_SECONDS", 0.02)
    is_answered = threading.Event()
    monkeypatch.setattr("outreply_cli.accounts.keyring._backend", is_answered.wait)
    notes: list[str] = []
    store = KeyringStore(timeout=0.01, on_wait=lambda: notes.append("waiting"))
    with pytest.raises(KeyringError, match=r"no response within 0\.03 seconds"):
        store.read("default")
    is_answered.set()
    assert notes == ["waiting"]


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ('"{}"', "quotation marks"),
        ("'{}'", "quotation marks"),
        ("“{}”", "quotation marks"),
        ("`{}`", "quotation marks"),
        ('{}"', "quotation marks"),
        ("OUTREPLY_API_KEY={}", "in front of it"),
        ("export OUTREPLY_API_KEY={}", "in front of it"),
        ("Bearer {}", "in front of it"),
        ("token: {}", "in front of it"),
    ],
)
@pytest.mark.parametrize("variable", ["OUTREPLY_API_KEY", "OUTREPLY_TOKEN"])
def test_token_with_text_around_it_is_rejected_and_not_shown(
    cli_logged_out: CommandLine, template: str, problem: str, variable: str
) -> None:
    token = "outreply_live_" + "a" * 48
    with ScriptedServer([response(200, {"pages": []})]) as server:
        env = {variable: template.format(token), "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("pages", "list", env=env)
        login = cli_logged_out.run("auth", "login", "--with-token", stdin=template.format(token))
        assert not server.received
    assert (ran.code, login.code) == (2, 2)
    assert f"{variable}: the token" in ran.err
    assert problem in ran.err
    assert problem in login.err
    assert token not in ran.err + login.err


def test_keyring_error_does_not_leak_token(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    login_cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Leaky"
    result = login_cli.spawn("auth", "login", "--with-token", stdin=emulator.token)
    assert result.code == 1
    assert emulator.token not in result.out + result.err


def test_token_prompt_is_hidden(login_cli: CommandLine, emulator: EmulatorServer) -> None:
    child = login_cli.at_terminal("auth", "login", "--insecure-storage")
    child.expect("API token: ")
    child.sendline(emulator.token)
    child.expect("Signed in as alex@example.com")
    before = str(child.before)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert emulator.token not in before + str(child.before)


def test_end_of_input_at_the_token_prompt_is_one_json_object(login_cli: CommandLine) -> None:
    child = login_cli.at_terminal("auth", "login", "--json")
    child.expect("API token: ")
    child.sendeof()
    child.expect('{"error": {"code": "INTERRUPTED"')
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_unrecognized_token_is_not_sent(
    cli_logged_out: CommandLine,
) -> None:
    for env in (
        {"OUTREPLY_API_KEY": "sk_live_secret_of_another_service"},
        {"OUTREPLY_TOKEN": "ghp_0123456789"},
    ):
        result = cli_logged_out.run("pages", "list", env=env)
        assert result.code == 4
        assert "outreply_live_" in result.err
    result = cli_logged_out.run("auth", "login", "--with-token", stdin="ghp_0123456789")
    assert result.code == 4
    assert "ghp_" not in result.err


@pytest.mark.parametrize("prefix", ["outreply_live_", "orply_live_", "outreply_test_"])
def test_known_prefixes_are_sent(cli_logged_out: CommandLine, prefix: str) -> None:
    with ScriptedServer([response(200, {"pages": []})]) as server:
        env = {"OUTREPLY_API_KEY": prefix + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        assert cli_logged_out.run("pages", "list", env=env).code == 0
        assert server.received[0].headers["authorization"] == f"Bearer {prefix}{'x' * 30}"


def test_named_profile_overrides_token_in_environment(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    login_cli.run(
        "auth", "login", "--with-token", "--insecure-storage", "-p", "stored", "--base-url",
        emulator.base_url, stdin=emulator.token,
    )  # fmt: skip
    bad = {"OUTREPLY_API_KEY": "outreply_live_wrong"}
    assert login_cli.run("pages", "list", env=bad).code == 4
    assert login_cli.run("pages", "list", "-p", "stored", env=bad).code == 0
    assert login_cli.run("pages", "list", env={"OUTREPLY_PROFILE": "stored"}).code == 0
    assert login_cli.run("pages", "list", env={"OUTREPLY_PROFILE": "unknown"}).code == 5


def test_list_marks_current_profile_and_switch_changes_it(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    for name in ("one", "two"):
        login_cli.run(
            "auth", "login", "--with-token", "--insecure-storage", "-p", name, stdin=emulator.token
        )
    profiles = json.loads(login_cli.run("auth", "list", "--json").out)
    assert [(p["name"], p["current"]) for p in profiles] == [("one", True), ("two", False)]
    assert login_cli.run("auth", "switch", "two").code == 0
    profiles = json.loads(login_cli.run("auth", "list", "--json").out)
    assert [p["current"] for p in profiles] == [False, True]
    assert login_cli.run("auth", "switch", "three").code == 5


def test_each_auth_command_prints_its_fields_as_json(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    def run(*words: str, stdin: str = "") -> Any:
        result = login_cli.run("auth", *words, "--json", stdin=stdin)
        assert result.code == 0, result.err
        return json.loads(result.out)

    login = ("login", "--with-token", "--insecure-storage")
    assert run(*login, stdin=emulator.token) == {
        "profile": "default",
        "email": "alex@example.com",
        "key_name": run("status")["key_name"],
        "scopes": ["*"],
        "expires_at": None,
        "token_location": str(login_cli.home / "config" / "tokens" / "default"),
    }
    assert run("token") == {"token": emulator.token}
    assert run("switch", "default") == {"profile": "default"}
    assert run("logout") == {"profile": "default", "signed_out": True}


def test_login_to_another_profile_says_how_to_use_it(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    login = ("auth", "login", "--with-token", "--insecure-storage", "--profile")
    hint = "To use this account by default, run: outreply auth switch agency"
    # The first profile is used by default.
    assert "auth switch" not in login_cli.run(*login, "work", stdin=emulator.token).err
    assert hint in login_cli.run(*login, "agency", stdin=emulator.token).err
    assert login_cli.run("auth", "switch", "agency").code == 0
    assert "auth switch" not in login_cli.run(*login, "agency", stdin=emulator.token).err


def test_login_and_logout_use_profile_from_environment(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    login = ("auth", "login", "--with-token", "--insecure-storage")
    for env in ({}, {"OUTREPLY_PROFILE": "work"}):
        assert login_cli.run(*login, stdin=emulator.token, env=env).code == 0
    assert login_cli.run("auth", "list", "-q").out.split() == ["default", "work"]
    assert login_cli.run("auth", "logout", env={"OUTREPLY_PROFILE": "work"}).code == 0
    tokens = login_cli.home / "config" / "tokens"
    assert [path.name for path in tokens.iterdir()] == ["default"]
    assert login_cli.run("auth", "logout", env={"OUTREPLY_PROFILE": "unknown"}).code == 5
    other = {"OUTREPLY_PROFILE": "x"}
    assert login_cli.run(*login, "-p", "own", stdin=emulator.token, env=other).code == 0
    assert login_cli.run("auth", "list", "-q").out.split() == ["default", "work", "own"]


def test_settings_come_from_option_then_variable_then_profile(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    here, nowhere = emulator.base_url, "http://127.0.0.1:9/api/v1"
    login = ("auth", "login", "--with-token", "--insecure-storage", "--tz", "Asia/Tokyo")
    assert cli_logged_out.run(*login, "--base-url", here, stdin=emulator.token).code == 0
    del cli_logged_out.environ["OUTREPLY_TIMEZONE"]

    def hour(*words: str, **env: str) -> str:
        result = cli_logged_out.run(
            "posts", "list", "--published", "--page", "x:bluebird", *words, env=env
        )
        return result.out.split("\t")[1][16:25] if result.code == 0 else str(result.code)

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
def test_damaged_config_is_an_error_that_names_the_file(
    cli_logged_out: CommandLine, text: str
) -> None:
    config = cli_logged_out.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(text)
    result = cli_logged_out.run("auth", "list")
    assert result.code == 1
    assert "config.toml" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("start", ["\ufeff", "\ufeff\ufeff", "# comment\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_config_with_byte_order_mark_comment_or_crlf_is_read(
    cli_logged_out: CommandLine, start: str, end: str
) -> None:
    config = write_config(cli_logged_out, "", "utf-8")
    text = f'{start}[profiles.default]\ntimezone = "Asia/Tokyo"\nstorage = "file"\n'
    config.write_bytes(text.replace("\n", end).encode())
    result = cli_logged_out.run("auth", "list", "--json")
    assert [profile["name"] for profile in json.loads(result.out)] == ["default"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-sig", "latin-1"])
def test_config_that_is_not_utf_8_is_an_error(cli_logged_out: CommandLine, encoding: str) -> None:
    text = '# é\n[profiles.default]\nstorage = "file"\n'
    if encoding == "utf-16-be-sig":
        text, encoding = "\ufeff" + text, "utf-16-be"
    write_config(cli_logged_out, text, encoding)
    result = cli_logged_out.run("auth", "list")
    assert result.code == 1
    assert "config.toml is " + ("not UTF-8" if encoding == "latin-1" else "UTF-16") in result.err
    assert "UTF-8" in result.err


def write_config(cli: CommandLine, text: str, encoding: str) -> Path:
    path = cli.home / "config" / "config.toml"
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    path.chmod(0o600)
    return path


def test_plain_http_is_rejected(cli: CommandLine) -> None:
    result = cli.run("pages", "list", env={"OUTREPLY_BASE_URL": "http://api.outreply.com/api/v1"})
    assert result.code == 2
    assert "plain http" in result.err


@pytest.mark.parametrize(
    ("around", "problem"),
    [
        ('"{}"', "quotation marks"),
        ("'{}'", "quotation marks"),
        ("“{}”", "quotation marks"),
        ('{}"', "quotation marks"),
        ("<{}>", "quotation marks"),
        ("OUTREPLY_API_KEY={}", "the name of its variable"),
        ("OUTREPLY_TOKEN='{}", "the name of its variable"),
        ("Bearer {}", "the word Bearer"),
        ("export KEY={}", "other text"),
        ("API_KEY: {}", "other text"),
    ],
)
def test_text_around_a_token_is_reported(
    cli_logged_out: CommandLine, around: str, problem: str
) -> None:
    secret = "a1b2c3d4" * 5
    text = around.format(f"outreply_live_{secret}")
    with ScriptedServer([response(200, {"pages": []})]) as server:
        env = {"OUTREPLY_BASE_URL": server.url}
        results = [
            cli_logged_out.run("pages", "list", env={**env, "OUTREPLY_API_KEY": text}),
            cli_logged_out.run("auth", "login", "--with-token", "--yes", stdin=text, env=env),
        ]
        assert server.received == []
    for result in results:
        assert result.code == 2
        assert problem in result.err
        assert secret not in result.err
    assert results[0].err.startswith("Error: OUTREPLY_API_KEY: the token has ")


@pytest.fixture
def two_accounts(cli_logged_out: CommandLine, emulator: EmulatorServer) -> CommandLine:
    """The profiles `default` and `agency`, each with a token of the emulator."""
    cli = cli_logged_out
    for name in ("default", "agency"):
        token = emulator.handle.request("token", name=name)["token"]
        login = ("auth", "login", "--with-token", "--insecure-storage", "--profile", name)
        result = cli.run(*login, "--base-url", emulator.base_url, stdin=token)
        assert result.code == 0, result.err
    return cli


@pytest.mark.parametrize("change", ["revoke-token", "rotate-token"])
def test_advice_about_a_token_keeps_other_accounts(
    two_accounts: CommandLine, emulator: EmulatorServer, change: str
) -> None:
    cli = two_accounts
    emulator.handle.request(change, token="agency")
    refused = cli.run("pages", "list", "-p", "agency")
    assert refused.code == 4
    advice = "outreply auth login --profile agency"
    assert f"then run: {advice}\n" in refused.err
    # Followed to the letter, in the form for scripts.
    token = emulator.handle.request("token", name="new")["token"]
    options = ("--with-token", "--insecure-storage")
    assert cli.run(*advice.split()[1:], *options, stdin=token).code == 0
    assert cli.run("pages", "list", "-p", "agency").code == 0
    me = cli.run("api", "GET", "/me", "-p", "default", "--fields", "api_key.name")
    assert json.loads(me.out) == {"api_key.name": "default"}


def test_concurrent_logins_keep_every_profile(
    login_cli: CommandLine, emulator: EmulatorServer
) -> None:
    login = ("auth", "login", "--with-token", "--insecure-storage")

    def log_in(name: str) -> Result:
        return login_cli.spawn(*login, "--profile", name, stdin=emulator.token)

    names = ["agency", "client", "default", "work"]
    with ThreadPoolExecutor() as pool:
        assert [result.code for result in pool.map(log_in, names)] == [0] * len(names)
    listed = json.loads(login_cli.run("auth", "list", "--json").out)
    assert sorted(row["name"] for row in listed) == names
    assert [row["current"] for row in listed].count(True) == 1


def test_editing_profiles_waits_for_another_edit(tmp_path: Path) -> None:
    path = tmp_path / "config" / "config.toml"

    def add(name: str) -> None:
        with Profiles.edit(path) as profiles:
            profiles.stored[name] = Profile(name)

    with Profiles.edit(path) as profiles:
        thread = threading.Thread(target=add, args=("second",))
        thread.start()
        profiles.stored["first"] = Profile("first")
    thread.join()
    assert sorted(Profiles.load(path).stored) == ["first", "second"]


def test_advice_about_the_keyring_keeps_other_accounts(
    two_accounts: CommandLine, emulator: EmulatorServer
) -> None:
    cli, config = two_accounts, two_accounts.home / "config" / "config.toml"
    token = emulator.handle.request("token", name="new")["token"]
    login = ("auth", "login", "--with-token", "--profile", "third")
    refused = cli.run(*login, "--base-url", emulator.base_url, stdin=token)
    assert refused.code == 1
    assert "  Add --insecure-storage to store the token in a file" in refused.err
    # The token of the profile is in a keyring that this session cannot use.
    agency = config.parent / "tokens" / "agency"
    agency.unlink()
    head, _, tail = config.read_text().partition("[profiles.agency]")
    config.write_text(head + "[profiles.agency]" + tail.replace('"file"', '"keyring"', 1))
    refused = cli.run("pages", "list", "-p", "agency")
    assert refused.code == 1
    assert "read: outreply auth login --profile agency --insecure-storage, or" in refused.err


def test_advice_about_a_refused_login_keeps_other_accounts(
    two_accounts: CommandLine, emulator: EmulatorServer
) -> None:
    login = ("auth", "login", "--insecure-storage", "--profile", "third", "--base-url")
    unknown, other = "outreply_live_" + "a" * 48, "sk_0123456789"
    for url, words, stdin, hint in (
        (emulator.base_url, ["--with-token"], unknown, "then run the command again\n"),
        ("https://api.example.com", ["--with-token"], other, "auth login --yes --profile NAME\n"),
        (emulator.base_url, [], unknown, "Add --with-token, and pass the token on stdin"),
    ):
        refused = two_accounts.run(*login, url, *words, stdin=stdin)
        assert hint in refused.err


def test_advice_about_a_damaged_token_names_the_profile(two_accounts: CommandLine) -> None:
    path = two_accounts.home / "config" / "tokens" / "agency"
    path.write_text("Bearer outreply_live_x")
    path.chmod(0o600)
    advice = "Sign in again: outreply auth login --profile agency"
    assert two_accounts.run("pages", "list", "-p", "agency").err.endswith(f"{advice}\n")
    assert advice in two_accounts.run("doctor", "-p", "agency", "--json").out


def test_advice_about_a_token_in_the_environment_names_the_variable(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    emulator.handle.request("revoke-token", token="emulator")
    refused = cli.run("pages", "list")
    assert "Create a new token in the dashboard, then set OUTREPLY_API_KEY to it" in refused.err
    assert "auth login" not in refused.err
    doctor = cli.run("doctor")
    assert "set OUTREPLY_API_KEY to it" in doctor.out


def test_first_account_after_an_emulator_becomes_current(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    cli, config = cli_logged_out, cli_logged_out.home / "config" / "config.toml"
    config.parent.mkdir(parents=True, mode=0o700)
    config.write_text(f'[profiles.emulator]\nbase_url = "{emulator.base_url}"\nstorage = "file"\n')
    config.chmod(0o600)
    login = ("auth", "login", "--with-token", "--insecure-storage", "--profile")
    for name in ("work", "agency"):
        ran = cli.run(*login, name, "--base-url", emulator.base_url, stdin=emulator.token)
        assert ran.code == 0, ran.err
        assert json.loads(cli.run("auth", "status", "--json").out)["profile"] == "work"


def test_advice_about_the_current_profile_needs_no_option(
    two_accounts: CommandLine, emulator: EmulatorServer
) -> None:
    emulator.handle.request("revoke-token", token="default")
    refused = two_accounts.run("pages", "list")
    assert "then run: outreply auth login\n" in refused.err


def test_login_keeps_the_base_url_of_a_profile(
    two_accounts: CommandLine, emulator: EmulatorServer
) -> None:
    token = emulator.handle.request("token", name="new")["token"]
    login = ("auth", "login", "--with-token", "--insecure-storage", "--profile", "agency")
    assert two_accounts.run(*login, stdin=token).code == 0
    listed = json.loads(two_accounts.run("auth", "list", "--json").out)
    assert {row["name"]: row["base_url"] for row in listed}["agency"] == emulator.base_url
    two_accounts.environ["OUTREPLY_BASE_URL"] = "http://127.0.0.1:9/api/v1"
    assert two_accounts.run(*login, stdin=token).code == 0


@pytest.mark.parametrize("tz", [None, "Asia/Tokyo"])
@pytest.mark.parametrize("storage", [(), ("--insecure-storage",)])
def test_login_keeps_the_settings_of_a_profile(
    login_cli: CommandLine, emulator: EmulatorServer, storage: tuple[str, ...], tz: str | None
) -> None:
    cli = login_cli
    cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Working"
    store = "postgresql://db.example.com/outreply"
    text = f'[profiles.work]\nbase_url = "{emulator.base_url}"\ntimezone = "America/New_York"\n'
    config = write_config(cli, f'{text}store_url = "{store}"\n', "utf-8")
    before = tomllib.loads(config.read_text())["profiles"]["work"]
    option = () if tz is None else ("--tz", tz)
    login = ("auth", "login", "-p", "work", "--with-token", *storage, *option)
    result = cli.spawn(*login, stdin=emulator.token)
    assert result.code == 0, result.err
    assert tomllib.loads(config.read_text())["profiles"]["work"] == {
        **before,
        "timezone": tz or "America/New_York",
        "storage": "file" if storage else "keyring",
    }
    assert ("time zone America/New_York" in result.err) == (not tz)


@pytest.fixture
def keyring_login(login_cli: CommandLine, emulator: EmulatorServer) -> CommandLine:
    """A profile whose token is in the keyring."""
    login_cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Working"
    login = login_cli.spawn("auth", "login", "--with-token", stdin=emulator.token)
    assert login.code == 0, login.err
    return login_cli


def test_login_moves_the_token_out_of_the_keyring(
    keyring_login: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    cli, keyring = keyring_login, tmp_path / "keyring.json"
    login = ("auth", "login", "--with-token", "--insecure-storage")
    moved = cli.spawn(*login, stdin=emulator.token)
    assert (moved.code, json.loads(keyring.read_text())) == (0, {})
    assert "Warning" not in moved.err
    assert json.loads(cli.spawn("auth", "status", "--json").out)["token_source"] == "file"
    assert cli.spawn("auth", "logout").code == 0
    assert cli.spawn("auth", "status").code == 4


def test_logout_deletes_a_token_that_login_left_in_the_keyring(
    keyring_login: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    cli, keyring = keyring_login, tmp_path / "keyring.json"
    locked = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    login = ("auth", "login", "--with-token", "--insecure-storage")
    moved = cli.spawn(*login, stdin=emulator.token, env=locked)
    assert moved.code == 0, moved.err
    assert "the previous token was not deleted: the system keyring cannot be used" in moved.err
    assert json.loads(keyring.read_text()) == {"default": emulator.token}
    assert cli.spawn("auth", "token", env=locked).out == emulator.token + "\n"
    refused = cli.spawn("auth", "logout", env=locked)
    assert (refused.code, "auth login" in refused.err) == (1, False)
    assert "The token is still stored. Unlock the keyring" in refused.err
    assert cli.spawn("auth", "logout").code == 0
    assert json.loads(keyring.read_text()) == {}


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({}, None),
        ({"OUTREPLY_PROFILE": "", "OUTREPLY_API_KEY": ""}, None),
        ({"OUTREPLY_PROFILE": "agency"}, None),
        ({"OUTREPLY_PROFILE": "default"}, "OUTREPLY_PROFILE"),
        ({"OUTREPLY_PROFILE": "default", "OUTREPLY_TOKEN": "TOKEN"}, "OUTREPLY_TOKEN"),
        ({"OUTREPLY_API_KEY": "TOKEN", "OUTREPLY_TOKEN": "TOKEN"}, "OUTREPLY_API_KEY"),
    ],
)
@pytest.mark.parametrize(
    "words",
    ["switch agency", "login --with-token --insecure-storage -p agency", "logout -p agency"],
)
def test_variable_that_decides_instead_is_reported(
    two_accounts: CommandLine,
    emulator: EmulatorServer,
    words: str,
    environ: dict[str, str],
    variable: str | None,
) -> None:
    cli = two_accounts
    other = emulator.handle.request("token", name="other")["token"]
    cli.environ |= {name: value.replace("TOKEN", other) for name, value in environ.items()}
    result = cli.run("auth", *words.split(), stdin=emulator.token)
    assert result.code == 0, result.err
    # Commands without --profile never used the profile that was logged out.
    is_silent = variable is None or (words.startswith("logout") and variable == "OUTREPLY_PROFILE")
    warnings = [line.split()[1] for line in result.err.splitlines() if "Warning: " in line]
    assert warnings == ([] if is_silent else [variable])
    if variable is not None:
        used = json.loads(cli.run("auth", "status", "--json").out)
        is_profile = variable == "OUTREPLY_PROFILE"
        assert used["profile" if is_profile else "token_location"] == (
            "default" if is_profile else variable
        )


def test_locked_configuration_file_is_an_error_that_says_to_run_again(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreply_cli.accounts.profiles._LOCK_SECONDS", 0.0)
    login = ("auth", "login", "--with-token", "--insecure-storage")
    token = cli.environ["OUTREPLY_API_KEY"]
    assert cli.run(*login, stdin=token).code == 0
    with file_lock(cli.home / "config" / "config.toml.lock", wait=1):
        ran = cli.run(*login, stdin=token)
    assert ran.code == 1
    assert "config.toml.lock cannot be used: database is locked" in ran.err
    assert "Run the command again once it has finished." in ran.err
    assert "permissions" not in ran.err


def test_configuration_file_in_use_on_windows_is_reported_as_locked(tmp_path: Path) -> None:
    error = PermissionError(13, "The file is being used by another process")
    assert "permissions" in str(_unusable_error(tmp_path, error).hint)
    error.winerror = 32  # type: ignore[attr-defined, unused-ignore]
    assert _unusable_error(tmp_path, error).hint == LOCKED_HINT
