"""Golden text of the main screens, at several widths and on several kinds of terminal."""

import os
import re
from collections.abc import Iterator

import pexpect
import pytest
from rich.cells import cell_len

from tests.command_line import CommandLine
from tests.golden.update import update_text
from tests.golden_account import GOLDEN, GoldenAccount, Screen, TerminalSetup, normalize
from tests.golden_screens import C_LOCALE, DUMB, NO_COLOR, SCREENS, TERMINALS

# The only allowed styles: blue is unreadable on black, white and bright colors on white.
STYLES = {
    "1": "bold", "2": "dim", "7": "reverse", "31": "red", "32": "green", "33": "yellow",
    "35": "magenta", "36": "cyan",
}  # fmt: skip
SYMBOLS = set("─│┌┬┐├┼┤└┴┘█░●→✓✗·")
STYLE = re.compile(r"\x1b\[([0-9;]*)m")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoldenAccount]:
    with GoldenAccount(tmp_path_factory.mktemp("account")) as account:
        yield account


def name_styles(text: str) -> str:
    """Replace escape sequences in `text` by names of styles, for readable diffs."""

    def name(match: re.Match[str]) -> str:
        codes = match[1].removeprefix("0").strip(";")
        return f"«{' '.join(STYLES[code] for code in codes.split(';'))}»" if codes else "«»"

    named = STYLE.sub(name, text)
    assert "\x1b" not in named
    return named


def format_golden(screens: list[tuple[str, str]]) -> str:
    """Sections of a golden file; equal screens share a section."""
    by_text: dict[str, list[str]] = {}
    for name, text in screens:
        by_text.setdefault(text, []).append(name)
    return "\n".join(
        "".join(f"=== {name}\n" for name in names) + f"\n{text}" for text, names in by_text.items()
    )


# Screens with sentences or text to copy, which the terminal itself wraps.
WRAPPED = {
    "welcome",
    "help-of-a-command",
    "pages-list",
    "quota-show",
    "quota-forecast",
    "serve-webhook",
    "error",
}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_screen_matches_its_golden_file(screen: Screen, account: GoldenAccount) -> None:
    screens = []
    for terminal in TERMINALS:
        drawn = account.render(screen, terminal)
        lines = STYLE.sub("", drawn).splitlines()
        if screen.name not in WRAPPED:
            assert max(map(cell_len, lines)) <= terminal.width, terminal.name
        assert terminal.environ.get("LANG") != "C" or drawn.isascii()
        assert "--plain" not in terminal.options or not SYMBOLS & set(drawn)
        screens.append((terminal.name, name_styles(drawn)))
    path = GOLDEN / "screens" / f"{screen.name}.txt"
    text = format_golden(screens)
    update_text(path, text)
    assert path.read_text(encoding="utf-8") == text


def test_no_stale_golden_screens() -> None:
    names = {path.stem for path in (GOLDEN / "screens").iterdir()}
    assert names == {screen.name for screen in SCREENS}


def golden_section(screen: str, terminal: str) -> str:
    """The part of the golden file of `screen` for `terminal`."""
    golden = (GOLDEN / "screens" / f"{screen}.txt").read_text(encoding="utf-8")
    for part in golden.split("\n\n=== "):
        names, _, text = f"{part}\n".partition("\n\n")
        if terminal in names.replace("=== ", "").splitlines():
            return text
    raise AssertionError(f"{screen} has no {terminal}")


@pytest.mark.parametrize(
    ("screen", "terminal", "width", "environ"),
    [
        ("posts-list", "120 columns, dark and light", 120, {}),
        ("posts-list", "60 columns, NO_COLOR", 60, NO_COLOR),
        ("quota-show", "80 columns, TERM=dumb", 80, DUMB),
        ("pages-list", "80 columns, LANG=C", 80, {**C_LOCALE, **NO_COLOR}),
        ("posts-list", "200 columns, NO_COLOR", 80, {**NO_COLOR, "COLUMNS": "200"}),
    ],
)
def test_screen_of_spawned_command_matches_its_golden_file(
    account: GoldenAccount, screen: str, terminal: str, width: int, environ: dict[str, str]
) -> None:
    words = next(known.words for known in SCREENS if known.name == screen)
    with account.home() as home:
        variables = account.environ(home, TerminalSetup(terminal, environ=environ))
        if "COLUMNS" not in environ:
            del variables["COLUMNS"]
        python, *rest = CommandLine.words(*words)
        child = pexpect.spawn(
            python, rest, env={**variables, "PATH": os.environ["PATH"]}, encoding="utf-8",
            timeout=60, dimensions=(50, width),
        )  # fmt: skip
        child.expect(pexpect.EOF)
        child.close()
    assert child.exitstatus == 0
    assert name_styles(normalize(str(child.before))) == golden_section(screen, terminal)
