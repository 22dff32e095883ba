"""CSV and YAML calendars: dialects, errors with their lines, and hostile files."""

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from outreply_cli.bulk.calendar import Calendar, ReadSettings
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.bulk.loader import load_calendar, parse_columns
from outreply_cli.bulk.yaml_reader import parse_yaml
from outreply_cli.errors import InvalidInputError
from tests.bulk.test_bulk_schedule import get_report, get_summary
from tests.command_line import CommandLine

TEXT = "page,scheduled_at,message\ninstagram:acme,2026-12-01 09:00,Héllo\n"


def read(tmp_path: Path, name: str, content: bytes, columns: str | None = None) -> Calendar:
    path = tmp_path / name
    path.write_bytes(content)
    return load_calendar(str(path), ReadSettings(columns=parse_columns(columns)))


def get_problems(calendar: Calendar) -> list[str]:
    return [f"{p.line}: {p.field}: {p.message}" for p in calendar.problems]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        ("\n\n" + TEXT + ",,\n\n,,\n").encode(),
        TEXT.replace("page,", " Page ,").replace("scheduled_at", "Scheduled At").encode(),
        TEXT.replace("page,", "PAGE_ID,").replace("scheduled_at", "scheduled-at").encode(),
        TEXT.replace("Héllo", '"Héllo"').encode(),
        TEXT.replace("message\n", "message,\n").replace("Héllo\n", "Héllo,\n").encode(),
        TEXT.rstrip("\n").encode(),
    ],
)
def test_csv_of_any_dialect_is_read(tmp_path: Path, content: bytes) -> None:
    calendar = read(tmp_path, "c.csv", content)
    assert get_problems(calendar) == []
    (row,) = calendar.rows
    assert (row.pages, row.scheduled_at, row.content.message) == (
        ("instagram:acme",), "2026-12-01 09:00", "Héllo",
    )  # fmt: skip


def test_csv_line_numbers_count_quoted_newlines(tmp_path: Path) -> None:
    content = 'page,scheduled_at,message\n"a","t","one\ntwo\nthree"\n\n"b","t","x"\n'
    calendar = read(tmp_path, "c.csv", content.encode())
    assert [(row.line, row.content.message) for row in calendar.rows] == [
        (2, "one\ntwo\nthree"), (6, "x"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (b"", 1, "empty"),
        (b"\n\n,,\n", 1, "empty"),
        (b"page,scheduled_at\n", 0, "has no posts"),
        (b"PK\x03\x04rest", 0, "the workbook is damaged"),
        (b"\xd0\xcf\x11\xe0rest", 0, "the workbook is damaged"),
        (b"page,scheduled_at,message\na,b,c\nx,y,\xe9\n", 3, "not UTF-8"),
        (b"page,scheduled_at\na\x00,b\n", 2, "NUL"),
        (b'page,scheduled_at\n"a"x,b\n', 2, "invalid CSV"),
        (b"page,scheduled_at\na,b,c\n", 2, "3 cells, but the file has 2 columns"),
        (b"scheduled_at,wehn\na,b\n", 1, "missing column 'page'"),
        (b"scheduled_at,message\na,b\n", 1, "add it, or set the page of all rows with --page"),
        (b"page,scheduled_at,mesage\na,b,c\n", 1, "did you mean 'message'"),
        (
            b"page,shedule\na,b\n",
            1,
            "did you mean 'scheduled_at'? Map it with --columns 'shedule=s",
        ),
        (b"page,scheduled_at,Notes\na,b,c\n", 1, "ignore it with --columns 'Notes='"),
        (b"page,scheduled_at,page_id\na,b,c\n", 1, "two columns map to page"),
        (b"page,scheduled_at,tiktok_settings\na,b,[1]\n", 2, "JSON object"),
        (b'page,scheduled_at,tiktok_settings\na,b,"{""a"": 1, ""a"": 1}"\n', 2, "'a' occurs twice"),
        (
            b'page,scheduled_at,repeat,variants\na,b,every day,"[{""a"": 1, ""a"": 2}]"\n',
            2,
            "not a JSON list: 'a' occurs twice",
        ),
        (b"page,scheduled_at,message,message_file\na,b,c,d\n", 2, "conflicts with `message`"),
        (b"page,scheduled_at,message_file\na,b,missing.txt\n", 2, "file not found"),
    ],
)
def test_csv_errors_have_lines(tmp_path: Path, content: bytes, line: int, word: str) -> None:
    problems = get_problems(read(tmp_path, "c.csv", content))
    assert any(p.startswith(f"{line}: ") and word in p for p in problems), problems


