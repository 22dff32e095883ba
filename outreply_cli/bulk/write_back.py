"""Writing chosen times into a CSV calendar, which keeps every other byte.

A cell is replaced in place. The result is read again, and is refused unless it differs from the
calendar in these times only, so a file that this module does not understand stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import Calendar, normalize_field
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.bulk.headers import get_target
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.storage.files import replace_file

_MARKS = (("\ufeff".encode(), "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_FIELD = "scheduled_at"


@dataclass(frozen=True)
class EditedCalendar:
    """The content of a calendar file, before and after times were written into it."""

    path: Path
    before: bytes
    after: bytes

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
    for delimiter in (",", ";", "\t"):
        edited = _edit(text, delimiter, calendar.settings.columns, times)
        if edited is None:
            continue
        after = mark + edited.encode(encoding)
        if _has_only_times(calendar, after, times):
            return EditedCalendar(calendar.path, before, after)
    return None


def _edit(
    text: str, delimiter: str, columns: Mapping[str, str], times: Mapping[int, str]
) -> str | None:
    """Return `text` with `times`; None if no line before them names the column of times."""
    parts, position, index = [], 0, None
    for line, cells in _split(text, delimiter):
        values = [text[start:end].strip().lower() for start, end in cells]
        if index is None:
            fields = [
                columns.get(name, normalize_field(name) or get_target(name)) for name in values
            ]
            index = fields.index(_FIELD) if _FIELD in fields else None
        elif line in times and index < len(cells) and values[index] in {"", NEXT_SLOT}:
            start, end = cells[index]
            parts += [text[position:start], times[line]]
            position = end
    return None if index is None else "".join([*parts, text[position:]])


def _split(text: str, delimiter: str) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield the line of each record, and where its cells start and end inside their quotes."""
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
        position += 2 if text.startswith("\r\n", position) else 1
        yield line, cells
        line += len(re.findall(r"\r\n|\r|\n", text[start:position]))


def _has_only_times(calendar: Calendar, content: bytes, times: Mapping[int, str]) -> bool:
    edited = Calendar(calendar.file_name, calendar.path, calendar.settings, files=calendar.files)
    parse_csv(edited, content)
    expected = [
        row._replace(scheduled_at=times[row.line]) if row.line in times else row
        for row in calendar.rows
    ]
    return edited.rows == expected and edited.problems == calendar.problems
