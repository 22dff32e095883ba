"""CSV that every reader takes apart as it was put together."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence


def csv_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Each row as its text, with a line feed at its end."""
    stream = io.StringIO()
    # A cell is quoted for the characters of this ending: a carriage return alone ends rows too.
    writer = csv.writer(stream, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        yield stream.getvalue()[:-2] + "\n"
        stream.seek(0)
        stream.truncate()
