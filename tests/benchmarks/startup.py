"""How long commands take to start, as multiples of `python -c pass` in the same environment.

`python -m tests.benchmarks.startup`

The environment is made for it and has the runtime dependencies alone. Each figure is a median; the
commands run in turns, so that what else the machine does falls on all of them. What else is
installed of `gh`, `http`, `hf` and `toot` is measured beside.
"""

import os
import pty
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pexpect

from outreply_cli.accounts.keyring import KEYRING_SECONDS
from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
from tests.benchmarks.figures import Figure, main
from tests.benchmarks.processes import peak_mb

_ROOT = Path(__file__).parents[2]
_COMMANDS = (
    (("--version",), 2.0),
    (("--help",), 6.5),
    (("auth", "list"), 6.5),
    (("pages", "list", "--json"), 13.0),
)
_OTHERS = ("gh", "http", "hf", "toot")
_HANGING_KEYRING = """
import time
from keyring.backend import KeyringBackend

class Hanging(KeyringBackend):
    priority = 1
    def get_password(self, *words):
        time.sleep(3600)
    set_password = delete_password = get_password
"""


@dataclass(frozen=True)
class Row:
    """One thing that is measured.

    Attributes:
        name: What is shown.
        run: Does it once, and tells how many seconds it took.
        most: How many times the baseline it may take; None for what is measured beside.
        words: What its peak memory is told of; None where a process outlives it.
    """

    name: str
    run: Callable[[], float]
    most: float | None = None
    words: Sequence[str] | None = None


@dataclass(frozen=True)
class Place:
    """An environment with outreply in it, an account, and somebody's home."""

    python: Path
    home: Path
    environ: dict[str, str]

    def outreply(self, *words: str) -> Callable[[], float]:
        """Run `outreply` with its output in a pipe."""
        return self.program(str(self.python.parent / "outreply"), *words)

    def program(self, *words: str) -> Callable[[], float]:
        """Run any program so; it must work."""

        def run() -> float:
            began = time.perf_counter()
            subprocess.run(
                words, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True,
                check=True,
            )  # fmt: skip
            return time.perf_counter() - began

        return run

    def at_terminal(self, *words: str) -> Callable[[], float]:
        """Run `outreply` at a terminal of its own: a pipe gets no table."""

        def run() -> float:
            began = time.perf_counter()
            ours, theirs = pty.openpty()
            process = subprocess.Popen(
                [str(self.python.parent / "outreply"), *words], env=self.environ,
                stdin=theirs, stdout=theirs, stderr=theirs,
            )  # fmt: skip
            os.close(theirs)
            # Linux raises when the other end is closed.
            with suppress(OSError):
                while os.read(ours, 65536):
                    pass
            os.close(ours)
            if process.wait() != 0:
                raise RuntimeError(f"{words} failed at a terminal")
            return time.perf_counter() - began

        return run


def made_environment(directory: Path) -> Path:
    """The Python of a new environment with outreply and what it needs."""
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    python = directory / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", str(_ROOT)], check=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return python


@contextmanager
def place_with(python: Path, directory: Path) -> Iterator[Place]:
    """A home with an account in an emulator, whose values have been seen."""
    with EmulatorServer(directory / "emulator.db", SystemClock()) as emulator:
        home = directory / "home"
        home.mkdir()
        environ = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "TERM": "xterm",
            "LANG": "C.UTF-8",
            "OUTREPLY_API_KEY": emulator.token,
            "OUTREPLY_BASE_URL": emulator.base_url,
        }
        emulator.state.connection.execute("UPDATE users SET tier = 'elite'")
        place = Place(python, home, environ)
        place.outreply("pages", "list")()
        yield place


