"""Help at every level: what it says, what it points to, and what it makes of a mistake."""

import re
from pathlib import Path

import pexpect
import pytest

import outreply_cli
from outreply_cli.app import COMMANDS
from outreply_cli.cli.tree import Command, root_command
from outreply_cli.cli.welcome import ROOT_HELP
from outreply_cli.commands.help import TOPICS
from tests.command_line import CommandLine, command_tree

COMMANDS_BELOW = [each for each in command_tree().walk() if each.path]
LEAVES = [each for each in COMMANDS_BELOW if not each.commands]
TOPIC_FILES = Path(outreply_cli.__file__).parent / "topics"


@pytest.mark.parametrize("command", LEAVES, ids=lambda each: each.words)
def test_a_command_says_what_it_is_for_and_shows_two_examples(
    cli_logged_out: CommandLine, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_logged_out.run(*command.path, "--help").code == 0
    page = capsys.readouterr().out
    purpose = page.partition("\n\n")[0]
    assert purpose.endswith(".")
    examples = page.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(examples) >= 2, page
    assert all("outreply " in example for example in examples)
    assert "Exit codes: outreply help exit-codes" in page
    assert cli_logged_out.run("help", *command.path).out == page


@pytest.mark.parametrize("command", COMMANDS_BELOW, ids=lambda each: each.words)
def test_every_option_and_argument_is_explained(command: Command) -> None:
    for one in command.parameters:
        assert one.help, one


def test_the_table_of_commands_says_what_the_groups_say() -> None:
    for each in command_tree().commands:
        if each.commands:
            assert each.summary == COMMANDS[each.path[0]]


def test_the_help_of_everything_is_what_the_tree_says(cli_logged_out: CommandLine) -> None:
    shown = cli_logged_out.run("--help").out
    root = command_tree()
    assert root_command(ROOT_HELP, COMMANDS).usage == root.usage
    assert shown.startswith(root.summary)
    assert all(f"  {each.path[0]} " in shown for each in root.commands)
    assert {flag for one in root.options for flag in one.flags} <= set(re.findall(r"--?\w+", shown))
    assert cli_logged_out.run("-h").out == shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_help_keeps_within_the_terminal_but_for_what_is_to_be_pasted(
    cli_logged_out: CommandLine, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    cli_logged_out.environ["COLUMNS"] = str(width)
    for command in LEAVES:
        cli_logged_out.run(*command.path, "--help")
        page = capsys.readouterr().out
        page = page.partition("Examples:")[0].replace("Usage: ", "")
        for line in page.splitlines():
            is_laid_out = line.startswith("  ") and width < 80
            assert len(line) <= width or " " not in line.strip() or is_laid_out, line


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_read(cli_logged_out: CommandLine, topic: str) -> None:
    ran = cli_logged_out.run("help", topic)
    assert ran.code == 0
    assert ran.out.startswith((TOPIC_FILES / f"{topic}.txt").read_text(encoding="utf-8"))
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_topics_are_listed_and_each_has_its_file(cli_logged_out: CommandLine) -> None:
    listed = cli_logged_out.run("help").out
    assert all(re.search(rf"^  {topic} ", listed, re.MULTILINE) for topic in TOPICS)
    assert {path.stem for path in TOPIC_FILES.iterdir()} == set(TOPICS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["pots"], "outreply posts"),
        (["posts", "shedule"], "outreply posts schedule"),
        (["emulator", "fault", "clera"], "outreply emulator fault clear"),
        (["posts", "list", "--pubished"], "--published"),
        (["pages", "list", "--jsn"], "--json"),
        (["help", "exit-code"], "outreply help exit-codes"),
        (["help", "posts", "shedule"], "outreply help posts schedule"),
        (["errors", "RATE_LIMITD"], "RATE_LIMITED"),
        (["--profile", "x", "posts"], "outreply COMMAND --profile"),
        (["posts", "-q", "list"], "outreply posts COMMAND -q"),
        (["posts", "cancel", "abc", "--yes"], "It asks nothing: leave --yes out"),
        (["auth", "token", "-y"], "It asks nothing: leave -y out"),
        (["posts", "list", "--plain=yes"], "outreply posts list --help"),
    ],
)
def test_what_was_meant_is_told(cli_logged_out: CommandLine, typed: list[str], meant: str) -> None:
    cli_logged_out.environ["OUTREPLY_BASE_URL"] = "http://127.0.0.1:9"
    ran = cli_logged_out.run(*typed)
    assert ran.code == 2
    assert ran.out == ""
    assert meant in ran.err.splitlines()[-1]
    assert "USAGE" in cli_logged_out.run(*typed, "--json").err or typed[0] in {"help", "errors"}


@pytest.mark.parametrize("typed", [["zzz"], ["posts", "zzz"], ["posts", "list", "--zzzzzz"]])
def test_what_nobody_can_have_meant_is_pointed_to_help(
    cli_logged_out: CommandLine, typed: list[str]
) -> None:
    ran = cli_logged_out.run(*typed)
    assert ran.code == 2
    assert "--help" in ran.err
    assert "Did you mean" not in ran.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["posts", "list", "--limit", "x"], "Invalid value for '--limit': 'x' is no whole number."),
        (["emulator", "start", "--failure-rate", "x"], "'x' is no number."),
        (["bulk", "apply", "nope"], "The plan nope can't be read: No such file or directory"),
        (["emulator", "exec", "--", "nope"], "'nope' can't be run: No such file or directory"),
    ],
)
def test_what_is_wrong_with_a_value_is_told_in_plain_words_as_it_was_typed(
    cli: CommandLine, typed: list[str], told: str
) -> None:
    ran = cli.run(*typed)
    assert ran.code == 2
    assert told in ran.err.splitlines()[0]


def test_help_is_coloured_on_a_terminal_alone(cli_logged_out: CommandLine) -> None:
    for environment, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        child = cli_logged_out.at_terminal("posts", "list", "-h", env=environment)
        child.expect(pexpect.EOF)
        assert ("\x1b[1mUsage:" in str(child.before)) == is_coloured
        child.close()
    assert "\x1b" not in cli_logged_out.spawn("posts", "list", "-h").out
