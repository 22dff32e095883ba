"""Text in the encodings and with the line ends that editors and shells write."""

import pytest
from hypothesis import given, strategies as st

from outreply_cli.formats.text import TextEncodingError, decode_text

TEXT = "Grüße 🚲\nzwei\n"
MARK = "\ufeff"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        (MARK + TEXT).encode(),
        # Some programs add a second mark.
        (MARK + MARK + TEXT).encode(),
        (MARK + TEXT).encode("utf-16-le"),
        (MARK + TEXT).encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        (MARK + TEXT.replace("\n", "\r\n")).encode("utf-16-le"),
    ],
)
def test_decode_text_recognizes_utf_8_and_utf_16(content: bytes) -> None:
    assert decode_text(content) == TEXT


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("Grüße".encode("latin-1"), 1, "not UTF-8"),
        ("one\ntwo\nGrüße".encode("cp1252"), 3, "not UTF-8"),
        (b"\xff\xfea", 1, "not UTF-8"),
        (b"\xed\xa0\x80", 1, "not UTF-8"),
        ("a\nb".encode("utf-16-le"), 1, "NUL"),
        ((MARK + "a").encode("utf-32-le"), 1, "NUL"),
        (b"a\nb\x00", 2, "NUL"),
    ],
)
def test_other_bytes_are_refused(content: bytes, line: int, problem: str) -> None:
    with pytest.raises(TextEncodingError, match=problem) as raised:
        decode_text(content)
    assert raised.value.line == line


@given(st.binary())
def test_decoded_text_can_be_sent(content: bytes) -> None:
    try:
        text = decode_text(content)
    except TextEncodingError:
        return
    assert not {"\r", "\x00"} & set(text)
    assert not text.startswith(MARK)
    text.encode()