def test_file_that_is_not_a_workbook_is_reported_as_damaged(tmp_path: Path) -> None:
    assert "the workbook is damaged" in get_problems(read(tmp_path, "c.xlsx", b"x"))[0]


def test_columns_option_maps_columns(tmp_path: Path) -> None:
    content = b"Text,Date,Profile,Notes\nHi,2026-12-01 09:00,instagram:acme,x\n"
    columns = "Text=message,Date=scheduled_at,Profile=page,Notes="
    (row,) = read(tmp_path, "c.csv", content, columns).rows
    assert (row.content.message, row.pages) == ("Hi", ("instagram:acme",))
    for bad in ("Text", "Text=mesage", "=x"):
        with pytest.raises(InvalidInputError):
            parse_columns(bad)


@pytest.mark.parametrize(
    ("order", "date"),
    [("dmy", "10/12/2026 18:00"), ("mdy", "12/10/2026 18:00"), ("ymd", "26/12/10 18:00"),
     ("dmy", "10.12.26 18:00"), ("dmy", "10.12.2026, 18 Uhr")],
)  # fmt: skip
def test_ambiguous_dates_require_date_order(
    cli: CommandLine, tmp_path: Path, order: str, date: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f'page,scheduled_at,message\ninstagram:acme,"{date}",Hi\n')
    refused = cli.run("bulk", "schedule", str(path))
    assert refused.code == 2
    assert "day first or month first" in refused.err
    # An order alone would be a guess.
    assert "or set --date-order dmy or mdy" in refused.err
    ran = cli.run("bulk", "schedule", str(path), "--date-order", order, "--json")
    assert get_summary(ran) == {"created": 1}
    assert '"2026-12-10T17:00:00Z"' in ran.out


@pytest.mark.parametrize(
    ("date", "is_relative"),
    [("Thu, 24 Dec 2026 18:00:00 +0100", False), ("thu 18:00", True), ("Dec 24 6pm", True),
     ("24 Dec 2026 6pm", False), ("24.12.2026 18:00", False)],
)  # fmt: skip
def test_relative_dates_are_warned_about(
    cli: CommandLine, tmp_path: Path, date: str, is_relative: bool
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f'page,scheduled_at,message\ninstagram:acme,"{date}",Hi\n')
    ran = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert ran.code == 0
    assert ("relative to the day of the run" in ran.err) == is_relative


@pytest.mark.parametrize(
    "time",
    ["18:00", "6 pm", "18 Uhr", "18h30", "6:00:00 p.m.", "18:00 GMT", "6 pm UTC", "18:00Z",
     "18:00+01:00", "18:00 Europe/Paris", "18:00 America/Argentina/Buenos_Aires"],
)  # fmt: skip
def test_time_of_day_without_a_date_is_rejected(
    cli: CommandLine, tmp_path: Path, time: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"Day,Time,page,message\n24,{time},facebook:acme,Hi\n")
    ran = cli.run("bulk", "schedule", str(path), "--columns", "Day=", "--dry-run")
    assert ran.code == 2
    assert f"c.csv:2: scheduled_at: {time!r} is relative to the day of the run" in ran.err


