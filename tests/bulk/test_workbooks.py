"""Calendars in workbooks: typed cells, sheets, and problems by their cell."""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import Font

from outreply_cli.bulk.calendar import Calendar, ReadSettings
from outreply_cli.bulk.loader import load_calendar
from tests.bulk.test_bulk_schedule import get_report, get_summary
from tests.bulk.workbooks import ods_workbook, workbook
from tests.command_line import CommandLine

EXPORTS = Path(__file__).parent / "exports"
HEADER = ("page", "scheduled_at", "message")
ROW = ("facebook:acme", datetime(2026, 12, 24, 18, 0), "Hi")
Sheets = dict[str, Sequence[Sequence[Any]]]


def write(tmp_path: Path, content: bytes, name: str = "plan.xlsx") -> str:
    path = tmp_path / name
    path.write_bytes(content)
    return str(path)


def read(
    tmp_path: Path,
    rows: Sequence[Sequence[Any]],
    settings: ReadSettings | None = None,
    **options: Any,
) -> Calendar:
    return load_calendar(write(tmp_path, workbook({"Plan": rows}, **options)), settings)


def replace_in_ods(
    *changes: tuple[bytes, bytes], rows: Sequence[Sequence[Any]] = (HEADER, ROW)
) -> bytes:
    """Return an .ods file with other content."""
    source, target = zipfile.ZipFile(io.BytesIO(ods_workbook("Plan", rows))), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for part in source.infolist():
            xml = source.read(part)
            for old, new in changes:
                xml = xml.replace(old, new)
            archive.writestr(part, xml)
    return target.getvalue()


def get_texts(calendar: Calendar) -> list[str]:
    return [problem.text.removeprefix(f"{calendar.path.parent}/") for problem in calendar.problems]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (datetime(2026, 12, 24, 18, 0), "2026-12-24 18:00"),
        (datetime(2026, 12, 24, 18, 0, 30), "2026-12-24 18:00:30"),
        # The format of the cell does not say whether it has a time.
        (datetime(2026, 12, 24), "2026-12-24"),
        (datetime(2026, 12, 24, 17, 59, 59, 999_990), "2026-12-24 18:00"),
        ("2026-12-24 18:00", "2026-12-24 18:00"),
        ("tomorrow 09:00", "tomorrow 09:00"),
    ],
)
def test_cell_with_a_time_is_read_to_the_nearest_second(
    tmp_path: Path, cell: object, text: str
) -> None:
    calendar = read(tmp_path, [HEADER, ("facebook:acme", cell, "Hi")])
    assert [row.scheduled_at for row in calendar.rows] == [text]


def test_date_and_time_cells_are_combined(cli: CommandLine, tmp_path: Path) -> None:
    rows = [
        ("Kanal", "Datum", "Uhrzeit", "Text"),
        ("facebook:acme", date(2026, 12, 24), time(18, 0), "Hi"),
        ("facebook:acme", date(2026, 12, 25), time(17, 30), "Ho"),
    ]
    path = write(tmp_path, workbook({"Plan": rows}))
    ran = cli.run("bulk", "schedule", path, "--tz", "UTC", "--dry-run", "--json")
    assert ran.code == 0, ran.err
    times = [row["scheduled_at"] for row in get_report(ran)["rows"]]
    assert times == ["2026-12-24T18:00:00Z", "2026-12-25T17:30:00Z"]


def test_numbers_and_booleans_are_text(tmp_path: Path) -> None:
    rows = [("key", *HEADER, "link"), (7, *ROW[:2], 2027, True), (1.5, *ROW[:2], "x", False)]
    first, second = read(tmp_path, rows).rows
    assert (first.key, first.content.message, first.content.link) == ("7", "2027", "TRUE")
    assert (second.key, second.content.link) == ("1.5", "FALSE")


def test_number_is_not_a_date(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, workbook({"Plan": [HEADER, ("facebook:acme", 46380.75, "Hi")]}))
    ran = cli.run("bulk", "schedule", path, "--dry-run")
    assert ran.code == 2
    assert "plan.xlsx!Plan:B2: scheduled_at:" in ran.err
    assert "format the cell as a date" in ran.err


def test_problems_name_the_cell(cli: CommandLine, tmp_path: Path) -> None:
    rows = [
        ("Content plan 2027",),
        (),
        ("message", "notes", "page", "scheduled_at"),
        ("Hi", None, "facebook:acme", "soon"),
        ("Ho", None, "facebook:missing", datetime(2026, 12, 24, 18, 0)),
        (None, None, "facebook:acme", datetime(2026, 12, 25, 18, 0)),
    ]
    path = write(tmp_path, workbook({"Q1 2027": rows}))
    ran = cli.run("bulk", "schedule", path, "--columns", "notes=", "--dry-run", "--json")
    assert ran.code == 2
    problems = json.loads(ran.err.splitlines()[-1])["error"]["details"]["problems"]
    assert [(problem["line"], problem["cell"]) for problem in problems] == [
        (4, "Q1 2027:D4"), (5, "Q1 2027:C5"), (6, "Q1 2027:A6"),
    ]  # fmt: skip
    assert problems[0]["text"].startswith(f"{path}!Q1 2027:D4: scheduled_at: invalid time")


