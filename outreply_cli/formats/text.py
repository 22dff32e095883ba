"""Decoding text from files and stdin, and shortening it to one line."""

import codecs
from collections.abc import Iterable, Sequence

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARK = "\ufeff"
_QUOTED_CHARACTERS = 50
_MAX_NAMED = 10


class TextEncodingError(ValueError):
    """Bytes that are neither UTF-8 nor UTF-16; `line` is the first invalid one."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def decode_text(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark; drop the mark, and end lines with LF.

    Raises:
        TextEncodingError: The bytes are neither; its message is a predicate, such as "is not …".
    """
    try:
        text = content.decode("utf-16" if content.startswith(_UTF16_MARKS) else "utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TextEncodingError("is not UTF-8 text", line) from None
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        message = "contains NUL characters, perhaps UTF-16 without a byte order mark"
        raise TextEncodingError(message, line)
    return text.lstrip(_MARK).replace("\r\n", "\n").replace("\r", "\n")


def shorten(text: str, limit: int) -> str:
    """Return the start of a text on one line: `limit` characters, and an ellipsis where it is cut.

    Runs of whitespace become one space.
    """
    # Only the start is split: a text may be long.
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else line[:limit].rstrip() + "…"


def quote(text: str, limit: int = _QUOTED_CHARACTERS) -> str:
    """Return the start of a text in quotation marks; nothing for a blank text."""
    start = shorten(text, limit)
    return f'"{start}"' if start else ""


def did_you_mean(word: str, names: Iterable[str], *, prefix: str = "") -> str | None:
    """Return a hint with the name nearest to an unknown word, after `prefix`; None without one."""
    import difflib

    near = difflib.get_close_matches(word, list(names), n=1)
    return f"Did you mean: {prefix}{near[0]}" if near else None


def join_names(names: Sequence[str]) -> str:
    """Return names with commas: the first ten, and how many more there are."""
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
