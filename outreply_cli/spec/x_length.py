"""Length of a text as X counts it, by its published configuration of twitter-text."""

import re
import unicodedata

# Other characters and emoji count 2.
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


def count_for_x(text: str) -> int:
    """Return the length of `text` as X counts it."""
    text = _URL.sub(_shorten_url, unicodedata.normalize("NFC", text))
    text = _EMOJI.sub(_DOUBLE, text)
    return sum(
        1 if any(ord(character) in single for single in _SINGLE_RANGES) else 2 for character in text
    )


def _shorten_url(match: re.Match[str]) -> str:
    url = match[0].rstrip(_URL_END)
    return "x" * _URL_CHARACTERS + match[0][len(url) :]
