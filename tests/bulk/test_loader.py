"""Spreadsheets as people have them, YAML as people write it, and files that mean harm."""

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.csv_reader import read_csv
from outreply_cli.bulk.loader import load_calendar, parse_columns
from outreply_cli.bulk.yaml_reader import read_yaml
from outreply_cli.errors import InvalidInputError
from tests.bulk.test_bulk_schedule import summary_of
from tests.command_line import CommandLine

TEXT = "page,scheduled_at,message\ninstagram:acme,2026-12-01 09:00,Héllo\n"


def read(tmp_path: Path, name: str, content: bytes, columns: str | None = None) -> Calendar:
    path = tmp_path / name
    path.write_bytes(content)
    return load_calendar(str(path), parse_columns(columns))


def told(calendar: Calendar) -> list[str]:
    return [f"{p.line}: {p.field}: {p.what}" for p in calendar.problems]


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
def test_every_dialect_reads_alike(tmp_path: Path, content: bytes) -> None:
    calendar = read(tmp_path, "c.csv", content)
    assert told(calendar) == []
    (row,) = calendar.rows
    assert (row.pages, row.scheduled_at, row.content.message) == (
        ("instagram:acme",), "2026-12-01 09:00", "Héllo",
    )  # fmt: skip


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path) -> None:
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
        (b"page,scheduled_at\n", 0, "no posts"),
        (b"PK\x03\x04rest", 0, "spreadsheet"),
        (b"\xd0\xcf\x11\xe0rest", 0, "spreadsheet"),
        (b"page,scheduled_at,message\na,b,c\nx,y,\xe9\n", 3, "not UTF-8"),
        (b"page,scheduled_at\na\x00,b\n", 2, "NUL"),
        (b'page,scheduled_at\n"a"x,b\n', 2, "not CSV here"),
        (b"page,scheduled_at\na,b,c\n", 2, "3 cells and the header has 2"),
        (b"page,when\na,b\n", 1, "scheduled_at"),
        (b"page,scheduled_at,mesage\na,b,c\n", 1, "did you mean 'message'"),
        (b"page,scheduled_at,page_id\na,b,c\n", 1, "two columns for page"),
        (b"page,scheduled_at,tiktok_settings\na,b,[1]\n", 2, "JSON object"),
        (b"page,scheduled_at,message,message_file\na,b,c,d\n", 2, "there is a message too"),
        (b"page,scheduled_at,message_file\na,b,missing.txt\n", 2, "no file"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, content: bytes, line: int, word: str
) -> None:
    problems = told(read(tmp_path, "c.csv", content))
    assert any(p.startswith(f"{line}: ") and word in p for p in problems), problems


def test_a_spreadsheet_by_its_name_is_told_how_to_save(tmp_path: Path) -> None:
    assert "CSV UTF-8" in told(read(tmp_path, "c.xlsx", b"x"))[0]


def test_other_schedulers_columns_are_renamed(tmp_path: Path) -> None:
    content = b"Text,Date,Profile,Notes\nHi,2026-12-01 09:00,instagram:acme,x\n"
    columns = "Text=message,Date=scheduled_at,Profile=page,Notes="
    (row,) = read(tmp_path, "c.csv", content, columns).rows
    assert (row.content.message, row.pages) == ("Hi", ("instagram:acme",))
    for bad in ("Text", "Text=mesage", "=x"):
        with pytest.raises(InvalidInputError):
            parse_columns(bad)


@pytest.mark.parametrize(
    ("order", "date"),
    [("dmy", "24/12/2026 18:00"), ("mdy", "12/24/2026 18:00"), ("ymd", "2026/12/24 18:00"),
     ("dmy", "24.12.26 18:00"), ("dmy", "2026/12/24 18:00")],
)  # fmt: skip
def test_slash_dates_are_read_only_when_their_order_is_told(
    cli: CommandLine, tmp_path: Path, order: str, date: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"page,scheduled_at,message\ninstagram:acme,{date},Hi\n")
    refused = cli.run("bulk", "schedule", str(path))
    assert refused.code == 2
    ran = cli.run("bulk", "schedule", str(path), "--date-order", order, "--json")
    assert summary_of(ran) == {"created": 1}
    assert '"2026-12-24T17:00:00Z"' in ran.out


