"""`--report`: results next to the columns of the calendar, and reports as calendars."""

import csv
import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, strategies as st

from outreply_cli.api.client import Client
from outreply_cli.bulk.calendar import Calendar, ReadSettings
from outreply_cli.bulk.headers import REPORT_COLUMNS
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.reports import COLUMNS, ReportFile
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.test_bulk_schedule import get_summary
from tests.command_line import CommandLine

Table = list[list[str]]

HEADER = ["Owner", "page", "scheduled_at", "message", "Notes", "key"]
ROWS = [
    ["Zoe", "facebook:acme", "2026-12-01 09:00", "@acme says: 'hi'", "=1+1", "a"],
    ["", "facebook:acme; linkedin:acme-co", "2026-12-01 10:00", "- one\n- two", "", "b"],
    ["Max", "", "", "", "", ""],
    ["Zoe", "linkedin:acme-co", "2026-12-02 09:00", "'=quoted", " spaced ", "c"],
]
IGNORED = ("--columns", "Owner=,Notes=")
EXPORTS = Path(__file__).parent / "exports"
KINDS = pytest.mark.parametrize("suffix", [".csv", ".xlsx"])


def write_table(path: Path, table: Sequence[Sequence[str]]) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(table)
        return
    workbook = openpyxl.Workbook()
    for number, row in enumerate(table, 1):
        for index, text in enumerate(row, 1):
            if text:
                workbook.worksheets[0].cell(number, index, text).data_type = "s"
    workbook.save(path)


def read_report(path: Path) -> tuple[list[str], Table]:
    """Return the header and rows of a report, as spreadsheets read it."""
    if path.suffix == ".csv":
        header, *rows = csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
        return header, rows
    sheet = openpyxl.load_workbook(path).worksheets[0]
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}
    header, *rows = (
        [str(value or "") for value in row] for row in sheet.iter_rows(values_only=True)
    )
    return header, rows


def read_added(path: Path) -> Table:
    header, rows = read_report(path)
    assert header[-4:] == list(REPORT_COLUMNS)
    return [row[-4:] for row in rows]


def fill(cells: list[str], width: int) -> list[str]:
    # A blank cell counts as empty.
    return [cell if cell.strip() else "" for cell in (cells + [""] * width)[:width]]


def load(path: Path) -> Calendar:
    return load_calendar(str(path), ReadSettings(columns={"owner": "", "notes": ""}))


@KINDS
@pytest.mark.parametrize("source", [".csv", ".xlsx"])
def test_report_keeps_columns_and_can_be_scheduled(
    cli: CommandLine, client: Client, tmp_path: Path, source: str, suffix: str
) -> None:
    calendar, report = tmp_path / f"plan{source}", tmp_path / f"done{suffix}"
    write_table(calendar, [HEADER, *ROWS])
    words = ("bulk", "schedule", str(calendar), *IGNORED)
    assert cli.run(*words, "--report", str(report)).code == 0
    posts = {str(post["message"]): str(post["id"]) for post in client.scheduled_posts().items}
    assert len(posts) == 3
    first, both, blank, last = read_added(report)
    assert first == [posts["@acme says: 'hi'"], "done", "", ""]
    assert last == [posts["'=quoted"], "done", "", ""]
    assert (len(both[0].split("; ")), both[1:], blank) == (2, ["done", "", ""], [""] * 4)
    # Each cell is text, and read again it is as it was.
    assert load(report).header == [*HEADER, *REPORT_COLUMNS]
    before, after = load(calendar).records, load(report).records
    assert [fill(cells, 6) for cells in after.values()] == [
        fill(cells, 6) for cells in before.values()
    ]
    # A report is the same calendar.
    again = tmp_path / "again.xlsx"
    ran = cli.run("bulk", "schedule", str(report), *IGNORED, "--json", "--report", str(again))
    assert get_summary(ran) == {"unchanged": 4}
    assert len(client.scheduled_posts().items) == 4
    assert read_report(again)[0] == [*HEADER, *REPORT_COLUMNS]
    assert read_added(again) == [first, both, blank, last]


