"""Files that bulk commands write: never the calendar, and whole or not at all."""

import json
import sys
from pathlib import Path

import pytest

from tests.command_line import CommandLine

CALENDAR = "key,page,scheduled_at,message\na,facebook:acme,2026-12-24 18:00,Hi\n"
COMMANDS = {
    "plan": ("bulk", "plan", "FILE", "-o", "OUTPUT"),
    "preview": ("bulk", "preview", "FILE", "--html", "OUTPUT"),
    "approve": ("bulk", "approve", "FILE", "--all", "--yes", "--by", "Kim", "--file", "OUTPUT"),
    "report": ("bulk", "schedule", "FILE", "--report", "OUTPUT"),
}
EXPORTS = {
    "export": ("bulk", "export", "--file", "OUTPUT"),
    "posts csv": ("posts", "export", "--csv", "OUTPUT"),
    "posts ics": ("posts", "export", "--ics", "OUTPUT"),
}
PAGES = {
    "post preview": ("posts", "preview", "-m", "Hi", "--html", "OUTPUT"),
    "analytics page": ("analytics", "report", "--html", "OUTPUT"),
    "analytics csv": ("analytics", "report", "--csv", "OUTPUT"),
    "webhook check": (
        "webhooks", "check", "http://127.0.0.1:9/", "--secret-env", "HOME", "--html", "OUTPUT",
    ),
}  # fmt: skip


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / "calendar.csv"
    path.write_text(CALENDAR)
    (tmp_path / "link.csv").symlink_to(path)
    (tmp_path / "hard.csv").hardlink_to(path)
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "directory.csv").mkdir()
    return path


def words(command: str, calendar: Path, output: Path) -> list[str]:
    paths = {"FILE": str(calendar), "OUTPUT": str(output)}
    return [paths.get(word, word) for word in (COMMANDS | EXPORTS | PAGES)[command]]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("calendar.csv", "is the calendar itself"),
        ("link.csv", "is the calendar itself"),
        ("hard.csv", "is the calendar itself"),
        ("loop.csv", "the path is a symbolic link to itself"),
        ("directory.csv", "the path is a directory"),
        ("gone/new.csv", "its directory does not exist"),
    ],
)
def test_unusable_file_is_refused(
    cli: CommandLine, calendar: Path, command: str, name: str, reason: str
) -> None:
    before = sorted(calendar.parent.iterdir())
    ran = cli.run(*words(command, calendar, calendar.parent / name))
    assert (ran.code, reason in ran.err) == (2, True), ran.err
    assert calendar.read_text() == CALENDAR
    assert sorted(calendar.parent.iterdir()) == before


