"""The README's recipes, carried out to the letter in a copy of the repository."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer

ROOT = Path(__file__).parent.parent
RECIPE = re.compile(r"^\*\*(?P<name>.+?)\*\*.*?(?=^\*\*|\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(
    r"```python\n# (?P<file>\S+), (?P<where>at the end|after|instead of) ?(?P<anchor>[^\n]*)\n"
    r"(?P<lines>.*?)```",
    re.DOTALL,
)


def recipe(name: str) -> list[re.Match[str]]:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Contributing\n")[1]
    section = section.split("\n## ")[0]
    (found,) = [each[0] for each in RECIPE.finditer(section) if each["name"] == name]
    blocks = list(BLOCK.finditer(found))
    assert len(blocks) == found.count("```python")
    return blocks


def carry_out(block: re.Match[str], root: Path) -> None:
    path = root / block["file"]
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if block["where"] == "at the end":
        lines.append(block["lines"])
    else:
        anchor = block["anchor"].rstrip()
        place = next(n for n, line in enumerate(lines) if line.lstrip().startswith(anchor))
        if block["where"] == "instead of":
            lines[place] = block["lines"]
        else:
            # What an entry begins may go on for several lines.
            indent = len(lines[place]) - len(lines[place].lstrip())
            place += 1
            while not lines[place].strip() or _indent(lines[place]) > indent:
                if lines[place - 1].rstrip().endswith(":"):
                    break
                place += 1
            lines.insert(place, block["lines"])
    path.write_text("".join(lines), encoding="utf-8")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "copy"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("outreply_cli", "tests", "completions"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run(copy: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    home = copy.parent / "home"
    return subprocess.run(
        [sys.executable, *words], cwd=copy, capture_output=True, text=True, timeout=120,
        check=False, env={
            "PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(copy),
            "OUTREPLY_TIMEZONE": "Europe/Paris", **environ,
        },
    )  # fmt: skip


def outreply(copy: Path, words: Sequence[str], **environ: str) -> str:
    done = run(copy, "-m", "outreply_cli", *words, **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def access_to(emulator: EmulatorServer) -> dict[str, str]:
    return {"OUTREPLY_API_KEY": emulator.token, "OUTREPLY_BASE_URL": emulator.base_url}


def pytest_in(copy: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return run(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *words, **environ)


def test_a_command(copy: Path, emulator: EmulatorServer) -> None:
    function, scopes = recipe("A command")
    carry_out(function, copy)
    scripts = "tests/completion/test_scripts.py"
    guards = ["-k", "says_what_it_needs or current", "tests/diagnosis/test_doctor.py", scripts]
    forgotten = pytest_in(copy, *guards)
    assert "test_every_command_of_the_api_says_what_it_needs" in forgotten.stdout
    assert "test_the_file_of_a_shell_is_current" in forgotten.stdout
    carry_out(scopes, copy)
    shown = outreply(copy, ["pages", "count", "--json"], **access_to(emulator))
    assert json.loads(shown) == {"pages": 6}
    pytest_in(copy, scripts, UPDATE_COMPLETIONS="1")
    checked = pytest_in(copy, *guards)
    assert checked.returncode == 0, checked.stdout
    assert "pages count" in (copy / "completions" / "outreply.fish").read_text(encoding="utf-8")


def test_an_output_format(copy: Path, emulator: EmulatorServer) -> None:
    for block in recipe("An output format"):
        carry_out(block, copy)
    words = ["pages", "list", "-o", "markdown", "--fields", "platform,username"]
    lines = outreply(copy, words, **access_to(emulator)).splitlines()
    assert lines[:3] == ["| Platform | Username |", "| --- | --- |", "| facebook | acme |"]


def test_a_check_of_doctor(copy: Path) -> None:
    for block in recipe("A check of `doctor`"):
        carry_out(block, copy)
    ran = run(
        copy, "-m", "outreply_cli", "doctor", "--json", OUTREPLY_BASE_URL="http://127.0.0.1:9"
    )
    found = {each["check"]: each for each in json.loads(ran.stdout)}
    assert "this machine's zone is" in found["zone"]["found"]


def test_an_endpoint_of_the_emulator(copy: Path) -> None:
    function, row, schema, example = recipe("An endpoint of the emulator")
    carry_out(function, copy)
    carry_out(row, copy)
    forgotten = pytest_in(copy, "tests/emulator/test_openapi.py")
    assert "Count" in forgotten.stdout
    assert forgotten.returncode != 0
    carry_out(schema, copy)
    carry_out(example, copy)
    words = ["emulator", "exec", "--", sys.executable, "-m", "outreply_cli"]
    shown = outreply(copy, [*words, "api", "GET", "/pages/count"])
    assert json.loads(shown) == {"count": 6}
    assert "/pages/count" in outreply(copy, ["emulator", "openapi"])
