"""Tables on a terminal."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from outreply_cli.ui.cells import cell_len, fit, pad
from outreply_cli.ui.columns import Column, Item

if TYPE_CHECKING:
    from outreply_cli.ui.output import Output

_GAP = 2
_MIN_WIDTH = 6
_WIDE = 110
# Minimum width of a flexible column on a wrapped line.
_MIN_WRAPPED_WIDTH = 24
# The lines of a row, each with the indexes and widths of its columns.
Layout = Sequence[Sequence[tuple[int, int]]]


def print_table(output: "Output", items: Sequence[Item], columns: Sequence[Column]) -> None:
    """Print one line per item, or several if one would leave too little of each column."""
    if not items:
        output.print_text("No results.")
        return
    headers = [column.header for column in columns]
    rows = _texts(items, columns, output.width)
    flexible = [column.shrinkable for column in columns]
    layout = arrange([headers, *rows], flexible=flexible, width=output.width)
    _print_row(output, headers, ["bold"] * len(headers), layout)
    if not output.plain:
        rule = max(_line_width([width for _, width in line]) for line in layout)
        output.print_text(output.style_text("─" * min(rule, output.width), "dim"))
    for item, row in zip(items, rows, strict=True):
        _print_row(output, row, [column.style_of(item) for column in columns], layout)


def print_groups(
    output: "Output", groups: Sequence[tuple[str, Sequence[Item]]], columns: Sequence[Column]
) -> None:
    """Print groups of items below their headings, with the same columns."""
    width = output.width - _GAP
    rows = _texts([item for _, items in groups for item in items], columns, width)
    layout = arrange(rows, flexible=[column.shrinkable for column in columns], width=width)
    remaining = iter(rows)
    for heading, items in groups:
        output.print_text(output.style_text(fit(heading, output.width), "bold"))
        for item, row in zip(items, islice(remaining, len(items)), strict=True):
            styles = [column.style_of(item) for column in columns]
            _print_row(output, row, styles, layout, indent=_GAP)


def _texts(items: Sequence[Item], columns: Sequence[Column], width: int) -> list[list[str]]:
    """The texts of the cells: in full if the terminal is wide enough, else the short ones."""
    if width >= _WIDE:
        rows = [[column.text(item) for column in columns] for item in items]
        if _line_width(natural_widths(rows, len(columns))) <= width:
            return rows
    return [[column.text(item, narrow=True) for column in columns] for item in items]


def _print_row(
    output: "Output", cells: Sequence[str], styles: Sequence[str], layout: Layout, indent: int = 0
) -> None:
    for number, line_columns in enumerate(layout):
        line = " " * (indent + (_GAP if number else 0))
        for index, width in line_columns:
            text = fit(cells[index], width)
            spaces = " " * (width - cell_len(text) + _GAP)
            line += output.style_text(text, styles[index]) + spaces
        line = line.rstrip()
        if line or not number:
            output.print_text(line)


def _line_width(widths: Iterable[int]) -> int:
    return sum(width + _GAP for width in widths) - _GAP


def print_pairs(output: "Output", pairs: Sequence[tuple[str, str, str]]) -> None:
    """Print `(name, value, style)` as lines, the values in one column."""
    width = max((cell_len(name) for name, _, _ in pairs), default=0)
    for name, value, style in pairs:
        label = output.style_text(pad(name, width + _GAP), "bold")
        output.print_text(label + output.style_text(value, style))


def arrange(rows: Sequence[Sequence[str]], *, flexible: Sequence[bool], width: int) -> Layout:
    """The layout of the columns: on one line if enough is left of each, else on several.

    Lines after the first are indented and narrower by the indent.
    """
    natural = natural_widths(rows, len(flexible))
    fitted = fit_widths(natural, flexible=flexible, width=width)
    if _line_width(fitted) <= width:
        return [list(enumerate(fitted))]
    least = [
        min(full, _MIN_WRAPPED_WIDTH) if shrinks else full
        for full, shrinks in zip(natural, flexible, strict=True)
    ]
    lines: list[list[int]] = [[]]
    for index in range(len(natural)):
        available = width - (_GAP if len(lines) > 1 else 0)
        if lines[-1] and _line_width(least[i] for i in (*lines[-1], index)) > available:
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
