"""Limits and their use as bars on a terminal."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.text import Text

from outreply_cli.commands.quota.output import Meter
from outreply_cli.ui.cells import fit, pad
from outreply_cli.ui.output import Output

_MAX_BAR_WIDTH = 24
_MIN_BAR_WIDTH = 6
_MAX_NAME_WIDTH = 30
_MIN_NAME_WIDTH = 8
# Two cells before the name, two after it, and ` 100%  ` before the figures.
_GAPS_WIDTH = 11


def print_meters(output: Output, meters: Sequence[Meter]) -> None:
    """Print meters as bars that fit the terminal."""
    console = output.console
    for line in _lines(meters, output.width):
        console.print(line, soft_wrap=True)


def live_meters(output: Output, snapshots: Iterable[tuple[str, Sequence[Meter]]]) -> None:
    """Draw each `(heading, meters)` in place of the one before."""
    console = output.console
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for heading, meters in snapshots:
            lines = [Text(heading, style="dim"), *_lines(meters, output.width)]
            live.update(Group(*lines), refresh=True)


def _lines(meters: Sequence[Meter], width: int) -> list[Text]:
    rows = [(meter, _figures(meter)) for meter in meters]
    name_width = min(_MAX_NAME_WIDTH, max((cell_len(meter.name) for meter in meters), default=0))
    figures_width = max((len(figures) for _, figures in rows), default=0)
    room = width - name_width - figures_width - _GAPS_WIDTH
    if room < _MIN_BAR_WIDTH:
        name_width = max(_MIN_NAME_WIDTH, name_width - (_MIN_BAR_WIDTH - room))
        room = width - name_width - figures_width - _GAPS_WIDTH
    bar_width = min(_MAX_BAR_WIDTH, room) if room >= _MIN_BAR_WIDTH else 0
    lines = []
    for group, group_rows in groupby(rows, key=lambda row: row[0].group):
        lines.append(Text(group, style="bold"))
        for meter, figures in group_rows:
            line = _line(meter, figures, name_width, bar_width)
            gap = figures_width - len(figures) + 2
            if meter.note and line.cell_len + gap + len(meter.note) <= width:
                line.append(" " * gap + meter.note, style="dim")
            lines.append(line)
    return lines


def _line(meter: Meter, figures: str, name_width: int, bar_width: int) -> Text:
    line = Text(f"  {pad(fit(meter.name, name_width), name_width)}  ")
    if bar_width:
        line.append_text(_bar(meter.share, bar_width))
    percent = "" if meter.share is None else meter.percent
    return line.append(f" {percent:>4}  {figures}")


def _bar(share: float | None, width: int) -> Text:
    if share is None:
        return Text(" " * width)
    # Any use fills one cell, and only full use fills all of them.
    filled = max(int(share * width), 1 if share > 0 else 0)
    filled = min(filled, width if share >= 1 else width - 1)
    style = "red" if share >= 0.95 else "yellow" if share >= 0.8 else "green"
    return Text().append("█" * filled, style=style).append("░" * (width - filled), style="dim")


def _figures(meter: Meter) -> str:
    if meter.share is None:
        return meter.used if meter.used != "-" else meter.limit
    return f"{meter.used} of {meter.limit}"
