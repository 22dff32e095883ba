"""Every main screen at every width and on every kind of terminal is what somebody has looked at;
`UPDATE_SCREENS=1 pytest tests/terminal/test_screens.py -n 0` draws them anew."""

import os
import re
from collections.abc import Iterator

import pexpect
import pytest
from rich.cells import cell_len

from tests.command_line import CommandLine
from tests.golden_account import GOLDEN, Look, Screen, Stage, steady
from tests.golden_screens import C_LOCALE, DUMB, LOOKS, NO_COLOR, SCREENS

# No others: blue is lost on black, white and bright ones on white.
STYLES = {
    "1": "bold", "2": "dim", "7": "reverse", "31": "red", "32": "green", "33": "yellow",
    "35": "magenta", "36": "cyan",
}  # fmt: skip
SYMBOLS = set("─│┌┬┐├┼┤└┴┘█░●→✓✗·")
STYLE = re.compile(r"\x1b\[([0-9;]*)m")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def readable(text: str) -> str:
    """`text` with its colours named, so that a change of one is seen in a diff."""

    def name(found: re.Match[str]) -> str:
        codes = found[1].removeprefix("0").strip(";")
        return f"«{' '.join(STYLES[code] for code in codes.split(';'))}»" if codes else "«»"

    shown = STYLE.sub(name, text)
    assert "\x1b" not in shown
    return shown


def golden(drawn: list[tuple[str, str]]) -> str:
    """Sections, those that are alike under one heading."""
    by_text: dict[str, list[str]] = {}
    for name, text in drawn:
        by_text.setdefault(text, []).append(name)
    return "\n".join(
        "".join(f"=== {name}\n" for name in names) + f"\n{text}" for text, names in by_text.items()
    )


# Sentences, and what is to be copied, are folded by the terminal itself.
FOLDED = {
    "welcome",
    "help-of-a-command",
    "pages-list",
    "quota-show",
    "quota-forecast",
    "serve-webhook",
    "error",
}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_screen_is_what_was_looked_at(screen: Screen, stage: Stage) -> None:
    drawn = []
    for look in LOOKS:
        text = stage.drawn(screen, look)
        lines = STYLE.sub("", text).splitlines()
        if screen.name not in FOLDED:
            assert max(map(cell_len, lines)) <= look.width, look.name
        assert look.environ.get("LANG") != "C" or text.isascii()
        assert "--plain" not in look.options or not SYMBOLS & set(text)
        drawn.append((look.name, readable(text)))
    path = GOLDEN / "screens" / f"{screen.name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        path.write_text(golden(drawn), encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == golden(drawn)


def test_there_is_no_golden_screen_of_what_is_gone() -> None:
    kept = {path.stem for path in (GOLDEN / "screens").iterdir()}
    assert kept == {screen.name for screen in SCREENS}


def section(screen: str, look: str) -> str:
    """What the golden file of `screen` holds for `look`."""
    text = (GOLDEN / "screens" / f"{screen}.txt").read_text(encoding="utf-8")
    for part in text.split("\n\n=== "):
        names, _, shown = f"{part}\n".partition("\n\n")
        if look in names.replace("=== ", "").splitlines():
            return shown
    raise AssertionError(f"{screen} has no {look}")


@pytest.mark.parametrize(
    ("screen", "look", "width", "environ"),
    [
        ("posts-list", "120 columns, dark and light", 120, {}),
        ("posts-list", "60 columns, NO_COLOR", 60, NO_COLOR),
        ("quota-show", "80 columns, TERM=dumb", 80, DUMB),
        ("pages-list", "80 columns, LANG=C", 80, {**C_LOCALE, **NO_COLOR}),
        ("posts-list", "200 columns, NO_COLOR", 80, {**NO_COLOR, "COLUMNS": "200"}),
    ],
)
def test_the_installed_command_finds_out_itself_what_its_terminal_is(
    stage: Stage, screen: str, look: str, width: int, environ: dict[str, str]
) -> None:
    words = next(one.words for one in SCREENS if one.name == screen)
    with stage.home() as home:
        variables = stage.environ(home, Look(look, environ=environ))
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
    assert readable(steady(str(child.before))) == section(screen, look)
