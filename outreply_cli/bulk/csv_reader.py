"""CSV calendars in the dialects that spreadsheets save."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from outreply_cli.bulk.calendar import Calendar, find_target
from outreply_cli.bulk.table_reader import Record, add_records
from outreply_cli.formats.text import TextEncodingError, decode_text

_DELIMITERS = (",", ";", "\t")
# Excel's own line before the header.
_SEPARATOR_LINE = re.compile(
    r'\n*"?sep=(?P<delimiter>[^"\w\s]|\t| )"?(?P=delimiter)*[ \t]*(?:\n|$)', re.IGNORECASE
)
_QUOTED_CELL = re.compile(r'(^|[,;]|(?<![ \t])\t)[ \t]*"(?:[^"]|"")*"', re.MULTILINE)
_MAX_HEADER_CHARACTERS = 50_000
_SAVE_AS = "in the spreadsheet, choose 'Save as' and 'CSV UTF-8'"
_MAX_CELL_CHARACTERS = 1_000_000


def parse_csv(calendar: Calendar, content: bytes) -> None:
    """Add the rows and problems of a CSV file, in UTF-8 or (with a byte order mark) UTF-16."""
    try:
        text = decode_text(content)
    except TextEncodingError as problem:
        calendar.add_problem(problem.line, "", f"the file {problem}; {_SAVE_AS}")
        return
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    separator = _SEPARATOR_LINE.match(text)
    if separator is not None:
        delimiter = separator["delimiter"]
        text = "\n" * text.count("\n", 0, separator.end()) + text[separator.end() :]
    else:
        delimiter = _find_delimiter(text)
    text = _remove_whitespace_around_quotes(text, delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    add_records(calendar, _records(calendar, reader))


def _find_delimiter(text: str) -> str:
    """Return the delimiter of the header, which may be below a title."""
    start = _QUOTED_CELL.sub(r"\1", text.lstrip("\n")[:_MAX_HEADER_CHARACTERS])
    header, *others = start.split("\n")
    if not any(map(header.count, _DELIMITERS)) and not find_target(header):
        header = next((line for line in others if any(map(line.count, _DELIMITERS))), header)
    return max(_DELIMITERS, key=header.count)


def _remove_whitespace_around_quotes(text: str, delimiter: str) -> str:
    """Return CSV without the whitespace between a delimiter and a cell in quotation marks."""
    found = [space for space in " \t" if space in text]
    if not any(f'{space}"' in text or f'"{space}' in text for space in found):
        return text
    edge, whitespace = re.escape(delimiter), " \t".replace(delimiter, "")

    def strip(match: re.Match[str]) -> str:
        rest = text[match.end() : match.end() + 1]
        return match[1] + match[2] if rest in {"", "\n", delimiter} else match[0]

    # Each such cell is matched as a whole, closed or not: whitespace inside of it stays.
    cell = rf'(\A|\n|{edge})[{whitespace}]*("[^"]*(?:""[^"]*)*"?)[{whitespace}]*'
    return re.sub(cell, strip, text)


def _records(calendar: Calendar, reader: Any) -> Iterator[Record]:
    """Yield the records that are not blank with their lines, up to the first invalid one."""
    next_line = 1
    try:
        for cells in reader:
            line, next_line = next_line, reader.line_num + 1
            if any(map(str.strip, cells)):
                yield line, cells
    except csv.Error as problem:
        message = (
            f"invalid CSV from this line: {problem}; close the quoted cell, and write each "
            "quotation mark inside it twice"
        )
        calendar.add_problem(next_line, "", message)
