"""The README: its console blocks, commands and picture, against the tool itself.

`UPDATE_GOLDEN=1 pytest tests/test_readme.py` runs the console blocks and pastes their output.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pexpect
import pytest

from outreply_cli.cli.tree import Command
from outreply_cli.commands.help import TOPICS
from tests.command_line import CommandLine, command_tree
from tests.golden.update import update_text
from tests.golden_account import GoldenAccount
from tests.pictures import ALL, Picture, draw, picture_path

README = Path(__file__).parent.parent / "README.md"
# A progress bar appears, moves and disappears.
PROGRESS = re.compile(r"\x1b\[\?25l.*?\x1b\[1A\x1b\[2K", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
# The errors that the README shows on purpose.
ERRORS = {"Error: 4 problems in bad.csv; nothing was sent", "Error: Signature mismatch"}
SVG = "http://www.w3.org/2000/svg"


def normalize(text: str) -> str:
    """Replace what differs between two runs: IDs, ports, dates, the lengths of numbers."""
    text = re.sub(r"outreply_live_[0-9a-f]+", "TOKEN", text)
    text = re.sub(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])", "ID", text)
    text = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b", "Day", text)
    text = re.sub(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b", "Month", text)
    text = re.sub(r"\bCES?T\b", "ZONE", text)
    # A full minute is shown without its seconds.
    text = re.sub(r"\b\d\d:\d\d(:\d\d)?", "TIME", text)
    # Around midnight UTC has another day than the local zone, and it is shown.
    text = re.sub(r"\((\d\d Month|Day) TIME", "(TIME", text)
    # The width of the other columns decides where a text is cut.
    text = re.sub(r'"[^"\n]+…', '"TEXT…', text)
    return re.sub(r"[\d,]+", "0", re.sub(r" +", " ", text))


def run_block(shell: "pexpect.spawn[str]", block: str) -> str:
    """The console block with the output that its commands print now."""
    shown = []
    for line in block.splitlines():
        if not line.startswith("$ "):
            continue
        shell.sendline(line[2:].replace("emulator start", "emulator start --port 0"))
        shell.expect_exact("PROMPT> ")
        output = PROGRESS.sub("", str(shell.before).replace("\r\n", "\n")).replace("\r", "")
        shown.append(f"{line}\n{output}")
    return "".join(shown)


@pytest.fixture
def shell(cli_logged_out: CommandLine, tmp_path: Path) -> "pexpect.spawn[str]":
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    python, *words = cli_logged_out.words()
    (bin_dir / "outreply").write_text(f'#!/bin/sh\nexec {python} {" ".join(words)} "$@"\n')
    (bin_dir / "outreply").chmod(0o755)
    environment = {
        **cli_logged_out.environ,
        "PATH": f"{bin_dir}:{cli_logged_out.environ['PATH']}",
        "PYTHONPATH": str(README.parent),
        "NO_COLOR": "1",
        "TERM": "xterm",
        "PS1": "PROMPT> ",
    }
    del environment["OUTREPLY_TIMEZONE"]
    child = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "--noediting"], env=environment, cwd=str(tmp_path),
        encoding="utf-8", timeout=60, dimensions=(50, 80), echo=True,
    )  # fmt: skip
    child.expect_exact("PROMPT> ")
    child.sendline("stty -echo columns 100")
    child.expect_exact("PROMPT> ")
    return child


@pytest.mark.slow
def test_console_blocks_show_real_output(shell: "pexpect.spawn[str]") -> None:
    text = README.read_text(encoding="utf-8")
    actual = text
    try:
        for block in CONSOLE.findall(text):
            actual = actual.replace(block, run_block(shell, block), 1)
    finally:
        shell.sendline("outreply emulator stop; exit")
        shell.expect(pexpect.EOF)
        shell.close()
    assert set(re.findall(r"^Error: .*", actual, re.MULTILINE)) == ERRORS
    update_text(README, actual)
    assert normalize(actual) == normalize(README.read_text(encoding="utf-8"))


def commands_in_text() -> Iterator[str]:
    """Every command in a table or in the text, without its arguments."""
    text = CONSOLE.sub("", README.read_text(encoding="utf-8"))
    yield from re.findall(r"`(?:outreply )?([a-z-]+(?: [a-z-]+)+)", text)


def test_commands_in_text_exist() -> None:
    root = command_tree()
    names = {command.path[0] for command in root.commands}
    for words in commands_in_text():
        path = words.split()
        if path[0] in names and path[0] not in {"help", "examples", "api", "errors", "completion"}:
            found: Command | None = root
            for word in path:
                below = found.find([word]) if found is not None else None
                if below is None:
                    break
                found = below
            assert found is not None
            assert not found.commands, words


def test_options_in_text_exist() -> None:
    flags = {flag for command in command_tree().walk() for o in command.options for flag in o.flags}
    text = README.read_text(encoding="utf-8").split("## Quick start")[1]
    text = text.split("## Benchmarks")[0]
    for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
        assert flag in flags, flag


def test_topics_are_listed() -> None:
    text = README.read_text(encoding="utf-8")
    listed = text.split("`outreply help` lists topics: ")[1].split(".")[0].replace("\n  ", " ")
    names = {name.replace("-", " ").replace("calendar", "calendar files") for name in TOPICS}
    assert set(listed.split(", ")) == names


def test_examples_are_mentioned(cli_logged_out: CommandLine) -> None:
    names = set(cli_logged_out.run("examples", "-q").out.split())
    text = README.read_text(encoding="utf-8")
    assert set(re.findall(r"outreply examples ([a-z-]+)", text)) <= names


def test_exit_codes_and_variables_are_complete(cli_logged_out: CommandLine) -> None:
    text = README.read_text(encoding="utf-8")
    listed = text.split("Exit codes: ")[1].split("\n\n")[0]
    codes = set(re.findall(r"(?:^|[,\n] ?)(\d+) ", listed))
    topic = cli_logged_out.run("help", "exit-codes").out
    assert codes == set(re.findall(r"^  (\d+) ", topic, re.MULTILINE))
    variables = set(re.findall(r"OUTREPLY_[A-Z_]+", cli_logged_out.run("help", "environment").out))
    assert variables <= set(re.findall(r"OUTREPLY_[A-Z_]+", text))


def test_readme_has_at_most_300_lines() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoldenAccount]:
    with GoldenAccount(tmp_path_factory.mktemp("account")) as account:
        yield account


def svg_texts(svg: str) -> list[str]:
    return [str(text.text) for text in ET.fromstring(svg).iter(f"{{{SVG}}}text")]  # noqa: S314 - our own


@pytest.mark.parametrize("picture", ALL, ids=lambda picture: picture.screen)
def test_picture_is_current(picture: Picture, account: GoldenAccount) -> None:
    svg = draw(picture, account)
    update_text(picture_path(picture), svg)
    current = picture_path(picture).read_text(encoding="utf-8")
    assert svg_texts(current) == svg_texts(svg)
    assert f"(.github/{picture_path(picture).name})" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("picture", ALL, ids=lambda picture: picture.screen)
def test_picture_is_small_and_self_contained(picture: Picture) -> None:
    svg = picture_path(picture).read_text(encoding="utf-8")
    assert len(svg.encode()) <= 60_000
    outside = svg.replace(f'xmlns="{SVG}"', "")
    assert not re.search(r"://|@import|@font-face|href|url\((?!#)|<image|<script", outside)
    assert not re.search(r"\bwww\.|\.(?:com|org|net|io|dev)\b", outside)
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|usr|work|Users|var)/", outside)
