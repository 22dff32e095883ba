"""Tables on a terminal; the only module, with progress, that draws with rich."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from outreply_cli.terminal.output import Column, Item, Output

_GAP = 2
_NARROWEST = 8
_WIDE = 110


def console_for(output: "Output") -> Console:
    """A console that writes to `output` and reads no markup in what it writes."""
    return Console(
        file=output.stream,
        force_terminal=output.is_terminal,
        no_color=not output.color,
        color_system="auto" if output.color else None,
        width=output.width,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )


def print_table(output: "Output", items: Sequence["Item"], columns: Sequence["Column"]) -> None:
    """Show one line for each item; flexible columns give way until a line fits the terminal."""
    narrow = output.width < _WIDE
    rows = [[column.text(item, narrow=narrow) for column in columns] for item in items]
    widths = fitted_widths(
        [[column.header for column in columns], *rows],
        flexible=[column.flexible for column in columns],
        width=output.width,
    )
    console = console_for(output)
    _print_line(console, [Text(column.header, style="bold") for column in columns], widths)
    if not output.plain:
        rule = sum(widths) + _GAP * (len(widths) - 1)
        console.print(Text("─" * min(rule, output.width), style="dim"), soft_wrap=True)
    for item, row in zip(items, rows, strict=True):
        cells = [
            Text(cell, style=column.style(item) if column.style else "")
            for cell, column in zip(row, columns, strict=True)
        ]
        _print_line(console, cells, widths)


def print_groups(
    output: "Output",
    groups: Sequence[tuple[str, Sequence["Item"]]],
    columns: Sequence["Column"],
) -> None:
    """Show groups of items, each below its heading, their columns one below the other."""
    narrow = output.width < _WIDE
    rows = [
        [[c.text(item, narrow=narrow) for c in columns] for item in items] for _, items in groups
    ]
    widths = fitted_widths(
        [row for group in rows for row in group] or [[""] * len(columns)],
        flexible=[column.flexible for column in columns],
        width=output.width - _GAP,
    )
    console = console_for(output)
    for (heading, items), group in zip(groups, rows, strict=True):
        title = Text(heading, style="bold")
        title.truncate(output.width, overflow="ellipsis")
        console.print(title, soft_wrap=True)
        for item, row in zip(items, group, strict=True):
            cells = [
                Text(cell, style=column.style(item) if column.style else "")
                for cell, column in zip(row, columns, strict=True)
            ]
            _print_line(console, cells, widths, indent=_GAP)


def _print_line(
    console: Console, cells: Sequence[Text], widths: Sequence[int], *, indent: int = 0
) -> None:
    line = Text(" " * indent)
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        last = place == len(widths) - 1
        cell.truncate(width, overflow="ellipsis", pad=not last)
        line.append_text(cell)
        if not last:
            line.append(" " * _GAP)
    console.print(line, soft_wrap=True)


def fitted(text: str, width: int) -> str:
    """`text` in at most `width` terminal cells; its end gives way."""
    shown = Text(text)
    shown.truncate(width, overflow="ellipsis")
    return shown.plain


def print_pairs(output: "Output", pairs: Sequence[tuple[str, str, str]]) -> None:
    """Show `(name, value, style)` as lines, the values in one column."""
    console = console_for(output)
    width = max((cell_len(name) for name, _, _ in pairs), default=0)
    for name, value, style in pairs:
        label = Text(name, style="bold")
        label.truncate(width + _GAP, pad=True)
        # A style of the label would be one of the value too.
        line = Text().append_text(label).append(value, style=style)
        console.print(line, soft_wrap=True)


def fitted_widths(
    rows: Sequence[Sequence[str]], *, flexible: Sequence[bool], width: int
) -> list[int]:
    """How wide each column may be, in terminal cells, so that a line fits `width`.

    The widest flexible column gives way first. Columns that may not give way keep their width,
    even when the line is then too long: an id that is cut is no id.
    """
    widths = [max((cell_len(row[i]) for row in rows), default=0) for i in range(len(flexible))]
    spare = width - sum(widths) - _GAP * (len(widths) - 1)
    while spare < 0:
        candidates = [i for i, may in enumerate(flexible) if may and widths[i] > _NARROWEST]
        if not candidates:
            break
        widest = max(candidates, key=lambda i: widths[i])
        widths[widest] -= 1
        spare += 1
    return widths