def replace_in_sheet(content: bytes, *changes: tuple[bytes, bytes]) -> bytes:
    """Return a workbook whose sheet has other XML."""
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for part in source.infolist():
            xml = source.read(part)
            if part.filename.endswith("sheet1.xml"):
                for pattern, new in changes:
                    xml = re.sub(pattern, new, xml)
            archive.writestr(part, xml)
    return target.getvalue()


# As ClosedXML, and others, write what Excel writes.
PREFIXES = ((rb"<(/?)(?=\w)", rb"<\1x:"), (rb'xmlns="', rb'xmlns:x="'))
ERROR = (rb'<c r="D2"(.*?)<v ?(/>|></v>)', rb'<c r="D2" t="e"\1<v>#REF!</v>')


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ((), "#N/A"),
        (PREFIXES, "#N/A"),
        ((ERROR,), "#REF!"),
        ((ERROR, *PREFIXES), "#REF!"),
        ((ERROR, (rb'<c r="D2" t="e"', b"<c t='e' r='D2'")), "#REF!"),
        ((ERROR, (rb' r="\w+"', b"")), "#REF!"),
    ],
)
def test_error_cells_are_not_empty(
    tmp_path: Path, changes: Sequence[tuple[bytes, bytes]], value: str
) -> None:
    content = workbook({"Plan": [(*HEADER, "first_comment"), (*ROW, "=VLOOKUP(A1,B:B,2)")]})
    path = write(tmp_path, replace_in_sheet(content, *changes))
    (problem,) = get_texts(load_calendar(path))
    assert problem.startswith(f"plan.xlsx!Plan:D2: first_comment: {value} is a spreadsheet error")


def test_merged_error_cell_is_an_error_in_all_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (HEADER, ("facebook:acme", "#REF!", "Hi"), ("facebook:acme", None, "Ho")):
        book.worksheets[0].append(row)
    book.worksheets[0].merge_cells("B2:B3")
    book.save(tmp_path / "plan.xlsx")
    first, second = get_texts(load_calendar(str(tmp_path / "plan.xlsx")))
    assert first.startswith("plan.xlsx!Sheet:B2: scheduled_at: #REF! is a spreadsheet error")
    assert second.startswith("plan.xlsx!Sheet:B3: scheduled_at: #REF! is a spreadsheet error")


def test_formula_with_empty_text_is_an_empty_cell(tmp_path: Path) -> None:
    formula = '=IF(A2="","",A2)'
    rows = [(*HEADER, "link"), (*ROW, formula), ("", "", "", formula)]
    # As Excel stores the result.
    changes = [(rb'<c r="(D\d)"(.*?)<v ?(/>|></v>)', rb'<c r="\1" t="str"\2<v></v>')]
    path = write(tmp_path, replace_in_sheet(workbook({"Plan": rows}), *changes))
    calendar = load_calendar(path)
    assert get_texts(calendar) == []
    assert [row.content.link for row in calendar.rows] == [None]


def test_error_after_an_empty_cell_with_a_format_is_reported(tmp_path: Path) -> None:
    rows = [("page", "scheduled_at", "link", "first_comment", "message"),
            ("facebook:acme", ROW[1], None, "=1/0", "Hi")]  # fmt: skip
    book = openpyxl.load_workbook(io.BytesIO(workbook({"Plan": rows})))
    book["Plan"]["C2"].font = Font(bold=True)
    book.save(tmp_path / "plan.xlsx")
    (problem,) = get_texts(load_calendar(str(tmp_path / "plan.xlsx")))
    assert problem.startswith("plan.xlsx!Plan:D2: first_comment: #N/A is a spreadsheet error")


def test_opendocument_and_old_excel_files_are_read(tmp_path: Path) -> None:
    rows = [HEADER, ("facebook:acme", ROW[1], "Grüße aus dem Café")]
    ods = load_calendar(write(tmp_path, ods_workbook("Plan", rows), "plan.ods"))
    # Written by xlwt; the time is a typed cell.
    xls = load_calendar(str(EXPORTS / "calendar.xls"))
    for calendar in (ods, xls):
        assert calendar.problems == []
        (row,) = calendar.rows
        assert (row.pages, row.scheduled_at) == (("facebook:acme",), "2026-12-24 18:00")
        assert (row.content.message, row.sheet and row.sheet.name) == (rows[1][2], "Plan")


