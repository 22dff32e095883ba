"""Calendars as spreadsheets save them: CSV in any of its usual dialects."""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from outreply_cli.bulk.calendar import (
    LIST_FIELDS,
    Calendar,
    check_duplicate_keys,
    make_row,
    normalize_field,
    split_list,
    split_urls,
    unknown_field_message,
)

_DELIMITERS = (",", ";", "\t")
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_SAVE_AS = "in the spreadsheet, choose 'Save as' and 'CSV UTF-8'"
_CELL_MAX_CHARACTERS = 1_000_000
_ROWS_AND_PROBLEMS_MAX = 200_000
_COLUMNS_MAX = 1_000


def read_csv(calendar: Calendar, content: bytes, columns: Mapping[str, str]) -> None:
    """Read the rows of a CSV file into `calendar`, with everything that is wrong.

    Args:
        calendar: Empty.
        content: The file's bytes: UTF-8 with or without a mark, or UTF-16 with one.
        columns: What `--columns` renames: the file's name for a column, in lower case, to a
            field, or to nothing for a column to leave out.
    """
    if content.startswith((_ZIP, _OLD_EXCEL)):
        calendar.add_error(0, "", f"it is a spreadsheet, not CSV; {_SAVE_AS}")
        return
    text = _decode(calendar, content)
    if text is None:
        return
    csv.field_size_limit(_CELL_MAX_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    fields: list[str | None] | None = None
    columns_read: list[tuple[int, str]] = []
    for line, cells in _records(calendar, reader):
        if fields is None:
            fields = _header(calendar, line, cells, columns)
            if not {"page", "scheduled_at"} <= set(fields):
                return
            columns_read = [(place, name) for place, name in enumerate(fields) if name]
        else:
            _read_row(calendar, line, columns_read, cells, len(fields))
    if fields is None and not calendar.problems:
        calendar.add_error(1, "", "it is empty; begin with a header row: page,scheduled_at,message")
    check_duplicate_keys(calendar)


def _records(calendar: Calendar, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The records that say something, with their lines, as far as they can be read."""
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if len(calendar.rows) + len(calendar.problems) >= _ROWS_AND_PROBLEMS_MAX:
                most = f"there are more than {_ROWS_AND_PROBLEMS_MAX} rows and problems"
                calendar.add_error(line, "", f"{most}; split the file")
                return
            if any(cells) and not "".join(cells).isspace():
                yield line, cells
    except csv.Error as problem:
        calendar.add_error(begins, "", f"it is not CSV here: {problem}; check the quotation marks")


def _decode(calendar: Calendar, content: bytes) -> str | None:
    encoding = next((name for mark, name in _ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        calendar.add_error(line, "", f"it is not UTF-8 text; {_SAVE_AS}")
        return None
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        calendar.add_error(line, "", f"it has NUL characters, as UTF-16 without a mark; {_SAVE_AS}")
        return None
    return text


def _delimiter(text: str) -> str:
    header = text.lstrip("\r\n").split("\n", 1)[0]
    return max(_DELIMITERS, key=header.count)


def _header(
    calendar: Calendar, line: int, cells: list[str], columns: Mapping[str, str]
) -> list[str | None]:
    fields: list[str | None] = []
    if len(cells) > _COLUMNS_MAX:
        calendar.add_error(line, "", f"it has {len(cells)} columns; keep those we know")
        return fields
    for cell in cells:
        renamed = columns.get(cell.strip().lower())
        name = normalize_field(cell) if renamed is None else renamed
        if name is None and cell.strip():
            calendar.add_error(line, cell.strip(), unknown_field_message(cell))
        elif name and name in fields:
            calendar.add_error(line, cell.strip(), f"there are two columns for {name}; keep one")
        fields.append(name or None)
    for needed in ("page", "scheduled_at"):
        if needed not in fields:
            what = f"the header has no column {needed!r}; begin with: page,scheduled_at,message"
            calendar.add_error(line, needed, what)
    return fields


def _read_row(
    calendar: Calendar, line: int, columns: Sequence[tuple[int, str]], cells: list[str], width: int
) -> None:
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        calendar.add_error(
            line,
            "",
            f"it has {len(cells)} cells and the header has {width}; put cells with a delimiter in "
            "quotation marks",
        )
        return
    values: dict[str, Any] = {}
    present = len(cells)
    for place, name in columns:
        cell = cells[place] if place < present else ""
        if not cell or cell.isspace():
            continue
        if name == "message":
            values[name] = cell
        elif name in LIST_FIELDS:
            values[name] = split_urls(cell) if name == "media_urls" else split_list(cell)
        else:
            values[name] = cell.strip()
    calendar.rows.append(make_row(calendar, line, values))
