"""CSV calendars in the dialects that spreadsheets save."""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.bulk.calendar import (
    LIST_FIELDS,
    Calendar,
    check_duplicate_keys,
    guess_field,
    make_row,
    normalize_field,
    split_cell,
    unknown_field_message,
)
from outreply_cli.formats.text import TextEncodingError, decode_text

_DELIMITERS = (",", ";", "\t")
# Excel's own line before the header.
_SEPARATOR_LINE = re.compile(
    r'\n*"?sep=(?P<delimiter>[^"\w\s]|\t| )"?(?P=delimiter)*[ \t]*(?:\n|$)', re.IGNORECASE
)
# The errors of Excel, LibreOffice and Google Sheets, also in German, French, Spanish and Italian.
_ERROR = re.compile(
    r"#(?:NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|BUSY!"
    r"|UNKNOWN!|ERROR!|GETTING_DATA|WERT!|BEZUG!|ZAHL!|NV|ÜBERLAUF!|VALEUR!|NOM\?|NOMBRE!"
    r"|PROPAGATION!|¡VALOR!|¡REF!|¡NUM!|¡DIV/0!|¡NULO!|¿NOMBRE\?|¡DESBORDAMIENTO!|N/D|VALORE!|RIF!"
    r"|NOME\?|ESPANSIONE!)|Err:\d{3}|#{3,}"
)
_ERROR_STARTS = frozenset("#E \n")
_CORRECT_CELL = "correct the cell (text that starts with =, +, - or @ needs a ' before it)"
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_SAVE_AS = "in the spreadsheet, choose 'Save as' and 'CSV UTF-8'"
_CELL_MAX_CHARACTERS = 1_000_000
_ROWS_AND_PROBLEMS_MAX = 200_000
_COLUMNS_MAX = 1_000


