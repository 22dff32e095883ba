"""Length of a text as X counts it: its published configuration, version 3, of twitter-text.

Links count 23 and emoji 2, whatever their length. A link needs no `https://`, only a domain that
ends in a known top-level domain.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

LINK_CHARACTERS = 23
# Characters of these ranges count 1, all others 2.
_SINGLE = re.compile("[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]+")

_LATIN = (
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f"
    "\u0272\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_INVALID = "\ufffe\ufeff\uffff"
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_SPACE = "\t-\r \u0085\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_OUTSIDE_LABEL = rf"!'#%&()*+,\\./:;<=>?@\[\]^{{|}}~${_SPACE}{_INVALID}{_DIRECTION}"
_IN_DOMAIN = rf"[^{_OUTSIDE_LABEL}_\-]"
_LABEL = f"{_IN_DOMAIN}(?:[^{_OUTSIDE_LABEL}]*{_IN_DOMAIN})?"
# The character before a link, the protocol, and the labels before the top-level domain.
_START = re.compile(
    rf"(?P<before>^|[^A-Za-z0-9@\uff20$#\uff03{_INVALID}])(?P<protocol>https?://)?"
    rf"(?P<labels>(?:{_LABEL}\.)+)",
    re.IGNORECASE,
)
_ASCII_LABELS = re.compile(rf"(?<![-a-z0-9{_LATIN}])(?:[-a-z0-9{_LATIN}]+\.)+", re.IGNORECASE)
_TLD = re.compile(f"{_IN_DOMAIN}{{1,24}}")
_AFTER_TLD = re.compile("[0-9a-zA-Z@+-]")
_PUNYCODE_TLD = re.compile("xn--[-0-9a-z]+", re.IGNORECASE)

_PATH = rf"[a-z\u0400-\u04ff0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{_LATIN}]"
_PARENTHESES = rf"\((?:{_PATH}+|{_PATH}*\({_PATH}+\){_PATH}*)\)"
_PATH_END = rf"(?:[+\-a-z\u0400-\u04ff0-9=_#/{_LATIN}]|{_PARENTHESES})"
_QUERY = r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/]"
_REST = re.compile(
    rf"(?::[0-9]+)?(?P<path>/(?:(?:{_PATH}|{_PARENTHESES})*{_PATH_END})?)?(?:{_QUERY})?",
    re.IGNORECASE,
)
_TCO = re.compile(rf"https?://t\.co/(?P<slug>[a-z0-9]+)(?:{_QUERY})?", re.IGNORECASE)
_MAX_SLUG_CHARACTERS = 40
_MAX_URL_CHARACTERS = 4096
_MAX_LABEL_CHARACTERS = 63

_EMOJI_BASE = (
    "[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI_PART = f"{_EMOJI_BASE}[\ufe0f\U0001f3fb-\U0001f3ff]*[\U000e0020-\U000e007f]*"
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|[#*0-9]\ufe0f?\u20e3|[\u00a9\u00ae]\ufe0f"
    f"|{_EMOJI_PART}(?:\u200d{_EMOJI_PART})*"
)


def count_for_x(text: str) -> int:
    """Return the length of `text` as X counts it."""
    text = unicodedata.normalize("NFC", text)
    length = position = 0
    for start, end in find_links(text):
        length += _count_plain(text[position:start]) + LINK_CHARACTERS
        position = end
    return length + _count_plain(text[position:])


def find_links(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each link in a normalized text."""
    # Ends of top-level domains, by the position of their dot; a text without any has no link.
    tlds = {
        dot: end for dot in _find_dots(text, 0, len(text)) if (end := _find_tld_end(text, dot + 1))
    }
    position = 0
    while tlds and (match := _START.search(text, position)) is not None:
        # The longest domain; its last label before the top-level domain has no underscore.
        dots = _find_dots(text, match.start("labels"), match.end())
        known = [
            dot
            for index, dot in enumerate(dots)
            if dot in tlds and "_" not in text[_label_start(match, dots, index) : dot]
        ]
        if not known:
            # A later start leads to the same dots, but may cut off an underscore.
            is_cut = any(dot in tlds for dot in dots)
            position = match.start() + 1 if is_cut else match.end() - 1
            continue
        domain_start, domain_end = match.start("labels"), tlds[known[-1]]
        rest = _REST.match(text, domain_end)
        assert rest is not None
        position = max(rest.end(), match.start() + 1)
        protocol = match["protocol"] or ""
        url = text[domain_start - len(protocol) : rest.end()]
        if not _is_valid(url, protocol, text[domain_start:domain_end]):
            continue
        if protocol:
            tco = _TCO.match(url)
            if tco is None:
                yield match.start("protocol"), rest.end()
            elif len(tco["slug"]) <= _MAX_SLUG_CHARACTERS:
                position = match.start("protocol") + tco.end()
                yield match.start("protocol"), position
        elif match["before"] not in {"-", "_", ".", "/"}:
            yield from _find_bare_domains(text, domain_start, domain_end, rest, tlds)


def _find_bare_domains(
    text: str, start: int, end: int, rest: re.Match[str], tlds: dict[int, int]
) -> Iterator[tuple[int, int]]:
    """Yield the domains without a protocol between `start` and `end`; the last one has the path."""
    found = []
    for match in _ASCII_LABELS.finditer(text[start:end]):
        dots = _find_dots(text, start + match.start(), start + match.end())
        known = [dot for dot in dots if tlds.get(dot, end + 1) <= end]
        if known:
            found.append((start + match.start(), tlds[known[-1]]))
    for index, (first, last) in enumerate(found):
        has_path = index == len(found) - 1 and rest["path"]
        yield first, last + (rest.end() - end if has_path else 0)


def _find_dots(text: str, start: int, end: int) -> list[int]:
    dots = []
    while (start := text.find(".", start, end) + 1) > 0:
        dots.append(start - 1)
    return dots


def _label_start(match: re.Match[str], dots: list[int], index: int) -> int:
    return dots[index - 1] + 1 if index else match.start("labels")


def _find_tld_end(text: str, start: int) -> int | None:
    if punycode := _PUNYCODE_TLD.match(text, start):
        return punycode.end()
    word = _TLD.match(text, start)
    for end in range(word.end() if word else start, start, -1):
        if text[start:end].lower() in _tlds() and not _AFTER_TLD.match(text, end):
            return end
    return None


@cache
def _tlds() -> frozenset[str]:
    lines = Path(__file__).with_name("tlds.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _is_valid(url: str, protocol: str, domain: str) -> bool:
    if len(url) + (0 if protocol else len("https://")) > _MAX_URL_CHARACTERS:
        return False
    if domain.startswith("xn--") and not domain.isascii():
        return False
    return all(_punycode_length(label) <= _MAX_LABEL_CHARACTERS for label in domain.split("."))


def _punycode_length(label: str) -> int:
    return len(label) if label.isascii() else len("xn--") + len(label.encode("punycode"))


def _count_plain(text: str) -> int:
    if text.isascii():
        # Only a keycap is an emoji of ASCII characters, and its last one is not.
        return len(text)
    # Each emoji becomes a character that counts 2.
    text = _EMOJI.sub("\u4e00", text)
    return len(text) + len(_SINGLE.sub("", text))
