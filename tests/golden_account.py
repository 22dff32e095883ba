"""Rendering of real commands at a terminal, against a fixed account and clock."""

import contextlib
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from outreply_cli.app import main
from outreply_cli.context import Context
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.seed import load_seed
from outreply_cli.emulator.seed_file import parse_seed
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.emulator.state import State
from outreply_cli.ui.options import GlobalOptions
from outreply_cli.ui.streams import configure_encoding
from tests.clocks import ManualClock

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
# Placeholders in command lines for the id of the post with this message.
_POSTS = {"POST": "New beans", "THREAD": "Meet the new workshop"}
# Progress bars, from their first frame until they are erased.
_PROGRESS = re.compile(r"\x1b\[\?25l.*\x1b\[1A\x1b\[2K", re.DOTALL)
# Random even with a fixed seed.
_REQUEST = re.compile(r"req_[0-9a-f]{16}")
_PORT = re.compile(r"127\.0\.0\.1:\d{5}")
_RICH_VARIABLES = (
    "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE",
)  # fmt: skip
_BASE = {
    "OUTREPLY_TIMEZONE": "Europe/Paris",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    "TERM": "xterm",
    "LANG": "en_US.UTF-8",
}


@dataclass(frozen=True)
class TerminalSetup:
    """Width and environment of a terminal, and options for the command."""

    name: str
    width: int = 80
    environ: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Screen:
    """One golden screen.

    Attributes:
        name: Name of the golden file.
        words: Command line; empty if `draw` is used.
        draw: Function that prints output which a command could not reproduce.
        prepare: Function that fills the home directory beforehand.
        is_signed_in: Whether a token is set.
        takes_plain: Whether the command has `--plain`.
    """

    name: str
    words: Sequence[str] = ()
    draw: Callable[[Context], None] | None = None
    prepare: Callable[[Path], None] | None = None
    is_signed_in: bool = True
    takes_plain: bool = True


class TerminalStream(io.TextIOWrapper):
    """A UTF-8 stream that claims to be a terminal and records what is written."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        super().__init__(self._buffer, encoding="utf-8", newline="\n", write_through=True)

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        return self._buffer.getvalue().decode("utf-8")


class GoldenAccount:
    """An emulator account that is reset before each screen."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._snapshot = directory / "snapshot.db"
        self.clock = ManualClock(NOW)
        path = directory / "emulator.db"
        state = State(path, self.clock, EmulatorConfig(seed=1))
        with state.transaction():
            seed = (GOLDEN / "account.yaml").read_text(encoding="utf-8")
            load_seed(state, parse_seed(seed, "account.yaml"))
        state.close()
        self.server = EmulatorServer(path, self.clock, config=EmulatorConfig(seed=1))
        posts = self.server.state.connection.execute("SELECT id, message FROM posts").fetchall()
        self._ids = {
            name: str(row["id"])
            for row in posts
            for name, message in _POSTS.items()
            if row["message"].startswith(message)
        }

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.server.handle.request("snapshot", save=str(self._snapshot))
        return self

    def __exit__(self, *error: object) -> None:
        self.server.__exit__(*error)

    def environ(
        self, home: Path, terminal: TerminalSetup, *, is_signed_in: bool = True
    ) -> dict[str, str]:
        """Environment variables of a user with that home directory."""
        account = {
            "OUTREPLY_API_KEY": self.server.token,
            "OUTREPLY_BASE_URL": self.server.base_url,
        }
        return {
            **_BASE,
            "HOME": str(home),
            "OUTREPLY_CONFIG_DIR": str(home / "config"),
            "OUTREPLY_STATE_DIR": str(home / "state"),
            "COLUMNS": str(terminal.width),
            **(account if is_signed_in else {}),
            **terminal.environ,
        }

    @contextlib.contextmanager
    def home(self) -> Iterator[Path]:
        """A new home directory with a calendar, after a reset of the account."""
        self.server.handle.request("snapshot", load=str(self._snapshot))
        self.clock.current = NOW
        home = self._directory / "home"
        home.mkdir()
        shutil.copy(GOLDEN / "spring.yaml", home)
        try:
            with contextlib.chdir(home):
                yield home
        finally:
            shutil.rmtree(home)

    def render(self, screen: Screen, terminal: TerminalSetup) -> str:
        """Output of `screen` on a terminal, including escape sequences."""
        options = terminal.options if screen.takes_plain else ()
        with contextlib.ExitStack() as stack:
            home = stack.enter_context(self.home())
            environ = self.environ(home, terminal, is_signed_in=screen.is_signed_in)
            if screen.prepare is not None:
                screen.prepare(home)
            stream = TerminalStream()
            stack.enter_context(rich_environ(environ))
            configure_encoding(stream, environ)
            # Help pages are written to sys.stdout directly.
            stack.enter_context(contextlib.redirect_stdout(stream))
            context = Context(environ, stream, stream, stream, self.clock)
            if screen.draw is None:
                main([self._ids.get(word, word) for word in (*screen.words, *options)], context)
            else:
                context.configure(GlobalOptions(plain=bool(options)))
                screen.draw(context)
        return normalize(stream.text())


def normalize(text: str) -> str:
    """Replace the parts of `text` that differ between two runs."""
    text = _PROGRESS.sub("", text.replace("\r", ""))
    text = _REQUEST.sub("req_0123456789abcdef", text)
    return _PORT.sub("127.0.0.1:54321", text)


@contextlib.contextmanager
def rich_environ(environ: Mapping[str, str]) -> Iterator[None]:
    """Copy terminal variables to `os.environ`, where Rich reads them."""
    before = {name: os.environ.pop(name, None) for name in _RICH_VARIABLES}
    os.environ.update({name: environ[name] for name in _RICH_VARIABLES if name in environ})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
