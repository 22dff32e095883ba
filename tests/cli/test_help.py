"""Help pages, topics, and suggestions for typos."""

import json
import re
from pathlib import Path

import pexpect
import pytest

import outreply_cli
from outreply_cli.cli.tree import Command, root_command
from outreply_cli.commands.help import TOPICS
from outreply_cli.spec.platform_rules import RULES
from tests.command_line import CommandLine, command_tree

COMMANDS_BELOW = [command for command in command_tree().walk() if command.path]
LEAVES = [command for command in COMMANDS_BELOW if not command.commands]
TOPIC_FILES = Path(outreply_cli.__file__).parent / "topics"


@pytest.mark.parametrize("command", LEAVES, ids=lambda command: command.full_name)
def test_command_help_has_summary_and_two_examples(
    cli_logged_out: CommandLine, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_logged_out.run(*command.path, "--help").code == 0
    page = capsys.readouterr().out
    summary = page.partition("\n\n")[0]
    assert summary.endswith(".")
    examples = page.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(examples) >= 2, page
    assert all("outreply " in example for example in examples)
    assert 'Use "outreply help exit-codes" for exit codes.' in page
    assert cli_logged_out.run("help", *command.path).out == page


@pytest.mark.parametrize("command", COMMANDS_BELOW, ids=lambda command: command.full_name)
def test_every_parameter_has_help(command: Command) -> None:
    for parameter in command.parameters:
        assert parameter.help, parameter


def test_root_summaries_match_the_command_tree() -> None:
    summaries = [(command.path, command.summary) for command in command_tree().commands]
    assert [(command.path, command.summary) for command in root_command().commands] == summaries


def test_root_help_lists_commands_and_options(cli_logged_out: CommandLine) -> None:
    page = cli_logged_out.run("--help").out
    root = command_tree()
    assert root_command().usage == root.usage
    assert page.startswith(root.summary)
    assert all(f"  {command.path[0]} " in page for command in root.commands)
    flags = {flag for option in root.options for flag in option.flags}
    assert flags <= set(re.findall(r"--?\w+", page))
    assert cli_logged_out.run("-h").out == page


@pytest.mark.parametrize("words", ["--", "-- --", "posts --", "bulk --", "help --", "examples --"])
def test_separator_alone_changes_nothing(cli: CommandLine, words: str) -> None:
    without = cli.run(*words.replace("--", "").split())
    assert (without.code, without.err) == (0, "")
    assert cli.run(*words.split()) == without


@pytest.mark.parametrize("width", [60, 80, 120])
def test_help_wraps_to_terminal_width(
    cli_logged_out: CommandLine, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    cli_logged_out.environ["COLUMNS"] = str(width)
    for command in LEAVES:
        cli_logged_out.run(*command.path, "--help")
        page = capsys.readouterr().out
        page = page.partition("Examples:")[0].replace("Usage: ", "")
        for line in page.splitlines():
            is_preformatted = line.startswith("  ") and width < 80
            assert len(line) <= width or " " not in line.strip() or is_preformatted, line


@pytest.mark.parametrize("topic", TOPICS)
def test_help_topic_is_printed_within_80_columns(cli_logged_out: CommandLine, topic: str) -> None:
    result = cli_logged_out.run("help", topic)
    assert result.code == 0
    # The fields of calendars and the rules of platforms come from their tables.
    text = (TOPIC_FILES / f"{topic}.txt").read_text("utf-8")
    parts = re.split(r"{(?:fields|rules)}\n?", text)
    assert result.out.startswith(parts[0])
    assert parts[-1] in result.out
    assert all(len(line) <= 80 or "://" in line for line in result.out.splitlines())


def test_topic_lists_each_rule_with_its_source(cli_logged_out: CommandLine) -> None:
    page = cli_logged_out.run("help", "platforms").out
    for rule in RULES:
        assert f"  {rule.source} ({rule.entered_on})\n" in page
        assert re.search(rf"^    {rule.name}: ", page, re.MULTILINE)
    assert page.count("\n    ") > len(RULES)


def test_comparison_of_webhook_tools_cites_a_source_in_each_cell(
    cli_logged_out: CommandLine,
) -> None:
    page = cli_logged_out.run("help", "webhooks").out
    section = page.partition("Compared with other tools:\n")[2].partition("\nSee also")[0]
    assert section.isascii()
    assert all(len(line) <= 80 for line in section.splitlines())
    table, _, listed = section.partition("\n  Sources:\n")
    header, *rows = table.partition("\n\n")[2].splitlines()[2:]
    tools = ["outreply", "ngrok", "Stripe", "Svix", "deck", ".site"]
    assert header.split() == tools
    starts = [header.index(tool) for tool in tools]
    assert len(rows) > 30
    cited: set[str] = set()
    for row in rows:
        ends = [*starts[1:], len(row)]
        cells = [row[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        assert row[2 : starts[0]].strip()
        assert cells[0], row
        # For the other tools, a cell says where a feature is documented, or that it is not.
        assert all(re.fullmatch(r"\[\d+\]|-", cell) for cell in cells[1:]), row
        cited.update(cell for cell in cells[1:] if cell != "-")
    sources = re.findall(r"^  (\[\d+\]) +[^:]+:\s+https://\S+$", listed, re.MULTILINE)
    assert sources == [f"[{number}]" for number in range(1, len(sources) + 1)]
    assert set(sources) == cited


def test_topics_are_listed(cli_logged_out: CommandLine) -> None:
    page = cli_logged_out.run("help").out
    assert all(re.search(rf"^  {topic} ", page, re.MULTILINE) for topic in TOPICS)
    assert {path.stem for path in TOPIC_FILES.iterdir()} == set(TOPICS)


@pytest.mark.parametrize(
    ("words", "suggestion"),
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
        (["login"], "outreply auth login"),
        (["schedule"], "outreply posts schedule"),
        (["import", "x.csv"], "outreply bulk schedule"),
        (["bulk", "upload", "x.csv"], "outreply bulk schedule"),
        (["posts", "cancel", "abc", "--yes"], "remove --yes"),
        (["auth", "token", "-y"], "remove -y"),
        (["posts", "list", "--plain=yes"], "outreply posts list --help"),
    ],
)
def test_typo_is_an_error_that_suggests_the_right_word(
    cli_logged_out: CommandLine, words: list[str], suggestion: str
) -> None:
    cli_logged_out.environ["OUTREPLY_BASE_URL"] = "http://127.0.0.1:9"
    result = cli_logged_out.run(*words)
    assert result.code == 2
    assert result.out == ""
    assert suggestion in result.err.splitlines()[-1]
    assert "USAGE" in cli_logged_out.run(*words, "--json").err or words[0] in {"help", "errors"}


@pytest.mark.parametrize("words", [["zzz"], ["posts", "zzz"], ["posts", "list", "--zzzzzz"]])
def test_no_suggestion_for_unrelated_words(cli_logged_out: CommandLine, words: list[str]) -> None:
    result = cli_logged_out.run(*words)
    assert result.code == 2
    assert "--help" in result.err
    assert "Did you mean" not in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["posts", "list", "--limit", "x"], "--limit: 'x' is not a whole number"),
        (["posts", "list", "--limit", "0"], "--limit: 0 is less than 1"),
        (["posts", "list", "--limit"], "--limit requires a value"),
        (["posts", "list", "-o"], "-o requires a value"),
        (["pages", "list", "extra"], "Unexpected argument 'extra' for outreply pages list"),
        (["pages", "list", "a", "b"], "Unexpected argument 'a b' for outreply pages list"),
        (["emulator", "fault", "clear", "x"], "Error: NUMBER: 'x' is not a whole number"),
        (["api", "GET", "/me", "-f", "x"], "-f: 'x' is not KEY=VALUE"),
        (["api", "GET", "/me", "-F", "x"], "-F: 'x' is not KEY=VALUE"),
        (["api", "GET", "/me", "-H", "a"], "-H: 'a' is not NAME:VALUE"),
        (["webhooks", "trigger", "post.failed", "--set", "a"], "--set: 'a' is not PATH=VALUE"),
        (["serve-webhook", "--until", "x"], "--until: 'x' is not PATH=VALUE"),
        (["bulk", "schedule", "-", "--columns", "x"], "--columns: 'x' is not COLUMN=FIELD"),
        (["bulk", "reconcile", "-", "--pair", "x"], "--pair: 'x' is not LINE=POST"),
        (["quota", "check", "--warn-at", "x"], "--warn-at: invalid percentage 'x'"),
        (["posts", "show"], "ID is required"),
        (["emulator", "exec"], "COMMAND is required"),
        (["posts", "cancel"], "ID is required"),
        (["bulk", "plan", "x.csv"], "--output is required"),
        (["serve-webhook", "--port", "99999"], "--port: 99999 is not between 0 and 65535"),
        (["emulator", "start", "--failure-rate", "x"], "--failure-rate: 'x' is not a number"),
        (["posts", "list", "--since", "xx"], "--since: invalid time 'xx'"),
        (["posts", "list", "--tz", "Mars"], "--tz: unknown time zone 'Mars'"),
        (["posts", "calendar", "--from", "nope"], "--from: invalid day 'nope'"),
        (["posts", "list", "--max-wait", "foo"], "--max-wait: invalid duration 'foo'"),
        (["posts", "wait", "abc", "--timeout", "foo"], "--timeout: invalid duration 'foo'"),
        (
            [
                "posts",
                "schedule",
                "--page",
                "x:bluebird",
                "-m",
                "Hi",
                "--at",
                "2026-10-25 02:30",
                "--tz",
                "Europe/Paris",
            ],
            "--at: ambiguous time 2026-10-25 02:30",
        ),
        (["bulk", "apply", "nope"], "Cannot read the plan nope: No such file or directory"),
        (["emulator", "exec", "--", "nope"], "Cannot run 'nope': No such file or directory"),
    ],
)
def test_invalid_value_is_an_error_that_says_why(
    cli: CommandLine, words: list[str], message: str
) -> None:
    result = cli.run(*words)
    assert result.code == 2
    assert message in result.err.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["pages", "list", "-o", "xml"], "--output: unknown format 'xml'", "table, json"),
        (["pages", "list", "--platform", "x1"], "--platform: unknown platform 'x1'", "instagram"),
        (["media", "list", "--sort", "x"], "--sort: unknown order 'x'", "age"),
        (["bulk", "status", "-", "--date-order", "x"], "--date-order: unknown order 'x'", "dmy"),
        (["bulk", "template", "x"], "Unknown calendar format 'x'", "yaml, csv"),
        (["completion", "x"], "Unknown shell 'x'", "bash"),
        (["api", "X", "/me"], "Unknown method 'X'", "GET, POST"),
    ],
)
def test_unknown_choices_are_listed(
    cli: CommandLine, words: list[str], message: str, hint: str
) -> None:
    result = cli.run(*words)
    assert result.code == 2
    assert f"Error: {message}" in result.err
    (line,) = (line for line in result.err.splitlines() if line.startswith("  Use one of: "))
    assert hint in line


