"""Output right after installation and after login."""

import re
from pathlib import Path

from outreply_cli.commands.auth.login import describe_scopes
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.scopes import COMMAND_SCOPES
from tests.command_line import CommandLine, command_tree


def test_welcome_without_account_names_first_steps(
    cli_logged_out: CommandLine,
) -> None:
    result = cli_logged_out.run()
    assert (result.code, result.err) == (0, "")
    assert len(result.out.splitlines()) == 8
    assert max(map(len, result.out.splitlines())) <= 80
    for words in ("outreply demo", "outreply auth login", "OUTREPLY_API_KEY", "outreply --help"):
        assert words in result.out
    assert list(cli_logged_out.home.rglob("*")) == []


def test_welcome_names_existing_commands(cli_logged_out: CommandLine) -> None:
    for words in re.findall(r"outreply ((?:[a-z]+ ?)+)  ", cli_logged_out.run().out):
        if not words.startswith("runs"):
            assert command_tree().find(words.split()) is not None, words


def test_help_is_shown_when_signed_in(cli: CommandLine) -> None:
    assert cli.run().out.startswith("Manage an OutReply account")


def test_help_is_shown_with_damaged_config(cli_logged_out: CommandLine) -> None:
    config = cli_logged_out.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[[[")
    assert "Commands:" in cli_logged_out.run().out


def login(cli: CommandLine, emulator: EmulatorServer, *scopes: str) -> str:
    cli.environ["OUTREPLY_BASE_URL"] = emulator.base_url
    token = emulator.token
    emulator.state.connection.execute(
        "UPDATE tokens SET scopes = ?", (str(list(scopes)).replace("'", '"'),)
    )
    words = ("auth", "login", "--with-token", "--insecure-storage")
    result = cli.run(*words, stdin=token)
    assert result.code == 0, result.err
    return result.err


def test_login_describes_full_token(cli_logged_out: CommandLine, emulator: EmulatorServer) -> None:
    err = login(cli_logged_out, emulator, "*")
    assert "This token can run all commands." in err
    assert "Commands:" in cli_logged_out.run().out


def test_login_describes_missing_scopes(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    err = login(cli_logged_out, emulator, "read:pages", "read:posts")
    assert re.search(r"This token can run: .*posts check, preview, list, show, wait", err)
    assert re.search(r"Without write:posts it cannot run: posts schedule, publish", err)
    assert re.search(r"Without read:account it cannot run: .*quota", err)


def test_describe_scopes_covers_all_commands() -> None:
    lines = describe_scopes(["read:pages"])
    assert lines[0].startswith("This token can run: auth status; status; pages;")
    text = "\n".join(lines)
    groups = {command.split()[0] for command in COMMAND_SCOPES}
    assert all(group in text for group in groups)


def test_no_files_written_before_login(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    cli_logged_out.home.mkdir()
    for words in ((), ("--help",), ("help", "times"), ("completion", "bash"), ("auth", "list")):
        assert cli_logged_out.run(*words).code == 0
    assert list(cli_logged_out.home.iterdir()) == []
