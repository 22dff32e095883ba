"""What somebody sees who has just installed it, and who has just signed in."""

import re
from pathlib import Path

from outreply_cli.commands.auth.output import describe_scopes
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.scopes import COMMAND_SCOPES
from tests.command_line import CommandLine, command_tree


def test_alone_and_signed_out_it_says_in_eight_lines_what_it_is_and_how_to_begin(
    cli_logged_out: CommandLine,
) -> None:
    ran = cli_logged_out.run()
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == 8
    assert max(map(len, ran.out.splitlines())) <= 80
    for words in ("outreply demo", "outreply auth login", "OUTREPLY_API_KEY", "outreply --help"):
        assert words in ran.out
    assert list(cli_logged_out.home.rglob("*")) == []


def test_every_command_that_it_names_exists(cli_logged_out: CommandLine) -> None:
    for words in re.findall(r"outreply ((?:[a-z]+ ?)+)  ", cli_logged_out.run().out):
        if not words.startswith("runs"):
            assert command_tree().find(words.split()) is not None, words


def test_signed_in_it_shows_the_usual_help(cli: CommandLine) -> None:
    assert cli.run().out.startswith("Run an OutReply account")


def test_a_config_file_that_is_damaged_is_no_reason_to_fail(cli_logged_out: CommandLine) -> None:
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
    ran = cli.run(*words, stdin=token)
    assert ran.code == 0, ran.err
    return ran.err


def test_after_signing_in_it_tells_what_a_whole_token_can_do(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    told = login(cli_logged_out, emulator, "*")
    assert "This token can do everything that outreply does." in told
    assert "Commands:" in cli_logged_out.run().out


def test_after_signing_in_it_tells_what_a_token_can_not_do(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    told = login(cli_logged_out, emulator, "read:pages", "read:posts")
    assert re.search(r"This token can: .*posts list, show, wait, calendar, export", told)
    assert re.search(r"Without write:posts it can't: posts schedule, publish", told)
    assert re.search(r"Without read:account it can't: quota", told)


def test_every_command_of_the_table_is_told_of_on_one_side() -> None:
    lines = describe_scopes(["read:pages"])
    assert lines[0].startswith("This token can: auth status; pages;")
    told = "\n".join(lines)
    groups = {command.split()[0] for command in COMMAND_SCOPES}
    assert all(group in told for group in groups)


def test_nothing_is_written_before_somebody_signs_in(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    cli_logged_out.home.mkdir()
    for words in ((), ("--help",), ("help", "times"), ("completion", "bash"), ("auth", "list")):
        assert cli_logged_out.run(*words).code == 0
    assert list(cli_logged_out.home.iterdir()) == []
