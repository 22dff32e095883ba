"""Interactive shells at a pseudo-terminal, with completion loaded."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from tests.command_line import CommandLine

COMPLETIONS = Path(__file__).parents[2] / "completions"
PROMPT = "READY> "
# Runs the real `__complete`; any other command line prints its words.
_PROGRAM = """#!/bin/sh
if [ "$1" = __complete ]; then exec {python} -m tests.unlimited_completion "$@"; fi
printf 'ran'; for word; do printf ' [%s]' "$word"; done; printf ' end\\n'
"""


def _bash(home: Path) -> list[str]:
    (home / "rc").write_text(
        f"source {COMPLETIONS / 'outreply.bash'}\nPS1='{PROMPT}'\n"
        "bind 'set enable-bracketed-paste off' 'set page-completions off'\n"
    )
    return ["bash", "--noprofile", "--rcfile", str(home / "rc"), "-i"]


def _zsh(home: Path) -> list[str]:
    # Packages install it in a directory of fpath.
    functions = home / "functions"
    functions.mkdir()
    shutil.copy(COMPLETIONS / "_outreply", functions)
    (home / ".zshrc").write_text(
        f"fpath=({functions} $fpath)\nautoload -Uz compinit && compinit -u -d {home}/dump\n"
        f"PS1='{PROMPT}'\nunsetopt prompt_sp prompt_cr zle_bracketed_paste 2>/dev/null\n"
        "setopt no_beep no_list_beep\n"
    )
    return ["zsh", "-d", "-i"]


def _fish(home: Path) -> list[str]:
    config = home / ".config" / "fish"
    (config / "completions").mkdir(parents=True)
    shutil.copy(COMPLETIONS / "outreply.fish", config / "completions")
    (config / "config.fish").write_text(
        f"function fish_prompt; printf '{PROMPT}'; end\n"
        "function fish_greeting; end\nset -g fish_autosuggestion_enabled 0\n"
    )
    return ["fish", "-i"]


STARTS: dict[str, Callable[[Path], list[str]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}


@dataclass
class Shell:
    """An interactive shell at its prompt."""

    name: str
    child: "pexpect.spawn[str]"

    def complete(self, typed: str) -> list[str]:
        """Type a line, TAB and Enter; return the words that are run."""
        self.child.send(typed + "\t\r")
        self.child.expect(r"ran((?: \[[^\]]*\])*) end\r")
        assert isinstance(self.child.match, re.Match)
        words = str(self.child.match.group(1))
        self.child.expect_exact(PROMPT)
        return [part.strip().removeprefix("[") for part in words.split("]")[:-1]]

    def list_candidates(self, typed: str) -> str:
        """Type a line and TAB twice; return what is listed."""
        # Ctrl-U clears the line. The marker is only in the output, not in what is typed.
        self.child.send(typed + "\t\t\x15echo MARK-$(echo 1)\r")
        self.child.expect_exact("MARK-1")
        listed = str(self.child.before)
        self.child.expect_exact(PROMPT)
        return listed


@contextmanager
def start_shell(name: str, cli: CommandLine) -> Iterator[Shell]:
    """Start a shell with the environment of `cli`."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    bin_dir = cli.home / "bin"
    bin_dir.mkdir(parents=True, exist_ok=True)
    python = cli.words()[0]
    (bin_dir / "outreply").write_text(_PROGRAM.format(python=python))
    (bin_dir / "outreply").chmod(0o755)
    words = STARTS[name](cli.home)
    environment = {
        **cli.environ,
        "PATH": f"{bin_dir}:{os.environ['PATH']}",
        "PYTHONPATH": str(COMPLETIONS.parent),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "ZDOTDIR": str(cli.home),
    }
    child = pexpect.spawn(
        words[0], words[1:], env=environment, cwd=str(cli.home), encoding="utf-8", timeout=60,
        dimensions=(60, 160),
    )  # fmt: skip
    try:
        child.expect_exact(PROMPT)
        yield Shell(name, child)
    finally:
        child.close(force=True)
