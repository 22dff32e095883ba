"""Text from strangers, made safe to show: nothing in it can steer a terminal or hide."""

import unicodedata

# Joiners and variation selectors are what emoji and several scripts are made of.
_KEPT_FORMATS = {"\u200c", "\u200d"}
_TAGS = range(0xE0020, 0xE0080)


def sanitize(text: str, *, keep_lines: bool = False) -> str:
    r"""`text` with control, bidi-override and invisible characters shown as escapes.

    Args:
        text: From anywhere.
        keep_lines: Whether line breaks stay; otherwise they become spaces, as tabs always do.
    """
    # Printable text has no control, format, surrogate or separator characters.
    if text.isprintable():
        return text
    return "".join(_shown(character, keep_lines=keep_lines) for character in text)


def escape_control_json(document: str) -> str:
    """A JSON document whose risky characters are JSON escapes: equal when it is parsed."""
    if document.isascii():
        return document.replace("\x7f", "\\u007f")
    return "".join(
        json_escape(character) if is_risky(character) and character not in "\n\t" else character
        for character in document
    )


def _shown(character: str, *, keep_lines: bool) -> str:
    if character == "\n":
        return "\n" if keep_lines else " "
    if character == "\t":
        return " "
    if character == "\r":
        return ""
    if not is_risky(character):
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def is_risky(character: str) -> bool:
    """Whether `character` can steer a terminal, or hides."""
    if character in _KEPT_FORMATS or ord(character) in _TAGS:
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def json_escape(character: str) -> str:
    r"""`character` as `\u` escapes of JSON."""
    pairs = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[i]:02x}{pairs[i + 1]:02x}" for i in range(0, len(pairs), 2))
