"""Calendars in workbooks: .xlsx, .xls and .ods (extra `[xlsx]`)."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from outreply_cli.bulk.calendar import Calendar, Sheet, find_target
from outreply_cli.bulk.table_reader import Record, add_records
from outreply_cli.errors import InvalidInputError, install_hint
from outreply_cli.formats.text import join_names

_MAX_UNPACKED_BYTES = 512 * 1024 * 1024
_MAX_CELLS = 20_000_000
# The filled cells of .xlsx files, and how often a cell, row or space of .ods files is repeated.
_ADDRESS = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br\s*=\s*["']([A-Z]*)(\d+)["'][^>]*(?<!/)>""")
_REPEATED = re.compile(rb'(?:-repeated|:c)\s*=\s*["\'](\d+)["\']')
_ROW_ADDRESS = re.compile(r"([A-Z]+)(\d+)")
# A sheet that has errors or formulas; some programs write a prefix before each name.
_ERROR_OR_FORMULA = re.compile(rb"""\bt\s*=\s*["']e["']|<(?:\w+:)?f[\s/>]""")
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
# What the reader leaves out of .ods files, or adds to their cells: the texts of shapes.
_ODS_MARKS = (
    b'value-type="error"', b"-rows-spanned", b"<text:tab", b"<text:line-break", b"<draw:",
)  # fmt: skip
_ODS_SPACES = {f"{_TEXT}s": " ", f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}
_ODS_TYPE = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def parse_workbook(calendar: Calendar, content: bytes) -> None:
    """Add the rows and problems of a workbook to `calendar`.

    Dates and times are typed cells; merged cells of one column have the same value.

    Raises:
        InvalidInputError: The package that reads workbooks is not installed.
    """
    try:
        import python_calamine as calamine
    except ImportError:
        raise InvalidInputError(
            f"{calendar.file_name} is a workbook, which requires outreply-cli[xlsx]",
            hint=f"{install_hint('xlsx')}. Or save the sheet as CSV.",
        ) from None
    problem = _find_problem(content)
    if problem is not None:
        calendar.add_problem(0, "", problem)
        return
    try:
        with calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            sheet = _choose_sheet(calendar, workbook, calamine.SheetVisibleEnum.Visible)
            if sheet is None:
                return
            rows = sheet.to_python(skip_empty_area=False)
            name, merged = sheet.name, sheet.merged_cell_ranges or []
    except calamine.PasswordError:
        calendar.add_problem(0, "", "the workbook has a password; save it without one")
        return
    except calamine.CalamineError as error:
        calendar.add_problem(0, "", f"the workbook is damaged, or of an unknown kind: {error}")
        return
    except BaseException as error:
        # Not an `Exception`, and its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        calendar.add_problem(0, "", "the workbook is damaged; open it, and save it again")
        return
    calendar.sheet = Sheet(name)
    is_binary = b"xl/workbook.bin" in content
    if is_binary or not content.startswith(b"PK"):
        cells = f"{'merged cells and ' * is_binary}cells with errors"
        calendar.notes.append(f"{cells} are read as empty; save it as .xlsx to find them")
    # Calamine may have read what is not XML.
    with suppress(ET.ParseError, ValueError, RecursionError):
        _mark_broken_cells(content, name, rows)
        merged += _correct_ods_cells(content, name, rows)
    _fill_merged(rows, merged)
    add_records(calendar, _records(rows))


