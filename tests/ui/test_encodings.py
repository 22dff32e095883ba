"""What a stream's encoding lacks: escapes in a file, and on a terminal something as wide."""

import io
from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from outreply_cli.ui.streams import configure_encoding

C_LOCALE = {"LANG": "C"}


class Stream(io.TextIOWrapper):
    def __init__(self, encoding: str, *, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def shown(self, text: str) -> str:
        self.write(text)
        self.seek(0)
        return self.read()


def settled(
    encoding: str = "utf-8", *, is_terminal: bool = True, environ: Mapping[str, str] = C_LOCALE
) -> Stream:
    stream = Stream(encoding, is_terminal=is_terminal)
    configure_encoding(stream, environ)
    return stream


@pytest.mark.parametrize(
    ("environ", "encoding"),
    [
        ({}, "utf-8"),
        ({"LANG": "C"}, "ascii"),
        ({"LANG": "POSIX"}, "ascii"),
        ({"LANG": "C.UTF-8"}, "utf-8"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C"}, "ascii"),
        ({"LANG": "C", "LC_CTYPE": "fr_FR.UTF-8"}, "utf-8"),
        ({"LANG": "C", "LC_ALL": "fr_FR.UTF-8"}, "utf-8"),
    ],
)
def test_a_terminal_of_the_c_locale_gets_ascii(environ: dict[str, str], encoding: str) -> None:
    assert settled(environ=environ).encoding == encoding
    assert settled(is_terminal=False, environ=environ).encoding == "utf-8"


def test_signs_and_letters_become_what_is_nearest() -> None:
    ascii_terminal = settled()
    assert ascii_terminal.shown("Été… ● ✓ → 日本 🌱!") == "Ete~ * + > ???? ??!"
    assert settled("latin-1", environ={}).shown("Été → 日本") == "Été > ????"


def test_a_file_loses_nothing() -> None:
    assert settled("latin-1", is_terminal=False).shown("é → 日") == "é \\u2192 \\u65e5"
    assert settled(is_terminal=False).shown("日本") == "日本"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_columns_stay_columns(text: str) -> None:
    shown = settled().shown(text)
    assert shown.isascii()
    assert len(shown) == cell_len(text)
