"""Tables on a terminal."""

from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from outreply_cli.ui.cells import cell_len, fit, pad
from outreply_cli.ui.columns import Column, Item

_GAP = 2
_MIN_WIDTH = 6
_WIDE = 110
# Minimum width of a flexible column on a wrapped line.
_MIN_WRAPPED_WIDTH = 24
# The lines of a row, each with the indexes and widths of its columns.
Layout = Sequence[Sequence[tuple[int, int]]]


class _Output(Protocol):
    @property
    def width(self) -> int: ...

    def style_text(self, text: str, style: str) -> str: ...

    def print_text(self, text: str) -> None: ...


def print_table(
    output: _Output, items: Sequence[Item], columns: Sequence[Column], *, plain: bool
) -> None:
    """Print one line per item, or several if one would leave too little of each column."""
    headers = [column.header for column in columns]
    rows = _texts(items, columns, output.width)
    layout = arrange(
        [headers, *rows], flexible=[column.shrinkable for column in columns], width=output.width
    )
    _print_row(output, headers, ["bold"] * len(headers), layout)
    if not plain:
        rule = max(_line_width(line) for line in layout) if layout else 0
        output.print_text(output.style_text("─" * min(rule, output.width), "dim"))
    for item, row in zip(items, rows, strict=True):
        _print_row(output, row, _styles(item, columns), layout)


def print_groups(
    output: _Output,
    groups: Sequence[tuple[str, Sequence[Item]]],
    columns: Sequence[Column],
) -> None:
    """Print groups of items below their headings, with the same columns."""
    all_rows = _texts([item for _, items in groups for item in items], columns, output.width - _GAP)
    remaining = iter(all_rows)
    rows = [list(islice(remaining, len(items))) for _, items in groups]
    layout = arrange(
        all_rows or [[""] * len(columns)],
        flexible=[column.shrinkable for column in columns],
        width=output.width - _GAP,
    )
    for (heading, items), group in zip(groups, rows, strict=True):
        output.print_text(output.style_text(fit(heading, output.width), "bold"))
        for item, row in zip(items, group, strict=True):
            _print_row(output, row, _styles(item, columns), layout, indent=_GAP)


def _texts(items: Sequence[Item], columns: Sequence[Column], width: int) -> list[list[str]]:
    """The texts of the cells: in full if the terminal is wide enough, else the short ones."""
    if width >= _WIDE:
        rows = [[column.text(item) for column in columns] for item in items]
        widest = fit_widths(rows, flexible=[False] * len(columns), width=width)
        if _line_width(list(enumerate(widest))) <= width:
            return rows
    return [[column.text(item, narrow=True) for column in columns] for item in items]


def _styles(item: Item, columns: Sequence[Column]) -> list[str]:
    return [column.style(item) if column.style else "" for column in columns]


def _print_row(
    output: _Output,
    cells: Sequence[str],
    styles: Sequence[str],
    layout: Layout,
    *,
    indent: int = 0,
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


def _line_width(line: Sequence[tuple[int, int]]) -> int:
    return sum(width + _GAP for _, width in line) - _GAP


def print_pairs(output: _Output, pairs: Sequence[tuple[str, str, str]]) -> None:
    """Print `(name, value, style)` as lines, the values in one column."""
    width = max((cell_len(name) for name, _, _ in pairs), default=0)
    for name, value, style in pairs:
        label = output.style_text(pad(name, width + _GAP), "bold")
        output.print_text(label + output.style_text(value, style))


def arrange(rows: Sequence[Sequence[str]], *, flexible: Sequence[bool], width: int) -> Layout:
    """The layout of the columns: on one line if enough is left of each, else on several.

    Lines after the first are indented and narrower by the indent.
    """
    natural = [max((cell_len(row[i]) for row in rows), default=0) for i in range(len(flexible))]
    fitted = fit_widths(rows, flexible=flexible, width=width)
    if _line_width(list(enumerate(fitted))) <= width:
        return [list(enumerate(fitted))]
    lines: list[list[int]] = [[]]
    for index, full in enumerate(natural):
        min_width = min(full, _MIN_WRAPPED_WIDTH) if flexible[index] else full
        available = width - (_GAP if len(lines) > 1 else 0)
        used = sum(
            min(natural[i], _MIN_WRAPPED_WIDTH) if flexible[i] else natural[i] for i in lines[-1]
        )
        if lines[-1] and used + _GAP * len(lines[-1]) + min_width > available:
            lines.append([])
        lines[-1].append(index)
    return [
        list(zip(line, _fit_line(line, rows, flexible, width - (_GAP if number else 0)),
                 strict=True))
        for number, line in enumerate(lines)
    ]  # fmt: skip


def _fit_line(
    line: Sequence[int], rows: Sequence[Sequence[str]], flexible: Sequence[bool], width: int
) -> list[int]:
    return fit_widths(
        [[row[i] for i in line] for row in rows], flexible=[flexible[i] for i in line], width=width
    )


def fit_widths(rows: Sequence[Sequence[str]], *, flexible: Sequence[bool], width: int) -> list[int]:
    """The width of each column in terminal cells, so that a line fits `width`.

    The widest flexible column shrinks first. Other columns keep their width even if the line gets
    too long, so that IDs stay complete.
    """
    widths = [max((cell_len(row[i]) for row in rows), default=0) for i in range(len(flexible))]
    spare = width - sum(widths) - _GAP * (len(widths) - 1)
    while spare < 0:
        candidates = [i for i, shrinks in enumerate(flexible) if shrinks and widths[i] > _MIN_WIDTH]
        if not candidates:
            break
        widest = max(candidates, key=lambda i: widths[i])
        widths[widest] -= 1
        spare += 1
    return widths
