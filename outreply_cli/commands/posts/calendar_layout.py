"""The layout of a calendar's grid.

Widths are in terminal cells; an emoji or a Chinese character takes two of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count

from rich.cells import cell_len, chop_cells
from rich.text import Text

from outreply_cli.ui.cells import fit

_MIN_MESSAGE_WIDTH = 6
_SIGNS = {"published": "✓", "failed": "✗"}


@dataclass(frozen=True)
class CellPost:
    """A post in the grid, at a local time such as `09:00`.

    `code` has two letters of the platform; `mark` is that of the brand, empty if there is only one.
    """

    day: date
    time_text: str
    code: str
    mark: str
    status: str
    message: str
    style: str


def lay_out(
    posts: Sequence[CellPost], *, width: int, max_lines: int, message_lines: int
) -> list[Text]:
    """Return the lines of one day; the last one has the number of posts that do not fit, if any.

    `posts` are sorted by time. A message may have up to `message_lines` lines; 0 puts it next to
    the time if it fits.
    """
    blocks = [_block(post, width, message_lines) for post in posts]
    if sum(map(len, blocks)) > max_lines:
        # Drop the messages before any post.
        blocks = [_block(post, width, 0) for post in posts]
    shown = _count_fitting(blocks, max_lines)
    lines = [line for block in blocks[:shown] for line in block]
    hidden = len(blocks) - shown
    return [*lines, Text(fit(f"+{hidden} more", width), "bold")] if hidden else lines


def brand_marks(brands: Sequence[str]) -> Mapping[str, str]:
    """Return a short, unique mark for each brand; an empty one if there is only one brand."""
    names = sorted(set(brands))
    if len(names) < 2:
        return dict.fromkeys(names, "")
    marks: dict[str, str] = {}
    for name in names:
        marks[name] = next(mark for mark in _candidates(name) if mark not in marks.values())
    return marks


def _candidates(name: str) -> Iterator[str]:
    letters = [letter for letter in name.upper() if letter.isalnum() and cell_len(letter) == 1]
    yield from letters
    yield from "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    yield from map(str, count(10))


def _count_fitting(blocks: Sequence[Sequence[Text]], max_lines: int) -> int:
    if sum(map(len, blocks)) <= max_lines:
        return len(blocks)
    used = shown = 0
    # Keep one line for the number of hidden posts.
    while used + len(blocks[shown]) <= max_lines - 1:
        used += len(blocks[shown])
        shown += 1
    return shown


def _block(post: CellPost, width: int, message_lines: int) -> list[Text]:
    sign = _SIGNS.get(post.status, " ")
    head = f"{post.time_text}{sign}{post.code} {post.mark}".rstrip()
    if cell_len(head) > width:
        texts = [
            f"{post.time_text}{sign}".rstrip(),
            fit(f"{post.code} {post.mark}".rstrip(), width),
        ]
    elif message_lines:
        texts = [head, *_wrap(post.message, width, message_lines)]
    elif width - cell_len(head) > _MIN_MESSAGE_WIDTH:
        texts = [fit(f"{head} {post.message}", width)]
    else:
        texts = [head]
    return [Text(text, "" if index else post.style) for index, text in enumerate(texts)]


def _wrap(text: str, width: int, limit: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width) if cell_len(word) > width else [word]
    if len(lines) > limit:
        lines[limit - 1] = fit(f"{lines[limit - 1]} {lines[limit]}", width)
        lines[limit - 1] = fit(lines[limit - 1].removesuffix("…") + "…", width)
    return lines[:limit]
