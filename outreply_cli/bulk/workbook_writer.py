"""Workbooks with tables, and the template of a calendar (extra `[xlsx]`)."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outreply_cli.bulk.calendar import FIELD_TABLE
from outreply_cli.errors import InvalidInputError, install_hint
from outreply_cli.formats.csv import escape_formula

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_TEMPLATE_WIDTHS = {
    "key": 14, "page": 24, "scheduled_at": 18, "timezone": 18, "message": 50, "media_files": 26,
    "media_urls": 36, "first_comment": 26, "link": 26,
}  # fmt: skip
MAX_CELL_CHARACTERS = 32_767
_DATE_FORMAT = "yyyy-mm-dd hh:mm"
# Escapes that spreadsheets read as a character, such as `_x0041_` for A; an escaped underscore.
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_UNDERSCORE = "_x005F_"
# Number of rows with drop-down lists below the examples.
_MAX_ROWS = 5_000
_HELP_WIDTHS = (18, 66, 34, 4, 30, 30)
_MODIFIED = re.compile(rb">[^<]*</dcterms:modified>")


def check_can_write() -> None:
    """Raise InvalidInputError if the package that writes workbooks is not installed."""
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise InvalidInputError(
            "writing a workbook requires outreply-cli[xlsx]",
            hint=f"{install_hint('xlsx')}. Or use CSV.",
        ) from None


def write_table(table: Sequence[Sequence[str]]) -> bytes:
    """Return a workbook with the rows of `table` as text, the first of which is its header."""
    check_can_write()
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Calendar")
    sheet.freeze_panes = "A2"

    def make_cell(text: str) -> Any:
        text = escape_formula(text, is_typed=True).encode(errors="backslashreplace").decode()
        text = _ESCAPE.sub(_UNDERSCORE, ILLEGAL_CHARACTERS_RE.sub("\ufffd", text))
        cell = WriteOnlyCell(sheet, text)
        # Never a formula.
        cell.data_type = "s"
        return cell

    for row in table:
        sheet.append([make_cell(text) if text else None for text in row])
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def template_workbook(
    pages: Sequence[str], now: datetime, examples: Iterable[Mapping[str, str]]
) -> bytes:
    """Return a workbook with example rows, and a help sheet.

    Cells of a page and of a time zone offer lists, of `pages` and of all zones.

    Raises:
        InvalidInputError: The package that writes workbooks is not installed.
    """
    check_can_write()
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    workbook = Workbook()
    workbook.properties.creator = "outreply"
    workbook.properties.created = now.replace(tzinfo=None)
    del workbook["Sheet"]
    sheet: Worksheet = workbook.create_sheet("Calendar")
    help_sheet: Worksheet = workbook.create_sheet("Help")
    zones = _time_zones()
    _add_help(help_sheet, pages, zones)
    columns = list(_TEMPLATE_WIDTHS)
    _add_header(sheet, columns, list(_TEMPLATE_WIDTHS.values()))
    letters = {name: get_column_letter(index) for index, name in enumerate(columns, 1)}
    sheet.column_dimensions[letters["scheduled_at"]].number_format = _DATE_FORMAT
    for example in examples:
        cells: dict[str, Any] = {name: text or None for name, text in example.items()}
        cells["page"] = example["page"].replace(";", "; ")
        cells["scheduled_at"] = datetime.fromisoformat(example["scheduled_at"])
        sheet.append([cells.get(name) for name in columns])
    for row in sheet.iter_rows(min_row=2):
        for cell, name in zip(row, columns, strict=True):
            cell.alignment = _top_left(wraps=name in {"message", "first_comment"})
            if name == "scheduled_at":
                cell.number_format = _DATE_FORMAT
    _offer_list(sheet, letters["page"], "E", len(pages), "A page; separate several with ;")
    hint = "Leave empty to use the time zone of the run"
    _offer_list(sheet, letters["timezone"], "F", len(zones), hint)
    return _pack(workbook)


def _time_zones() -> list[str]:
    import tzdata

    zones = Path(tzdata.__file__).with_name("zones").read_text(encoding="utf-8").split()
    return [zone for zone in sorted(zones) if "/" in zone and not zone.startswith("Etc/")]


def _add_header(sheet: "Worksheet", names: Sequence[str], widths: Sequence[int]) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.append(list(names))
    for index, width in enumerate(widths, 1):
        sheet.cell(1, index).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = "A2"


def _add_help(sheet: "Worksheet", pages: Sequence[str], zones: Sequence[str]) -> None:
    _add_header(sheet, ("Field", "Meaning", "Example", "", "Pages", "Time zones"), _HELP_WIDTHS)
    for number, field in enumerate(FIELD_TABLE, 2):
        sheet.cell(number, 1, field.name)
        sheet.cell(number, 2, field.help).alignment = _top_left(wraps=True)
        sheet.cell(number, 3, field.example)
    notes = (
        "Columns may be in any order, left out, or added from this list.",
        "This sheet is not read. Check the file with: outreply bulk check FILE",
    )
    for number, note in enumerate(notes, len(FIELD_TABLE) + 3):
        sheet.cell(number, 1, note)
    for column, names in ((5, pages), (6, zones)):
        for number, name in enumerate(names, 2):
            # A name that starts with = stays text.
            sheet.cell(number, column, name).data_type = "s"


def _top_left(*, wraps: bool) -> Any:
    from openpyxl.styles import Alignment

    return Alignment(vertical="top", wrap_text=wraps)


def _offer_list(sheet: "Worksheet", column: str, source: str, count: int, prompt: str) -> None:
    """Let cells of `column` offer the list in a column of the help sheet; other text is valid."""
    from openpyxl.worksheet.datavalidation import DataValidation

    if not count:
        return
    validation = DataValidation(
        type="list",
        formula1=f"Help!${source}$2:${source}${count + 1}",
        allow_blank=True,
        showErrorMessage=False,
        showInputMessage=True,
        prompt=prompt,
    )
    validation.add(f"{column}2:{column}{_MAX_ROWS}")
    sheet.add_data_validation(validation)


def _pack(workbook: Any) -> bytes:
    """Return the file of a workbook, equal for equal content."""
    import zipfile

    saved, packed = io.BytesIO(), io.BytesIO()
    workbook.save(saved)
    created = f">{workbook.properties.created:%Y-%m-%dT%H:%M:%SZ}</dcterms:modified>".encode()
    with (
        zipfile.ZipFile(saved) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.infolist():
            content = source.read(part)
            if part.filename == "docProps/core.xml":
                content = _MODIFIED.sub(created, content)
            # Without the time at which it was saved.
            target.writestr(zipfile.ZipInfo(part.filename), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
