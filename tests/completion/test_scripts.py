"""The completion specification, stubs and man pages are current; UPDATE_GOLDEN=1 writes them."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from outreply_cli.cli.man_pages import man_page_names
from outreply_cli.completion.spec import SPEC_PATH
from outreply_cli.completion.stubs import STUBS
from tests.command_line import CommandLine, command_tree
from tests.completion.shells import COMPLETIONS
from tests.completion.specification import build_spec, format_spec
from tests.completion.values import kind_for
from tests.golden.update import UPDATE_GOLDEN, update_text

ROOT = command_tree()
MAN_PAGES = COMPLETIONS / "man"


def test_spec_is_current() -> None:
    text = format_spec(build_spec(ROOT))
    update_text(Path(SPEC_PATH), text)
    assert Path(SPEC_PATH).read_text(encoding="utf-8") == text
    assert json.loads(text) == build_spec(ROOT)


def test_zones_of_brands_complete_where_they_are_accepted() -> None:
    zones = [
        (command.path, option)
        for command in ROOT.walk()
        for option in command.options
        if option.name == "tz"
    ]
    assert zones
    for path, option in zones:
        expected = "input_zone" if "'brand'" in option.help else "zone"
        assert kind_for(path, "tz") == expected, path


@pytest.mark.parametrize("shell", STUBS)
def test_completion_prints_stub(shell: str, cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert result.out == (COMPLETIONS / STUBS[shell]).read_text(encoding="utf-8")
    assert "outreply" in result.out
    assert "__complete" in result.out


@pytest.mark.parametrize("name", man_page_names(ROOT))
def test_man_page_is_current(name: str, cli_logged_out: CommandLine) -> None:
    group = name.removeprefix("outreply").removeprefix("-")
    result = cli_logged_out.run("help", "--man", *([group] if group else []))
    assert (result.code, result.err) == (0, "")
    path = MAN_PAGES / f"{name}.1"
    update_text(path, result.out)
    assert path.read_text(encoding="utf-8") == result.out


def test_no_stale_man_pages() -> None:
    names = set(man_page_names(ROOT))
    for path in MAN_PAGES.iterdir():
        if UPDATE_GOLDEN and path.stem not in names:
            path.unlink()
    assert {path.stem for path in MAN_PAGES.iterdir()} == names


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("name", man_page_names(ROOT))
def test_man_page_is_valid_roff(name: str) -> None:
    result = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(MAN_PAGES / f"{name}.1")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_stub_has_valid_shell_syntax(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    result = subprocess.run(
        [shell, "-n", str(COMPLETIONS / STUBS[shell])], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_unsupported_shell_is_rejected(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("completion", "tcsh")
    assert result.code == 2
    assert "bash, zsh, fish, powershell" in result.err


def test_wheel_installs_completions() -> None:
    project = tomllib.loads((COMPLETIONS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    targets = project["tool"]["hatch"]["build"]["targets"]
    shared = targets["wheel"]["shared-data"]
    assert all((COMPLETIONS.parent / source).exists() for source in shared)
    assert {
        "share/bash-completion/completions/outreply",
        "share/zsh/site-functions/_outreply",
        "share/fish/vendor_completions.d/outreply.fish",
        "share/man/man1",
    } <= set(shared.values())
    included = targets["wheel"]["force-include"]
    assert {f"outreply_cli/completion/stubs/{name}" for name in STUBS.values()} <= set(
        included.values()
    )
    assert "/completions" in targets["sdist"]["include"]
