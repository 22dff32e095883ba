"""Writing chosen times and composed texts into a calendar, which keeps every other byte.

A cell of a CSV file is replaced in place; a YAML file gets a line. The result is read again, and is
refused unless it differs from the calendar in these values only, so a file that this module does
not understand stays as it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import Calendar, Row, find_target
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.storage.files import replace_file

_MARKS = (("\ufeff".encode(), "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


@dataclass(frozen=True)
class EditedCalendar:
    """The content of a calendar file, before and after values were written into it.

    `calendar` is the calendar that is read from the new content.
    """

    path: Path
    before: bytes
    after: bytes
    calendar: Calendar

    def save(self) -> bool:
        """Replace the file; return False if it has changed since it was read.

        Raises:
            OSError: The file cannot be written.
        """
        return replace_file(self.path, self.after, expected=self.before)


def format_slot(at: datetime, zone: ZoneInfo) -> str:
    """Return a time as it is written into a file: local time with its offset."""
    return at.astimezone(zone).isoformat(timespec="seconds" if at.second else "minutes")


def write_times(calendar: Calendar, times: Mapping[int, str]) -> EditedCalendar | None:
    """Return the file of `calendar` with `times` by line, where that changes nothing else.

    None if the file is not CSV, has no column for the times, or is not the one that was read.
    """
    return _write(calendar, "scheduled_at", times) if calendar.header else None


def write_texts(calendar: Calendar, texts: Mapping[int, str]) -> EditedCalendar | None:
    """Return the file of `calendar` with the messages `texts` by line, as `write_times` does.

    A YAML file can be written as well, and a CSV file without a column for messages gets one.
    """
    return _write(calendar, "message", texts)


def _write(calendar: Calendar, field: str, values: Mapping[int, str]) -> EditedCalendar | None:
    if calendar.is_remote:
        return None
    try:
        before = calendar.path.read_bytes()
        mark, encoding = next(
            ((mark, name) for mark, name in _MARKS if before.startswith(mark)), (b"", "utf-8")
        )
        text = before[len(mark) :].decode(encoding)
    except (OSError, ValueError):
        return None
    expected = [
        _without_line(_with_value(row, field, values[row.line]) if row.line in values else row)
        for row in calendar.rows
    ]
    parse: Callable[[Calendar, bytes], None] = parse_csv
    if calendar.header:
        columns = calendar.settings.columns
        edits = [
            _edit_csv(text, delimiter, columns, field, values) for delimiter in (",", ";", "\t")
        ]
    else:
        from outreply_cli.bulk.yaml_reader import insert_messages, parse_yaml

        parse = parse_yaml
        edits = [insert_messages(text, values)]
    for edited in filter(None, edits):
        after = mark + edited.encode(encoding)
        written = Calendar(
            calendar.file_name, calendar.path, calendar.settings, file_scope=calendar.file_scope
        )
        parse(written, after)
        # A text of several lines moves the rows below it.
        before_problems, problems = (
            [problem._replace(line=0, row_line=0) for problem in item.problems]
            for item in (calendar, written)
        )
        if [*map(_without_line, written.rows)] == expected and problems == before_problems:
            return EditedCalendar(calendar.path, before, after, written)
    return None


def _with_value(row: Row, field: str, value: str) -> Row:
    if field == "message":
        return row._replace(content=row.content._replace(message=value))
    return row._replace(scheduled_at=value)


def _without_line(row: Row) -> Row:
    return row._replace(line=0, variants=tuple(map(_without_line, row.variants)))


def _edit_csv(
    text: str, delimiter: str, columns: Mapping[str, str], field: str, values: Mapping[int, str]
) -> str | None:
    """Return `text` with `values` by line; None if no line before them is a header.

    Messages get a column if there is none.
    """
    parts, position, index = [], 0, None
    for line, cells, record_end in _split(text, delimiter):
        written = [text[start:end].strip().lower() for start, end in cells]
        if index is None:
            fields = [columns.get(name, find_target(name)) for name in written]
            index = fields.index(field) if field in fields else None
            if index is None and field == "message" and "page" in fields:
                parts += [text[:record_end], f"{delimiter}{field}"]
                index, position = len(cells), record_end
        elif line in values and index >= len(cells) and field == "message":
            missing = delimiter * (index + 1 - len(cells))
            value = _quote(values[line], delimiter)
            parts += [text[position:record_end], missing, value]
            position = record_end
        elif line in values and index < len(cells) and written[index] in {"", NEXT_SLOT}:
            start, end = cells[index]
            if text[start - 1 : start] == '"':
                value = values[line].replace('"', '""')
            else:
                value = _quote(values[line], delimiter)
            parts += [text[position:start], value]
            position = end
    return None if index is None else "".join([*parts, text[position:]])


def _quote(value: str, delimiter: str) -> str:
    """Return a value as a cell."""
    is_plain = value == value.strip() and not set(value) & {delimiter, '"', "\r", "\n"}
    return value if is_plain else '"{}"'.format(value.replace('"', '""'))


def _split(text: str, delimiter: str) -> Iterator[tuple[int, list[tuple[int, int]], int]]:
    """Yield each record: its line, where its cells start and end in their quotes, and its end."""
    edge, whitespace = re.escape(delimiter), " \t".replace(delimiter, "")
    cell = re.compile(
        rf'[{whitespace}]*"(?P<quoted>[^"]*(?:""[^"]*)*)"[{whitespace}]*(?={edge}|[\r\n]|\Z)'
        rf"|(?P<plain>[^{edge}\r\n]*)"
    )
    position, line = 0, 1
    while position < len(text):
        cells, start, is_open = [], position, True
        while is_open:
            match = cell.match(text, position)
            assert match is not None  # A plain cell may be empty.
            cells.append(match.span("plain" if match["quoted"] is None else "quoted"))
            is_open = text.startswith(delimiter, match.end())
            position = match.end() + is_open
        yield line, cells, position
        position += 2 if text.startswith("\r\n", position) else 1
        line += len(re.findall(r"\r\n|\r|\n", text[start:position]))
