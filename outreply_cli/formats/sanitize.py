"""Sanitizing of untrusted text: no control, bidirectional or invisible characters."""

import re
import unicodedata
from collections.abc import Callable

# Emoji and several scripts need joiners.
_ALLOWED_FORMATS = {"\u200c", "\u200d"}
# Invisible characters of categories that also have visible ones. Emoji need the variation selectors
# U+FE0E and U+FE0F.
_HIDDEN = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0d\U000e0100-\U000e01ef]")
# The flag of a region, such as Scotland: a black flag, the region's code in tag characters, and a
# cancel tag. Other tag characters are invisible text.
_REGION_FLAG = re.compile("(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)")


def sanitize(text: str, *, keep_lines: bool = False) -> str:
    r"""Escape control, bidi-override and invisible characters.

    Args:
        text: The text.
        keep_lines: Whether to keep line breaks; otherwise they become spaces, as tabs always do.
    """
    # Printable text has no control, format, surrogate or separator characters.
    if text.isprintable() and (text.isascii() or _HIDDEN.search(text) is None):
        return text
    return _map_characters(text, lambda character: _escape(character, keep_lines=keep_lines))


def escape_control_json(document: str) -> str:
    """Write the unsafe characters of a JSON document as JSON escapes; it parses to the same."""
    if document.isascii():
        return document.replace("\x7f", "\\u007f")
    return _map_characters(document, _escape_json)


def _is_unsafe(character: str) -> bool:
    """Whether a character can control a terminal or is invisible."""
    if character in _ALLOWED_FORMATS:
        return False
    is_control = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return is_control or _HIDDEN.match(character) is not None


def _map_characters(text: str, escape: Callable[[str], str]) -> str:
    """Escape each character of a text that is not in the flag of a region."""
    parts = _REGION_FLAG.split(text)
    parts[::2] = ["".join(map(escape, part)) for part in parts[::2]]
    return "".join(parts)


def _escape_json(character: str) -> str:
    if character in "\n\t" or not _is_unsafe(character):
        return character
    pairs = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[i]:02x}{pairs[i + 1]:02x}" for i in range(0, len(pairs), 2))


def _escape(character: str, *, keep_lines: bool) -> str:
    if character == "\n":
        return "\n" if keep_lines else " "
    if character == "\t":
        return " "
    if character == "\r":
        return ""
    if not _is_unsafe(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
