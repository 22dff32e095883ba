"""Startup time of commands, as multiples of `python -c pass` in the same environment.

`python -m tests.benchmarks.startup`

A new environment has only the runtime dependencies. Figures are medians; the commands alternate,
so that other load affects all of them. `gh`, `http`, `hf` and `toot` are measured too if installed.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect

from outreply_cli.accounts.keyring import KEYRING_TIMEOUT
from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
from tests.benchmarks.figures import Figure, main
from tests.benchmarks.processes import peak_mb
from tests.request_count import count_requests

_ROOT = Path(__file__).parents[2]
_COMMANDS = (
    (("--version",), 2.0),
    (("--help",), 5.0),
    (("auth", "list"), 6.5),
    (("posts", "schedule", "--help"), 7.0),
    (("pages", "list", "--json"), 13.0),
)
# Makes the request of `outreply pages list` with the same libraries. http needs no certificates.
_BARE = """
import os
import typer, httpx
client = httpx.Client(verify=False, trust_env=False)
headers = {"Authorization": f"Bearer {os.environ['OUTREPLY_API_KEY']}"}
print(client.get(f"{os.environ['OUTREPLY_BASE_URL']}/pages", headers=headers).text)
"""
_BARE_NAME = "a bare script with the same request"
# Multiples of the bare script.
_REQUESTS = {"`outreply pages list --json`": 1.08, "`outreply pages list`, a table": 1.15}
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
class Case:
    """A command to measure.

    Attributes:
        name: Label of the figure.
        run: Function that runs it once and returns the duration in seconds.
        goal: Maximum multiple of the baseline; None for other tools.
        words: Command line for the peak memory; None if it is not measured.
    """

    name: str
    run: Callable[[], float]
    goal: float | None = None
    words: Sequence[str] | None = None


@dataclass(frozen=True)
class Installation:
    """An environment with outreply, an account and a home directory."""

    python: Path
    home: Path
    environ: dict[str, str]
    emulator: EmulatorServer

    def outreply(self, *words: str) -> Callable[[], float]:
        """Return a function that runs `outreply` with its output in a pipe."""
        return self.program(str(self.python.parent / "outreply"), *words)

    def program(self, *words: str) -> Callable[[], float]:
        """Return a function that runs a program, which must succeed."""

        def run() -> float:
            started_at = time.perf_counter()
            subprocess.run(
                words, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True,
                check=True,
            )  # fmt: skip
            return time.perf_counter() - started_at

        return run

    def at_terminal(self, *words: str) -> Callable[[], float]:
        """Return a function that runs `outreply` at a pseudo-terminal."""

        def run() -> float:
            started_at = time.perf_counter()
            parent, child = pty.openpty()
            process = subprocess.Popen(
                [str(self.python.parent / "outreply"), *words], env=self.environ,
                stdin=child, stdout=child, stderr=child,
            )  # fmt: skip
            os.close(child)
            # On Linux, read raises once the other end is closed.
            with suppress(OSError):
                while os.read(parent, 65536):
                    pass
            os.close(parent)
            if process.wait() != 0:
                raise RuntimeError(f"{words} failed at a terminal")
            return time.perf_counter() - started_at

        return run


def create_environment(directory: Path) -> Path:
    """Create a virtual environment with outreply; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    python = directory / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", str(_ROOT)], check=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return python


@contextmanager
def create_installation(python: Path, directory: Path) -> Iterator[Installation]:
    """A home directory with an emulator account and a filled completion cache."""
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
        installation = Installation(python, home, environ, emulator)
        installation.outreply("pages", "list")()
        yield installation


@contextmanager
def press_tab_in(shell: str, installation: Installation) -> Iterator[Callable[[], float]]:
    """Yield a function that presses TAB in a shell and waits for the completion."""
    share = installation.python.parents[1] / "share"
    home = installation.home / shell
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
        words[0], words[1:], env={**installation.environ, "ZDOTDIR": str(home)}, encoding="utf-8",
        timeout=20, dimensions=(40, 120),
    )  # fmt: skip
    child.delaybeforesend = None
    child.expect_exact("READY> ")

    def press() -> float:
        child.send("outreply pages show instagram:a")
        child.expect_exact("instagram:a")
        started_at = time.perf_counter()
        child.send("\t")
        child.expect_exact("cme")
        elapsed = time.perf_counter() - started_at
        child.send("\x15")
        return elapsed

    # The first completion loads the script.
    press()
    try:
        yield press
    finally:
        child.close(force=True)


