"""`bulk convert`: the converted calendar plans the same posts."""

import json
import shlex
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.convert import convert_calendar
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.bulk.yaml_reader import parse_yaml
from outreply_cli.times import parse_zone
from tests.bulk.test_exports import EXPORTS, NOW, SAMPLES
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.media.sample_files import jpeg


@pytest.fixture
def emulator_clock() -> ManualClock:
    return ManualClock(NOW)


def plan(cli: CommandLine, path: Path, options: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return page, time and content digest of each post in the plan."""
    saved = path.with_suffix(".plan")
    ran = cli.run("bulk", "plan", str(path), *options, "-o", str(saved))
    assert ran.code == 0, ran.err
    steps = yaml.safe_load(saved.read_text(encoding="utf-8"))["steps"]
    return sorted((step["page_id"], step["scheduled_at"], step["digest"]) for step in steps)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_converted_export_plans_the_same_posts(cli: CommandLine, tmp_path: Path, name: str) -> None:
    options = (*SAMPLES[name][0], "--tz", "Europe/Paris")
    path = tmp_path / name
    shutil.copy(EXPORTS / name, path)
    ran = cli.run("bulk", "convert", str(path), *options)
    assert ran.code == 0, ran.err
    mine = tmp_path / "mine.csv"
    mine.write_text(ran.out, encoding="utf-8", newline="")
    # Another zone and no option: the file says everything itself.
    assert plan(cli, mine, ("--tz", "Asia/Tokyo")) == plan(cli, path, options)
    again = cli.run("bulk", "convert", str(mine))
    assert again.out == ran.out


YAML = """\
name: launch
timezone: America/New_York
variables: {city: Paris}
defaults: {page: instagram:acme, media_files: a.jpg}
posts:
- {key: one, scheduled_at: 2026-12-24 18:00, message: "  Hi, {{ city }}; \\"you\\"\\n\\nTwo "}
- {scheduled_at: 2026-12-24T20:00:00+09:00, message_file: text.txt, timezone: Asia/Tokyo,
   page: [facebook:acme, "x:bluebird"]}
- {date: 2026-12-26, time: 09:00, message: {default: a, x: b}, page: [x:bluebird],
   media_files: null, media_urls: [https://e.com/a;b.jpg, https://e.com/c]}
- {scheduled_at: tomorrow 09:00, first_comment: "c, d", link: "https://e.com/?a=b,c",
   message: "=1+1"}
- {scheduled_at: 2026-12-28 09:00, page: tiktok:bluebirdcoffee, tiktok_settings: {a: [1, true]}}
"""


def test_converted_yaml_plans_the_same_posts(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "text.txt").write_text("From a file\n")
    path, mine = tmp_path / "c.yaml", tmp_path / "mine.csv"
    path.write_text(YAML)
    ran = cli.run("bulk", "convert", str(path))
    assert ran.code == 0, ran.err
    assert "set it with: --name launch" in ran.err
    mine.write_text(ran.out, encoding="utf-8", newline="")
    assert plan(cli, mine, ("--name", "launch")) == plan(cli, path, ())


def test_convert_needs_no_account(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("Datum;Kanal;Text\n24.12.2026 18:00;facebook:acme;Hi\n")
    ran = cli_logged_out.run("bulk", "convert", str(path), "--tz", "UTC", "--date-order", "dmy")
    assert ran.code == 0, ran.err
    assert ran.out == (
        "page,scheduled_at,timezone,message\nfacebook:acme,2026-12-24 18:00,UTC,Hi\n"
    )


def test_convert_keeps_the_zone_of_the_brand(cli: CommandLine, tmp_path: Path) -> None:
    path, mine = tmp_path / "c.csv", tmp_path / "mine.csv"
    path.write_text("page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,Hi\n")
    ran = cli.run("bulk", "convert", str(path), "--tz", "brand")
    assert ran.out == (
        "page,scheduled_at,timezone,message\nfacebook:acme,2026-12-24 18:00,brand,Hi\n"
    )
    mine.write_text(ran.out, encoding="utf-8", newline="")
    assert plan(cli, mine, ("--tz", "Asia/Tokyo")) == plan(cli, path, ("--tz", "brand"))


@pytest.mark.parametrize("zone", ["CET", "EST", "EET"])
def test_zone_that_a_calendar_refuses_is_not_written(
    cli: CommandLine, tmp_path: Path, zone: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,a\n")
    for words in (("--tz", zone), ()):
        cli.environ["OUTREPLY_TIMEZONE"] = zone
        ran = cli.run("bulk", "convert", str(path), *words)
        assert ran.code == 2
        assert f"c.csv:2: scheduled_at: ambiguous time zone '{zone}'" in ran.err
        assert ran.out == ""
    assert cli.run("bulk", "convert", str(path), "--tz", "Europe/Paris").code == 0


@pytest.mark.parametrize("time", ["18:00", "6pm", "18 Uhr", "00:01", "23:59Z"])
def test_time_of_day_without_a_date_is_rejected(
    cli: CommandLine, tmp_path: Path, time: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"page,scheduled_at,message\nfacebook:acme,{time},Hi\n")
    for command in ("convert", "check"):
        ran = cli.run("bulk", command, str(path))
        assert ran.code == 2
        message = f"c.csv:2: scheduled_at: {time!r} is relative to the day of the run; write the"
        assert message in ran.out + ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("25:00", "invalid time of day"),
        ("24.12.26", "or set --date-order dmy or mdy"),
        ("24.12", "invalid time"),
    ],
)
def test_text_like_a_time_of_day_is_rejected_with_its_own_error(
    cli: CommandLine, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"page,scheduled_at,message\nfacebook:acme,{text},Hi\n")
    ran = cli.run("bulk", "check", str(path))
    assert ran.code == 2
    assert words in ran.out + ran.err


def test_convert_reports_all_problems(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\nfacebook:acme,soon,Hi\n,2026-12-24 18:00,Ho\n")
    ran = cli.run("bulk", "convert", str(path))
    assert (ran.code, ran.out) == (2, "")
    assert "c.csv:2: scheduled_at: invalid time 'soon'" in ran.err
    assert "c.csv:3: page: `page` is required" in ran.err
    assert "nothing was sent" not in ran.err


@pytest.mark.parametrize("words", [("convert",), ("check",), ("schedule", "--dry-run")])
def test_ambiguous_date_names_the_option(
    cli: CommandLine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\nfacebook:acme,03/04/2027 10:00,Hi\n")
    ran = cli.run("bulk", words[0], str(path), *words[1:])
    assert ran.code == 2
    printed = ran.out + ran.err
    assert "c.csv:2: scheduled_at: ambiguous date in '03/04/2027 10:00'" in printed
    assert "2027-03-04 10:00 or 2027-04-03 10:00, or set --date-order dmy or mdy" in printed


def test_time_that_occurs_twice_keeps_its_reading(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "page,scheduled_at,timezone,message\n"
        "facebook:acme,2027-10-31T02:30:00+01:00,Europe/Paris,Hi\n"
    )
    ran = cli.run("bulk", "convert", str(path))
    assert "facebook:acme,2027-10-31T01:30:00Z,Europe/Paris,Hi" in ran.out


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=30)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"message": TEXT.filter(str.strip), "first_comment": TEXT, "link": TEXT, "key": TEXT}
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda row: row["key"].strip(),
    )
)
def test_round_trip_loses_no_text(rows: list[dict[str, str]]) -> None:
    posts = [{"page": "facebook:acme", "scheduled_at": "2026-12-24 18:00", **row} for row in rows]
    before = Calendar("c.json", Path("/nowhere/c.json"))
    parse_yaml(before, json.dumps(posts).encode())
    if before.problems:
        return
    now = datetime(2026, 11, 27, tzinfo=UTC)
    text, _ = convert_calendar(before, parse_zone("UTC"), now)
    after = Calendar("c.csv", Path("/nowhere/c.csv"))
    parse_csv(after, text.encode())
    shown = [problem for problem in after.problems if "spreadsheet error" not in problem.message]
    assert shown == []
    assert [(row.key, row.content, row.messages) for row in before.rows] == [
        (row.key, row.content, row.messages) for row in after.rows
    ]


def test_name_in_advice_is_quoted(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("name: it's\nposts: [{page: facebook:acme, scheduled_at: 2026-12-24 18:00, "
                    "message: Hi}]\n")  # fmt: skip
    ran = cli.run("bulk", "convert", str(path))
    name = shlex.quote("it's")
    assert f"set it with: --name {name}" in ran.err
