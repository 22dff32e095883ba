"""A week or a month of posts on a terminal, as a grid or (if it is narrow) as an agenda."""

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
    lay_out,
)
from outreply_cli.commands.posts.calendar_period import Period
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.spec.platforms import find_platform
from outreply_cli.ui.cells import fit, pad
from outreply_cli.ui.output import Output

_MIN_GRID_WIDTH = 60
_MONTH_LINES = 5
_WEEK_LINES = 30
_MESSAGE_LINES = 3
# Width from which messages are shown below posts.
_MIN_MESSAGE_COLUMN = 9
# Readable on black and white; red is for failed posts.
_BRAND_STYLES = ("cyan", "magenta", "green", "bold cyan", "bold magenta", "bold green")


def print_calendar(
    output: Output, period: Period, posts: Sequence[CalendarPost], zone: ZoneInfo
) -> None:
    """Print `posts` as a grid if it fits, otherwise as an agenda."""
    marks = brand_marks([sanitize(post.brand) for post in posts])
    entries = [_cell_post(post, zone, marks[sanitize(post.brand)]) for post in posts]
    console = output.console
    counts = Counter(sanitize(entry.status) for entry in entries)
    summary = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no posts"
    _print(console, Text(f"{period.title} ({zone.key}): {summary}", style="bold"))
    if output.can_draw and output.width >= _MIN_GRID_WIDTH:
        _draw_grid(console, output.width, period, entries)
        _draw_legend(console, output.width, marks, entries)
    else:
        for line in _agenda(period, posts, entries, output.width):
            _print(console, line)


def _cell_post(post: CalendarPost, zone: ZoneInfo, mark: str) -> CellPost:
    local = post.at.astimezone(zone)
    platform = find_platform(post.platform)
    return CellPost(
        day=local.date(),
        time_text=f"{local:%H:%M}",
        code=platform.code if platform else sanitize(post.platform)[:2].upper().ljust(2, "?"),
        mark=mark,
        status=str(post.post.get("status") or ""),
        message=sanitize(str(post.post.get("message") or "(media)")),
    )


def _draw_grid(console: Console, width: int, period: Period, entries: Sequence[CellPost]) -> None:
    # Seven columns between eight lines.
    column = (width - 8) // 7
    styles = _post_styles(entries)
    _rule(console, ("┌", "┬", "┐"), column)
    if period.month is not None:
        names = [f"{day:%a}" for day in period.weeks[0]]
        _row(console, [Text(name, style="bold") for name in names], column)
        _rule(console, ("├", "┼", "┤"), column)
    for index, week in enumerate(period.weeks):
        if index:
            _rule(console, ("├", "┼", "┤"), column)
        cells = lay_out(
            [day for day in week if period.has(day)],
            entries,
            width=column,
            max_lines=_WEEK_LINES if period.month is None else _MONTH_LINES,
            message_lines=_MESSAGE_LINES
            if period.month is None and column > _MIN_MESSAGE_COLUMN
            else 0,
        )
        by_day = {cell.day: cell for cell in cells}
        _row(console, [_heading(day, period, column) for day in week], column)
        for line in range(max(len(cell.lines) for cell in cells) or 1):
            row = [_line_text(by_day.get(day), line, styles) for day in week]
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
    label = f"[{name}]"
    return Text(f"{label} today" if len(label) + 6 <= column else label, style="bold reverse")


def _line_text(cell: Cell | None, index: int, styles: Sequence[str]) -> Text:
    if cell is None or index >= len(cell.lines):
        return Text()
    line = cell.lines[index]
    if line.post is None:
        return Text(line.text, style="bold")
    return Text(line.text, style=styles[line.post] if line.is_head else "")


def _post_styles(entries: Sequence[CellPost]) -> list[str]:
    marks = sorted({entry.mark for entry in entries})
    styles = {mark: _BRAND_STYLES[i % len(_BRAND_STYLES)] for i, mark in enumerate(marks)}
    return ["bold red" if entry.status == "failed" else styles[entry.mark] for entry in entries]


def _row(console: Console, cells: Sequence[Text], column: int) -> None:
    # A style of the line would apply to the cells too.
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


def _agenda(
    period: Period, posts: Sequence[CalendarPost], entries: Sequence[CellPost], width: int
) -> Iterator[Text]:
    pairs = zip(posts, entries, strict=True)
    for day, day_pairs in groupby(pairs, key=lambda pair: pair[1].day):
        today = " (today)" if day == period.today else ""
        yield Text(f"{day:%a} {day.day} {day:%b %Y}{today}", style="bold")
        for post, entry in day_pairs:
            status = "" if entry.status == "scheduled" else f" {sanitize(entry.status)}"
            line = f"  {entry.time_text} {sanitize(post.alias)}{status}  {entry.message}"
            yield Text(fit(line, width))


def _print(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)
