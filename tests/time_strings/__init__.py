"""Times in the forms of standards, programs and spreadsheets, and how other parsers read them.

`strings.tsv` is generated: `python -m tests.time_strings` writes it again. It requires GNU date and
Node.js; the tests only read it. All texts are read in UTC.
"""

import csv
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("strings.tsv")


class TimeString(NamedTuple):
    """A text, the time that it was made from, and the times that other parsers return.

    Times are ISO 8601; empty if a parser rejects the text, or if the text has no correct reading.
    """

    grammar: str
    text: str
    expected: str
    gnu: str
    node: str
    email: str

    @property
    def readings(self) -> set[str]:
        """All readings; more than one means that parsers disagree."""
        return {reading for reading in self[2:] if reading}


def read_strings() -> list[TimeString]:
    """Return the strings of the file."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return [TimeString(*row) for row in csv.reader(file, delimiter="\t")]
