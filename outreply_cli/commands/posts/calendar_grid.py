"""A week or a month of posts, drawn in the terminal's width; an agenda where a grid can't be."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from outreply_cli.commands.posts.calendar_layout import (
    Cell,
    CellPost,
    brand_marks,
    column_width,
    lay_out,
)
from outreply_cli.commands.posts.calendar_period import Period
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.spec.platforms import platform_named
from outreply_cli.ui.cells import fit, pad
from outreply_cli.ui.output import Output
from outreply_cli.ui.sanitize import sanitize
from outreply_cli.ui.tables import console_for

_NARROWEST_GRID = 60
_MONTH_LINES = 5
_WEEK_LINES = 30
_MESSAGE_LINES = 3
# What the columns need before words below a post are more than crumbs.
_ROOM_FOR_WORDS = 9
# Readable on black and on white; red is for what failed.
_BRAND_STYLES = ("cyan", "magenta", "green", "bold cyan", "bold magenta", "bold green")


def print_calendar(
    output: Output, period: Period, posts: Sequence[CalendarPost], zone: ZoneInfo
) -> None:
    """Draw `posts` on a terminal: a grid where it fits, else day by day."""
    marks = brand_marks([sanitize(post.brand) for post in posts])
    entries = [_entry(post, zone, marks[sanitize(post.brand)]) for post in posts]
    console = console_for(output)
    counts = Counter(sanitize(entry.status) for entry in entries)
    counted = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no posts"
    _print(console, Text(f"{period.title} ({zone.key}): {counted}", style="bold"))
    if output.can_draw and output.width >= _NARROWEST_GRID:
        _draw_grid(console, output.width, period, entries)
        _draw_legend(console, output.width, marks, entries)
    else:
        for line in _agenda(period, posts, entries, output.width):
            _print(console, line)


def _entry(post: CalendarPost, zone: ZoneInfo, mark: str) -> CellPost:
    local = post.instant.astimezone(zone)
    platform = platform_named(post.platform)
    return CellPost(
        day=local.date(),
        clock=f"{local:%H:%M}",
        code=platform.code if platform else sanitize(post.platform)[:2].upper().ljust(2, "?"),
        mark=mark,
        status=str(post.post.get("status") or ""),
        message=sanitize(str(post.post.get("message") or "(media)")),
    )


def _draw_grid(console: Console, width: int, period: Period, entries: Sequence[CellPost]) -> None:
    column = column_width(width)
    styles = _styles_of(entries)
    _rule(console, ("┌", "┬", "┐"), column)
    if period.month is not None:
        names = [f"{day:%a}" for day in period.weeks[0]]
        _row(console, [Text(name, style="bold") for name in names], column)
        _rule(console, ("├", "┼", "┤"), column)
    for number, week in enumerate(period.weeks):
        if number:
            _rule(console, ("├", "┼", "┤"), column)
        cells = lay_out(
            [day for day in week if period.has(day)],
            entries,
            width=column,
            most_lines=_WEEK_LINES if period.month is None else _MONTH_LINES,
            message_lines=_MESSAGE_LINES
            if period.month is None and column > _ROOM_FOR_WORDS
            else 0,
        )
        by_day = {cell.day: cell for cell in cells}
        _row(console, [_heading(day, period, column) for day in week], column)
        for line in range(max(len(cell.lines) for cell in cells) or 1):
            row = [_line_of(by_day.get(day), line, styles) for day in week]
            _row(console, row, column)
    _rule(console, ("└", "┴", "┘"), column)


def _heading(day: date, period: Period, column: int) -> Text:
    if not period.has(day):
        return Text()
    name = f"{day.day}"
    if period.month is None:
        name = f"{day:%a} {day.day}" if column > 7 else f"{f'{day:%a}'[:2]} {day.day}"
    if day != period.today:
        return Text(name, style="dim" if day < period.today else "bold")
    words = f"[{name}]"
    return Text(f"{words} today" if len(words) + 6 <= column else words, style="bold reverse")


def _line_of(cell: Cell | None, number: int, styles: Sequence[str]) -> Text:
    if cell is None or number >= len(cell.lines):
        return Text()
    line = cell.lines[number]
    if line.post is None:
        return Text(line.text, style="bold")
    return Text(line.text, style=styles[line.post] if line.is_head else "")


def _styles_of(entries: Sequence[CellPost]) -> list[str]:
    marks = sorted({entry.mark for entry in entries})
    chosen = {mark: _BRAND_STYLES[place % len(_BRAND_STYLES)] for place, mark in enumerate(marks)}
    return ["bold red" if entry.status == "failed" else chosen[entry.mark] for entry in entries]


def _row(console: Console, cells: Sequence[Text], column: int) -> None:
    # A style of the whole line would be one of its words too.
    line = Text().append("│", style="dim")
    for cell in cells:
        line.append_text(cell)
        line.append(pad("", column - cell.cell_len))
        line.append("│", style="dim")
    _print(console, line)


def _rule(console: Console, ends: tuple[str, str, str], column: int) -> None:
    left, middle, right = ends
    _print(console, Text(left + middle.join(["─" * column] * 7) + right, style="dim"))


def _draw_legend(
    console: Console, width: int, marks: Mapping[str, str], entries: Sequence[CellPost]
) -> None:
    words = [f"{mark} {name}" for name, mark in marks.items() if mark]
    codes = sorted({entry.code for entry in entries})
    named = [(code, platform_named(code)) for code in codes]
    words += [f"{code} {platform.label}" for code, platform in named if platform]
    statuses = {entry.status for entry in entries}
    words += ["✓ published"] * ("published" in statuses) + ["✗ failed"] * ("failed" in statuses)
    line = ""
    for word in words:
        if line and cell_len(line) + 3 + cell_len(word) > width:
            _print(console, Text(line, style="dim"))
            line = ""
        line = f"{line} · {word}" if line else fit(word, width)
    if line:
        _print(console, Text(line, style="dim"))


def _agenda(
    period: Period, posts: Sequence[CalendarPost], entries: Sequence[CellPost], width: int
) -> Iterator[Text]:
    pairs = zip(posts, entries, strict=True)
    for day, of_day in groupby(pairs, key=lambda pair: pair[1].day):
        mark = " (today)" if day == period.today else ""
        yield Text(f"{day:%a} {day.day} {day:%b %Y}{mark}", style="bold")
        for post, entry in of_day:
            status = "" if entry.status == "scheduled" else f" {sanitize(entry.status)}"
            line = f"  {entry.clock} {sanitize(post.alias)}{status}  {entry.message}"
            yield Text(fit(line, width))


def _print(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)
