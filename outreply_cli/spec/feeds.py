"""How the feeds of the platforms show posts: where a text is cut, and how a picture is cropped.

The platforms do not document it, and it differs by device: these are usual values.
"""

from typing import NamedTuple


class Feed(NamedTuple):
    """The feed of a platform.

    Attributes:
        max_characters: Characters of a text before "more".
        max_lines: Lines of a text before "more".
        min_ratio: Width by height of the tallest picture; a taller one is cropped.
        max_ratio: Width by height of the widest picture.
        is_cropped: Whether other pictures are cropped, and not shown with bars.
        media_first: Whether the pictures are above the text.
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
