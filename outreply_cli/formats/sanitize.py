"""Sanitizing of untrusted text: no control, bidirectional or invisible characters."""

import unicodedata

# Emoji and several scripts need joiners and tags.
_ALLOWED_FORMATS = {"\u200c", "\u200d"}
_TAGS = range(0xE0020, 0xE0080)


def sanitize(text: str, *, keep_lines: bool = False) -> str:
    r"""Escape control, bidi-override and invisible characters.

    Args:
        text: The text.
        keep_lines: Whether to keep line breaks; otherwise they become spaces, as tabs always do.
    """
    # Printable text has no control, format, surrogate or separator characters.
    if text.isprintable():
        return text
    return "".join(_escape(character, keep_lines=keep_lines) for character in text)


def escape_control_json(document: str) -> str:
    """Write the unsafe characters of a JSON document as JSON escapes; it parses to the same."""
    if document.isascii():
        return document.replace("\x7f", "\\u007f")
    return "".join(
        json_escape(character) if is_unsafe(character) and character not in "\n\t" else character
        for character in document
    )


def is_unsafe(character: str) -> bool:
    """Whether a character can control a terminal or is invisible."""
    if character in _ALLOWED_FORMATS or ord(character) in _TAGS:
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def json_escape(character: str) -> str:
    r"""A character as `\u` escapes of JSON."""
    pairs = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[i]:02x}{pairs[i + 1]:02x}" for i in range(0, len(pairs), 2))


def _escape(character: str, *, keep_lines: bool) -> str:
    if character == "\n":
        return "\n" if keep_lines else " "
    if character == "\t":
        return " "
    if character == "\r":
        return ""
    if not is_unsafe(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