def test_csv_report_has_no_formulas(cli: CommandLine, tmp_path: Path) -> None:
    calendar, report = tmp_path / "plan.csv", tmp_path / "done.csv"
    write_table(calendar, [HEADER, *ROWS])
    cli.run("bulk", "schedule", str(calendar), *IGNORED, "--report", str(report))
    _, rows = read_report(report)
    assert (rows[0][3], rows[0][4]) == ("'@acme says: 'hi'", "'=1+1")
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@KINDS
def test_failed_rows_have_their_error(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, suffix: str
) -> None:
    calendar, report = tmp_path / "plan.csv", tmp_path / f"done{suffix}"
    write_table(calendar, [HEADER, *ROWS[:2]])
    options = {"method": "POST", "path": "/posts/schedule", "times": 2}
    emulator.handle.request("fault", add="status:400", options=options)
    words = ("bulk", "schedule", str(calendar), *IGNORED, "--concurrency", "1")
    assert cli.run(*words, "--report", str(report)).code == 3
    first, both = read_added(report)
    assert first[:2] == ["", "failed"]
    assert first[2]
    assert both[1] == "failed; done"
    assert both[2].startswith("facebook:acme: ")


@KINDS
def test_report_has_the_link_of_a_published_post(
    cli: CommandLine, client: Client, emulator: EmulatorServer, tmp_path: Path, suffix: str
) -> None:
    calendar, report = tmp_path / "plan.csv", tmp_path / f"done{suffix}"
    write_table(calendar, [HEADER, ["", "facebook:acme", "2026-11-23 14:00", "Hi", "", "a"]])
    words = ("bulk", "schedule", str(calendar), *IGNORED, "--report", str(report))
    assert cli.run(*words).code == 0
    assert read_added(report)[0][3] == ""
    cli.clock.advance(3600)
    assert cli.run(*words).code == 0
    (post,) = [post for post in client.published_posts().items if post["message"] == "Hi"]
    assert read_added(report) == [[str(post["id"]), "done", "", post["permalink"]]]


def test_dry_run_writes_report(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    calendar, report = tmp_path / "plan.csv", tmp_path / "done.csv"
    write_table(calendar, [HEADER, ROWS[0]])
    words = ("bulk", "schedule", str(calendar), *IGNORED, "--dry-run", "--report", str(report))
    assert cli.run(*words).code == 0
    assert read_added(report) == [["", "planned", "", ""]]
    assert client.scheduled_posts().items == []


def test_apply_writes_report(cli: CommandLine, tmp_path: Path) -> None:
    calendar, report, plan = tmp_path / "c.csv", tmp_path / "done.xlsx", tmp_path / "c.plan"
    write_table(calendar, [HEADER, ROWS[0]])
    assert cli.run("bulk", "plan", str(calendar), *IGNORED, "-o", str(plan)).code == 0
    assert cli.run("bulk", "apply", str(plan), "--report", str(tmp_path / "x.pdf")).code == 2
    assert cli.run("bulk", "apply", str(plan), "--report", str(report)).code == 0
    assert read_added(report)[0][1] == "done"


@KINDS
def test_other_sources_have_standard_columns(cli: CommandLine, tmp_path: Path, suffix: str) -> None:
    text = "posts:\n- {page: facebook:acme, scheduled_at: 2026-12-01 09:00, message: Hi}\n"
    (tmp_path / "c.yaml").write_text(text)
    write_table(tmp_path / "c.csv", [HEADER, ROWS[3]])
    report = tmp_path / f"done{suffix}"
    for files, count in ((["c.yaml"], 1), (["c.yaml", "c.csv"], 2)):
        names = [str(tmp_path / name) for name in files]
        assert cli.run("bulk", "schedule", *names, *IGNORED, "--report", str(report)).code == 0
        header, rows = read_report(report)
        assert (tuple(header), len(rows)) == (COLUMNS, count)
    stdin = (tmp_path / "c.csv").read_text()
    cli.run("bulk", "schedule", "-", *IGNORED, "--report", str(report), stdin=stdin)
    assert tuple(read_report(report)[0]) == COLUMNS


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plan.csv", "is the calendar itself"),
        ("link.csv", "is the calendar itself"),
        ("done.pdf", "neither a .csv nor a .xlsx file"),
        ("done", "neither a .csv nor a .xlsx file"),
        ("gone/done.csv", "its directory does not exist"),
        ("loop.csv", "the path is a symbolic link to itself"),
        ("directory.csv", "the path is a directory"),
        ("long.xlsx", "line 2 has a cell of more than 32,767 characters"),
    ],
)
def test_unusable_report_is_refused_before_sending(
    cli: CommandLine, client: Client, tmp_path: Path, name: str, message: str
) -> None:
    calendar = tmp_path / "plan.csv"
    row = ["x" * 32_768 if name == "long.xlsx" else "", *ROWS[0][1:]]
    write_table(calendar, [HEADER, row])
    (tmp_path / "link.csv").symlink_to(calendar)
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "directory.csv").mkdir()
    content = calendar.read_bytes()
    words = ("bulk", "schedule", str(calendar), *IGNORED, "--report", str(tmp_path / name))
    result = cli.run(*words)
    assert result.code == 2
    assert message in result.err
    assert client.scheduled_posts().items == []
    assert calendar.read_bytes() == content


