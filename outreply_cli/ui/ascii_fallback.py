"""Text for terminals that show only ASCII: each character keeps its width."""

import unicodedata

from rich.cells import cell_len

NAME = "outreply.ascii-fallback"
_REPLACEMENTS = {
    "…": "~", "─": "-", "│": "|", "→": ">", "·": "-", "●": "*", "✓": "+", "✗": "x", "█": "#",
    "░": ".", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "\u3000": "  ",
}  # fmt: skip


def ascii_fallback(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that cannot be encoded, so that columns stay aligned.

    An error handler for `codecs`. Letters lose their accents; other characters become a question
    mark in each of their cells.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    width = cell_len(text)
    # An emoji of several characters is narrower than its parts.
    return "".join(map(_replace, text)).ljust(width, "?")[:width], error.end


def _replace(character: str) -> str:
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    width = cell_len(character)
    base = unicodedata.normalize("NFKD", character)[:1]
    return base if width == 1 and base.isascii() else "?" * width
