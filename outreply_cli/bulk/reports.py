"""Reports of bulk runs as JSON, CSV and workbooks."""

import codecs
import csv
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from outreply_cli.bulk.calendar import STDIN, Calendar
from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.headers import REPORT_COLUMNS
from outreply_cli.bulk.plan import ActionType, Plan
from outreply_cli.bulk.workbook_writer import MAX_CELL_CHARACTERS, check_can_write, write_table
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.csv import escape_formula
from outreply_cli.pages import page_alias
from outreply_cli.storage.files import check_replaceable, write_file
from outreply_cli.timestamps import format_timestamp

# Pairs of a calendar file and the result of a row.
Results = Sequence[tuple[str, RowResult]]

_SUMMARY_KEYS = {
    ActionType.CREATE: "created",
    ActionType.CHANGE: "changed",
    ActionType.KEEP: "unchanged",
    ActionType.CANCEL: "cancelled",
}
_SUFFIXES = (".csv", ".xlsx")
# Bytes of a workbook's XML that are read: its header row is at the start.
_MAX_HEADER_BYTES = 2**20
COLUMNS = ("file", "line", "key", "page_id", "scheduled_at", "action", "status", "id", "error")


def results_from_plan(plan: Plan) -> list[RowResult]:
    """Return the actions of a plan as the results of a dry run."""
    return [
        RowResult(
            action, RowStatus.UNKNOWN if action.unresolved else RowStatus.PLANNED, action.post_id
        )
        for action in plan.actions
    ]


def build_report(results: Results) -> dict[str, Any]:
    """Return the JSON report: a summary whose counts add up to the rows, and the rows."""
    return {"summary": summarize(results), "rows": [_row(file, item) for file, item in results]}


def summarize(results: Results) -> dict[str, int]:
    """Return the count of rows by what happened to them."""
    summary = dict.fromkeys((*_SUMMARY_KEYS.values(), "failed", "pending", "unknown"), 0)
    for _, result in results:
        summary[summary_key(result)] += 1
    return summary


def summary_key(result: RowResult) -> str:
    """Return the name of the summary's count that includes a result."""
    if result.status in {RowStatus.FAILED, RowStatus.PENDING, RowStatus.UNKNOWN}:
        return result.status.value
    return _SUMMARY_KEYS[result.action.kind]


@dataclass(frozen=True)
class ReportFile:
    """The file for the results of a run, as CSV or as a workbook.

    For a single file with columns, the report has its columns and rows, and adds the results.
    Otherwise, it has the columns of results only.
    """

    path: Path
    calendar: Calendar | None

    @classmethod
    def for_calendars(cls, path: Path, calendars: Sequence[Calendar]) -> Self:
        """Return the report of `calendars`; raises InvalidInputError if it cannot be written."""
        if path.suffix.lower() not in _SUFFIXES:
            raise InvalidInputError(
                f"--report: {path} is neither a .csv nor a .xlsx file",
                hint="Use a name such as done.csv or done.xlsx.",
            )
        paths = [calendar.path for calendar in calendars]
        check_replaceable("--report", path, "a report", _is_report, paths)
        own = [item for item in calendars if item.header and item.file_name != STDIN]
        report = cls(path, own[0] if len(own) == len(calendars) == 1 else None)
        if report._is_workbook:
            check_can_write()
            report._check_cells()
        return report

    @property
    def _is_workbook(self) -> bool:
        return self.path.suffix.lower() == ".xlsx"

    def write(self, results: Results, links: Mapping[str, str]) -> None:
        """Replace the file with the results and the `links` of posts by their ID.

        Raises:
            StorageError: The file cannot be written.
        """
        if self.calendar is not None:
            header, rows = _own_columns(self.calendar, results, links)
        else:
            header, rows = COLUMNS, ([*_cells(_row(file, result))] for file, result in results)
        table = [header, *rows]
        write_file(self.path, write_table(table) if self._is_workbook else _csv_bytes(table))

    def _check_cells(self) -> None:
        for line, cells in (self.calendar.records if self.calendar is not None else {}).items():
            if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
                raise InvalidInputError(
                    f"--report: line {line} has a cell of more than {MAX_CELL_CHARACTERS:,} "
                    "characters, which a workbook cannot hold",
                    hint="Write the report as .csv.",
                )


