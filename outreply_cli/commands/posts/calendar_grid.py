"""A week or a month of posts on a terminal, as a grid or (if it is narrow) as an agenda.

Widths are in terminal cells; an emoji or a Chinese character takes two of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, count, cycle, groupby
from zoneinfo import ZoneInfo

from rich.box import SQUARE
from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.table import Table
from rich.text import Text

from outreply_cli.commands.posts.calendar_period import Period
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.spec.platforms import find_platform
from outreply_cli.ui.cells import fit
from outreply_cli.ui.output import Output

_MIN_GRID_WIDTH = 60
_MONTH_LINES = 5
_WEEK_LINES = 30
_MESSAGE_LINES = 3
# Width from which messages are shown below posts.
_MIN_MESSAGE_COLUMN = 9
# Readable on black and white; red is for failed posts.
_BRAND_STYLES = ("cyan", "magenta", "green", "bold cyan", "bold magenta", "bold green")
_MIN_MESSAGE_WIDTH = 6
_SIGNS = {"published": "✓", "failed": "✗"}


@dataclass(frozen=True)
class CellPost:
    """A post in the grid, at a local time such as `09:00`.

    `code` has two letters of the platform; `mark` is that of the brand, empty if there is only one;
    `alias` is the name of the page.
    """

    day: date
    time_text: str
    code: str
    mark: str
    status: str
    message: str
    style: str
    alias: str


def print_calendar(
    output: Output, period: Period, posts: Sequence[CalendarPost], zone: ZoneInfo
) -> None:
    """Print `posts` as a grid if it fits, otherwise as an agenda."""
    marks = brand_marks([sanitize(post.brand) for post in posts])
    styles = dict(zip(sorted(set(marks.values())), cycle(_BRAND_STYLES), strict=False))
    entries = [_cell_post(post, zone, marks[sanitize(post.brand)], styles) for post in posts]
    console = output.console
    counts = Counter(entry.status for entry in entries)
    summary = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no posts"
    _print(console, Text(f"{period.title} ({zone.key}): {summary}", style="bold"))
    if output.can_draw and output.width >= _MIN_GRID_WIDTH:
        _draw_grid(console, output.width, period, entries)
        _draw_legend(console, output.width, marks, entries)
    else:
        for line in _agenda(period, entries, output.width):
            _print(console, line)


def _cell_post(
    post: CalendarPost, zone: ZoneInfo, mark: str, styles: Mapping[str, str]
) -> CellPost:
    local = post.at.astimezone(zone)
    platform = find_platform(post.platform)
    status = sanitize(str(post.post.get("status") or ""))
    return CellPost(
        day=local.date(),
        time_text=f"{local:%H:%M}",
        code=platform.code if platform else sanitize(post.platform)[:2].upper().ljust(2, "?"),
        mark=mark,
        status=status,
        message=sanitize(str(post.post.get("message") or "(media)")),
        style="bold red" if status == "failed" else styles[mark],
        alias=sanitize(post.alias),
    )


def _draw_grid(console: Console, width: int, period: Period, entries: Sequence[CellPost]) -> None:
    # Seven columns between eight lines.
    column = (width - 8) // 7
    is_month = period.month is not None
    table = Table(
        box=SQUARE, border_style="dim", padding=0, show_lines=True, show_header=is_month,
        header_style="bold",
    )  # fmt: skip
    for day in period.weeks[0]:
        table.add_column(f"{day:%a}", width=column, no_wrap=True)
    for week in period.weeks:
        table.add_row(*(_day_text(day, period, entries, column) for day in week))
    console.print(table)


def _day_text(day: date, period: Period, entries: Sequence[CellPost], column: int) -> Text:
    if not period.has(day):
        return Text()
    is_month = period.month is not None
    lines = lay_out(
        [entry for entry in entries if entry.day == day],
        width=column,
        max_lines=_MONTH_LINES if is_month else _WEEK_LINES,
        message_lines=0 if is_month or column <= _MIN_MESSAGE_COLUMN else _MESSAGE_LINES,
    )
    return Text("\n").join([_heading(day, period, column), *(lines or [Text()])])


def _heading(day: date, period: Period, column: int) -> Text:
    name = f"{day.day}"
    if period.month is None:
        name = f"{day:%a} {day.day}" if column > 7 else f"{f'{day:%a}'[:2]} {day.day}"
    if day != period.today:
        return Text(name, style="dim" if day < period.today else "bold")
    label = f"[{name}]"
    return Text(f"{label} today" if len(label) + 6 <= column else label, style="bold reverse")


def _draw_legend(
    console: Console, width: int, marks: Mapping[str, str], entries: Sequence[CellPost]
) -> None:
    items = [f"{mark} {name}" for name, mark in marks.items() if mark]
    codes = sorted({entry.code for entry in entries})
    platforms = [(code, find_platform(code)) for code in codes]
    items += [f"{code} {platform.label}" for code, platform in platforms if platform]
    statuses = {entry.status for entry in entries}
    items += ["✓ published"] * ("published" in statuses) + ["✗ failed"] * ("failed" in statuses)
    line = ""
    for item in items:
        if line and cell_len(line) + 3 + cell_len(item) > width:
            _print(console, Text(line, style="dim"))
            line = ""
        line = f"{line} · {item}" if line else fit(item, width)
    if line:
        _print(console, Text(line, style="dim"))


def _agenda(period: Period, entries: Sequence[CellPost], width: int) -> Iterator[Text]:
    for day, day_entries in groupby(entries, key=lambda entry: entry.day):
        today = " (today)" if day == period.today else ""
        yield Text(f"{day:%a} {day.day} {day:%b %Y}{today}", style="bold")
        for entry in day_entries:
            status = "" if entry.status == "scheduled" else f" {entry.status}"
            line = f"  {entry.time_text} {entry.alias}{status}  {entry.message}"
            yield Text(fit(line, width))


def _print(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)


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
    shown = len(blocks)
    if sum(map(len, blocks)) > max_lines:
        # One line is kept for the number of hidden posts.
        shown = sum(used < max_lines for used in accumulate(map(len, blocks)))
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
