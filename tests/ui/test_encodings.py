"""Characters that a stream cannot encode: UTF-8 for programs, replaced on terminals."""

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

    def roundtrip(self, text: str) -> str:
        self.write(text)
        self.seek(0)
        return self.read()


def make_stream(
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
def test_c_locale_terminal_is_ascii(environ: dict[str, str], encoding: str) -> None:
    assert make_stream(environ=environ).encoding == encoding
    assert make_stream(is_terminal=False, environ=environ).encoding == "utf-8"


def test_characters_that_a_terminal_lacks_are_replaced() -> None:
    ascii_terminal = make_stream()
    assert ascii_terminal.roundtrip("Été… ● ✓ → 日本 🌱!") == "Ete~ * + > ???? ??!"
    assert make_stream("latin-1", environ={}).roundtrip("Été → 日本") == "Été > ????"


def test_file_output_is_lossless() -> None:
    for encoding in ("ascii", "latin-1", "cp1252", "utf-8"):
        stream = make_stream(encoding, is_terminal=False)
        assert stream.roundtrip("é → 日本 🚲 \ud800") == "é → 日本 🚲 \\ud800"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_ascii_fallback_keeps_width(text: str) -> None:
    output = make_stream().roundtrip(text)
    assert output.isascii()
    assert len(output) == cell_len(text)