@pytest.mark.parametrize("command", [*COMMANDS, "export"])
def test_file_is_replaced_and_keeps_its_mode(
    cli: CommandLine, calendar: Path, command: str
) -> None:
    output = calendar.parent / "output.csv"
    write = words(command, calendar, output)
    assert cli.run(*write).code == 0
    with output.open("a") as stream:
        stream.write("\n" if command in {"export", "approve"} else "\nold\n")
    output.chmod(0o640)
    ran = cli.run(*write)
    assert ran.code == 0, ran.err
    assert "old" not in output.read_text().splitlines()
    assert output.stat().st_mode & 0o777 == 0o640
    assert [*calendar.parent.glob(".*")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /dev/null")
@pytest.mark.parametrize("command", ["plan", "preview", "approve"])
def test_device_is_written_in_place(cli: CommandLine, calendar: Path, command: str) -> None:
    ran = cli.run(*words(command, calendar, Path("/dev/null")))
    assert ran.code == 0, ran.err
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("command", [*COMMANDS, *EXPORTS, *PAGES])
@pytest.mark.parametrize(
    "content",
    [CALENDAR.encode(), b"\x89PNG\r\n", b"BEGIN:VCARD\n", b"x" * 200_000, b'\x00"\r'],
    ids=["calendar", "picture", "contact", "long line", "null"],
)
def test_file_of_another_kind_is_kept(
    cli: CommandLine, calendar: Path, command: str, content: bytes
) -> None:
    output = calendar.parent / ("old.csv" if command == "report" else "hero.png")
    output.write_bytes(content)
    ran = cli.run(*words(command, calendar, output))
    assert (ran.code, "exists and is not" in ran.err) == (2, True), ran.err
    assert output.read_bytes() == content


@pytest.mark.parametrize("command", ["post preview", "analytics page", "analytics csv"])
def test_own_page_is_replaced(cli: CommandLine, calendar: Path, command: str) -> None:
    assert cli.run("analytics", "collect").code == 0
    output = calendar.parent / "page.html"
    for _ in range(2):
        ran = cli.run(*words(command, calendar, output))
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("is_reported", [True, False])
def test_only_reports_are_replaced(
    cli: CommandLine, calendar: Path, suffix: str, is_reported: bool
) -> None:
    output = calendar.parent / f"old{suffix}"
    write = words("report", calendar, output)
    if is_reported:
        yaml = calendar.with_suffix(".yaml")
        yaml.write_text(
            "posts:\n- {key: a, page: facebook:acme, scheduled_at: 2026-12-24 18:00, message: Hi}\n"
        )
        # Without the columns of a calendar.
        assert cli.run(*words("report", yaml, output)).code == 0
    elif suffix == ".csv":
        output.write_text(CALENDAR)
    else:
        assert cli.run("bulk", "template", "xlsx", "--file", str(output)).code == 0
    content = output.read_bytes()
    ran = cli.run(*write)
    assert ran.code == (0 if is_reported else 2), ran.err
    assert (output.read_bytes() == content) is not is_reported


@pytest.mark.parametrize("form", ["", "\ufeff", "compact"])
def test_formatted_approval_is_replaced(cli: CommandLine, calendar: Path, form: str) -> None:
    output = calendar.parent / "a.json"
    assert cli.run(*words("approve", calendar, output)).code == 0
    text = output.read_text()
    if form == "compact":
        output.write_text(json.dumps(json.loads(text)))
    else:
        output.write_bytes((form + text.replace("\n", "\r\n")).encode())
    assert cli.run(*words("approve", calendar, output)).code == 0


def test_wide_report_is_replaced(cli: CommandLine, calendar: Path) -> None:
    header, row = CALENDAR.splitlines()[:2]
    wide = [f"{header},{','.join(f'n{n}' for n in range(995))}", row + "," * 995]
    calendar.write_text("\n".join(wide) + "\n")
    columns = ("--columns", ",".join(f"n{n}=" for n in range(995)))
    output = calendar.parent / "done.csv"
    for _ in range(2):
        ran = cli.run(*words("report", calendar, output), *columns)
        assert ran.code == 0, ran.err


def test_export_with_own_rows_is_kept(cli: CommandLine, calendar: Path) -> None:
    cli.run("bulk", "schedule", str(calendar))
    output = calendar.parent / "now.csv"
    assert cli.run("bulk", "export", "--file", str(output)).code == 0
    assert cli.run("bulk", "export", "--file", str(output)).code == 0
    edited = output.read_text() + "mine,facebook:acme,2026-12-25 18:00,Mine,,,,,\n"
    output.write_text(edited)
    assert cli.run("bulk", "export", "--file", str(output)).code == 2
    assert output.read_text() == edited


@pytest.mark.parametrize("name", ["json", "csv", "table", "-"])
def test_format_is_not_the_name_of_a_plan(cli: CommandLine, calendar: Path, name: str) -> None:
    ran = cli.run("bulk", "plan", str(calendar), "-o", name)
    assert ran.code == 2
    assert "a plan requires a file" in ran.err
    assert not Path(name).exists()


@pytest.mark.parametrize("command", EXPORTS)
@pytest.mark.parametrize("name", ["gone/new.csv", "directory.csv", "loop.csv"])
def test_export_to_an_unusable_file_is_refused(
    cli: CommandLine, calendar: Path, command: str, name: str
) -> None:
    ran = cli.run(*words(command, calendar, calendar.parent / name))
    assert (ran.code, "cannot write" in ran.err) == (2, True), ran.err


@pytest.mark.parametrize("command", EXPORTS)
def test_export_to_a_dash_is_written_to_stdout(
    cli: CommandLine, calendar: Path, command: str
) -> None:
    ran = cli.run(*words(command, calendar, Path("-")))
    assert ran.code == 0, ran.err
    assert ran.out.startswith(("key,", "BEGIN:VCALENDAR"))