def parse_csv(calendar: Calendar, content: bytes, columns: Mapping[str, str]) -> None:
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
    separator = _SEPARATOR_LINE.match(text)
    if separator is not None:
        delimiter = separator["delimiter"]
        text = "\n" * text.count("\n", 0, separator.end()) + text[separator.end() :]
    else:
        header = text.lstrip("\n").split("\n", 1)[0]
        delimiter = max(_DELIMITERS, key=header.count)
    text = _remove_whitespace_around_quotes(text, delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records = _records(calendar, reader)
    line, names = next(records, (1, []))
    if not names:
        if not calendar.problems:
            message = "the file is empty; start with a header row: page,scheduled_at,message"
            calendar.add_error(1, "", message)
        return
    first_row = next(records, None)
    header_row = _parse_header(calendar, line, names, columns, first_row[1] if first_row else ())
    if header_row is not None and first_row is not None:
        for line, cells in itertools.chain([first_row], records):
            _add_row(calendar, line, header_row, cells)
    check_duplicate_keys(calendar)


def _remove_whitespace_around_quotes(text: str, delimiter: str) -> str:
    """Return CSV without the whitespace between a delimiter and a cell in quotation marks."""
    if not any(pair in text for pair in (' "', '" ', '\t"', '"\t')):
        return text
    edge, whitespace = re.escape(delimiter), " \t".replace(delimiter, "")

    def strip(match: re.Match[str]) -> str:
        rest = text[match.end() : match.end() + 1]
        return match[1] + match[2] if rest in {"", "\n", delimiter} else match[0]

    # Each such cell is matched as a whole, closed or not: whitespace inside of it stays.
    cell = rf'(\A|\n|{edge})[{whitespace}]*("[^"]*(?:""[^"]*)*"?)[{whitespace}]*'
    return re.sub(cell, strip, text)


def _records(calendar: Calendar, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank with their lines, up to the first invalid one."""
    next_line = 1
    try:
        for cells in reader:
            line, next_line = next_line, reader.line_num + 1
            if len(calendar.rows) + len(calendar.problems) >= _ROWS_AND_PROBLEMS_MAX:
                message = (
                    f"the file has more than {_ROWS_AND_PROBLEMS_MAX} rows and problems; split it"
                )
                calendar.add_error(line, "", message)
                return
            if any(cells) and not "".join(cells).isspace():
                yield line, cells
    except csv.Error as problem:
        message = (
            f"invalid CSV from this line: {problem}; close the quoted cell, and double quotation "
            "marks inside it"
        )
        calendar.add_error(next_line, "", message)


@dataclass(frozen=True)
class _Header:
    """The columns of a file: indexes with their field, and those of columns without a name."""

    width: int
    fields: list[tuple[int, str]]
    nameless: list[int]


def _parse_header(
    calendar: Calendar,
    line: int,
    names: list[str],
    columns: Mapping[str, str],
    first_row: Sequence[str],
) -> _Header | None:
    """Return the columns, or None if rows cannot be read without more information."""
    if len(names) > _COLUMNS_MAX:
        message = (
            f"the file has {len(names)} columns; the limit is {_COLUMNS_MAX}; remove unknown "
            "columns"
        )
        calendar.add_error(line, "", message)
        return None
    names = [name.strip() for name in names]
    mapped = [columns.get(name.lower(), normalize_field(name)) for name in names]
    _pair_date_and_time(names, mapped, columns)
    unknown: dict[str, str] = {}
    for index, name in enumerate(names):
        if mapped[index] is None and name:
            guess = guess_field(name, first_row[index] if index < len(first_row) else "")
            # Reading on as if it were mapped avoids errors that only follow from this one.
            mapped[index] = unknown[name] = guess if guess and guess not in mapped else ""
    if unknown:
        _report_unknown_columns(calendar, line, unknown, columns)
    for index, field in enumerate(mapped):
        if field and field in mapped[:index]:
            message = f"two columns map to {field}; keep one of them"
            calendar.add_error(line, names[index], message)
    missing = [] if "page" in mapped else ["page"]
    if "scheduled_at" not in mapped and not {"date", "time"} <= set(mapped):
        missing.append("scheduled_at")
    for required in missing:
        message = f"missing column {required!r}; start with: page,scheduled_at,message"
        calendar.add_error(line, required, message)
    fields = [(index, field) for index, field in enumerate(mapped) if field]
    nameless = [index for index, field in enumerate(mapped) if field is None]
    return None if missing else _Header(len(names), fields, nameless)


def _pair_date_and_time(
    names: Sequence[str], mapped: list[str | None], columns: Mapping[str, str]
) -> None:
    """Make two columns of one time `date` and `time`; a date or a time alone has no field."""
    times = [index for index, field in enumerate(mapped) if field == "scheduled_at"]
    if len(times) == 2:
        times.sort(key=lambda index: "time" in names[index].lower())
        mapped[times[0]], mapped[times[1]] = "date", "time"
    elif not {"date", "time"} <= set(mapped):
        for index, field in enumerate(mapped):
            if field in {"date", "time"} and names[index].lower() not in columns:
                mapped[index] = None


def _report_unknown_columns(
    calendar: Calendar,
    line: int,
    unknown: Mapping[str, str],
    columns: Mapping[str, str],
) -> None:
    """Add one error for the columns in `unknown`, which maps them to the fields meant, if any."""
    # The option replaces the one that was given.
    option = ",".join(f"{name}={field}" for name, field in {**columns, **unknown}.items())
    quoted = option.replace("'", "'\"'\"'")
    advice = f"--columns '{quoted}'"
    if any(mark in name for name in unknown for mark in ",="):
        advice = "another name in the file"
    if len(unknown) > 1:
        ignored = "" if all(unknown.values()) else "; an empty field ignores the column"
        names = ", ".join(map(repr, unknown))
        calendar.add_error(line, "", f"unknown columns {names}; map them with {advice}{ignored}")
        return
    for name, field in unknown.items():
        verb = " Map it with" if field else "; ignore it with"
        message = f"{unknown_field_message(name, field)}{verb} {advice}"
        calendar.add_error(line, name, message)


def _add_row(calendar: Calendar, line: int, header: _Header, cells: list[str]) -> None:
    if len(cells) > header.width and any(cell.strip() for cell in cells[header.width :]):
        message = (
            f"the row has {len(cells)} cells, but the header has {header.width}; quote cells that "
            "contain a delimiter"
        )
        calendar.add_error(line, "", message)
        return
    if any(cells[index].strip() for index in header.nameless if index < len(cells)):
        message = (
            "text in a column without a name; quote cells that contain a delimiter, or name the "
            "column"
        )
        calendar.add_error(line, "", message)
        return
    values: dict[str, Any] = {}
    for index, name in header.fields:
        cell = cells[index] if index < len(cells) else ""
        if not cell or cell.isspace():
            continue
        if cell[:1] in _ERROR_STARTS and _ERROR.fullmatch(cell.strip()):
            message = f"{cell.strip()} is a spreadsheet error; {_CORRECT_CELL}"
            calendar.add_error(line, name, message)
        if name == "message":
            values[name] = cell
        elif name in LIST_FIELDS:
            values[name] = split_cell(calendar, name, cell)
        else:
            values[name] = cell.strip()
    calendar.rows.append(make_row(calendar, line, values))
