"""Text that the API cannot receive: lone surrogates and NUL.

The reference limits only the length. JSON carries all other control characters.
"""

import re
import unicodedata

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
# Fillers, variation selectors and an empty Braille pattern, which Unicode calls letters or marks.
_INVISIBLE = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0,
              *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)  # fmt: skip
# How X counts (its published configuration of twitter-text): other characters and emoji count 2.
_SINGLE_RANGES = (range(4352), range(8192, 8206), range(8208, 8224), range(8242, 8248))
_URL_CHARACTERS = 23
_URL = re.compile(r"(?<![@#$A-Za-z0-9])https?://[!-~\u00a1-\u024f]+", re.IGNORECASE)
_URL_END = ".,:;!?'\")]}"
_EMOJI_BASE = (
    "[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI_PART = f"{_EMOJI_BASE}[\ufe0f\U0001f3fb-\U0001f3ff]*[\U000e0020-\U000e007f]*"
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|[#*0-9]\ufe0f?\u20e3|[\u00a9\u00ae]\ufe0f"
    f"|{_EMOJI_PART}(?:\u200d{_EMOJI_PART})*"
)
# Any character that counts 2.
_DOUBLE = "\u4e00"


def is_unicode(text: str) -> bool:
    """Whether `text` has no lone surrogates, which stand for bytes that are not UTF-8."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def text_problem(text: str) -> str | None:
    """Return the problem that prevents sending `text`, with its fix; None if it can be sent."""
    if not is_unicode(text):
        return "not valid Unicode; save the text as UTF-8"
    if "\x00" in text:
        return "contains a NUL character; remove it"
    if text and not is_visible(text):
        return "has only blanks and invisible characters; write a text, or leave it out"
    return None


def is_visible(text: str) -> bool:
    """Whether anything in `text` can be seen."""
    return any(
        unicodedata.category(character) not in _INVISIBLE_CATEGORIES and character not in _INVISIBLE
        for character in text
    )


def normalize_line_ends(text: str) -> str:
    """Return `text` with LF line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def normalize_text(text: object) -> str:
    """Return `text` without what a server may change: outer blanks, line ends, Unicode form."""
    lines = normalize_line_ends(str(text or "")).split("\n")
    return unicodedata.normalize("NFC", "\n".join(line.rstrip() for line in lines).strip())


def count_for_x(text: str) -> int:
    """Return the length of `text` as X counts it."""
    text = _URL.sub(_shorten_url, unicodedata.normalize("NFC", text))
    text = _EMOJI.sub(_DOUBLE, text)
    return sum(1 if any(ord(it) in single for single in _SINGLE_RANGES) else 2 for it in text)


def _shorten_url(match: re.Match[str]) -> str:
    url = match[0].rstrip(_URL_END)
    return "x" * _URL_CHARACTERS + match[0][len(url) :]
