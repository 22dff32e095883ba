"""Checks of text that the API cannot receive, and normalization for comparisons.

Lone surrogates, NUL and text without anything visible are refused. The reference limits only the
length; JSON carries all other control characters.
"""

import unicodedata

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
# Fillers, variation selectors and an empty Braille pattern, which Unicode calls letters or marks.
_INVISIBLE = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0,
              *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)  # fmt: skip


def is_unicode(text: str) -> bool:
    """Whether `text` has no lone surrogates, which stand for bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_problem(text: str) -> str | None:
    """Return the problem that prevents sending `text`, with its fix; None if it can be sent."""
    if not is_unicode(text):
        return "not valid Unicode; save the text as UTF-8"
    if "\x00" in text:
        return "contains a NUL character; remove it"
    if text and not is_visible(text):
        return "contains only whitespace and invisible characters; enter text"
    return None


def is_visible(text: str) -> bool:
    """Whether anything in `text` can be seen."""
    return any(
        unicodedata.category(character) not in _INVISIBLE_CATEGORIES and character not in _INVISIBLE
        for character in text
    )


def normalize_line_endings(text: str) -> str:
    """Return `text` with LF line endings."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def normalize_text(text: object) -> str:
    """Normalize what servers may change: outer whitespace, line endings, Unicode form."""
    lines = normalize_line_endings(str(text or "")).split("\n")
    return unicodedata.normalize("NFC", "\n".join(line.rstrip() for line in lines).strip())
