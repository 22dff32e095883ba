"""Text that the API cannot receive: lone surrogates and NUL.

The reference limits only the length. JSON carries all other control characters.
"""

import unicodedata


def is_unicode(text: str) -> bool:
    """Whether `text` has no lone surrogates, which stand for bytes that are not UTF-8."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def text_problem(text: str) -> str | None:
    """Return the problem that prevents sending `text`, with its fix; None if it can be sent."""
    if not is_unicode(text):
        return "not valid Unicode; save the text as UTF-8"
    if "\x00" in text:
        return "contains a NUL character; remove it"
    return None


def normalize_line_ends(text: str) -> str:
    """Return `text` with LF line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def normalize_text(text: object) -> str:
    """Return `text` without what a server may change: outer blanks, line ends, Unicode form."""
    lines = normalize_line_ends(str(text or "")).split("\n")
    return unicodedata.normalize("NFC", "\n".join(line.rstrip() for line in lines).strip())
