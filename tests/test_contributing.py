"""The recipes of CONTRIBUTING, applied exactly as written to a copy of the repository."""

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
    r"```(?:python|json|yaml)\n"
    r"# (?P<file>\S+), (?P<where>new|at the end|after|instead of) ?(?P<anchor>[^\n]*)\n"
    r"(?P<lines>.*?)```",
    re.DOTALL,
)


def recipe(name: str) -> list[re.Match[str]]:
    section = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (found,) = [match[0] for match in RECIPE.finditer(section) if match["name"] == name]
    blocks = list(BLOCK.finditer(found))
    assert len(blocks) == found.count("```") // 2
    return blocks


def apply(block: re.Match[str], root: Path) -> None:
    path = root / block["file"]
    if block["where"] == "new":
        path.write_text(block["lines"], encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if block["where"] == "at the end":
        lines.append(block["lines"])
    else:
        anchor = block["anchor"].rstrip()
        index = next(n for n, line in enumerate(lines) if line.lstrip().startswith(anchor))
        if block["where"] == "instead of":
            lines[index] = block["lines"]
        else:
            # The anchor may begin an entry of several lines.
            indent = len(lines[index]) - len(lines[index].lstrip())
            index += 1
            while not lines[index].strip() or _indent(lines[index]) > indent:
                if lines[index - 1].rstrip().endswith(":"):
                    break
                index += 1
            lines.insert(index, block["lines"])
    path.write_text("".join(lines), encoding="utf-8")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "copy"
    # With compiled modules, which stay valid where the recipe changes nothing, but without
    # those that another process is writing.
    unfinished = shutil.ignore_patterns("*.pyc.*")
    for name in ("outreply_cli", "tests", "completions"):
        shutil.copytree(ROOT / name, root / name, ignore=unfinished)
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


def get_environ(emulator: EmulatorServer) -> dict[str, str]:
    return {"OUTREPLY_API_KEY": emulator.token, "OUTREPLY_BASE_URL": emulator.base_url}


def pytest_in(copy: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return run(copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *words, **environ)


@pytest.mark.slow
def test_recipe_for_a_command_adds_a_working_one(copy: Path, emulator: EmulatorServer) -> None:
    module, entry, scopes = recipe("A command")
    apply(module, copy)
    apply(entry, copy)
    scripts = "tests/completion/test_scripts.py"
    guards = ["-k", "have_scopes or current", "tests/doctor/test_doctor.py", scripts]
    forgotten = pytest_in(copy, *guards)
    assert "test_api_commands_have_scopes" in forgotten.stdout
    assert "test_spec_is_current" in forgotten.stdout
    apply(scopes, copy)
    shown = outreply(copy, ["pages", "count", "--json"], **get_environ(emulator))
    assert json.loads(shown) == {"pages": 6}
    pytest_in(copy, "-k", "current", scripts, UPDATE_GOLDEN="1")
    checked = pytest_in(copy, *guards)
    assert checked.returncode == 0, checked.stdout
    completed = run(copy, "-m", "tests.unlimited_completion", "__complete", "pages", "cou")
    assert completed.stdout.startswith("count\tCount pages."), completed.stderr


@pytest.mark.slow
def test_recipe_for_an_output_format_adds_a_working_one(
    copy: Path, emulator: EmulatorServer
) -> None:
    for block in recipe("An output format"):
        apply(block, copy)
    words = ["pages", "list", "-o", "markdown", "--fields", "platform,username"]
    lines = outreply(copy, words, **get_environ(emulator)).splitlines()
    assert lines[:3] == ["| Platform | Username |", "| --- | --- |", "| facebook | acme |"]
    # An object without columns has all its fields.
    header, *_ = outreply(
        copy, ["quota", "show", "-o", "markdown"], **get_environ(emulator)
    ).splitlines()
    assert len(header.split(" | ")) > 2


@pytest.mark.slow
def test_recipe_for_a_doctor_check_adds_a_working_one(copy: Path) -> None:
    for block in recipe("A doctor check"):
        apply(block, copy)
    done = run(
        copy, "-m", "outreply_cli", "doctor", "--json", OUTREPLY_BASE_URL="http://127.0.0.1:9"
    )
    results = {result["check"]: result for result in json.loads(done.stdout)}
    assert "the machine's zone is" in results["zone"]["detail"]


@pytest.mark.slow
def test_recipe_for_an_emulator_endpoint_adds_a_working_one(copy: Path) -> None:
    handler, route, *documentation = recipe("An emulator endpoint")
    apply(handler, copy)
    apply(route, copy)
    forgotten = pytest_in(copy, "tests/emulator/test_openapi.py")
    assert "countPages" in forgotten.stdout
    assert forgotten.returncode != 0
    for block in documentation:
        apply(block, copy)
    words = ["emulator", "exec", "--", sys.executable, "-m", "outreply_cli"]
    shown = outreply(copy, [*words, "api", "GET", "/pages/count"])
    assert json.loads(shown) == {"count": 6}
    assert "/pages/count" in outreply(copy, ["emulator", "openapi"])


@pytest.mark.parametrize(
    "name", ["A command", "An output format", "A doctor check", "An emulator endpoint"]
)
def test_recipes_touch_at_most_three_files(name: str) -> None:
    assert len({block["file"] for block in recipe(name)}) <= 3