@pytest.mark.parametrize("order", ["dmy", "mdy", "ymd"])
def test_a_date_that_begins_with_its_year_is_read_so_in_every_order(
    cli: CommandLine, tmp_path: Path, order: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\ninstagram:acme,2026-12-24 18:00,Hi\n")
    ran = cli.run("bulk", "schedule", str(path), "--date-order", order, "--json")
    assert '"2026-12-24T17:00:00Z"' in ran.out, ran.err


def test_yaml_as_deep_as_it_is_long_is_refused_by_the_parser_or_by_us(tmp_path: Path) -> None:
    (problem,) = told(read(tmp_path, "c.yaml", b"posts: [" + b"[" * 100_000))
    assert "nest" in problem


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 1, "no calendar"),
        ("- a\n", 1, "no calendar"),
        ("posts: 3\n", 1, "posts"),
        ("timezone: UTC\n", 1, "posts"),
        ("post: []\n", 1, "only timezone, defaults, posts"),
        ("posts:\n\t- page: a\n", 2, "not YAML here"),
        ("posts:\n  - page: a\n    page: b\n", 3, "on line 2 already"),
        ("posts:\n  - page: a\n    page_id: b\n", 3, "given twice"),
        ("posts:\n  - page: a\n    wen: b\n", 3, "no field 'wen'"),
        ("posts:\n  - page: a\n    message: [x]\n", 3, "must be text"),
        ("posts:\n  - page: a\n    scheduled_at: {a: b}\n", 3, "must be text"),
        ("posts:\n  - just text\n", 2, "must hold fields"),
        ("posts:\n  - {page: a, scheduled_at: b}\n  - {page: a}\n", 3, "it is missing"),
        ("a: &a [1]\nposts: *a\n", 0, "anchor"),
        ("posts: [" * 50 + "]" * 50, 0, "nested"),
        ("defaults: 3\nposts: [{page: a, scheduled_at: b}]\n", 1, "must hold fields"),
        ("posts:\n  - page: !!python/object:os.system x\n    scheduled_at: b\n", 2, ""),
        ("? [a, b]\n: c\nposts: []\n", 1, "must be a word"),
    ],
)
def test_yaml_that_is_wrong_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, word: str
) -> None:
    problems = told(read(tmp_path, "c.yaml", text.encode()))
    if word:
        assert any(p.startswith(f"{line}: ") and word in p for p in problems), problems


def test_what_yaml_would_turn_into_something_else_stays_as_written(tmp_path: Path) -> None:
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


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=300).map(str.encode))
def test_no_bytes_are_too_much_for_the_readers(content: bytes) -> None:
    for name in ("csv", "yaml"):
        calendar = Calendar("x", Path("/nonexistent/x"))
        if name == "csv":
            read_csv(calendar, content, {})
        else:
            read_yaml(calendar, content)
        assert all(problem.what for problem in calendar.problems)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    assert "no file" in told(load_calendar(str(tmp_path)))[0]
    assert "No such file" in told(load_calendar(str(tmp_path / "missing.csv")))[0]
    assert told(load_calendar("a\x00b.csv"))


def test_settings_in_yaml_become_json_whatever_yaml_has_beyond_it() -> None:
    calendar = Calendar("c", Path("/nowhere/c"))
    row = b"posts: [{page: a, scheduled_at: b, tiktok_settings: {d: 2026-01-02, n: [1, yes, 1.5]}}]"
    read_yaml(calendar, row)
    assert calendar.problems == []
    assert calendar.rows[0].content.tiktok_settings == {"d": "2026-01-02", "n": [1, True, 1.5]}


@pytest.mark.parametrize("value", [".nan", ".inf", "!!bool x", "!!int ''", "!!float x", "{[]: 1}"])
def test_settings_that_json_can_not_hold_are_refused(value: str) -> None:
    calendar = Calendar("c", Path("/nowhere/c"))
    row = f"posts: [{{page: a, scheduled_at: b, tiktok_settings: {{n: {value}}}}}]"
    read_yaml(calendar, row.encode())
    assert [problem.field for problem in calendar.problems] == ["tiktok_settings"]


@pytest.mark.parametrize(
    ("cell", "urls"),
    [
        ("https://e.com/a;b.jpg", ("https://e.com/a;b.jpg",)),
        ("https://e.com/a;v=1; https://e.com/b;", ("https://e.com/a;v=1", "https://e.com/b")),
        ('"https://e.com/a\nhttp://e.com/b"', ("https://e.com/a", "http://e.com/b")),
    ],
)
def test_a_semicolon_in_a_url_does_not_end_it(
    tmp_path: Path, cell: str, urls: tuple[str, ...]
) -> None:
    calendar = read(tmp_path, "c.csv", f"page,scheduled_at,media_urls\na,b,{cell}\n".encode())
    assert calendar.rows[0].content.media_urls == urls
