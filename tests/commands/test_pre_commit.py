"""The pre-commit hook, and the example of it."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import outreply_cli
from tests.command_line import CommandLine, command_tree

PACKAGE = Path(outreply_cli.__file__).parent
ROOT = PACKAGE.parent
# https://pre-commit.com/#creating-new-hooks
KEYS = {
    "id": str, "name": str, "description": str, "entry": str, "language": str, "files": str,
    "exclude": str, "types_or": list, "additional_dependencies": list, "args": list,
}  # fmt: skip
VALID = "key,page,scheduled_at,message\na,x:acme,2099-12-01 09:00,Hi\n"
INVALID = "key,page,scheduled_at,message\na,x:acme,soon,Hi\n"


def load_hooks() -> list[dict[str, Any]]:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    example = yaml.safe_load((PACKAGE / "examples" / "pre-commit-config.yaml").read_text())
    assert example.keys() == {"repos"}
    (repository,) = example["repos"]
    assert repository["repo"] == "local"
    (example_hook,) = repository["hooks"]
    return [hook, example_hook]


HOOKS = pytest.mark.parametrize("hook", load_hooks(), ids=["definition", "example"])


@HOOKS
def test_hook_is_valid(hook: dict[str, Any]) -> None:
    assert all(isinstance(value, KEYS[key]) for key, value in hook.items())
    assert {"id", "name", "entry", "language", "files"} <= hook.keys()
    assert hook["language"] == "python"
    command = command_tree().find(shlex.split(hook["entry"])[1:])
    assert command is not None
    flags = {flag for option in command.options for flag in option.flags}
    assert set(hook.get("args", ())) <= flags


def test_hook_selects_calendars() -> None:
    hook = load_hooks()[0]
    paths = {
        "calendar.csv": True, "social/Calendar 2027.xlsx": True, "calendars/acme/may.yml": True,
        "social/calendar.yaml": True, "calendar.json": True, "social/calendar.jpg": False,
        ".github/workflows/calendar.yml": False, "outreply-calendar.schema.json": False,
        "data.csv": False, "src/calendar.py": False,
    }  # fmt: skip
    for path, is_selected in paths.items():
        found = re.search(hook["files"], path) and not re.search(hook["exclude"], path)
        assert bool(found) == is_selected, path


def test_hook_installs_reader_of_workbooks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["xlsx"]
    assert set(load_hooks()[0]["additional_dependencies"]) <= set(extra)


@HOOKS
def test_hook_runs_as_pre_commit_runs_it(
    hook: dict[str, Any], cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    valid, invalid = tmp_path / "calendar.csv", tmp_path / "calendar-2.csv"
    valid.write_text(VALID)
    invalid.write_text(INVALID)
    words = [*shlex.split(hook["entry"])[1:], *hook.get("args", ())]
    assert cli_logged_out.spawn(*words, str(valid)).code == 0
    result = cli_logged_out.spawn(*words, str(valid), str(invalid))
    assert result.code == 2
    assert result.out.startswith(f"{invalid}:2: scheduled_at: invalid time 'soon'")
