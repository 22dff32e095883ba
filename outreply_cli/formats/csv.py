"""CSV that all readers parse the same way."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

# Some spreadsheets evaluate full-width signs too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_formula(text: str, *, is_typed: bool = False) -> str:
    """Return `text` escaped so that a spreadsheet shows it instead of evaluating it.

    A cell that is typed as text is not evaluated: `is_typed` escapes only what looks escaped, so
    that `unescape_formula` returns the text of every cell.
    """
    start = text.lstrip("'")
    is_escaped = start.startswith(_FORMULA_STARTS) and not (is_typed and start == text)
    return f"'{text}" if is_escaped else text


def unescape_formula(text: str) -> str:
    """Return the text that `escape_formula` escaped."""
    is_escaped = text[:1] == "'" and text.lstrip("'").startswith(_FORMULA_STARTS)
    return text[1:] if is_escaped else text


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield each row as text that ends with a line feed."""
    stream = io.StringIO()
    # With this terminator, cells with a lone carriage return are quoted too.
    writer = csv.writer(stream, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        yield stream.getvalue()[:-2] + "\n"
        stream.seek(0)
        stream.truncate()
