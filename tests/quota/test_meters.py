"""Bars of limits."""

import io
import re

from hypothesis import given, strategies as st
from rich.cells import cell_len

from outreply_cli.commands.quota.bars import print_meters
from outreply_cli.commands.quota.output import Meter
from outreply_cli.ui.output import Output

METERS = [
    Meter("this month", "publishes", "84", "500", "416", 84 / 500, "416 left"),
    Meter("this month", "replies", "3,000", "3,000", "0", 1.0, "0 left"),
    Meter("this month", "writes", "17", "-", "-", None),
    Meter("in any hour", "instagram:日本", "1", "8", "7", 1 / 8),
]

AT_60 = """\
this month
  publishes       ███░░░░░░░░░░░░░░░░░░  16%  84 of 500
  replies         █████████████████████ 100%  3,000 of 3,000
  writes                                      17
in any hour
  instagram:日本  ██░░░░░░░░░░░░░░░░░░░  12%  1 of 8
"""


def render(meters: list[Meter], width: int) -> str:
    stream = io.StringIO()
    print_meters(Output(stream, is_terminal=True, width=width), meters)
    return re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())


def test_bars_are_drawn_within_60_columns() -> None:
    assert render(METERS, 60) == AT_60


def test_notes_are_aligned_on_wide_terminal() -> None:
    lines = render(METERS, 120).splitlines()
    assert lines[1].index("416 left") == lines[2].index("0 left")


@given(st.floats(0, 1.5), st.integers(50, 200))
def test_bar_fits_and_is_full_only_at_limit(share: float, width: int) -> None:
    meter = Meter("g", "name", "1", "2", "1", share)
    line = render([meter], width).splitlines()[1]
    assert cell_len(line) <= width
    assert ("░" not in line) == (share >= 1)
    assert ("█" in line) == (share > 0)
    assert ("100%" in line) == (1 <= share < 1.01)


def test_can_draw_requires_utf8_terminal_without_plain() -> None:
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    assert Output(io.StringIO(), is_terminal=True).can_draw
    assert not Output(io.StringIO()).can_draw
    assert not Output(io.StringIO(), is_terminal=True, plain=True).can_draw
    assert not Output(latin, is_terminal=True).can_draw
