"""Presentation of posts in the feeds of platforms: cuts of texts and crops of images.

The platforms do not document it, and it differs by device: these are usual values.
"""

import re
import unicodedata
from typing import NamedTuple

_CUT_CHARACTERS = 20
_JOINERS = {"\u200d", "\ufe0f"}


class Feed(NamedTuple):
    """The feed of a platform.

    Attributes:
        max_characters: Characters of a text before "more".
        max_lines: Lines of a text before "more".
        min_ratio: Width by height of the tallest image; a taller one is cropped.
        max_ratio: Width by height of the widest image.
        is_cropped: Whether other images are cropped, and not shown with bars.
        media_first: Whether the images are above the text.
    """

    max_characters: int
    max_lines: int
    min_ratio: float
    max_ratio: float
    is_cropped: bool = True
    media_first: bool = False


FEEDS = {
    "facebook": Feed(477, 5, 4 / 5, 1.91),
    "instagram": Feed(125, 2, 4 / 5, 1.91, media_first=True),
    "linkedin": Feed(210, 3, 4 / 5, 1.91),
    "tiktok": Feed(90, 2, 9 / 16, 9 / 16, is_cropped=False, media_first=True),
    "twitter": Feed(280, 25, 3 / 4, 2.0),
    "youtube": Feed(157, 3, 16 / 9, 16 / 9, is_cropped=False, media_first=True),
}
# For a page whose platform is not known.
UNKNOWN_FEED = Feed(280, 10, 4 / 5, 1.91)


def cut_text(text: str, feed: Feed) -> tuple[str, str]:
    """Return the parts of a text before and after "more"."""
    end = min(len(text), feed.max_characters)
    for number, match in enumerate(re.finditer("\n", text[:end]), start=1):
        if number == feed.max_lines:
            end = match.start()
    # Platforms do not cut off so little text.
    if len(text) - end < _CUT_CHARACTERS and "\n" not in text[end:]:
        return text, ""
    space = max(text.rfind(" ", end - _CUT_CHARACTERS, end + 1), text.rfind("\n", 0, end + 1))
    if space > end - _CUT_CHARACTERS:
        end = space
    # A character may have several code points.
    while 0 < end < len(text) and (
        text[end - 1] == "\u200d"
        or text[end] in _JOINERS
        or unicodedata.category(text[end]) in {"Mn", "Me", "Sk"}
    ):
        end -= 1
    return text[:end], text[end:]
