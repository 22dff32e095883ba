"""Files that bulk commands write: never the calendar, and whole or not at all."""

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
    places = {"FILE": str(calendar), "OUTPUT": str(output)}
    return [places.get(word, word) for word in COMMANDS[command]]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("calendar.csv", "is the calendar itself"),
        ("link.csv", "is the calendar itself"),
        ("hard.csv", "is the calendar itself"),
        ("loop.csv", "it is a symbolic link to itself"),
        ("directory.csv", "it is a directory"),
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
    output.write_text("old")
    output.chmod(0o640)
    if command == "export":
        ran = cli.run("bulk", "export", "--file", str(output))
    else:
        ran = cli.run(*words(command, calendar, output))
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