@contextmanager
def tab_in(shell: str, place: Place) -> Iterator[Callable[[], float]]:
    """What presses TAB in `shell` and waits for the value."""
    share = place.python.parents[1] / "share"
    home = place.home / shell
    home.mkdir()
    if shell == "bash":
        script = share / "bash-completion" / "completions" / "outreply"
        (home / "rc").write_text(f"source {script}\nPS1='READY> '\n")
        words = ["bash", "--noprofile", "--rcfile", str(home / "rc"), "-i"]
    else:
        functions = share / "zsh" / "site-functions"
        (home / ".zshrc").write_text(
            f"fpath=({functions} $fpath)\nautoload -Uz compinit && compinit -u -d {home}/dump\n"
            "PS1='READY> '\nunsetopt prompt_sp prompt_cr\n"
        )
        words = ["zsh", "-d", "-i"]
    child = pexpect.spawn(
        words[0], words[1:], env={**place.environ, "ZDOTDIR": str(home)}, encoding="utf-8",
        timeout=20, dimensions=(40, 120),
    )  # fmt: skip
    child.delaybeforesend = None
    child.expect_exact("READY> ")

    def press() -> float:
        child.send("outreply pages show instagram:a")
        child.expect_exact("instagram:a")
        began = time.perf_counter()
        child.send("\t")
        child.expect_exact("cme")
        took = time.perf_counter() - began
        child.send("\x15")
        return took

    # The first press loads the script.
    press()
    try:
        yield press
    finally:
        child.close(force=True)


def hanging_keyring_seconds(place: Place) -> float:
    """How long a command takes in all whose token is in a keyring that never answers."""
    (place.home / "hanging_keyring.py").write_text(_HANGING_KEYRING)
    config = place.home / ".config" / "outreply"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        'current = "default"\n[profiles.default]\nstorage = "keyring"\n'
    )
    environ = {
        **place.environ,
        "PYTHONPATH": str(place.home),
        "PYTHON_KEYRING_BACKEND": "hanging_keyring.Hanging",
    }
    del environ["OUTREPLY_API_KEY"]
    began = time.perf_counter()
    ended = subprocess.run(
        [str(place.python.parent / "outreply"), "pages", "list"], env=environ,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    took = time.perf_counter() - began
    if "did not answer" not in ended.stderr:
        raise RuntimeError(f"the keyring was not asked: {ended.stderr}")
    return took


def medians(rows: Sequence[Row], rounds: int) -> list[float]:
    """The median seconds of each row, taken in turns."""
    for row in rows:
        row.run()
    taken = [[row.run() for row in rows] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*taken, strict=True)]


def rows_of(place: Place, held: ExitStack) -> list[Row]:
    """The baseline first, then ours, then what others take."""
    rows = [Row("`python -c pass`", place.program(str(place.python), "-c", "pass"))]
    rows += [
        Row(f"`outreply {' '.join(words)}`", place.outreply(*words), most,
            [str(place.python.parent / "outreply"), *words])
        for words, most in _COMMANDS
    ]  # fmt: skip
    rows.append(
        Row("`outreply pages list`, a table", place.at_terminal("pages", "list"), 17.0)
    )  # fmt: skip
    for shell, most in (("bash", 6.5), ("zsh", 7.0)):
        if shutil.which(shell):
            rows.append(Row(f"TAB in {shell}", held.enter_context(tab_in(shell, place)), most))
    for other in filter(shutil.which, _OTHERS):
        rows += [
            Row(f"`{other} {word}`", place.program(other, word), words=[other, word])
            for word in ("--version", "--help")
        ]
    return rows


def figures(quick: bool) -> Iterator[Figure]:
    """Start-up as multiples of a bare interpreter's."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as held:
        directory = Path(name)
        python = made_environment(directory / "venv")
        place = held.enter_context(place_with(python, directory))
        baseline, *rows = rows_of(place, held)
        base, *found = medians([baseline, *rows], 1 if quick else 21)
        for row, seconds in zip(rows, found, strict=True):
            peak = None if row.words is None else peak_mb(row.words, place.environ)
            yield Figure(row.name, seconds / base, baseline.name, row.most, peak_mb=peak)
        yield Figure(
            "a command whose keyring never answers",
            hanging_keyring_seconds(place) / KEYRING_SECONDS,
            "the time that a keyring is given", 1.2,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main({"startup": figures}))
