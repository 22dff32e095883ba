"""The files that packages put where shells look are what the tool writes today;
`UPDATE_COMPLETIONS=1 pytest tests/completion/test_scripts.py -n 0` writes them anew."""

import os
import shutil
import subprocess
import tomllib

import pytest

from outreply_cli.cli.man_pages import man_page_names
from tests.command_line import CommandLine, command_tree
from tests.completion.shells import COMPLETIONS

ROOT = command_tree()
FILES = {
    "bash": "outreply.bash",
    "zsh": "_outreply",
    "fish": "outreply.fish",
    "powershell": "outreply.ps1",
}


@pytest.mark.parametrize("shell", list(FILES))
def test_the_file_of_a_shell_is_current(shell: str, cli_logged_out: CommandLine) -> None:
    written = cli_logged_out.run("completion", shell)
    assert (written.code, written.err) == (0, "")
    path = COMPLETIONS / FILES[shell]
    if os.environ.get("UPDATE_COMPLETIONS"):
        path.write_text(written.out, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == written.out


@pytest.mark.parametrize("name", man_page_names(ROOT))
def test_the_man_page_is_current(name: str, cli_logged_out: CommandLine) -> None:
    group = name.removeprefix("outreply").removeprefix("-")
    written = cli_logged_out.run("help", "--man", *([group] if group else []))
    assert (written.code, written.err) == (0, "")
    path = COMPLETIONS / "man" / f"{name}.1"
    if os.environ.get("UPDATE_COMPLETIONS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(written.out, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == written.out


def test_there_is_no_man_page_of_what_is_gone() -> None:
    written = {path.stem for path in (COMPLETIONS / "man").iterdir()}
    assert written == set(man_page_names(ROOT))


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed here")
@pytest.mark.parametrize("name", man_page_names(ROOT))
def test_groff_finds_no_fault_in_a_man_page(name: str) -> None:
    checked = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(COMPLETIONS / "man" / f"{name}.1")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_itself_finds_no_fault_in_its_file(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    checked = subprocess.run(
        [shell, "-n", str(COMPLETIONS / FILES[shell])], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_another_shell_is_wrong_usage(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("completion", "tcsh")
    assert ran.code == 2
    assert "bash, zsh, fish, powershell" in ran.err


def test_the_wheel_puts_them_where_shells_look() -> None:
    project = tomllib.loads((COMPLETIONS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    targets = project["tool"]["hatch"]["build"]["targets"]
    placed = targets["wheel"]["shared-data"]
    assert all((COMPLETIONS.parent / source).exists() for source in placed)
    assert {
        "share/bash-completion/completions/outreply",
        "share/zsh/site-functions/_outreply",
        "share/fish/vendor_completions.d/outreply.fish",
        "share/man/man1",
    } <= set(placed.values())
    assert "/completions" in targets["sdist"]["include"]
