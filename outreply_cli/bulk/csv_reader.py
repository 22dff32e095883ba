"""CSV calendars in the dialects that spreadsheets save."""

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
from outreply_cli.formats.text import TextEncodingError, decode_text

_DELIMITERS = (",", ";", "\t")
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_SAVE_AS = "in the spreadsheet, choose 'Save as' and 'CSV UTF-8'"
_CELL_MAX_CHARACTERS = 1_000_000
_ROWS_AND_PROBLEMS_MAX = 200_000
_COLUMNS_MAX = 1_000


def read_csv(calendar: Calendar, content: bytes, columns: Mapping[str, str]) -> None:
    """Add the rows and problems of a CSV file, in UTF-8 or (with a byte order mark) UTF-16.

    `columns` maps lower-case column names to fields, as `--columns` does; "" ignores a column.
    """
    if content.startswith((_ZIP, _OLD_EXCEL)):
        calendar.add_error(0, "", f"the file is a spreadsheet, not CSV; {_SAVE_AS}")
        return
    try:
        text = decode_text(content)
    except TextEncodingError as problem:
        calendar.add_error(problem.line, "", f"the file {problem}; {_SAVE_AS}")
        return
    csv.field_size_limit(_CELL_MAX_CHARACTERS)
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    fields: list[str | None] | None = None
    used: list[tuple[int, str]] = []
    for line, cells in _records(calendar, reader):
        if fields is None:
            fields = _parse_header(calendar, line, cells, columns)
            if not {"page", "scheduled_at"} <= set(fields):
                return
            used = [(index, name) for index, name in enumerate(fields) if name]
        else:
            _add_row(calendar, line, used, cells, len(fields))
    if fields is None and not calendar.problems:
        message = "the file is empty; start with a header row: page,scheduled_at,message"
        calendar.add_error(1, "", message)
    check_duplicate_keys(calendar)


def _records(calendar: Calendar, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank with their lines, up to the first invalid one."""
    next_line = 1
    try:
        for cells in reader:
            line, next_line = next_line, reader.line_num + 1
            if len(calendar.rows) + len(calendar.problems) >= _ROWS_AND_PROBLEMS_MAX:
                message = f"more than {_ROWS_AND_PROBLEMS_MAX} rows and problems; split the file"
                calendar.add_error(line, "", message)
                return
            if any(cells) and not "".join(cells).isspace():
                yield line, cells
    except csv.Error as problem:
        message = f"invalid CSV from here on: {problem}; check the quotation marks"
        calendar.add_error(next_line, "", message)


def _parse_header(
    calendar: Calendar, line: int, cells: list[str], columns: Mapping[str, str]
) -> list[str | None]:
    fields: list[str | None] = []
    if len(cells) > _COLUMNS_MAX:
        message = f"{len(cells)} columns, but the limit is {_COLUMNS_MAX}; remove unknown columns"
        calendar.add_error(line, "", message)
        return fields
    for cell in cells:
        mapped = columns.get(cell.strip().lower())
        name = normalize_field(cell) if mapped is None else mapped
        if name is None and cell.strip():
            message = unknown_field_message(cell, is_column=True)
            calendar.add_error(line, cell.strip(), message)
        elif name and name in fields:
            calendar.add_error(line, cell.strip(), f"two columns map to {name}; keep one of them")
        fields.append(name or None)
    for required in ("page", "scheduled_at"):
        if required not in fields:
            message = f"missing column {required!r}; start with: page,scheduled_at,message"
            calendar.add_error(line, required, message)
    return fields


def _add_row(
    calendar: Calendar, line: int, columns: Sequence[tuple[int, str]], cells: list[str], width: int
) -> None:
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        message = (
            f"the row has {len(cells)} cells, but the header has {width}; quote cells that "
            "contain a delimiter"
        )
        calendar.add_error(line, "", message)
        return
    values: dict[str, Any] = {}
    for index, name in columns:
        cell = cells[index] if index < len(cells) else ""
        if not cell or cell.isspace():
            continue
        if name == "message":
            values[name] = cell
        elif name in LIST_FIELDS:
            values[name] = split_urls(cell) if name == "media_urls" else split_list(cell)
        else:
            values[name] = cell.strip()
    calendar.rows.append(make_row(calendar, line, values))
