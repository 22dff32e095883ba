"""Limits and what is used of them, as bars on a terminal."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.text import Text

from outreply_cli.commands.quota.meters import Meter
from outreply_cli.ui.cells import fit, pad
from outreply_cli.ui.output import Output
from outreply_cli.ui.tables import console_for

_BAR_LONGEST = 24
_BAR_SHORTEST = 6
_NAME_LONGEST = 30


def print_meters(output: Output, meters: Sequence[Meter]) -> None:
    """Draw each with a bar, in the terminal's width."""
    console = console_for(output)
    for line in _lines(meters, output.width):
        console.print(line, soft_wrap=True)


def live_meters(output: Output, looks: Iterable[tuple[str, Sequence[Meter]]]) -> None:
    """Draw `(heading, meters)` in one place again and again, as they come."""
    console = console_for(output)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for heading, meters in looks:
            lines = [Text(heading, style="dim"), *_lines(meters, output.width)]
            live.update(Group(*lines), refresh=True)


def _lines(meters: Sequence[Meter], width: int) -> list[Text]:
    name_width = min(_NAME_LONGEST, max((cell_len(meter.name) for meter in meters), default=0))
    told = [_figures(meter) for meter in meters]
    told_width = max((len(text) for text in told), default=0)
    # Two before the name, two after it, the bar, and ` 100%  ` before the figures.
    room = width - name_width - told_width - 11
    if room < _BAR_SHORTEST:
        name_width = max(8, name_width - (_BAR_SHORTEST - room))
        room = width - name_width - told_width - 11
    bar = min(_BAR_LONGEST, room) if room >= _BAR_SHORTEST else 0
    lines = []
    for group, of_group in groupby(zip(meters, told, strict=True), key=lambda pair: pair[0].group):
        lines.append(Text(group, style="bold"))
        for meter, figures in of_group:
            lines.append(_line(meter, figures, name_width, bar))
            gap = told_width - len(figures) + 2
            if meter.note and lines[-1].cell_len + gap + len(meter.note) <= width:
                lines[-1].append(" " * gap + meter.note, style="dim")
    return lines


def _line(meter: Meter, figures: str, name_width: int, bar: int) -> Text:
    line = Text(f"  {pad(fit(meter.name, name_width), name_width)}  ")
    if bar:
        line.append_text(_bar(meter.share, bar))
    percent = "" if meter.share is None else meter.percent
    line.append(f" {percent:>4}  {figures}")
    return line


def _bar(share: float | None, length: int) -> Text:
    if share is None:
        return Text(" " * length)
    # Something that is used shows, and only what is all used is full.
    full = max(int(share * length), 1 if share > 0 else 0)
    full = min(full, length if share >= 1 else length - 1)
    style = "red" if share >= 0.95 else "yellow" if share >= 0.8 else "green"
    return Text().append("█" * full, style=style).append("░" * (length - full), style="dim")


def _figures(meter: Meter) -> str:
    if meter.share is None:
        return meter.used if meter.used != "-" else meter.limit
    return f"{meter.used} of {meter.limit}"