@pytest.mark.parametrize(
    ("zone", "advice"),
    [("EST", "America/New_York"), ("MST", "Etc/GMT+7"), (" CET ", "Europe/Paris"),
     ("EET", "Europe/Athens"), ("EST5EDT", None), ("HST", None)],
)  # fmt: skip
def test_zone_with_and_without_summer_time_is_refused(
    cli: CommandLine, tmp_path: Path, zone: str, advice: str | None
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        f"page,scheduled_at,timezone,message\nfacebook:acme,2026-12-24 18:00,{zone},a\n"
    )
    ran = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert ran.code == (0 if advice is None else 2), ran.err
    if advice is not None:
        assert f"c.csv:2: timezone: ambiguous time zone {zone.strip()!r}" in ran.err
        assert advice in ran.err


@pytest.mark.parametrize(
    ("time", "code"),
    [("2026-12-24T18:00+01:00", 0), ("2026-12-24 17:00Z", 0), ("Thu 2026-12-24 18:00 +0100", 0),
     ("2026-12-24 18:00 Europe/Paris", 0), ("+3d", 2), ("24 Dec 18:00", 2)],
)  # fmt: skip
def test_ambiguous_zone_that_is_not_used_is_accepted(
    cli: CommandLine, tmp_path: Path, time: str, code: int
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"timezone: CET\nposts: [{{page: facebook:acme, scheduled_at: '{time}', message: Hi}},\n"
        "  {page: facebook:acme, scheduled_at: 2026-12-26 18:00, timezone: Etc/UTC, message: Ho}]\n"
    )
    ran = cli.run("bulk", "schedule", str(path), "--dry-run", "--json")
    assert ran.code == code, ran.err
    assert ("ambiguous time zone 'CET'" in ran.err) == bool(code)
    converted = cli.run("bulk", "convert", str(path))
    assert converted.code == code, converted.err
    if not code:
        assert get_report(ran)["rows"][0]["scheduled_at"] == "2026-12-24T17:00:00Z"
        assert "facebook:acme,2026-12-24 17:00,UTC,Hi" in converted.out


def test_date_order_that_does_not_fit_is_named(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\ninstagram:acme,12/24/2026 18:00,Hi\n")
    ran = cli.run("bulk", "schedule", str(path), "--date-order", "dmy")
    assert ran.code == 2
    assert "not a date in the order dmy" in ran.err


@pytest.mark.parametrize("order", ["dmy", "mdy", "ymd"])
def test_iso_dates_ignore_date_order(cli: CommandLine, tmp_path: Path, order: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\ninstagram:acme,2026-12-24 18:00,Hi\n")
    ran = cli.run("bulk", "schedule", str(path), "--date-order", order, "--json")
    assert '"2026-12-24T17:00:00Z"' in ran.out, ran.err


def test_deeply_nested_yaml_is_rejected(tmp_path: Path) -> None:
    (problem,) = get_problems(read(tmp_path, "c.yaml", b"posts: [" + b"[" * 100_000))
    assert "nest" in problem


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "not a calendar"),
        ("a\n", 1, "not a calendar"),
        ("- a\n", 1, "not a mapping of fields"),
        ("posts: 3\n", 1, "posts"),
        ("timezone: UTC\n", 1, "posts"),
        ("post: []\n", 1, "use only name, timezone, variables, defaults, posts"),
        ("posts:\n\t- page: a\n", 2, "invalid YAML"),
        ("posts:\n  - page: a\n    page: b\n", 3, "also on line 2"),
        ("posts:\n  - page: a\n    page_id: b\n", 3, "duplicate field page"),
        ("posts:\n  - page: a\n    wen: b\n", 3, "unknown field 'wen'"),
        ("posts:\n  - page: a\n    message: [x]\n", 3, "must be text"),
        ("posts:\n  - page: a\n    scheduled_at: {a: b}\n", 3, "must be text"),
        ("posts:\n  - just text\n", 2, "not a mapping of fields"),
        (
            "posts:\n  - {page: a, scheduled_at: b}\n  - {scheduled_at: b}\n",
            3,
            "`page` is required",
        ),
        ("a: &a [1]\nposts: *a\n", 2, "anchor"),
        ("posts: [" * 50 + "]" * 50, 0, "nested"),
        ("defaults: 3\nposts: [{page: a, scheduled_at: b}]\n", 1, "not a mapping of fields"),
        ("posts:\n  - page: !!python/object:os.system x\n    scheduled_at: b\n", 2, ""),
        ("? [a, b]\n: c\nposts: []\n", 1, "must be text"),
    ],
)
def test_yaml_errors_have_lines(tmp_path: Path, text: str, line: int, word: str) -> None:
    problems = get_problems(read(tmp_path, "c.yaml", text.encode()))
    if word:
        assert any(p.startswith(f"{line}: ") and word in p for p in problems), problems


