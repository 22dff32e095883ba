"""What the README shows is what the tool prints; `UPDATE_README=1 pytest tests/test_readme.py -n 0`
pastes it anew."""

import os
import re
from pathlib import Path

import pexpect
import pytest

import outreply_cli
from tests.command_line import CommandLine

PACKAGE = Path(outreply_cli.__file__).parent
README = Path(__file__).parent.parent / "README.md"
# A bar comes, moves and goes.
PROGRESS = re.compile(r"\x1b\[\?25l.*?\x1b\[1A\x1b\[2K", re.DOTALL)
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
FILE = re.compile(r"<!-- (\.examples/\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]+\]\((\S+)\)")


def shape_of(text: str) -> str:
    """`text` without what differs between two runs: ids, ports, dates, the lengths of numbers."""
    text = re.sub(r"outreply_live_[0-9a-f]+", "TOKEN", text)
    text = re.sub(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])", "ID", text)
    text = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b", "Day", text)
    text = re.sub(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b", "Month", text)
    text = re.sub(r"\bCES?T\b", "ZONE", text)
    # How full a bar is depends on the hour of the day.
    text = re.sub(r"[█░]+", "BAR", text)
    # A full minute is shown without its seconds.
    text = re.sub(r"\b\d\d:\d\d(:\d\d)?", "TIME", text)
    # The longer a time is, the earlier the title after it is cut.
    text = re.sub(r'"[^"\n]*…', '"TITLE…', text)
    # Near midnight UTC's day is another than the local one, and is shown.
    text = re.sub(r"\((\d\d Month|Day) TIME", "(TIME", text)
    # How much of a text is shown is what those leave it.
    text = re.sub(r'"[^"\n]+…', '"TEXT…', text)
    return re.sub(r"[\d,]+", "0", re.sub(r" +", " ", text))


def run_block(shell: "pexpect.spawn[str]", block: str) -> str:
    shown = []
    for line in block.splitlines():
        if not line.startswith("$ "):
            continue
        words = line[2:].replace("emulator start", "emulator start --port 0")
        shell.sendline(words)
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
        "PATH": f"{bin_dir}:{os.environ['PATH']}",
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


def test_the_readme_shows_what_is_printed(shell: "pexpect.spawn[str]") -> None:
    text = README.read_text(encoding="utf-8")
    fresh = text
    try:
        for block in BLOCK.findall(text):
            fresh = fresh.replace(block, run_block(shell, block))
    finally:
        shell.sendline("outreply emulator stop; exit")
        shell.expect(pexpect.EOF)
        shell.close()
    if os.environ.get("UPDATE_README"):
        README.write_text(fresh, encoding="utf-8")
    assert "Traceback" not in fresh
    assert shape_of(fresh) == shape_of(text)


def test_example_files_and_pictures_are_those_of_the_repository() -> None:
    text = README.read_text(encoding="utf-8")
    shown = FILE.findall(text)
    assert len(shown) == text.count("<!-- .examples/") == 3
    for name, content in shown:
        assert (README.parent / name).read_text(encoding="utf-8") == content, name
    for path in (README.parent / ".examples").iterdir():
        assert f".examples/{path.name}" in text
    pictures = {f".pictures/{path.name}" for path in (README.parent / ".pictures").iterdir()}
    assert set(PICTURE.findall(text)) == pictures


def test_every_part_of_the_package_stands_in_the_picture_of_it() -> None:
    section = README.read_text(encoding="utf-8").split("## How it is built")[1].split("\n## ")[0]
    parts = [path for path in PACKAGE.iterdir() if not path.name.startswith(("_", "py.typed"))]
    missing = [path.name for path in parts if not re.search(rf"\b{path.stem}\b", section)]
    assert missing == []
