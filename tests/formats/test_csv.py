"""CSV lines, parsed by the standard library in strict mode."""

import csv
import io

from hypothesis import given, strategies as st

from outreply_cli.formats.csv import csv_lines

CELLS = st.text(st.sampled_from('a",;\r\n\t é\u2028'), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=4))
def test_csv_roundtrip(rows: list[list[str]]) -> None:
    text = "".join(csv_lines(rows))
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


def test_csv_quotes_only_if_needed() -> None:
    assert list(csv_lines([["a", "b c"], ["1", 'x"y']])) == ["a,b c\n", '1,"x""y"\n']