def test_help_shows_the_switch_that_changes_the_default(cli_logged_out: CommandLine) -> None:
    lines = cli_logged_out.run("help", "bulk", "schedule").out.splitlines()
    (line,) = (line for line in lines if "adopt" in line)
    assert line.split(maxsplit=1) == [
        "--no-adopt", "Do not pair rows with identical existing posts.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["comments", "triage", "-y"], "In scripts, use: outreply comments reply COMMENT --yes"),
        (["webhooks", "serve"], "Did you mean: outreply serve-webhook"),
        (["webhooks", "receive"], "Did you mean: outreply serve-webhook"),
        (
            ["pages", "list", "--platform", "foo"],
            "Use one of: facebook, instagram, linkedin, tiktok, x",
        ),
    ],
)
def test_wrong_word_is_an_error_with_a_hint(cli: CommandLine, words: list[str], hint: str) -> None:
    result = cli.run(*words)
    assert (result.code, result.out) == (2, "")
    assert f"\n  {hint}" in result.err


@pytest.mark.parametrize("words", ["serve-webhook", "comments watch", "quota watch"])
@pytest.mark.parametrize("output", ["json", "yaml", "csv"])
def test_streaming_commands_refuse_formats_of_one_value(
    cli: CommandLine, words: str, output: str
) -> None:
    result = cli.run(*words.split(), "-o", output)
    assert (result.code, result.out) == (2, "")
    assert f"prints a stream and does not support -o {output}" in result.err
    assert "-o jsonl" in result.err


def test_help_color_only_on_terminal(cli_logged_out: CommandLine) -> None:
    for environment, is_colored in (({}, True), ({"NO_COLOR": "1"}, False)):
        child = cli_logged_out.at_terminal("posts", "list", "-h", env=environment)
        child.expect(pexpect.EOF)
        assert ("\x1b[1mUsage:" in str(child.before)) == is_colored
        child.close()
    assert "\x1b" not in cli_logged_out.spawn("posts", "list", "-h").out


def test_help_json_of_a_topic_points_to_its_text(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("help", "times", "--json")
    assert result.code == 2
    error = json.loads(result.err)["error"]
    assert error["message"] == "--json describes commands, and 'times' is a topic"
    assert error["hint"] == "Run: outreply help times"


def test_help_json_of_a_name_for_both_describes_the_command(cli_logged_out: CommandLine) -> None:
    assert json.loads(cli_logged_out.run("help", "webhooks", "--json").out)["name"] == "webhooks"
