"""Lengths and links as X counts and finds them.

The cases are modeled on those of the conformance suite of twitter-text.
"""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from outreply_cli.spec.x_length import count_for_x, find_links

MARKS = "\u2066\u202a", "\u202c\u2069"
LONG_LABEL = "a" * 63
# Texts with their links between ⟦ and ⟧.
LINKS = [
    "⟦http://example.org⟧",
    "see ⟦https://example.org/a/b?c=d&e=f#g⟧ now",
    "⟦HTTPS://www.Example.ORG/Page.html⟧",
    "⟦http://shop.example.org:8080⟧ and ⟦http://example.org/?q⟧",
    "⟦http://example.org/#top⟧ ⟦http://example.org?#top⟧ x",
    "⟦http://example.org/a+⟧ ⟦http://example.org/a-⟧ ⟦http://example.org/~me+%ff-,.;x⟧",
    "⟦http://example.org/wiki/Film_(1999)⟧ (⟦http://example.org/a⟧)",
    "⟦http://example.org/a((b)c)⟧) end",
    "⟦http://example.org/Straße–Weg_ж⟧ x",
    "⟦http://example.org/⟧. ⟦http://example.org/a⟧: ⟦http://example.org/b⟧!? ⟦example.org/⟧,,,",
    "⟦http://example.org/path⟧" + "." * 40 + " ⟦http://example.org/⟧" + "," * 40,
    "⟦http://test_a.example.org⟧ ⟦http://a-b.example.org⟧ http://a_b.org",
    # Without a protocol, only with a known top-level domain.
    "⟦example.com⟧ ⟦example.org⟧ ⟦example.co.jp⟧ ⟦www.example.co.uk⟧ example.nope 1.5 e.g. x.y",
    "⟦it.so⟧ ⟦t.co/abc⟧ ⟦bit.ly/abc⟧ ⟦EXÁMPLE.com⟧ ⟦example.com/path⟧ ⟦example.com⟧?q=1",
    "Go to http:// ⟦example.org/a⟧",
    "⟦http://example.みんな/⟧ ⟦http://example.中国⟧ ⟦example.みんな⟧です",
    "これは。⟦example.com/a.html⟧中国語⟦example.org/b⟧한국 ⟦t.co/x⟧日本",
    "⟦http://example.com⟧だよ.comtest ⟦http://例え.com⟧ ⟦http://例-え.com⟧ ⟦http://☃.net/⟧",
    "⟦http://xn--ls8h.XN--ls8h.la/⟧ http://xn--はじ.com/a",
    f"⟦http://{LONG_LABEL}.com⟧ http://{LONG_LABEL}a.com {LONG_LABEL}a.com",
    # No links: hashtags, mentions, cashtags, e-mail addresses, files, paths and versions.
    "#example.com @example.com #http://example.com $example.com $TVI.CA",
    "me@example.com john.doe.gov@mail.com john.doe.jp@mail.com",
    "archive.tar.bz2 http://no-tld http://short.x example.comm http://example.com-that-is-it",
    "a_example.com /example.com .example.com -example.com",
    "\ufeff" + "example.com",
    # t.co: a slug of letters and digits, at most 40.
    "⟦http://t.co/abcDEF1⟧'s ⟦https://t.co/abc⟧- ⟦http://t.co/abc⟧: ⟦http://t.co/abc⟧+d",
    "⟦https://t.co/abc?amp=1⟧ ⟦https://t.co/abc?a=b&c=d⟧",
    "http://t.co/" + "a" * 41 + " ⟦http://t.co/" + "a" * 40 + "⟧ ⟦t.co/" + "a" * 41 + "⟧",
    "⟦http://www.example.org?r=https://t.co/abc⟧ ⟦http://t.co/xyz⟧",
    "⟦http://example.org⟧\n⟦example.org/a⟧\n⟦it.so⟧",
    f"{MARKS[0]}⟦abcdef.com⟧ پاکستان ⟦http://example.پاکستان/⟧{MARKS[1]}",
    # At most 4,096 characters, with the protocol.
    "⟦http://example.org/" + "a" * 4_077 + "⟧",
    "http://example.org/" + "a" * 4_078,
    "example.org/" + "a" * 4_077,
    "",
    "no links",
]
LENGTHS = [
    ("", 0),
    ("I am a post", 11),
    ("é" * 140, 140),
    ("の" * 140, 280),
    ("\U0001f431" * 140, 280),
    ("a" * 100 + " http://bit.ly/dJpywL", 124),
    ("a" * 100 + " bit.ly/dJpywL.", 125),
    ("a\nb", 3),
    # Normalized first: a combining accent is not a separate character; other marks are.
    ("e\u0301b", 2),
    ("A\ufb2c", 4),
    ("\u0958", 2),
    # Punctuation and spaces that count once, and their neighbors.
    ("\u2000\u200a\u200b\u200d\u2010\u201f\u2032\u2037", 8),
    ("\u200e\u200f\u2020\u2031\u2038\u20ac", 12),
    ("\u10ff\u1100", 3),
    ("ab\ufffe", 4),
    # Emoji with modifiers, joiners, keycaps, flags and tags count twice each.
    ("H\U0001f431\u263a\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", 7),
    ("\U0001f64b\U0001f3fd\U0001f468\u200d\U0001f3a4", 4),
    ("1\u20e3#\ufe0f\u20e31", 5),
    ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 2),
    ("\U0001f1ef\U0001f1f5\U0001f1ef", 4),
    ("\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 140, 280),
    # A link counts 23, whatever its length; other text is counted by character.
    ("t.co t.co", 47),
    ("https://example.org/" + "a" * 500, 23),
    ("https://" + "a" * 64 + ".com", 76),
    ("あ" * 120 + " http://" + "あ" * 53 + ".com", 264),
    ("あ" * 120 + " http://" + "あ" * 60 + ".com", 372),
    (f"{MARKS[0]}http://example.پاکستان/{MARKS[1]}", 31),
]


@pytest.mark.parametrize("marked", LINKS)
def test_links_are_found_where_x_finds_them(marked: str) -> None:
    text = marked.replace("⟦", "").replace("⟧", "")
    found = []
    position = 0
    for start, end in find_links(text):
        found += [text[position:start], "⟦", text[start:end], "⟧"]
        position = end
    assert "".join([*found, text[position:]]) == marked


@pytest.mark.parametrize(("text", "length"), LENGTHS)
def test_length_is_counted_as_x_counts_it(text: str, length: int) -> None:
    assert count_for_x(text) == length


@given(st.text(st.sampled_from("ab.@#/-_ :日。é?()x\u202a") | st.characters(), max_size=80))
def test_links_are_in_order_and_length_is_additive(text: str) -> None:
    normalized = unicodedata.normalize("NFC", text)
    position = 0
    for start, end in find_links(normalized):
        assert position <= start < end <= len(normalized)
        assert "." in normalized[start:end]
        position = end
    assert (
        count_for_x(text) == count_for_x(normalized) <= 19 * text.count(".") + 2 * len(normalized)
    )
    assert count_for_x(f"{text} ") == count_for_x(text) + 1


@pytest.mark.parametrize(
    "text",
    ["日" * 4_990 + "..com", "a." * 2_500, "a_" * 2_490 + ".com", "http://a.com/" + "(a" * 2_400,
     "@a.com " * 700, "-a" * 2_490 + "..com"],
)  # fmt: skip
def test_hostile_text_is_counted(text: str) -> None:
    assert count_for_x(text) > 0