def _is_report(content: bytes) -> bool:
    """Return whether a file has the columns of a report."""
    is_workbook = content.startswith(b"PK")
    text = _read_sheet(content) if is_workbook else content.removeprefix(codecs.BOM_UTF8)
    if all(name.encode() in text for name in REPORT_COLUMNS):
        return True
    if is_workbook:
        return all(f">{name}<".encode() in text for name in COLUMNS)
    return text.startswith(",".join(COLUMNS).encode())


def _read_sheet(content: bytes) -> bytes:
    """Return the start of the first sheet of a workbook and of its texts, as XML."""
    found = b""
    with suppress(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError):
        archive = zipfile.ZipFile(io.BytesIO(content))
        for name in ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"):
            with suppress(KeyError), archive.open(name) as part:
                found += part.read(_MAX_HEADER_BYTES)
    return found


def _own_columns(
    calendar: Calendar, results: Results, links: Mapping[str, str]
) -> tuple[Sequence[str], Iterator[Sequence[str]]]:
    by_line: dict[int | None, list[RowResult]] = defaultdict(list)
    for _, result in results:
        by_line[result.action.line].append(result)
    # A report of a report has the new results only.
    kept = [index for index, name in enumerate(calendar.header) if name not in REPORT_COLUMNS]

    def make_row(line: int, cells: Sequence[str]) -> list[str]:
        own = [cells[index] if index < len(cells) else "" for index in kept]
        if [cell.strip() for cell in cells] == calendar.header:
            # The header row again.
            return [*own, *REPORT_COLUMNS]
        return [*own, *_added_cells(by_line[line], links)]

    header = [*(calendar.header[index] for index in kept), *REPORT_COLUMNS]
    return header, (make_row(line, cells) for line, cells in calendar.records.items())


def _added_cells(results: Sequence[RowResult], links: Mapping[str, str]) -> Iterator[str]:
    """Yield the cells of REPORT_COLUMNS: the posts of a row on several pages are in one cell."""
    ids = [result.post_id or "" for result in results]
    statuses = [result.status.value for result in results]
    yield _join(ids)
    # One word where all posts have the same status.
    yield _join(statuses if len(set(statuses)) > 1 else statuses[:1])
    yield _join(_explain(result, with_page=len(results) > 1) for result in results)
    yield _join(links.get(post_id, "") for post_id in ids)


def _join(texts: Iterable[str]) -> str:
    return "; ".join(filter(None, texts))


def _explain(result: RowResult, *, with_page: bool) -> str:
    text = result.action.reason if result.action.unresolved else ""
    if result.error is not None:
        text = f"{result.error.code}: {result.error.message}"
    if text and with_page and result.action.post is not None:
        return f"{page_alias(result.action.post.page)}: {text}"
    return text


def _csv_bytes(table: Sequence[Sequence[str]]) -> bytes:
    # Readers guess the separator from the header row: use the one that is most frequent there.
    names = "".join(table[0])
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=max(",", ";", "\t", key=names.count))
    writer.writerows([escape_formula(cell) for cell in cells] for cells in table)
    # Lone surrogates in a server's text are written as escapes.
    return codecs.BOM_UTF8 + stream.getvalue().encode(errors="backslashreplace")


def _row(file: str, result: RowResult) -> dict[str, Any]:
    action, error = result.action, result.error
    return {
        "file": file,
        "line": action.line,
        "key": action.key,
        "page_id": action.page_id,
        "scheduled_at": format_timestamp(action.scheduled_at),
        "action": action.kind.value,
        "status": result.status.value,
        "id": result.post_id,
        "error": {"code": error.code, "message": error.message} if error else None,
    }


def _cells(row: dict[str, Any]) -> Iterator[str]:
    for column in COLUMNS:
        value = row[column]
        if isinstance(value, dict):
            value = f"{value['code']}: {value['message']}"
        yield "" if value is None else str(value)
