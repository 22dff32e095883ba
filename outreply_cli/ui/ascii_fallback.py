"""Text for a terminal that has ASCII alone: each character in as many cells as it would take."""

import unicodedata

from rich.cells import cell_len

NAME = "outreply.ascii-cells"
_SIGNS = {
    "…": "~", "─": "-", "│": "|", "→": ">", "·": "-", "●": "*", "✓": "+", "✗": "x", "█": "#",
    "░": ".", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "\u3000": "  ",
}  # fmt: skip


def ascii_fallback(failure: UnicodeError) -> tuple[str, int]:
    """What stands for characters that can't be encoded, so that columns stay columns.

    An error handler for `codecs`. Letters lose their accents; what has nothing like it in ASCII
    is a question mark in each of its cells.
    """
    if not isinstance(failure, UnicodeEncodeError):
        raise failure
    text = failure.object[failure.start : failure.end]
    width = cell_len(text)
    # What is joined into one picture is narrower than its parts.
    return "".join(map(_shown, text)).ljust(width, "?")[:width], failure.end


def _shown(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    width = cell_len(character)
    base = unicodedata.normalize("NFKD", character)[:1]
    return base if width == 1 and base.isascii() else "?" * width