def test_error_cells_of_opendocument_files_are_reported(tmp_path: Path) -> None:
    header, cell = (*HEADER, "link", "first_comment"), "#DIV/0!"
    rows = [("Plan",), header, (*ROW, "", cell), (*ROW[:2], "Ho", cell)]
    content = ods_workbook("Plan", rows)
    first, second = get_texts(load_calendar(write(tmp_path, content, "plan.ods")))
    assert first.startswith("plan.ods!Plan:E3: first_comment: #DIV/0! is a spreadsheet error")
    assert second.startswith("plan.ods!Plan:D4: link: #DIV/0! is a spreadsheet error")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<text:p>One</text:p><text:p/><text:p>Two</text:p>", "One\n\nTwo"),
        ("<text:p>One<text:line-break/>Two</text:p>", "One\nTwo"),
        ("<text:p>One<text:tab></text:tab>Two</text:p>", "One\tTwo"),
        ("<text:p>One<text:tab/><text:s text:c='3'/>Two<text:s/>!</text:p>", "One\t   Two !"),
        ("<text:p><text:span>One<text:line-break/></text:span> Two</text:p>", "One\n Two"),
        ("<text:list><text:p>A<text:tab/>a</text:p><text:p>B</text:p></text:list>", "A\ta\nB"),
        # A picture, a shape and a note are not the text of their cell.
        ("<d:frame><d:image><text:p/></d:image></d:frame><text:p>One</text:p>", "One"),
        ("<text:p>One</text:p><d:rect><text:p>Draft</text:p></d:rect>", "One"),
        ("<office:annotation><text:p>?</text:p></office:annotation><text:p>One</text:p>", "One"),
    ],
)
def test_text_of_opendocument_files_keeps_breaks_and_tabs(
    tmp_path: Path, cell: str, text: str
) -> None:
    cell = cell.replace("<d:", "<draw:").replace("</d:", "</draw:")
    namespace = b'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:text='
    content = replace_in_ods((b"xmlns:text=", namespace), (b"<text:p>Hi</text:p>", cell.encode()))
    calendar = load_calendar(write(tmp_path, content, "plan.ods"))
    assert calendar.problems == []
    assert [row.content.message for row in calendar.rows] == [text]


def test_deeply_nested_opendocument_text_is_read(tmp_path: Path) -> None:
    deep = f"<text:p>{'<text:span>' * 3_000}One<text:tab/>{'</text:span>' * 3_000}</text:p>"
    content = replace_in_ods((b"<text:p>Hi</text:p>", deep.encode()))
    calendar = load_calendar(write(tmp_path, content, "plan.ods"))
    assert [row.content.message for row in calendar.rows] == ["One"]


def test_repeated_error_cells_of_opendocument_files_are_each_reported(tmp_path: Path) -> None:
    rows = [(*HEADER, "link", "first_comment"), (*ROW, "#REF!", "")]
    first = b'><table:table-cell office:value-type="string"><text:p>facebook'
    content = replace_in_ods(
        (first, b' table:number-rows-repeated="2"' + first),
        (b" office:string-value", b' table:number-columns-repeated="2" office:string-value'),
        rows=rows,
    )
    texts = get_texts(load_calendar(write(tmp_path, content, "plan.ods")))
    assert [text.partition(": ")[0] for text in texts] == [
        f"plan.ods!Plan:{cell}" for cell in ("D2", "E2", "D3", "E3")
    ]


@pytest.mark.parametrize("value", [None, "x"])
def test_cell_far_from_the_others_is_an_error_unless_empty(
    tmp_path: Path, value: str | None
) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook({"Plan": [HEADER, ROW]})))
    cell = book["Plan"]["XFD1048576"]
    cell.value, cell.font = value, Font(bold=True)
    book.save(tmp_path / "plan.xlsx")
    calendar = load_calendar(str(tmp_path / "plan.xlsx"))
    if value is None:
        assert [row.content.message for row in calendar.rows] == ["Hi"]
    else:
        (text,) = get_texts(calendar)
        assert "a sheet has a cell far from the others" in text


def test_merged_cells_have_one_value(tmp_path: Path) -> None:
    rows = [("scheduled_at", "page", "message"), (ROW[1], "facebook:acme", "a"),
            (None, "instagram:acme", "b")]  # fmt: skip
    calendar = read(tmp_path, rows, merged=["A2:A3"])
    assert [row.scheduled_at for row in calendar.rows] == ["2026-12-24 18:00"] * 2


