"""CSV that all readers parse the same way."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence


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