def test_yaml_scalars_stay_text(tmp_path: Path) -> None:
    text = (
        "posts:\n"
        "  - page: [instagram:acme, x:acme]\n    scheduled_at: 2026-12-24 18:00:00\n"
        "    message: yes\n    key: 007\n"
        "  - page: 12345\n    scheduled_at: 2026-12-24\n    message: 1.10\n"
    )
    first, second = read(tmp_path, "c.yml", text.encode()).rows
    assert first.pages == ("instagram:acme", "x:acme")
    assert (first.scheduled_at, first.content.message, first.key) == (
        "2026-12-24 18:00:00", "yes", "007",
    )  # fmt: skip
    assert (second.pages, second.scheduled_at, second.content.message) == (
        ("12345",), "2026-12-24", "1.10",
    )  # fmt: skip


@settings(max_examples=200)
@given(st.binary(max_size=400) | st.text(max_size=300).map(str.encode))
def test_readers_accept_any_bytes(content: bytes) -> None:
    for name in ("csv", "yaml"):
        calendar = Calendar("x", Path("/nonexistent/x"))
        if name == "csv":
            parse_csv(calendar, content)
        else:
            parse_yaml(calendar, content)
        assert all(problem.message for problem in calendar.problems)


def test_unreadable_paths_are_reported(tmp_path: Path) -> None:
    assert "not a file" in get_problems(load_calendar(str(tmp_path)))[0]
    with pytest.raises(InvalidInputError, match=r"cannot read .*missing\.csv: No such file"):
        load_calendar(str(tmp_path / "missing.csv"))
    with pytest.raises(InvalidInputError, match="cannot read"):
        load_calendar("a\x00b.csv")


def test_yaml_tiktok_settings_become_json() -> None:
    calendar = Calendar("c", Path("/nowhere/c"))
    row = b"posts: [{page: a, scheduled_at: b, tiktok_settings: {d: 2026-01-02, n: [1, yes, 1.5]}}]"
    parse_yaml(calendar, row)
    assert calendar.problems == []
    assert calendar.rows[0].content.tiktok_settings == {"d": "2026-01-02", "n": [1, True, 1.5]}


@pytest.mark.parametrize(
    "value",
    [
        ".nan",
        ".inf",
        "!!bool x",
        "!!int ''",
        "!!float x",
        "{[]: 1}",
        "{a: 1, a: 2}",
        '{a: 1, "a": 1}',
    ],
)
def test_yaml_settings_that_are_not_json_are_rejected(value: str) -> None:
    calendar = Calendar("c", Path("/nowhere/c"))
    row = f"posts: [{{page: a, scheduled_at: b, tiktok_settings: {{n: {value}}}}}]"
    parse_yaml(calendar, row.encode())
    assert [problem.field for problem in calendar.problems] == ["tiktok_settings"]


@pytest.mark.parametrize(
    ("cell", "urls"),
    [
        ("https://e.com/a;b.jpg", ("https://e.com/a;b.jpg",)),
        ("https://e.com/a;v=1; https://e.com/b;", ("https://e.com/a;v=1", "https://e.com/b")),
        ('"https://e.com/a\nhttp://e.com/b"', ("https://e.com/a", "http://e.com/b")),
    ],
)
def test_csv_urls_may_contain_semicolons(tmp_path: Path, cell: str, urls: tuple[str, ...]) -> None:
    calendar = read(tmp_path, "c.csv", f"page,scheduled_at,media_urls\na,b,{cell}\n".encode())
    assert calendar.rows[0].content.media_urls == urls
