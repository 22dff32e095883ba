"""`posts calendar` and `posts export`, against the emulator."""

import json
from pathlib import Path

import icalendar
import pexpect
import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine


@pytest.fixture
def cli_with_posts(cli: CommandLine) -> CommandLine:
    for page, at in (("instagram:acme", "+1d"), ("x:bluebird", "+2d"), ("instagram:acme", "+9d")):
        ran = cli.run("posts", "schedule", "--page", page, "--at", at, "-m", f"On {page} {at}")
        assert ran.code == 0, ran.err
    return cli


def test_calendar_pipe_prints_lines(cli_with_posts: CommandLine) -> None:
    ran = cli_with_posts.run("posts", "calendar")
    assert ran.code == 0
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert [(row[2], row[3]) for row in rows] == [
        ("twitter:bluebird", "published"),
        ("instagram:acme", "scheduled"),
        ("twitter:bluebird", "scheduled"),
    ]


def test_calendar_shows_the_month_of_a_page(cli_with_posts: CommandLine) -> None:
    ran = cli_with_posts.run("posts", "calendar", "--month", "--page", "instagram:acme", "--json")
    posts = json.loads(ran.out)
    assert [post["status"] for post in posts] == ["published", "scheduled"]
    later = cli_with_posts.run("posts", "calendar", "--from", "2026-12", "--month", "--json")
    assert [post["message"] for post in json.loads(later.out)] == ["On instagram:acme +9d"]


def test_week_of_the_calendar_depends_on_the_time_zone(cli_with_posts: CommandLine) -> None:
    # In Kiritimati (UTC+14), 12:00 UTC on Sunday the 29th is in the next week.
    at = ("--at", "2026-11-29T12:00Z")
    ran = cli_with_posts.run("posts", "schedule", "--page", "x:bluebird", *at, "-m", "Edge")
    assert ran.code == 0
    in_utc = cli_with_posts.run("posts", "calendar", "--tz", "UTC", "--json")
    in_kiritimati = cli_with_posts.run("posts", "calendar", "--tz", "Pacific/Kiritimati", "--json")
    assert "Edge" in in_utc.out
    assert "Edge" not in in_kiritimati.out


def test_calendar_terminal_shows_grid(cli_with_posts: CommandLine) -> None:
    child = cli_with_posts.at_terminal("posts", "calendar", "--from", "2026-11-24", columns=100)
    child.expect("Week 48: 23 – 29 November 2026")
    child.expect("│")
    child.expect("IG A")
    child.expect("A Acme Co. · B Bluebird Coffee")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_invalid_options_are_rejected(cli: CommandLine) -> None:
    assert cli.run("posts", "calendar", "--week", "--month").code == 2
    assert cli.run("posts", "calendar", "--from", "soon").code == 2
    assert cli.run("posts", "export", "--csv", "-", "--published").code == 2
    assert cli.run("posts", "export", "--all", "--published").code == 2


def test_export_writes_ics_to_stdout_or_a_file(cli_with_posts: CommandLine, tmp_path: Path) -> None:
    shown = cli_with_posts.run("posts", "export")
    events = icalendar.Calendar.from_ical(shown.out).walk("VEVENT")
    assert len(events) == 3
    path = tmp_path / "posts.ics"
    ran = cli_with_posts.run("posts", "export", "--all", "--ics", str(path))
    assert (ran.out, ran.code) == ("", 0)
    text = path.read_bytes().decode()
    assert len(icalendar.Calendar.from_ical(text).walk("VEVENT")) == 7
    assert text.count("\n") == text.count("\r\n")


def test_exported_csv_is_unchanged_for_bulk_schedule(
    cli_with_posts: CommandLine, tmp_path: Path, emulator: EmulatorServer
) -> None:
    path = tmp_path / "now.csv"
    assert cli_with_posts.run("posts", "export", "--csv", str(path)).code == 0
    ran = cli_with_posts.run("bulk", "schedule", str(path), "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["summary"]["unchanged"] == 3
    assert json.loads(ran.out)["summary"]["created"] == 0


def test_export_to_an_unwritable_file_is_an_error(cli: CommandLine, tmp_path: Path) -> None:
    ran = cli.run("posts", "export", "--ics", str(tmp_path / "no" / "such.ics"))
    assert ran.code == 2
    assert "annot write" in ran.err


def test_calendar_reads_truncated_list_page_by_page(cli: CommandLine, tmp_path: Path) -> None:
    rows = ["key,page,scheduled_at,message"]
    rows += [
        f"k{number},{page},2026-12-{day:02}T{hour:02}:0{index}Z,Post {number}"
        for index, page in enumerate(("instagram:acme", "facebook:acme"))
        for number, (day, hour) in enumerate(
            ((day, hour) for day in range(1, 13) for hour in range(8, 13)), start=index * 60
        )
    ]
    path = tmp_path / "many.csv"
    path.write_text("\n".join(rows) + "\n")
    assert cli.run("bulk", "schedule", str(path)).code == 0
    # A new window: how much is left of this one depends on the run's threads.
    cli.clock.advance(120)
    ran = cli.run("posts", "calendar", "--month", "--from", "2026-12", "--json")
    assert len(json.loads(ran.out)) == 120
    assert ran.err == ""
