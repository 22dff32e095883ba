"""The password of a team's store in the keyring."""

import json
from pathlib import Path

import pexpect
import pytest

from tests.command_line import CommandLine, Result
from tests.postgres import make_member

KEYRING = {"PYTHON_KEYRING_BACKEND": "tests.file_keyring.FileKeyring"}


@pytest.fixture
def member(cli: CommandLine, postgres_url: str) -> tuple[CommandLine, str]:
    """A machine whose store URL has no password, and that password."""
    url, password = make_member(postgres_url)
    cli.environ |= {"OUTREPLY_STORE_URL": url, "PYTHONPATH": str(Path.cwd()), **KEYRING}
    cli.home.mkdir()
    return cli, password


def log_in(cli: CommandLine, password: str) -> Result:
    return cli.spawn("store", "login", "--with-password", "--json", stdin=password + "\n")


def test_stored_password_is_used(member: tuple[CommandLine, str]) -> None:
    cli, password = member
    missing = cli.spawn("store", "migrate")
    assert missing.code == 1
    assert "asks for a password, and the keyring has none" in missing.err
    assert "outreply store login" in missing.err
    login = log_in(cli, password)
    assert login.code == 0, login.err
    (entry,) = json.loads((cli.home / "keyring.json").read_text()).items()
    address = json.loads(login.out)["address"]
    assert entry == (f"outreply-cli/store {address}", password)
    assert cli.spawn("store", "migrate").code == 0
    assert cli.spawn("posts", "list").code == 0
    checks = json.loads(cli.spawn("doctor", "--json").out)
    detail = next(item["detail"] for item in checks if item["check"] == "store")
    assert "PostgreSQL" in detail
    assert json.loads(cli.spawn("store", "logout", "--json").out)["deleted"] is True
    assert json.loads((cli.home / "keyring.json").read_text()) == {}
    again = cli.spawn("store", "logout")
    assert "has no password for" in again.err
    assert cli.spawn("store", "log").code == 1
    failed = next(
        item for item in json.loads(cli.spawn("doctor", "--json").out) if item["check"] == "store"
    )
    assert failed["status"] == "failure"
    assert "store login" in failed["hint"]
    assert all(password not in result.out + result.err for _, result in cli.history)


def test_password_belongs_to_one_store(member: tuple[CommandLine, str], postgres_url: str) -> None:
    cli, password = member
    assert log_in(cli, password).code == 0
    other, _ = make_member(postgres_url)
    result = cli.spawn("store", "status", env={"OUTREPLY_STORE_URL": other})
    assert "the keyring has none" in result.err


def test_variable_and_file_come_before_the_keyring(
    member: tuple[CommandLine, str], tmp_path: Path
) -> None:
    cli, password = member
    # With these, the keyring is not read.
    unusable = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    assert cli.spawn("store", "migrate", env={**unusable, "PGPASSWORD": password}).code == 0
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"*:*:*:*:{password}\n")
    passwords.chmod(0o600)
    from_file = {**unusable, "PGPASSFILE": str(passwords)}
    assert cli.spawn("store", "status", env=from_file).code == 0
    assert log_in(cli, password).code == 0
    wrong = cli.spawn("store", "status", env={"PGPASSWORD": "wrong1234"})
    assert wrong.code == 1
    assert "password authentication failed" in wrong.err


def test_wrong_password_is_not_stored(member: tuple[CommandLine, str]) -> None:
    cli, _ = member
    result = log_in(cli, "hunter2222")
    assert result.code == 1
    assert "password authentication failed" in result.err
    assert "Nothing was stored" in result.err
    assert not (cli.home / "keyring.json").exists()
    assert "the password is empty" in log_in(cli, "").err.lower()
    assert "a password is required" in cli.spawn("store", "login").err.lower()


def test_changed_password_is_an_error_that_advises_to_log_in(
    member: tuple[CommandLine, str],
) -> None:
    cli, password = member
    assert log_in(cli, password).code == 0
    keyring = cli.home / "keyring.json"
    keyring.write_text(keyring.read_text().replace("secret/", "other/"))
    result = cli.spawn("store", "status")
    assert "password authentication failed" in result.err
    assert "password from the keyring" in result.err
    assert "outreply store login" in result.err


def test_missing_keyring_is_an_error_that_names_alternatives(
    member: tuple[CommandLine, str],
) -> None:
    cli, password = member
    cli.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    for result in (log_in(cli, password), cli.spawn("store", "status")):
        assert result.code == 1
        assert "no keyring on this machine" in result.err
        assert "PGPASSFILE" in result.err
        assert password not in result.err
    # Its rate limit is in the store; what needs no journal works without.
    assert cli.spawn("posts", "list").code == 0


def test_login_to_a_store_without_a_password_is_rejected(
    cli: CommandLine, postgres_url: str
) -> None:
    cli.environ |= {"OUTREPLY_STORE_URL": postgres_url, **KEYRING}
    result = log_in(cli, "hunter2222")
    assert result.code == 2
    assert "does not ask for a password; nothing was stored" in result.err
    url = "postgresql://me:hunter2222@127.0.0.1:1/team"
    refused = cli.spawn("store", "login", "--with-password", env={"OUTREPLY_STORE_URL": url})
    assert refused.code == 2
    assert "has a password" in refused.err
    del cli.environ["OUTREPLY_STORE_URL"]
    for command in ("login", "logout"):
        assert "no team store is configured" in cli.run("store", command).err.lower()


def test_prompt_is_hidden(member: tuple[CommandLine, str]) -> None:
    cli, password = member
    child = cli.at_terminal("store", "login")
    child.expect("Password for ")
    child.sendline(password)
    child.expect("Stored the password for")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert password not in str(child.before) + str(child.after)
    assert cli.spawn("store", "migrate").code == 0


def test_password_is_hidden_in_all_output(member: tuple[CommandLine, str]) -> None:
    cli, password = member
    assert log_in(cli, password).code == 0
    result = cli.spawn("posts", "list", "--page", password)
    assert result.code == 5
    assert "(hidden)" in result.err
    assert password not in result.err
    from_variable = cli.spawn(
        "posts", "list", "--page", "hunter2222", env={"PGPASSWORD": "hunter2222"}
    )
    assert "hunter2222" not in from_variable.err
