"""What stands where in a calendar's grid: pure, so that every post can be shown to be there.

Lengths are in terminal cells: an emoji or a Chinese character is two of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rich.cells import cell_len, chop_cells

from outreply_cli.ui.cells import fit

_WORTH_A_MESSAGE = 6
_SIGNS = {"published": "✓", "failed": "✗"}


@dataclass(frozen=True)
class CellPost:
    """One post as a grid shows it.

    Attributes:
        day: Its local date.
        clock: Its local time, `09:00`.
        code: Two letters for the platform.
        mark: What stands for its brand; empty where there is but one.
        status: As the API says.
        message: Harmless, on one line.
    """

    day: date
    clock: str
    code: str
    mark: str
    status: str
    message: str


@dataclass(frozen=True)
class Line:
    """One line of a day.

    Attributes:
        text: No wider than the column.
        post: Where the post is in what was laid out; None for what counts hidden ones.
        is_head: Whether the post begins here.
    """

    text: str
    post: int | None
    is_head: bool


@dataclass(frozen=True)
class Cell:
    """One day of a grid.

    Attributes:
        hidden: Posts that found no room; the last line counts them.
    """

    day: date
    lines: tuple[Line, ...]
    hidden: int


def column_width(width: int) -> int:
    """Cells that each of seven columns has between the rules of a grid `width` wide."""
    return (width - 8) // 7


def lay_out(
    days: Sequence[date],
    posts: Sequence[CellPost],
    *,
    width: int,
    most_lines: int,
    message_lines: int,
) -> list[Cell]:
    """Every one of `days` with its posts: each is there once, or counted.

    Args:
        days: What is shown.
        posts: By time; those of other days are left out.
        width: Of a column.
        most_lines: Of a day.
        message_lines: Below each post for its words; none puts them beside it where they fit.
    """
    return [_cell(day, posts, width, most_lines, message_lines) for day in days]


def brand_marks(brands: Sequence[str]) -> Mapping[str, str]:
    """A short mark for each brand, all different; an empty one when there is but one brand."""
    names = sorted(set(brands))
    if len(names) < 2:
        return dict.fromkeys(names, "")
    marks: dict[str, str] = {}
    for name in names:
        free = (mark for mark in _candidates(name) if mark not in marks.values())
        marks[name] = next(free)
    return marks


def _candidates(name: str) -> Iterator[str]:
    letters = [letter for letter in name.upper() if letter.isalnum() and cell_len(letter) == 1]
    yield from letters
    yield from "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    number = 10
    while True:
        yield str(number)
        number += 1


def _cell(
    day: date, posts: Sequence[CellPost], width: int, most_lines: int, message_lines: int
) -> Cell:
    numbers = [number for number, post in enumerate(posts) if post.day == day]
    blocks = [_block(number, posts[number], width, message_lines) for number in numbers]
    # Words give way before posts do.
    if sum(map(len, blocks)) > most_lines:
        blocks = [_block(number, posts[number], width, 0) for number in numbers]
    shown = _that_fit(blocks, most_lines)
    lines = [line for block in blocks[:shown] for line in block]
    hidden = len(blocks) - shown
    if hidden:
        lines.append(Line(fit(f"+{hidden} more", width), None, is_head=False))
    return Cell(day, tuple(lines), hidden)


def _that_fit(blocks: Sequence[Sequence[Line]], most_lines: int) -> int:
    if sum(map(len, blocks)) <= most_lines:
        return len(blocks)
    used = shown = 0
    # One line is kept for the count of the others.
    while used + len(blocks[shown]) <= most_lines - 1:
        used += len(blocks[shown])
        shown += 1
    return shown


def _block(number: int, post: CellPost, width: int, message_lines: int) -> list[Line]:
    sign = _SIGNS.get(post.status, " ")
    head = f"{post.clock}{sign}{post.code} {post.mark}".rstrip()
    if cell_len(head) > width:
        texts = [f"{post.clock}{sign}".rstrip(), fit(f"{post.code} {post.mark}".rstrip(), width)]
    elif message_lines:
        texts = [head, *_wrapped(post.message, width, message_lines)]
    elif width - cell_len(head) > _WORTH_A_MESSAGE:
        texts = [fit(f"{head} {post.message}", width)]
    else:
        texts = [head]
    return [Line(text, number, is_head=place == 0) for place, text in enumerate(texts)]


def _wrapped(text: str, width: int, most: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width) if cell_len(word) > width else [word]
    if len(lines) > most:
        lines[most - 1] = fit(f"{lines[most - 1]} {lines[most]}", width)
        lines[most - 1] = fit(lines[most - 1].removesuffix("…") + "…", width)
    return lines[:most]
