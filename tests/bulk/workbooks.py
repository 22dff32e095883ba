"""Workbooks for tests, as spreadsheet programs write them."""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import openpyxl


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    *,
    hidden: Sequence[str] = (),
    merged: Sequence[str] = (),
) -> bytes:
    """Return an .xlsx file; `merged` are ranges of the first sheet."""
    book = openpyxl.Workbook()
    del book["Sheet"]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cells in sheet.iter_rows():
            for cell in cells:
                if isinstance(cell.value, datetime):
                    cell.number_format = "dd.mm.yyyy hh:mm"
        sheet.sheet_state = "hidden" if name in hidden else "visible"
    for area in merged:
        book.worksheets[0].merge_cells(area)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