WITHOUT_OPENPYXL = """
import sys
sys.modules["openpyxl"] = None
from outreply_cli.__main__ import run
sys.argv = ["outreply", *sys.argv[1:]]
sys.exit(run())
"""


def test_missing_package_is_reported_before_sending(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    calendar, report = tmp_path / "plan.csv", tmp_path / "done.xlsx"
    write_table(calendar, [HEADER, ["", "facebook:acme", "2099-12-01 09:00", "Hi", "", "a"]])
    words = ("bulk", "schedule", str(calendar), *IGNORED, "--report", str(report))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPENPYXL, *words],
        env=cli.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'outreply-cli[xlsx]'" in done.stderr
    assert not report.exists()
    assert client.scheduled_posts().items == []


def test_report_replaces_file_in_one_step(cli: CommandLine, tmp_path: Path) -> None:
    calendar, report, link = tmp_path / "plan.csv", tmp_path / "done.csv", tmp_path / "link.csv"
    write_table(calendar, [HEADER, ROWS[0]])
    report.write_text("outreply id,outreply status,outreply error,outreply link\nold,,,\n")
    link.symlink_to(report)
    words = ("bulk", "schedule", str(calendar), *IGNORED, "--report")
    assert cli.run(*words, str(link)).code == 0
    assert link.is_symlink()
    assert read_added(report)[0][1] == "done"
    assert {path.name for path in tmp_path.iterdir()} >= {"plan.csv", "done.csv", "link.csv"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@KINDS
@pytest.mark.parametrize("export", sorted(EXPORTS.iterdir()), ids=lambda path: path.name)
def test_report_of_an_export_has_its_rows(export: Path, tmp_path: Path, suffix: str) -> None:
    # An export without a header row gets one.
    settings = ReadSettings(pages=("x:acme",), columns={"*": ""})
    calendar = load_calendar(str(export), settings, allow_outside=True)
    assert calendar.rows
    path = tmp_path / f"done{suffix}"
    ReportFile(path, calendar).write([], {})
    read = load_calendar(str(path), settings, allow_outside=True)

    def rows(calendar: Calendar) -> list[object]:
        return [row._replace(file="", line=0, sheet=None, media_files=()) for row in calendar.rows]

    assert rows(read) == rows(calendar)
    assert read.problems == []


# Text that spreadsheets, CSV and workbooks give a meaning to.
CELLS = st.lists(
    st.sampled_from([*"=+-@'\",;\t\n\\ é", "＝", "_x0041_", "sep=;", "#N/A", "1", "ab", "  "]),
    max_size=4,
).map("".join)
NAMES = st.lists(st.sampled_from([*"=@',;ab ", "é"]), min_size=1, max_size=3).map("".join)


@given(
    names=st.lists(NAMES.filter(lambda name: name.strip() != ""), max_size=3),
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=3),
    suffix=st.sampled_from([".csv", ".xlsx"]),
)
def test_report_is_read_as_the_calendar(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], rows: Table, suffix: str
) -> None:
    directory = tmp_path_factory.mktemp("report")
    calendar = Calendar("plan.csv", directory / "plan.csv")
    calendar.header = ["page", "scheduled_at", "message", *(name.strip() for name in names)]
    calendar.records = {
        line: ["x:a", "2026-12-01 09:00", *(cell.strip("\n") for cell in row[: 1 + len(names)])]
        for line, row in enumerate(rows, 2)
    }
    path = directory / f"done{suffix}"
    ReportFile(path, calendar).write([], {})
    read = load_calendar(str(path), ReadSettings(columns={"*": ""}))
    assert read.header == [*calendar.header, *REPORT_COLUMNS]
    width = len(calendar.header)
    assert [fill(cells, width) for cells in read.records.values()] == [
        fill(cells, width) for cells in calendar.records.values()
    ]
