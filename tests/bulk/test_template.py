"""`bulk template`: files to start from, which `bulk check` accepts."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pexpect
import pytest

from outreply_cli.bulk.calendar import FIELD_TABLE
from outreply_cli.bulk.workbook_writer import template_workbook
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import PAGES
from tests.command_line import CommandLine


@pytest.mark.parametrize("kind", ["yaml", "csv", "xlsx"])
def test_template_is_valid(cli_logged_out: CommandLine, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"plan.{kind}"
    written = cli_logged_out.run("bulk", "template", kind, "--file", str(path))
    assert written.code == 0, written
    checked = cli_logged_out.run("bulk", "check", str(path), "--strict")
    assert (checked.code, checked.out, checked.err) == (0, "", "Checked 2 rows.\n")


@pytest.mark.parametrize("kind", ["yaml", "csv", "xlsx"])
@pytest.mark.parametrize(
    ("zone", "now"),
    [
        ("Pacific/Auckland", datetime(2026, 11, 27, 22, tzinfo=UTC)),
        ("Pacific/Honolulu", datetime(2026, 11, 28, 9, tzinfo=UTC)),
    ],
)
def test_template_has_no_time_in_the_past(
    cli_logged_out: CommandLine, tmp_path: Path, kind: str, zone: str, now: datetime
) -> None:
    cli_logged_out.clock.current = now
    cli_logged_out.environ["OUTREPLY_TIMEZONE"] = zone
    path = tmp_path / f"plan.{kind}"
    cli_logged_out.run("bulk", "template", kind, "--file", str(path))
    checked = cli_logged_out.run("bulk", "check", str(path), "--strict")
    assert (checked.code, checked.err) == (0, "Checked 2 rows.\n")


def test_file_is_not_overwritten(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text("mine")
    result = cli_logged_out.run("bulk", "template", "csv", "--file", str(path))
    assert result.code == 2
    assert f"{path} already exists" in result.err
    assert path.read_text() == "mine"
    missing = cli_logged_out.run("bulk", "template", "--file", str(tmp_path / "gone" / "a.yaml"))
    assert missing.code == 1
    assert "annot write" in missing.err


def test_workbook_has_typed_dates_lists_and_help(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    result = cli.run("bulk", "template", "xlsx", "--file", str(path))
    assert (result.code, result.err) == (0, f"Wrote the template to {path}.\n")
    workbook = openpyxl.load_workbook(path)
    sheet, help_sheet = workbook["Calendar"], workbook["Help"]
    header, first, second = sheet.iter_rows(values_only=True)
    assert {"key", "page", "scheduled_at", "timezone", "message"} <= set(header)
    assert set(header) <= {field.name for field in FIELD_TABLE}
    column = header.index("scheduled_at")
    assert [f"{row[column]:%F %H:%M}" for row in (first, second)] == [
        "2026-11-25 09:00", "2026-11-26 17:30",
    ]  # fmt: skip
    assert sheet.freeze_panes == "A2"
    lists = {
        str(validation.sqref)[0]: validation.formula1
        for validation in sheet.data_validations.dataValidation
    }
    assert lists == {"B": f"Help!$E$2:$E${len(PAGES) + 1}", "D": lists["D"]}
    pages = [row[0] for row in help_sheet["E2:E20"]]
    assert {cell.value for cell in pages if cell.value} == set(PAGES)
    zone_range = lists["D"].removeprefix("Help!").replace("$", "")
    zones = {cell.value for (cell,) in help_sheet[zone_range]}
    assert {"Europe/Paris", "America/New_York"} <= zones
    assert None not in zones
    rows = {row[0]: row[1] for row in help_sheet.iter_rows(min_row=2, values_only=True)}
    assert {field.name: field.help for field in FIELD_TABLE}.items() <= rows.items()


def test_workbook_without_account_has_no_list_of_pages(cli_logged_out: CommandLine) -> None:
    result = subprocess.run(
        CommandLine.words("bulk", "template", "xlsx"), env=cli_logged_out.environ,
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert b"you are not signed in" in result.stderr
    workbook = openpyxl.load_workbook(io.BytesIO(result.stdout))
    (validation,) = workbook["Calendar"].data_validations.dataValidation
    assert str(validation.sqref).startswith("D2:")


def test_workbook_of_unreachable_account_is_written_with_a_warning(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    cli.environ["OUTREPLY_API_KEY"] = "outreply_live_" + "x" * 48
    path = tmp_path / "plan.xlsx"
    result = cli.run("bulk", "template", "xlsx", "--file", str(path), "--json")
    assert result.code == 0
    assert result.err.startswith("Warning: the template has no list of your pages: ")
    assert result.out == f'{{"file": "{path}"}}\n'
    assert path.exists()


def test_workbook_is_deterministic(cli: CommandLine, tmp_path: Path) -> None:
    contents = []
    for name in ("a.xlsx", "b.xlsx"):
        cli.run("bulk", "template", "xlsx", "--file", str(tmp_path / name))
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


def test_names_of_pages_are_not_formulas() -> None:
    content = template_workbook(["=1+1"], datetime(2026, 11, 23, 12, tzinfo=UTC), [])
    sheet = openpyxl.load_workbook(io.BytesIO(content))["Help"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert "f" not in {cell.data_type for cell in cells}
    assert "=1+1" in {cell.value for cell in cells}


def test_workbook_is_not_written_to_a_terminal(cli_logged_out: CommandLine) -> None:
    child = pexpect.spawn(
        sys.executable, CommandLine.words("bulk", "template", "xlsx")[1:],
        env={**os.environ, **cli_logged_out.environ}, timeout=60, encoding="utf-8",
    )  # fmt: skip
    child.expect(pexpect.EOF)
    child.close()
    shown = str(child.before)
    assert child.exitstatus == 2
    assert "outreply bulk template xlsx --file plan.xlsx" in shown
    assert "PK" not in shown
    assert cli_logged_out.run("bulk", "template", "xlsx", "--json").code == 2


WITHOUT_OPENPYXL = """
import sys
sys.modules["openpyxl"] = None
from outreply_cli.__main__ import run
sys.argv = ["outreply", *sys.argv[1:]]
sys.exit(run())
"""


def test_missing_package_is_an_error_that_names_the_extra(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "plan.xlsx"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPENPYXL, "bulk", "template", "xlsx", "--file", str(path)],
        env=cli_logged_out.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'outreply-cli[xlsx]'" in done.stderr
    assert not path.exists()


def test_other_templates_import_no_openpyxl(cli_logged_out: CommandLine) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPENPYXL, "bulk", "template", "csv"],
        env=cli_logged_out.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
