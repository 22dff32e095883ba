"""Screens as people see them: real commands at a terminal, against a fixed account and clock."""

import contextlib
import io
import os
import re
import shutil
import sqlite3
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
# Words of a command line that stand for the id of the post with this message.
_POSTS = {"POST": "New beans", "THREAD": "Meet the new workshop"}
# A bar comes, moves and goes.
_PROGRESS = re.compile(r"\x1b\[\?25l.*\x1b\[1A\x1b\[2K", re.DOTALL)
# Random, whatever the seed.
_REQUEST = re.compile(r"req_[0-9a-f]{16}")
_PORT = re.compile(r"127\.0\.0\.1:\d{5}")
_ASKED_BY_RICH = (
    "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE",
)  # fmt: skip
_BASE = {
    "OUTREPLY_TIMEZONE": "Europe/Paris",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    "TERM": "xterm",
    "LANG": "en_US.UTF-8",
}


@dataclass(frozen=True)
class Look:
    """How a terminal is set up, and what is asked of it."""

    name: str
    width: int = 80
    environ: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Screen:
    """One thing to look at.

    Attributes:
        name: Of its golden file.
        words: The command line; empty for `draw`.
        draw: What is shown without a command, as it would hold this machine's own figures.
        prepare: What its home holds before; given the home.
        is_signed_in: Whether there is a token.
        takes_plain: Whether the command has `--plain`.
    """

    name: str
    words: Sequence[str] = ()
    draw: Callable[[Context], None] | None = None
    prepare: Callable[[Path], None] | None = None
    is_signed_in: bool = True
    takes_plain: bool = True


class TerminalStream(io.TextIOWrapper):
    """What a program writes to a terminal of a given encoding."""

    def __init__(self) -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding="utf-8", newline="\n", write_through=True)

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        return self.written.getvalue().decode("utf-8")


class Stage:
    """An account that is the same before each screen."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.clock = ManualClock(NOW)
        path = directory / "emulator.db"
        state = State(path, self.clock, EmulatorConfig(seed=1))
        with state.transaction():
            seed = (GOLDEN / "account.yaml").read_text(encoding="utf-8")
            load_seed(state, parse_seed(seed, "account.yaml"))
        state.close()
        self.server = EmulatorServer(path, self.clock, settings=EmulatorConfig(seed=1))
        posts = self.server.state.connection.execute("SELECT id, message FROM posts").fetchall()
        self._ids = {
            name: str(row["id"])
            for row in posts
            for name, message in _POSTS.items()
            if row["message"].startswith(message)
        }
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        self.server.state.connection.backup(self._kept)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.__exit__(*error)
        self._kept.close()

    def environ(self, home: Path, look: Look, *, is_signed_in: bool = True) -> dict[str, str]:
        """The variables of somebody who works in `home`."""
        account = {
            "OUTREPLY_API_KEY": self.server.token,
            "OUTREPLY_BASE_URL": self.server.base_url,
        }
        return {
            **_BASE,
            "HOME": str(home),
            "OUTREPLY_CONFIG_DIR": str(home / "config"),
            "OUTREPLY_STATE_DIR": str(home / "state"),
            "COLUMNS": str(look.width),
            **(account if is_signed_in else {}),
            **look.environ,
        }

    @contextlib.contextmanager
    def home(self) -> Iterator[Path]:
        """A new home with a calendar and a history, and the account as it was at first."""
        with self.server.state._lock:
            self._kept.backup(self.server.state.connection)
        # Its clock stands still, and with it the minute that requests are counted in.
        self.server._emulator._control._rate.clear()
        self.clock.instant = NOW
        home = self._directory / "home"
        home.mkdir()
        shutil.copy(GOLDEN / "spring.yaml", home)
        try:
            with contextlib.chdir(home):
                yield home
        finally:
            shutil.rmtree(home)

    def drawn(self, screen: Screen, look: Look) -> str:
        """What `screen` writes to a terminal set up as `look`, escapes and all."""
        options = look.options if screen.takes_plain else ()
        with contextlib.ExitStack() as held:
            home = held.enter_context(self.home())
            environ = self.environ(home, look, is_signed_in=screen.is_signed_in)
            if screen.prepare is not None:
                screen.prepare(home)
            stream = TerminalStream()
            held.enter_context(known_to_rich(environ))
            configure_encoding(stream, environ)
            # The help of a command is written past the context.
            held.enter_context(contextlib.redirect_stdout(stream))
            context = Context(environ, stream, stream, stream, self.clock)
            if screen.draw is None:
                main([self._ids.get(word, word) for word in (*screen.words, *options)], context)
            else:
                context.configure(GlobalOptions(plain=bool(options)))
                screen.draw(context)
        return steady(stream.text())


def steady(text: str) -> str:
    """What a terminal was sent without what differs between two runs."""
    text = _PROGRESS.sub("", text.replace("\r", ""))
    text = _REQUEST.sub("req_0123456789abcdef", text)
    return _PORT.sub("127.0.0.1:54321", text)


@contextlib.contextmanager
def known_to_rich(environ: Mapping[str, str]) -> Iterator[None]:
    """Rich asks this process's variables what the terminal can; so they are those of `environ`."""
    before = {name: os.environ.pop(name, None) for name in _ASKED_BY_RICH}
    os.environ.update({name: environ[name] for name in _ASKED_BY_RICH if name in environ})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