def measure_hanging_keyring(installation: Installation) -> float:
    """Measure a command whose keyring never responds, in seconds."""
    (installation.home / "hanging_keyring.py").write_text(_HANGING_KEYRING)
    config = installation.home / ".config" / "outreply"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        'current = "default"\n[profiles.default]\nstorage = "keyring"\n'
    )
    environ = {
        **installation.environ,
        "PYTHONPATH": str(installation.home),
        "PYTHON_KEYRING_BACKEND": "hanging_keyring.Hanging",
    }
    del environ["OUTREPLY_API_KEY"]
    started_at = time.perf_counter()
    result = subprocess.run(
        [str(installation.python.parent / "outreply"), "pages", "list"], env=environ,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    elapsed = time.perf_counter() - started_at
    if "no response within" not in result.stderr:
        raise RuntimeError(f"the keyring did not time out: {result.stderr}")
    return elapsed


def count_schedule_requests(installation: Installation) -> int:
    """Count the requests that schedule a post on a page that was listed just now."""
    installation.outreply("pages", "list")()
    before = count_requests(installation.emulator)
    at = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d %H:%M}"
    words = ("posts", "schedule", "--page", "x:bluebird", "--at", at, "-m", "Hi")
    installation.outreply(*words)()
    return count_requests(installation.emulator) - before


def medians(cases: Sequence[Case], rounds: int) -> list[float]:
    """Median duration of each case; the cases alternate."""
    for case in cases:
        case.run()
    durations = [[case.run() for case in cases] for _ in range(rounds)]
    return [statistics.median(times) for times in zip(*durations, strict=True)]


def build_cases(installation: Installation, stack: ExitStack) -> list[Case]:
    """Build the baseline, the cases of outreply, and those of other tools."""
    cases = [Case("`python -c pass`", installation.program(str(installation.python), "-c", "pass"))]
    cases += [
        Case(f"`outreply {' '.join(words)}`", installation.outreply(*words), goal,
            [str(installation.python.parent / "outreply"), *words])
        for words, goal in _COMMANDS
    ]  # fmt: skip
    cases.append(Case(_BARE_NAME, installation.program(str(installation.python), "-c", _BARE)))
    cases.append(
        Case("`outreply pages list`, a table", installation.at_terminal("pages", "list"), 14.0)
    )  # fmt: skip
    for shell, goal in (("bash", 6.5), ("zsh", 7.0)):
        if shutil.which(shell):
            cases.append(
                Case(
                    f"TAB in {shell}", stack.enter_context(press_tab_in(shell, installation)), goal
                )
            )
    for other in filter(shutil.which, _OTHERS):
        cases += [
            Case(f"`{other} {word}`", installation.program(other, word), words=[other, word])
            for word in ("--version", "--help")
        ]
    return cases


def figures(quick: bool) -> Iterator[Figure]:
    """Startup times as multiples of the baseline."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        python = create_environment(directory / "venv")
        installation = stack.enter_context(create_installation(python, directory))
        baseline, *cases = build_cases(installation, stack)
        base, *durations = medians([baseline, *cases], 1 if quick else 21)
        for case, seconds in zip(cases, durations, strict=True):
            peak = None if case.words is None else peak_mb(case.words, installation.environ)
            yield Figure(case.name, seconds / base, baseline.name, case.goal, peak_mb=peak)
        by_name = {case.name: seconds for case, seconds in zip(cases, durations, strict=True)}
        for command, goal in _REQUESTS.items():
            yield Figure(command, by_name[command] / by_name[_BARE_NAME], _BARE_NAME, goal)
        yield Figure(
            "requests of `posts schedule` on a page of the completion cache",
            count_schedule_requests(installation), "one request", 1.0,
        )  # fmt: skip
        yield Figure(
            "a command whose keyring never responds",
            measure_hanging_keyring(installation) / KEYRING_TIMEOUT,
            "the keyring timeout", 1.2,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main({"startup": figures}))