def test_merged_cells_of_opendocument_files_have_one_value(tmp_path: Path) -> None:
    rows = [HEADER, ROW, ("instagram:acme", "", "Ho"), ("instagram:acme", "", "Hu")]
    empty = b'<table:table-cell office:value-type="string"><text:p></text:p></table:table-cell>'
    content = replace_in_ods(
        (b'<table:table-cell office:value-type="date"',
         b'<table:table-cell table:number-rows-spanned="2" office:value-type="date"'),
        (empty, b"<table:covered-table-cell/>"),
        rows=rows,
    )  # fmt: skip
    calendar = load_calendar(write(tmp_path, content, "plan.ods"))
    assert [row.scheduled_at for row in calendar.rows] == ["2026-12-24 18:00"] * 2 + ["next-slot"]


SETTINGS: Sheets = {"Lists": [("Pages",), ("facebook:acme",)], "Plan": [HEADER, ROW], "Empty": []}


def test_sheet_with_the_calendar_is_found(tmp_path: Path) -> None:
    calendar = load_calendar(write(tmp_path, workbook(SETTINGS)))
    assert [row.content.message for row in calendar.rows] == ["Hi"]


def test_sheet_is_chosen_by_name(cli: CommandLine, tmp_path: Path) -> None:
    sheets: Sheets = {"Jan": [HEADER, ROW], "Feb": [HEADER, (*ROW[:2], "Ho")], "Old": [HEADER, ROW]}
    path = write(tmp_path, workbook(sheets, hidden=["Old"]))
    ran = cli.run("bulk", "schedule", path, "--dry-run")
    assert ran.code == 2
    assert "several sheets may be the calendar: 'Jan', 'Feb'; choose one with --sheet" in ran.err
    calendar = load_calendar(path, ReadSettings(sheet="feb"))
    assert [row.content.message for row in calendar.rows] == ["Ho"]
    ran = cli.run("bulk", "schedule", path, "--sheet", "Mar", "--dry-run")
    assert ran.code == 2
    assert "sheet not found: 'Mar'; the sheets are 'Jan', 'Feb', 'Old'" in ran.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04", "the workbook is damaged"),
        (workbook({"Plan": []}), "the workbook is empty"),
        (workbook({"Plan": [HEADER]}), "the calendar has no posts"),
        (workbook({"Plan": [HEADER, ROW]})[:3000], "the workbook is damaged"),
        (replace_in_ods((b"</table:table-cell>", b"</table:tab")), "the workbook is damaged"),
        (replace_in_ods((b"<text:p>", b"<t:p>")), "the workbook is damaged"),
        (replace_in_ods((b"UTF-8", b"UTF-99")), "the workbook is damaged"),
        (replace_in_ods((b'="16384"', b'="16384000000"')), "or is damaged"),
        (replace_in_ods((b"Hi", b'<text:s text:c="2000000000"/>')), "or is damaged"),
    ],
)
def test_unusable_workbook_is_an_error(tmp_path: Path, content: bytes, words: str) -> None:
    (text,) = get_texts(load_calendar(write(tmp_path, content)))
    assert words in text


def test_damaged_old_excel_file_is_an_error(tmp_path: Path) -> None:
    content = bytearray((EXPORTS / "calendar.xls").read_bytes())
    # The position of the sheet, beyond the end of the file.
    content[1499] = 0xFF
    (text,) = get_texts(load_calendar(write(tmp_path, bytes(content), "plan.xls")))
    assert text == "plan.xls: the workbook is damaged; open it, and save it again"


def test_workbook_that_unpacks_to_too_much_is_rejected(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(33):
            archive.writestr(f"xl/{number}.xml", b" " * 16 * 1024 * 1024)
    (text,) = get_texts(load_calendar(write(tmp_path, stream.getvalue())))
    assert "larger than 512 MB when unpacked" in text


def test_workbook_from_stdin_is_read(cli: CommandLine) -> None:
    content = workbook({"Plan": [HEADER, ROW]})
    ran = cli.run("bulk", "schedule", "-", "--dry-run", "--json", stdin=content)
    assert get_summary(ran) == {"created": 1}


def test_workbook_with_another_suffix_is_recognized(tmp_path: Path) -> None:
    path = write(tmp_path, workbook({"Plan": [HEADER, ROW]}), "plan.csv")
    assert [row.content.message for row in load_calendar(path).rows] == ["Hi"]


def test_rerun_sends_nothing(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, workbook({"Plan": [HEADER, ROW]}))
    assert get_summary(cli.run("bulk", "schedule", path, "--json")) == {"created": 1}
    csv = tmp_path / "plan.csv"
    csv.write_text("page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,Hi\n")
    for again in (path, str(csv)):
        assert get_summary(cli.run("bulk", "schedule", again, "--json")) == {"unchanged": 1}


def test_missing_package_is_named(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    path = write(tmp_path, workbook({"Plan": [HEADER, ROW]}))
    ran = cli.run("bulk", "schedule", path, "--dry-run")
    assert ran.code == 2
    assert "outreply-cli[xlsx]" in ran.err
