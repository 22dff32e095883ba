"""Tables on a terminal, as lines of text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from outreply_cli.ui.cells import cell_len, fit, pad
from outreply_cli.ui.columns import Column, Item

_GAP = 2
_MIN_WIDTH = 6
_WIDE = 110
# Minimum width of a flexible column on a wrapped line.
_MIN_WRAPPED_WIDTH = 24
# The lines of a row, each with the indexes and widths of its columns.
Layout = Sequence[Sequence[tuple[int, int]]]


# Puts a text in a style.
Style = Callable[[str, str], str]


def table_lines(
    items: Sequence[Item], columns: Sequence[Column], width: int, style: Style, *, has_rule: bool
) -> Iterator[str]:
    """Yield one line per item, or several if one would leave too little of each column."""
    if not items:
        yield "No results."
        return
    headers = [column.header for column in columns]
    rows = _texts(items, columns, width)
    flexible = [column.shrinkable for column in columns]
    layout = arrange([headers, *rows], flexible=flexible, width=width)
    yield from _row_lines(headers, ["bold"] * len(headers), layout, style)
    if has_rule:
        rule = max(_line_width([width for _, width in line]) for line in layout)
        yield style("─" * min(rule, width), "dim")
    for item, row in zip(items, rows, strict=True):
        yield from _row_lines(row, [column.get_style(item) for column in columns], layout, style)


def group_lines(
    groups: Sequence[tuple[str, Sequence[Item]]],
    columns: Sequence[Column],
    width: int,
    style: Style,
) -> Iterator[str]:
    """Yield groups of items below their headings, with the same columns."""
    rows = _texts([item for _, items in groups for item in items], columns, width - _GAP)
    flexible = [column.shrinkable for column in columns]
    layout = arrange(rows, flexible=flexible, width=width - _GAP)
    remaining = iter(rows)
    for heading, items in groups:
        yield style(fit(heading, width), "bold")
        for item, row in zip(items, islice(remaining, len(items)), strict=True):
            styles = [column.get_style(item) for column in columns]
            yield from _row_lines(row, styles, layout, style, indent=_GAP)


def pair_lines(pairs: Sequence[tuple[str, str, str]], style: Style) -> Iterator[str]:
    """Yield `(name, value, style)` as lines, the values in one column."""
    width = max((cell_len(name) for name, _, _ in pairs), default=0)
    for name, value, value_style in pairs:
        yield style(pad(name, width + _GAP), "bold") + style(value, value_style)


def _texts(items: Sequence[Item], columns: Sequence[Column], width: int) -> list[list[str]]:
    """The texts of the cells: in full if the terminal is wide enough, else the short ones."""
    if width >= _WIDE:
        rows = [[column.text(item) for column in columns] for item in items]
        if _line_width(natural_widths(rows, len(columns))) <= width:
            return rows
    return [[column.text(item, narrow=True) for column in columns] for item in items]


def _row_lines(
    cells: Sequence[str], styles: Sequence[str], layout: Layout, style: Style, indent: int = 0
) -> Iterator[str]:
    for number, line_columns in enumerate(layout):
        line = " " * (indent + (_GAP if number else 0))
        for index, width in line_columns:
            text = fit(cells[index], width)
            spaces = " " * (width - cell_len(text) + _GAP)
            line += style(text, styles[index]) + spaces
        line = line.rstrip()
        if line or not number:
            yield line


def _line_width(widths: Iterable[int]) -> int:
    return sum(width + _GAP for width in widths) - _GAP


def arrange(rows: Sequence[Sequence[str]], *, flexible: Sequence[bool], width: int) -> Layout:
    """The layout of the columns: on one line if enough is left of each, else on several.

    Lines after the first are indented and narrower by the indent.
    """
    natural = natural_widths(rows, len(flexible))
    fitted = fit_widths(natural, flexible=flexible, width=width)
    if _line_width(fitted) <= width:
        return [list(enumerate(fitted))]
    min_widths = [
        min(full, _MIN_WRAPPED_WIDTH) if shrinks else full
        for full, shrinks in zip(natural, flexible, strict=True)
    ]
    lines: list[list[int]] = [[]]
    for index in range(len(natural)):
        available = width - (_GAP if len(lines) > 1 else 0)
        if lines[-1] and _line_width(min_widths[i] for i in (*lines[-1], index)) > available:
            lines.append([])
        lines[-1].append(index)
    layout = []
    for number, line in enumerate(lines):
        available = width - (_GAP if number else 0)
        fitted = fit_widths(
            [natural[i] for i in line], flexible=[flexible[i] for i in line], width=available
        )
        layout.append(list(zip(line, fitted, strict=True)))
    return layout


def natural_widths(rows: Sequence[Sequence[str]], count: int) -> list[int]:
    """The width of each of `count` columns in terminal cells, if nothing is cut."""
    return [max((cell_len(row[i]) for row in rows), default=0) for i in range(count)]


def fit_widths(natural: Sequence[int], *, flexible: Sequence[bool], width: int) -> list[int]:
    """The widths of the columns, so that a line fits `width`.

    The widest flexible column shrinks first. Other columns keep their width even if the line gets
    too long, so that IDs stay complete.
    """
    widths = list(natural)
    while _line_width(widths) > width:
        candidates = [i for i, shrinks in enumerate(flexible) if shrinks and widths[i] > _MIN_WIDTH]
        if not candidates:
            break
        widths[max(candidates, key=lambda i: widths[i])] -= 1
    return widths