def _find_problem(content: bytes) -> str | None:
    """Return why a workbook cannot be read: it is damaged, or its table of cells is too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > _MAX_UNPACKED_BYTES:
                return "the workbook is larger than 512 MB when unpacked; split it"
            for name in archive.namelist():
                if not name.endswith(".xml"):
                    continue
                if name.startswith("xl/worksheets/"):
                    addresses = _ADDRESS.findall(archive.read(name))
                    columns = {letters for letters, _ in addresses}
                    width = max((_column_index(item.decode()) + 1 for item in columns), default=1)
                    height = max((int(number) for _, number in addresses), default=1)
                elif name == "content.xml":
                    xml = archive.read(name)
                    # The reader loops forever on invalid XML.
                    expat.ParserCreate(namespace_separator=" ").ParseFile(io.BytesIO(xml))
                    width, height = 1, max(map(int, _REPEATED.findall(xml)), default=1)
                else:
                    continue
                if width * height > _MAX_CELLS:
                    return (
                        "a sheet has a cell far from the others, or is damaged; copy the rows to a "
                        "new workbook"
                    )
    except (expat.ExpatError, LookupError) as error:
        return f"the workbook is damaged: {error}"
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError):
        # An .xls file, or a damaged one.
        pass
    return None


def _choose_sheet(calendar: Calendar, workbook: Any, visible: Any) -> Any:
    """Return the sheet to read; None if that is unclear."""
    wanted, names = calendar.settings.sheet, workbook.sheet_names
    if wanted is not None:
        matches = [name for name in names if name.casefold() == wanted.casefold()]
        if matches:
            return workbook.get_sheet_by_name(matches[0])
        calendar.add_problem(
            0, "", f"sheet not found: {wanted!r}; the sheets are {join_names([*map(repr, names)])}"
        )
        return None
    shown = [meta.name for meta in workbook.sheets_metadata if meta.visible == visible]
    sheets = [workbook.get_sheet_by_name(name) for name in shown]
    filled = [sheet for sheet in sheets if sheet.height]
    calendars = [sheet for sheet in filled if _has_header(sheet)] or filled
    if len(calendars) == 1:
        return calendars[0]
    if not calendars:
        calendar.add_problem(0, "", "the workbook is empty; start with a header row")
    else:
        listed = join_names([repr(sheet.name) for sheet in calendars])
        message = f"several sheets may be the calendar: {listed}; choose one with --sheet"
        calendar.add_problem(0, "", message)
    return None


def _has_header(sheet: Any) -> bool:
    """Return whether one of the first rows has the headers of a time and of a text or media."""
    for row in sheet.to_python(nrows=20):
        names = [cell for cell in row if isinstance(cell, str)]
        targets = {find_target(name) for name in names}
        if targets & {"scheduled_at", "date", "year"} and targets & {"message", "media"}:
            return True
    return False


def _fill_merged(rows: list[list[Any]], ranges: Sequence[Any]) -> None:
    """Give all cells of a merged range of one column the value of the first."""
    # Ranges that overlap must not be filled again and again.
    ends: dict[int, int] = {}
    for (top, left), (bottom, right) in sorted(ranges):
        if left != right or top >= len(rows) or left >= len(rows[top]):
            continue
        for row in rows[max(top, ends.get(left, 0)) : bottom + 1]:
            row[left] = rows[top][left]
        ends[left] = max(bottom + 1, ends.get(left, 0))


def _records(rows: Sequence[Sequence[Any]]) -> Iterator[Record]:
    for line, row in enumerate(rows, start=1):
        cells = [_to_text(cell) for cell in row]
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            yield line, cells


def _to_text(cell: Any) -> str:
    """Return a cell as a CSV file would have it."""
    if isinstance(cell, str):
        return cell.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        # A workbook stores times as fractions of a day.
        cell = (cell + timedelta(microseconds=500_000)).replace(microsecond=0)
        return f"{cell:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    if isinstance(cell, date):
        return f"{cell:%Y-%m-%d}"
    if isinstance(cell, time):
        rounded = datetime.combine(date(2000, 1, 1), cell) + timedelta(microseconds=500_000)
        return f"{rounded:%H:%M:%S}".removesuffix(":00")
    return str(cell)


def _mark_broken_cells(content: bytes, sheet: str, rows: list[list[Any]]) -> None:
    """Write the errors of an .xlsx sheet into `rows`: the library leaves their cells empty."""
    xml = _read_sheet_xml(content, sheet)
    if _ERROR_OR_FORMULA.search(xml) is None:
        return
    line = column = -1
    for event, item in ET.iterparse(io.BytesIO(xml), ("start", "end")):  # noqa: S314
        name = _local_name(item)
        if event == "start" and name == "row":
            line, column = int(item.get("r", line + 2)) - 1, -1
        elif event == "start" and name == "c":
            address = _ROW_ADDRESS.fullmatch(item.get("r", ""))
            column = _column_index(address[1]) if address is not None else column + 1
        elif event == "end" and name == "c":
            texts = {_local_name(part): part.text for part in item}
            is_error = item.get("t") == "e"
            # A formula without a value was never calculated, unless its result is an empty text.
            is_unknown = "f" in texts and not texts.get("v") and item.get("t") != "str"
            is_empty = (
                0 <= line < len(rows) and column < len(rows[line]) and rows[line][column] == ""
            )
            if (is_error or is_unknown) and is_empty:
                rows[line][column] = texts.get("v") or "#N/A"
            item.clear()


def _local_name(item: ET.Element) -> str:
    return item.tag.rpartition("}")[2]


def _correct_ods_cells(content: bytes, sheet: str, rows: list[list[Any]]) -> list[Any]:
    """Write the errors and the whole texts of an .ods sheet into `rows`; return merged ranges."""
    merged: list[Any] = []
    xml = _read_part(content, "content.xml")
    if not any(mark in xml for mark in _ODS_MARKS):
        return merged
    table, line = None, 0
    for event, item in ET.iterparse(io.BytesIO(xml), ("start", "end")):  # noqa: S314
        if event == "start" and item.tag == f"{_TABLE}table":
            table, line = item.get(f"{_TABLE}name"), 0
        elif event == "end" and item.tag == f"{_TABLE}table-row":
            below = line + _count(item, "number-rows-repeated")
            column = 0
            for cell in item if table == sheet else ():
                right = column + _count(cell, "number-columns-repeated")
                text = _find_ods_text(cell)
                for row in rows[line:below] if text is not None else ():
                    row[column:right] = [text] * len(row[column:right])
                bottom = line + _count(cell, "number-rows-spanned") - 1
                last = column + _count(cell, "number-columns-spanned") - 1
                if bottom > line:
                    merged.append(((line, column), (bottom, last)))
                column = right
            line = below
            item.clear()
    return merged


def _find_ods_text(cell: ET.Element) -> str | None:
    """Return the text of a cell, or its error; None for another value."""
    if cell.get(_ODS_TYPE) == "error":
        return "".join(cell.itertext()) or "#N/A"
    if cell.get(f"{_OFFICE}value-type") != "string" or cell.get(f"{_OFFICE}string-value"):
        return None
    return "\n".join(map(_ods_text, _ods_paragraphs(cell)))


def _ods_paragraphs(item: ET.Element) -> Iterator[ET.Element]:
    """Yield the paragraphs of a cell, including those of its lists."""
    for part in item:
        if part.tag in {f"{_TEXT}p", f"{_TEXT}h"}:
            yield part
        elif part.tag.startswith(_TEXT):
            yield from _ods_paragraphs(part)


def _ods_text(item: ET.Element) -> str:
    """Return the text of a paragraph, or of a part of it."""
    if item.tag in _ODS_SPACES:
        return _ODS_SPACES[item.tag] * int(item.get(f"{_TEXT}c", "1"))
    parts = (
        (_ods_text(part) if part.tag.startswith(_TEXT) else "") + (part.tail or "") for part in item
    )
    return (item.text or "") + "".join(parts)


def _count(item: ET.Element, name: str) -> int:
    count = item.get(_TABLE + name, "1")
    return int(count) if count.isdecimal() else 1


def _read_sheet_xml(content: bytes, sheet: str) -> bytes:
    """Return the XML of a sheet of an .xlsx file; nothing for other files."""
    # Calamine has read a damaged file: only the check for broken cells is left out.
    with suppress(KeyError, ET.ParseError):
        workbook = ET.fromstring(_read_part(content, "xl/workbook.xml"))  # noqa: S314
        relations = ET.fromstring(  # noqa: S314
            _read_part(content, "xl/_rels/workbook.xml.rels")
        )
        targets = {item.get("Id"): item.get("Target") or "" for item in relations}
        for item in workbook.iter():
            if item.tag.endswith("}sheet") and item.get("name") == sheet:
                target = targets[item.get(_RELATION)]
                name = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                return _read_part(content, name)
    return b""


def _read_part(content: bytes, name: str) -> bytes:
    """Return a part of a workbook; nothing if it has none, or is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(name)
    except (zipfile.BadZipFile, KeyError, OSError, ValueError):
        return b""


def _column_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = 26 * index + ord(letter) - ord("A") + 1
    return index - 1
