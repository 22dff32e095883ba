"""Text that CSV or YAML syntax would drop is read, or rejected with a fix."""

import codecs
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.bulk.calendar import Calendar, ReadSettings
from outreply_cli.bulk.loader import load_calendar, parse_columns
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from tests.bulk.test_bulk_schedule import get_report, get_summary
from tests.command_line import CommandLine
from tests.media.sample_files import jpeg, png

HEADER = "page,scheduled_at,message\n"
ROW = "facebook:acme,2026-12-24 18:00,"


def read(
    tmp_path: Path, text: str | bytes, name: str = "c.csv", columns: str | None = None
) -> Calendar:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_calendar(str(path), ReadSettings(columns=parse_columns(columns)))


def get_messages(calendar: Calendar) -> list[str | None]:
    assert calendar.problems == []
    return [row.content.message for row in calendar.rows]


def get_texts(calendar: Calendar) -> list[str]:
    return [problem.text.removeprefix(f"{calendar.path.parent}/") for problem in calendar.problems]


def get_only_text(calendar: Calendar) -> str:
    (text,) = get_texts(calendar)
    return text


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (' "Hello world"', "Hello world"),
        (' "Hello, world"', "Hello, world"),
        ('   "Hello"', "Hello"),
        (' "two\nlines, three"', "two\nlines, three"),
        (' """Hi"", he said"', '"Hi", he said'),
    ],
)
def test_blank_before_a_quotation_mark_is_ignored(tmp_path: Path, cell: str, message: str) -> None:
    row = f"facebook:acme, 2026-12-24 18:00,{cell}\n"
    assert get_messages(read(tmp_path, HEADER + row)) == [message]
    assert get_messages(read(tmp_path, (HEADER + row).replace("\n", "\r\n"))) == [message]


@pytest.mark.parametrize(
    "cell",
    ['" leading, ""x"""', '"ends with, "', '"a, """', '"one\n ""two"""', '" ,"", "'],
)
def test_blanks_inside_quotation_marks_are_kept(tmp_path: Path, cell: str) -> None:
    text = f"{HEADER}{ROW}{cell}\n{ROW}  as is\n"
    first, second = get_messages(read(tmp_path, text))
    assert first == cell[1:-1].replace('""', '"')
    assert second == "  as is"


@pytest.mark.parametrize(
    ("before", "after"), [(" ", ""), ("\t ", ""), ("", " "), ("", "\t"), ("  ", "  ")]
)
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize(
    "message",
    [
        "Hello, world; again",
        ' , "x" , ',
        'a\n "b" \nc',
        '"',
        '" ,"',
        "  indented",
        ', ""',
        '"" ; ""',
    ],
)
def test_blanks_around_quotation_marks_are_ignored(
    tmp_path: Path, before: str, after: str, delimiter: str, message: str
) -> None:
    cells = ("facebook:acme", "2026-12-24 18:00", message)
    quoted = (f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells)
    row = delimiter.join(f"{before}{cell}{after}" for cell in quoted)
    header = HEADER.replace(",", delimiter)
    plain = f"{ROW}  as is\n".replace(",", delimiter)
    calendar = read(tmp_path, f"{header}{row}\n{plain}")
    assert get_messages(calendar) == [message, "  as is"]
    assert (calendar.rows[0].pages, calendar.rows[0].scheduled_at) == (cells[:1], cells[1])


def test_text_after_a_closing_quotation_mark_is_an_error(tmp_path: Path) -> None:
    text = get_only_text(read(tmp_path, f'{HEADER}{ROW}"Hello" world\n'))
    assert "c.csv:2: invalid CSV" in text
    assert "write each quotation mark inside it twice" in text


@pytest.mark.parametrize(
    ("first_line", "delimiter"),
    [
        ("sep=;", ";"),
        ("sep=;;;", ";"),
        ("sep=,,", ","),
        ("sep=,", ","),
        ('"sep=;"', ";"),
        ("SEP=\t", "\t"),
        ("sep=|", "|"),
    ],
)
def test_separator_line_sets_the_delimiter(tmp_path: Path, first_line: str, delimiter: str) -> None:
    table = (HEADER + ROW).replace(",", delimiter)
    for end in ("\n", "\r\n"):
        text = f"{first_line}\n{table}Hello\n".replace("\n", end)
        calendar = read(tmp_path, text)
        assert get_messages(calendar) == ["Hello"]
        assert calendar.rows[0].line == 3
    calendar = read(tmp_path, codecs.BOM_UTF8 + f"{first_line}\n{table}Hello\n".encode())
    assert get_messages(calendar) == ["Hello"]


@pytest.mark.parametrize("marks", [1, 2, 3])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_repeated_byte_order_marks_are_ignored(tmp_path: Path, marks: int, encoding: str) -> None:
    content = ("\ufeff" * marks + HEADER + ROW + "Hello\n").encode(encoding)
    assert get_messages(read(tmp_path, content)) == ["Hello"]
    yaml = "posts: [{page: facebook:acme, scheduled_at: 2026-12-24 18:00, message: Hello}]"
    content = ("\ufeff" * marks + yaml).encode(encoding)
    assert get_messages(read(tmp_path, content, "c.yaml")) == ["Hello"]


@pytest.mark.parametrize(
    "value",
    ["#NAME?", "#REF!", " #N/A ", "#DIV/0!", "#BEZUG!", "#NV", "#VALEUR!", "#¡REF!", "#NOME?",
     "#ERROR!", "Err:502", "########"],
)  # fmt: skip
def test_spreadsheet_errors_are_not_text(tmp_path: Path, value: str) -> None:
    text = get_only_text(read(tmp_path, f"{HEADER}{ROW}{value}\n"))
    assert f"c.csv:2: message: {value.strip()} is a spreadsheet error; correct" in text
    rows = f"page,scheduled_at,message,link\n{ROW}Hi,{value}\n"
    assert "c.csv:2: link:" in get_only_text(read(tmp_path, rows))


@pytest.mark.parametrize("value", ["#name", "#NAME? again", "#WOW!", "Err:", "#1", "# #"])
def test_hashtags_are_not_spreadsheet_errors(tmp_path: Path, value: str) -> None:
    assert get_messages(read(tmp_path, f"{HEADER}{ROW}{value}\n")) == [value]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("page,scheduled_at,message,,", f"{ROW}Hello, world, buy now,"),
        ("page,scheduled_at,message, ", f"{ROW}Hello, world"),
        ("page,,scheduled_at,message", "facebook:acme,lost,2026-12-24 18:00,Hello"),
        (",page,scheduled_at,message", "lost,facebook:acme,2026-12-24 18:00,Hello"),
    ],
)
def test_text_in_a_nameless_column_is_an_error(tmp_path: Path, header: str, row: str) -> None:
    text = get_only_text(read(tmp_path, f"{header}\n{row}\n"))
    assert text.startswith("c.csv:2: text in a column without a name")
    assert "quote cells" in text
    blank = row.replace(" world", " ").replace(" buy now", "").replace("lost", " ")
    assert len(get_messages(read(tmp_path, f"{header}\n{blank}\n"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        '2026-12-24 18:00,"Hi; you; all"\n',
        '2026-12-24 18:00,"""Hi; you; all"""\n',
        '"Plan, 2026"\nscheduled_at;message\n2026-12-24 18:00;"Hi; you; all"\n',
        '"When";"message\n(at most 280, with links, tags)"\n2026-12-24 18:00;"Hi; you; all"\n',
    ],
)
def test_delimiters_in_quotation_marks_are_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text)
    columns = parse_columns('"message\n(at most 280, with links, tags)"=message')
    settings = ReadSettings(pages=("facebook:acme",), columns=columns)
    calendar = load_calendar(str(path), settings)
    assert [message and message.strip('"') for message in get_messages(calendar)] == [
        "Hi; you; all"
    ]
    assert [row.scheduled_at for row in calendar.rows] == ["2026-12-24 18:00"]


def test_separator_line_on_stdin_sets_the_delimiter(cli: CommandLine) -> None:
    text = "sep=|\r\npage|scheduled_at|message\r\nfacebook:acme|2026-12-24 18:00|Hello\r\n"
    ran = cli.run("bulk", "schedule", "-", "--json", stdin=text)
    assert get_summary(ran) == {"created": 1}


@pytest.mark.parametrize(
    ("column", "cell", "values"),
    [
        ("media_urls", "https://e.com/a.jpg,https://e.com/b.jpg", 2),
        ("media_urls", "https://e.com/a.jpg, HTTPS://e.com/b.jpg,", 2),
        ("media_urls", "https://e.com/a,b.jpg", 1),
        ("media_urls", "https://e.com/a.jpg|https://e.com/b.jpg || https://e.com/c.jpg|", 3),
        ("media_urls", "https://e.com/a.jpg https://e.com/b.jpg", 2),
        ("media_urls", "https://e.com/a|b.jpg", 1),
        ("media_urls", "https://e.com/a.jpg;https://e.com/b.jpg,https://e.com/c.jpg", 3),
        ("media_ids", "m1, m2;m3", 3),
        ("media_files", "a.png, b.png", 2),
        ("media_files", "a, b.png", 1),
        ("media_files", "a.png,b.png;c.png", 3),
    ],
)
def test_media_lists_are_split_at_separators_but_not_within_names(
    tmp_path: Path, column: str, cell: str, values: int
) -> None:
    for name in ("a.png", "b.png", "c.png", "a, b.png"):
        (tmp_path / name).write_bytes(png())
    calendar = read(tmp_path, f'page,scheduled_at,message,{column}\n{ROW}Hi,"{cell}"\n')
    assert get_messages(calendar) == ["Hi"]
    (row,) = calendar.rows
    found = row.media_files if column == "media_files" else getattr(row.content, column)
    assert len(found) == values
    if column == "media_files":
        assert all(path.exists() for path in row.media_files)
    text = f"posts:\n- page: a\n  scheduled_at: b\n  {column}: '{cell}'\n"
    (same,) = read(tmp_path, text, "c.yaml").rows
    assert (same.media_files, same.content[1:]) == (row.media_files, row.content[1:])


def test_exported_urls_with_commas_are_read_back(cli: CommandLine, tmp_path: Path) -> None:
    url = "https://img.example.com/fit,https://e.com/a.jpg"
    piped = url.replace(",", "|")
    for at, media in (("in 2d", url), ("in 3d", "https://e.com/a,"), ("in 4d", piped)):
        done = cli.run("posts", "schedule", "--page", "facebook:acme", "--at", at,
                       "-m", "Hi", "--media", media)  # fmt: skip
        assert done.code == 0, done.err
    export = cli.run("bulk", "export").out
    urls = [row.content.media_urls for row in read(tmp_path, export).rows]
    encoded = [url.replace(",", "%2C"), "https://e.com/a%2C", url.replace(",", "%7C")]
    assert urls == [(item,) for item in encoded]


def test_pages_separated_by_commas_are_split(
    cli: CommandLine, tmp_path: Path, emulator: EmulatorServer
) -> None:
    path = tmp_path / "c.csv"
    pages = "facebook:acme, instagram:acme"
    path.write_text(f'page,scheduled_at,message\n"{pages}",2026-12-24 18:00,Hi\n')
    assert get_summary(cli.run("bulk", "schedule", str(path), "--json")) == {"created": 2}
    with emulator.state.transaction() as db:
        db.execute("UPDATE pages SET name = 'Acme, Inc.' WHERE platform = 'linkedin'")
    path.write_text('page,scheduled_at,message\n"Acme, Inc.",2026-12-25 18:00,Hi\n')
    assert get_summary(cli.run("bulk", "schedule", str(path), "--json")) == {"created": 1}


@pytest.mark.parametrize(
    ("written", "name"),
    [("Bu\u0308ro.png", "B\u00fcro.png"), ("B\u00fcro.png", "Bu\u0308ro.png")],
)
def test_file_name_in_another_unicode_form_is_found(
    tmp_path: Path, written: str, name: str
) -> None:
    directory = tmp_path / written.removesuffix(".png")
    directory.mkdir()
    (directory / written).write_bytes(png())
    (tmp_path / f"{written}.txt").write_text("From a file", encoding="utf-8")
    text = (
        "page,scheduled_at,message_file,media_files\n"
        f"{ROW}{name}.txt,{name.removesuffix('.png')}/{name}\n"
    )
    calendar = read(tmp_path, text)
    assert get_messages(calendar) == ["From a file"]
    assert calendar.rows[0].media_files == (directory / written,)


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        ("photo.png", "/photo.png); did you mean 'Photo.PNG'?"),
        ("Photo.pgn", "did you mean 'Photo.PNG'?"),
        ("Picts/a.png", "did you mean 'pics'?"),
        ("bu\u0308ro.png", "did you mean 'B\u00fcro.png'?"),
        ("~/Photo.PNG", "~ is not expanded here: write the full path"),
        ("https://cdn.example.com/a.jpg", "is a URL; move it to media_urls"),
        ('"Photo.PNG, Photo.PNG"', "separate several names with ;"),
        ('"Photo.PNG, nope.png"', "separate several names with ;"),
        ("other.png", "No such file or directory"),
    ],
)
def test_missing_file_suggests_a_similar_name(
    cli: CommandLine, tmp_path: Path, cell: str, advice: str
) -> None:
    (tmp_path / "Photo.PNG").write_bytes(png())
    (tmp_path / "B\u00fcro.png").write_bytes(png())
    (tmp_path / "pics").mkdir()
    path = tmp_path / "c.csv"
    text = f"page,scheduled_at,message,media_files\n{ROW}Hi,{cell}\n"
    path.write_text(text, encoding="utf-8")
    ran = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert ran.code == 2
    assert advice in ran.err
    assert "c.csv:2: media_files:" in ran.err


def test_missing_message_file_suggests_a_similar_name(tmp_path: Path) -> None:
    (tmp_path / "Text.txt").write_text("Hi")
    text = f"page,scheduled_at,message_file\n{ROW}text.txt\n"
    assert "did you mean 'Text.txt'?" in get_only_text(read(tmp_path, text))


@pytest.mark.parametrize(
    "names", [("B\u00fcro.png", "Bu\u0308ro.png"), ("Bu\u0308ro.png", "B\u00fcro.png")]
)
def test_named_files_in_another_unicode_form_are_found(
    cli: CommandLine, tmp_path: Path, names: tuple[str, str]
) -> None:
    written, name = names
    (tmp_path / written).write_bytes(png())
    uploaded = cli.run("media", "upload", str(tmp_path / name))
    assert uploaded.code == 0, uploaded.err
    words = ("--page", "facebook:acme", "--at", "in 2h", "-m", "Hi")
    posted = cli.run("posts", "schedule", *words, "--media", str(tmp_path / name))
    assert posted.code == 0, posted.err


def test_missing_upload_suggests_a_similar_name(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "Photo.PNG").write_bytes(png())
    ran = cli.run("media", "upload", str(tmp_path / "photo.png"))
    assert ran.code == 2
    assert "did you mean 'Photo.PNG'?" in ran.err


@pytest.mark.parametrize("text", ["\u200b\u200d", "\u00ad", "\u3164", "\ufe0f \u2800", "\x01\x02"])
def test_invisible_texts_are_rejected(cli: CommandLine, tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{HEADER}{ROW}{text}\n", encoding="utf-8")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert "c.csv:2: message: contains only whitespace and invisible characters" in ran.err
    rows = f"page,scheduled_at,message,first_comment,media_urls\n{ROW}Hi,{text},https://e.com/a\n"
    path.write_text(rows, encoding="utf-8")
    assert "c.csv:2: first_comment: contains only" in cli.run("bulk", "schedule", str(path)).err
    ran = cli.run("posts", "schedule", "--page", "facebook:acme", "--at", "in 2h", "-m", text)
    assert ran.code == 2


@pytest.mark.parametrize(
    "text", ["\U0001f468\u200d\U0001f469", "\u200bA", "\u0627", "\u2764\ufe0f"]
)
def test_visible_texts_with_joiners_are_accepted(
    cli: CommandLine, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{HEADER}{ROW}{text}\n", encoding="utf-8")
    assert cli.run("bulk", "schedule", str(path)).code == 0


def yaml_post(*lines: str) -> str:
    fields = "\n".join(f"  {line}" for line in lines)
    return f"posts:\n- page: facebook:acme\n  scheduled_at: 2026-12-24 18:00\n{fields}\n"


@pytest.mark.parametrize(
    ("lines", "line", "lost"),
    [
        (["message: Big news #launch #day"], 4, "'#launch #day' as a comment"),
        (["message: Hi", "first_comment: See you #soon"], 5, "'#soon' as a comment"),
        (["message: Hi # or Hello?"], 4, "'# or Hello?' as a comment"),
        (["message: Grüße 🚲\t#launch"], 4, "'#launch' as a comment"),
        (["message: one", "   two #launch"], 5, "'#launch' as a comment"),
        (["message: one", "   #launch"], 4, "'#launch' as a comment"),
        (["message: #launch", "link: https://example.com"], 4, "'#launch' as a comment"),
        (["message: 'Big news' #launch"], 4, "'#launch' as a comment"),
        (["message: &Friends come"], 4, "drops '&Friends'"),
        (["message: ! read this"], 4, "drops '!'"),
        (["message: !important news"], 4, "drops '!important'"),
        (["message: Hi", "key: launch #1"], 5, "'#1' as a comment"),
        (["message: Hi", "media_files: [a.png, photo #1.png", "  ]"], 5, "'#1.png' as a comment"),
        (["message: Hi", "media_files:", "- photo #1.png"], 6, "'#1.png' as a comment"),
        (["tiktok_settings: {", "  title: New #beans", "  }"], 5, "'#beans' as a comment"),
    ],
)
def test_yaml_text_lost_to_syntax_is_reported(
    tmp_path: Path, lines: list[str], line: int, lost: str
) -> None:
    texts = get_texts(read(tmp_path, yaml_post(*lines), "c.yaml"))
    (text,) = [text for text in texts if "YAML drops" in text]
    assert f"c.yaml:{line}: " in text
    assert lost in text
    assert "put the text in quotation marks" in text


@pytest.mark.parametrize(
    "lines",
    [
        ["message: 'Big news #launch'"],
        ['message: "Big news" # for Christmas'],
        ["message: Big news", "# launch", "link: https://example.com/#launch"],
        ["message: |", "  Big news #launch", "  #day"],
        ["message: | # the text", "  Big news #launch"],
        ["message: C#", "key: a#b"],
        ["message: Hi", "timezone: UTC # winter"],
        ["message: Hi", "#link: https://example.com"],
        ["message: !!str 123"],
        ["tiktok_settings: {disable_duet: true} # no duets", "message: Hi"],
    ],
)
def test_yaml_comments_and_quoted_text_are_not_reported(tmp_path: Path, lines: list[str]) -> None:
    assert read(tmp_path, yaml_post(*lines), "c.yaml").problems == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ("message: Come, link", "link"),
        ("message: Come,link", "link"),
        ("link, message: Come", "link"),
        ("message: {x: Come, instagram: Go, linkedin}", "linkedin"),
    ],
)
def test_yaml_text_lost_at_a_comma_is_reported(tmp_path: Path, fields: str, name: str) -> None:
    text = f"posts: [{{page: facebook:acme, scheduled_at: 2026-12-24 18:00, {fields}}}]"
    assert (
        f"c.yaml:1: {name}: without a colon, YAML reads {name!r} as a field without a value; put "
        "the text in quotation marks, or remove it"
    ) in get_texts(read(tmp_path, text, "c.yaml"))


def test_yaml_field_without_a_value_in_one_line_is_accepted(tmp_path: Path) -> None:
    row = "{page: facebook:acme, scheduled_at: 2026-12-24 18:00, message: Hi, link: }"
    other = "{page: facebook:acme, scheduled_at: 2026-12-25 18:00, message: Hi, first_comment: }"
    calendar = read(tmp_path, f"posts: [{row}, {other}]", "c.yaml")
    assert get_messages(calendar) == ["Hi", "Hi"]


def test_yaml_text_lost_in_defaults_is_reported(tmp_path: Path) -> None:
    text = "defaults:\n  first_comment: More #below\n" + yaml_post("message: Hi")
    assert "c.yaml:2: first_comment: YAML drops" in get_only_text(read(tmp_path, text, "c.yaml"))


COMPLETES = "completes a time such as 6:00, not"
QUOTE = "put the text in quotation marks"


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("message: Tonight: live music", QUOTE),
        ("message: @acme is here", QUOTE),
        ("message: *New* beans", QUOTE),
        ("message: *New", "put text that starts with * in quotation marks"),
        ("message: `code`", QUOTE),
        ("message: %off", QUOTE),
        ("message: [NEW] beans", QUOTE),
        ("message: [NEW]", "put text that starts with [ or { in quotation marks"),
        ("message: - item", QUOTE),
        ("message: 'It's here'", "inside '…', write ' twice"),
        ('message: "Beans" are back', "put the whole text in quotation marks"),
        ('message: "open', "close the quotation mark that opens on this line"),
        (r'message: "C:\q"', r"write \ as \\"),
        ("message: | Hello", "start the text on the next line, indented"),
        ("message: Hi\nsecond line", "text of several lines goes below `|`"),
        ("\tmessage: Hi", "indent with spaces, not tabs"),
    ],
)
def test_yaml_errors_say_what_to_do(tmp_path: Path, line: str, advice: str) -> None:
    text = get_only_text(read(tmp_path, yaml_post(line), "c.yaml"))
    assert advice in text
    assert "c.yaml:4: " in text or "second" in line


@pytest.mark.parametrize(
    ("header", "row", "columns"),
    [
        ("page,Date,Time,message", "facebook:acme,24/12/2026,18:00,Hi",
         "Date=scheduled_at,Time=scheduled_at"),
        ("page,Date,Time,message", "facebook:acme,24/12/2026,18:00,Hi", None),
        ("time,page,date,message", "18:00,facebook:acme,24/12/2026,Hi", None),
        ("Start time,page,Day,message", "18:00,facebook:acme,24/12/2026,Hi",
         "Day=scheduled_at,Start time=scheduled_at"),
        ("page,Datum,Uhrzeit,message", "facebook:acme,24/12/2026,18:00,Hi",
         "Datum=date,Uhrzeit=time"),
        ("page,scheduled_at,time,message", "facebook:acme,24/12/2026,18:00,Hi", None),
        ("page,scheduled_at,date,message", "facebook:acme,18:00,24/12/2026,Hi", None),
        ("page,Publish time,Date,message", "facebook:acme,18:00,24/12/2026,Hi", None),
        ("page,Date (D/M/Y),Time (24h),message", "facebook:acme,24/12/2026,18:00,Hi",
         "Date (D/M/Y)=scheduled_at,Time (24h)=time"),
        ("page,Date,Time,AM/PM,message", "facebook:acme,24/12/2026,6:00,PM,Hi", None),
        ("page,When,AM/PM,message", "facebook:acme,24/12/2026 6:00,p.m.,Hi", None),
        ("page,Date,Time,AM/PM,message", "facebook:acme,24/12/2026,6:00,PM UTC,Hi", None),
    ],
)  # fmt: skip
def test_date_and_time_columns_are_combined(
    cli: CommandLine, tmp_path: Path, header: str, row: str, columns: str | None
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{header}\n{row}\n")
    options = ["--columns", columns] if columns else []
    ran = cli.run("bulk", "schedule", str(path), "--dry-run", "--tz", "UTC", "--date-order", "dmy",
                  "--json", *options)  # fmt: skip
    assert ran.code == 0, ran.err
    assert [row["scheduled_at"] for row in get_report(ran)["rows"]] == ["2026-12-24T18:00:00Z"]


@pytest.mark.parametrize(
    ("header", "cells", "words"),
    [
        ("scheduled_at,time", "2026-12-24 18:00,19:00", "scheduled_at: "),
        ("date,scheduled_at", "2026-12-24,2026-12-25 18:00", "scheduled_at: "),
        ("scheduled_at,date", "18:00,", "date: `time` requires `date` too"),
        ("date,scheduled_at", ",18:00:00.000", "date: `time` requires `date` too"),
        ("Post date,Post time", ",T18:00", "date: `time` requires `date` too"),
        ("Date,Publish time", ",today 18:00", "date: `time` requires `date` too"),
        ("date,scheduled_at", ",18:00-0500", "date: `time` requires `date` too"),
        ("date,scheduled_at", ",18:00 [Europe/Berlin]", "date: `time` requires `date` too"),
        ("date,time,AM/PM", "2026-12-24,18:00,PM", f"am_pm: 'PM' {COMPLETES} '18:00'"),
        ("date,time,AM/PM", "2026-12-24,6:00 AM,PM", f"am_pm: 'PM' {COMPLETES} '6:00 AM'"),
        ("scheduled_at,AM/PM", "next-slot,AM", f"am_pm: 'AM' {COMPLETES} 'next-slot'"),
        ("scheduled_at,AM/PM", "2026-12-24 18:00,am",
         f"am_pm: 'am' {COMPLETES} '2026-12-24 18:00'; correct the time, or clear this cell"),
        ("scheduled_at,AM/PM", ",PM", "am_pm: 'PM' has no time beside it; write the time"),
        ("date,time,AM/PM", "2026-12-24,,PM", "am_pm: 'PM' has no time beside it; write the time"),
        ("date,time,AM/PM", "2026-12-24,6:00,x", "am_pm: 'x' is not AM or PM; correct the cell"),
    ],
)  # fmt: skip
def test_columns_that_form_no_time_are_an_error(
    cli: CommandLine, tmp_path: Path, header: str, cells: str, words: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"page,message,{header}\nfacebook:acme,Hi,{cells}\n")
    ran = cli.run("bulk", "schedule", str(path), "--dry-run", "--tz", "UTC")
    assert ran.code == 2
    assert f"c.csv:2: {words}" in ran.err


@pytest.mark.parametrize("header", ["date,scheduled_at", "Date,Post time"])
def test_complete_time_beside_an_empty_date_is_accepted(
    cli: CommandLine, tmp_path: Path, header: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        f"page,message,{header}\nfacebook:acme,Hi,,2026-12-24 18:00\n"
        "facebook:acme,Ho,2026-12-25,18:00\nfacebook:acme,Hm,,26/12/2026 18:00\n"
    )
    ran = cli.run("bulk", "schedule", str(path), "--dry-run", "--tz", "UTC", "--json")
    assert ran.code == 0, ran.err
    times = [row["scheduled_at"] for row in get_report(ran)["rows"]]
    assert times == [f"2026-12-{day}T18:00:00Z" for day in (24, 25, 26)]


@pytest.mark.parametrize(
    ("header", "advice"),
    [
        ("scheduled_at,message_fr", "ignore it with --columns 'message_fr='"),
        ("scheduled_at,message_threads", "ignore it with --columns 'message_threads='"),
        ("scheduled_at,message_ig", "Map it with --columns 'message_ig=message_instagram'"),
        ("scheduled_at,message_instagam", "Map it with --columns 'message_instagam=message_instag"),
        ("scheduled_at,Facebook", "ignore it with --columns 'Facebook='"),
        ("scheduled_at,X", "ignore it with --columns 'X='"),
        ("date,start time,end time", "map or ignore them with --columns 'start time=,end time='"),
        ("date,start time", "ignore it with --columns 'start time='"),
        ("Due Date", "Map it with --columns 'Due Date=scheduled_at'"),
        (
            "scheduled_at_utc",
            "'scheduled_at_utc=scheduled_at', and set the time zone with ",
        ),
        (
            "scheduledAtUtc",
            "'scheduledAtUtc=scheduled_at', and set the time zone with --tz",
        ),
        ("Publish Time (UTC)", "'Publish Time (UTC)=scheduled_at', and set the time zone "),
        ("date,Time (EST)", "'Time (EST)=time', and set the time zone with --tz"),
        ("Approval date,Launch", "map or ignore them with --columns 'Approval date=,Launch='"),
        ("scheduled_at,Date (created)", "ignore it with --columns 'Date (created)='"),
    ],
)
def test_advised_columns_have_the_right_field(tmp_path: Path, header: str, advice: str) -> None:
    calendar = read(tmp_path, f"page,message,{header}\n")
    assert advice in calendar.problems[0].text


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("2026-12-24,", "c.csv:2: time: `date` requires `time` too"),
        (",18:00", "c.csv:2: date: `time` requires `date` too"),
    ],
)
def test_date_without_a_time_or_time_without_a_date_is_an_error(
    tmp_path: Path, cells: str, problem: str
) -> None:
    text = f"page,date,time,message\nfacebook:acme,{cells},Hi\n"
    assert problem in get_only_text(read(tmp_path, text))


def test_yaml_date_and_time_are_combined_with_defaults(tmp_path: Path) -> None:
    text = (
        "defaults: {page: facebook:acme, time: 09:00}\n"
        "posts:\n- {date: 2026-12-24, message: a}\n- {date: 2026-12-25, time: 18:00, message: b}\n"
        "- {scheduled_at: 2026-12-26 10:00, message: c}\n"
    )
    calendar = read(tmp_path, text, "c.yaml")
    assert get_messages(calendar) == ["a", "b", "c"]
    times = [row.scheduled_at for row in calendar.rows]
    assert times == ["2026-12-24 09:00", "2026-12-25 18:00", "2026-12-26 10:00"]
    text = text.replace("{scheduled_at", "{date: 2026-12-26, time: 08:00, scheduled_at")
    assert "conflicts with `date` and `time`" in get_only_text(read(tmp_path, text, "c.yaml"))


EXCEL = "Date,Caption,Image,Channel"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (EXCEL, "2026-12-24 18:00,Hi,a.jpg,facebook:acme"),
        (EXCEL, "2026-12-24 18:00,Hi,https://e.com/a.jpg,facebook:acme"),
        ("Post Date,Post Text,Photo URL,Account", "2026-12-24 18:00,Hi,a.jpg,facebook:acme"),
        ("Date,Time,Caption,Channel", "2026-12-24,18:00,Hi,facebook:acme"),
        ("Post date,Post time,Caption,Channel", "2026-12-24,18:00,Hi,facebook:acme"),
        ("Scheduled Time,Scheduled Date,Text,Page", "18:00,2026-12-24,Hi,facebook:acme"),
        ("Datum,Uhrzeit,Beitrag,Bild,Kanal", "2026-12-24,18:00,Hi,a.jpg,facebook:acme"),
        ("Date,Heure,Légende,Visuel,Compte", "2026-12-24,18:00,Hi,a.jpg,facebook:acme"),
        ("Fecha,Hora,Texto,Imagen,Cuenta", "2026-12-24,18:00,Hi,a.jpg,facebook:acme"),
        ("Data,Hora,Legenda,Imagem,Conta", "2026-12-24,18:00,Hi,a.jpg,facebook:acme"),
        ("Day,Date,Time,Platform,Account,Copy", "Thu,2026-12-24,18:00,Facebook,@acme,Hi"),
    ],
)  # fmt: skip
def test_headers_of_other_programs_are_recognized(
    cli: CommandLine, tmp_path: Path, header: str, row: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    path = tmp_path / "c.csv"
    path.write_text(f"{header}\n{row}\n")
    ran = cli.run("bulk", "schedule", str(path), "--dry-run", "--json", "--tz", "UTC")
    assert ran.code == 0, ran.err
    assert [row["scheduled_at"] for row in get_report(ran)["rows"]] == ["2026-12-24T18:00:00Z"]
    assert "c.csv: recognized columns: " in ran.err
    calendar = read(tmp_path, f"{header}\n{row}\n")
    (found,) = calendar.rows
    has_media = bool(found.media_files or found.content.media_urls)
    assert (found.content.message, found.pages) == ("Hi", ("facebook:acme",))
    assert has_media == (".jpg" in row)


@pytest.mark.parametrize(
    ("header", "cells", "problem"),
    [
        ("Jour,Date", "mar,2026-12-22 18:00", None),
        ("Wochentag,Datum", "Mo.,2026-12-21 18:00", None),
        ("Tag,Datum", "promo,2026-12-21 18:00", "c.csv:2: weekday: 'promo' is not a weekday"),
        ("Day,Date", "5,2026-12-21 18:00", "c.csv:2: weekday: '5' is not a weekday"),
        ("Day,Time", "Mon,18:00", "c.csv:1: Day: unknown field 'Day'"),
        ("Jour,Heure", "lundi,18:00", "c.csv:1: Jour: unknown field 'Jour'"),
    ],
)
def test_weekday_column_must_contain_weekdays(
    cli: CommandLine, tmp_path: Path, header: str, cells: str, problem: str | None
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{header},page,message\n{cells},facebook:acme,Hi\n")
    ran = cli.run("bulk", "schedule", str(path), "--dry-run", "--tz", "UTC", "--json")
    assert ran.code == (0 if problem is None else 2), ran.err
    assert problem is None or problem in ran.err


def test_weekday_column_that_contradicts_the_date_is_an_error(
    cli: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("Day,Date,page,Text\nFri,2026-12-24 18:00,facebook:acme,Hi\n")
    ran = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert ran.code == 2
    assert "2026-12-24 is a Thursday, not a Friday" in ran.err


@pytest.mark.parametrize(
    ("platform", "account", "problem"),
    [
        ("Threads", "acme", "'Threads' is not one of facebook, instagram"),
        ("Facebook, Instagram", "acme", "'Facebook, Instagram' is not one of facebook"),
        ("Facebook", "instagram:acme", "'instagram:acme' is not on 'Facebook'"),
        ("Instagram", "IG:acme", None),
    ],
)
def test_platform_that_contradicts_the_page_is_an_error(
    tmp_path: Path, platform: str, account: str, problem: str | None
) -> None:
    row = f'"{platform}",{account},2026-12-24 18:00,Hi'
    calendar = read(tmp_path, f"Platform,Account,Date,Text\n{row}\n")
    if problem is None:
        assert calendar.problems == []
    else:
        (text,) = [item.text for item in calendar.problems]
        assert f"c.csv:2: page: {problem}" in text


@pytest.mark.parametrize(
    ("pages", "page", "problem"),
    [
        ({"acme official": "facebook:acme"}, "facebook:acme", None),
        ({"acme official": "65f1"}, "65f1", None),
        ({"acme official": "instagram:acme"}, "", "'instagram:acme' is not on 'Facebook'"),
        (
            {"acme official": "instagram:acme", "facebook:acme official": "facebook:acme"},
            "facebook:acme",
            None,
        ),
        ({"other": "65f1"}, "facebook:Acme Official", None),
        ({"acme official": ""}, "", "skipped: --pages"),
    ],
)
def test_account_name_beside_a_platform_is_mapped(
    tmp_path: Path, pages: dict[str, str], page: str, problem: str | None
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("Platform,Account,Date,Text\nFacebook,Acme Official,2026-12-24 18:00,Hi\n")
    calendar = load_calendar(str(path), ReadSettings(page_names=pages))
    if problem is None:
        assert get_texts(calendar) == []
        assert [row.pages for row in calendar.rows] == [(page,)]
    else:
        assert f"c.csv:2: page: {problem}" in get_texts(calendar)[0]


def test_two_dates_are_not_a_date_and_a_time(tmp_path: Path) -> None:
    text = "Post date,Publish date,Text,page\n2026-12-24 18:00,2026-12-25 18:00,Hi,facebook:acme\n"
    assert "may hold the scheduled_at, and so may 'Post date'" in get_only_text(
        read(tmp_path, text)
    )


def test_advised_option_keeps_the_given_one(tmp_path: Path) -> None:
    text = "Seite,Wann,Caption,Notes\nfacebook:acme,2026-12-24 18:00,Hi,x\n"
    columns = "Seite=page,Wann=scheduled_at"
    problem = get_only_text(read(tmp_path, text, columns=columns))
    option = "seite=page,wann=scheduled_at,Notes="
    assert f"--columns '{option}'" in problem
    assert get_messages(read(tmp_path, text, columns=option)) == ["Hi"]


@pytest.mark.parametrize("name", ["Text, short", 'The "real" text', "a=b", "=1"])
def test_advised_option_quotes_column_names(tmp_path: Path, name: str) -> None:
    quoted = name.replace('"', '""')
    text = f'"{quoted}",page,scheduled_at,message\nx,facebook:acme,2026-12-24 18:00,Hi\n'
    (option,) = re.findall("--columns '(.*)'", get_only_text(read(tmp_path, text)))
    assert get_messages(read(tmp_path, text, columns=option)) == ["Hi"]
    option = option.removesuffix("=") + "=first_comment"
    (row,) = read(tmp_path, text, columns=option).rows
    assert row.content.first_comment == "x"


def test_all_unknown_columns_are_ignored(tmp_path: Path) -> None:
    text = "a,b,page,scheduled_at,message\nx,y,facebook:acme,2026-12-24 18:00,Hi\n"
    assert get_messages(read(tmp_path, text, columns="*=")) == ["Hi"]
    with pytest.raises(InvalidInputError, match="maps all columns to one field"):
        read(tmp_path, text, columns="*=message")


def test_text_of_two_columns_is_not_dropped(tmp_path: Path) -> None:
    text = "page,scheduled_at,Caption,Text\nfacebook:acme,2026-12-24 18:00,Hi,Ho\n"
    problem = get_only_text(read(tmp_path, text))
    assert "c.csv:1: Text: may hold the message, and so may 'Caption'" in problem
    (option,) = re.findall("--columns '(.*)'", problem)
    assert get_messages(read(tmp_path, text, columns=option)) == ["Hi"]
    assert get_messages(read(tmp_path, text, columns="Caption=,Text=message")) == ["Ho"]


def test_many_equal_problems_are_one_line(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    rows = [f"instagram:missing,2026-12-24 18:00,Row {n}" for n in range(100)]
    rows.append("facebook:acme,soon,x")
    path.write_text(HEADER + "\n".join(rows))
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    first, second, summary, _ = ran.err.splitlines()
    assert "c.csv:2: page: page not found: instagram:missing" in first
    assert first.endswith("(also on lines 3, 4, 5, 6 and 95 more)")
    assert "c.csv:102: scheduled_at:" in second
    assert "101 problems" in summary
    ran = cli.run("bulk", "schedule", str(path), "--json")
    problems = json.loads(ran.err.splitlines()[-1])["error"]["details"]["problems"]
    assert [problem["line"] for problem in problems] == list(range(2, 103))


LINES = "Line one\nLine two\n\nLine four"


def line_end_files(key: str) -> dict[str, str]:
    text = f'key,page,scheduled_at,message\n{key},facebook:acme,2026-12-24 18:00,"{LINES}"\n'
    return {end: text.replace("\n", end) for end in ("\n", "\r\n", "\r")}


@pytest.mark.parametrize("key", ["", "k1"])
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_change_nothing(
    cli: CommandLine, client: Client, tmp_path: Path, key: str, end: str
) -> None:
    files = line_end_files(key)
    path = tmp_path / "c.csv"
    path.write_bytes(files["\n"].encode())
    assert get_summary(cli.run("bulk", "schedule", str(path), "--json")) == {"created": 1}
    path.write_bytes(files[end].encode())
    assert get_summary(cli.run("bulk", "schedule", str(path), "--json")) == {"unchanged": 1}
    assert [post["message"] for post in client.scheduled_posts().items] == [LINES]
    empty = {"OUTREPLY_STATE_DIR": str(tmp_path / "empty")}
    ran = cli.run("bulk", "schedule", str(path), "--adopt", "--json", env=empty)
    assert get_summary(ran) == {"unchanged": 1}


def test_yaml_escapes_of_line_ends(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml_post(r'message: "Line one\r\nLine two"'))
    assert cli.run("bulk", "schedule", str(path)).code == 0
    assert [post["message"] for post in client.scheduled_posts().items] == ["Line one\nLine two"]


def rename_page(emulator: EmulatorServer) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE pages SET username = 'new', name = 'New' WHERE platform = 'facebook'")


def expire_page(emulator: EmulatorServer) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE pages SET expired = 1 WHERE platform = 'facebook'")


PUBLISHED = "k1,facebook:acme,2026-12-01 09:00,PUBLISHED\n"
NEXT = "k2,instagram:acme,2027-01-10 18:00,NEXT\n"


@pytest.mark.parametrize("change", [rename_page, expire_page])
@pytest.mark.parametrize("zone", ["UTC", "brand", "Asia/Tokyo"])
def test_page_that_is_gone_does_not_block_other_rows(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path,
    change: Callable[[EmulatorServer], None], zone: str,
) -> None:  # fmt: skip
    path = tmp_path / "c.csv"
    unkeyed = PUBLISHED.replace("k1", "").replace("09:00", "10:00")
    path.write_text(f"key,{HEADER}{PUBLISHED}{unkeyed}")
    assert cli.run("bulk", "schedule", str(path), "--tz", zone).code == 0
    cli.clock.advance(9 * 86_400)
    change(emulator)
    path.write_text(f"key,{HEADER}{PUBLISHED}{unkeyed}{NEXT}")
    ran = cli.run("bulk", "schedule", str(path), "--tz", zone, "--prune")
    assert ran.code == 0, ran.err
    assert "1 created" in ran.err


def test_expired_page_blocks_rows_that_are_still_to_be_sent(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"key,{HEADER}{PUBLISHED}")
    assert cli.run("bulk", "schedule", str(path)).code == 0
    expire_page(emulator)
    path.write_text(f"key,{HEADER}{PUBLISHED}{NEXT}")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 0, ran.err
    assert "c.csv:2: page: the connection of facebook:acme has expired" in ran.err
    assert "1 created, 1 unchanged" in ran.err
    path.write_text(f"key,{HEADER}{PUBLISHED.replace('PUBLISHED', 'edited')}{NEXT}")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert "has expired; reconnect it" in ran.err


def test_published_row_is_not_validated_again(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    post = yaml_post("message: Big news").replace("12-24", "12-01")
    path.write_text(post)
    assert cli.run("bulk", "schedule", str(path)).code == 0
    cli.clock.advance(9 * 86_400)
    path.write_text(post.replace("Big news", "Big news #launch"))
    ran = cli.run("bulk", "schedule", str(path), "--json")
    assert ran.code == 0, ran.err
    assert get_summary(ran) == {"unchanged": 1}


def test_missing_end_marker_is_a_warning(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg()[:-2])
    path = tmp_path / "c.csv"
    path.write_text(f"page,scheduled_at,message,media_files\n{ROW}Hi,a.jpg\n")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 0
    assert "Warning: " in ran.err
    assert "c.csv:2: media_files: a.jpg: the file has no end marker" in ran.err
    for words in (
        ("media", "upload", str(tmp_path / "a.jpg")),
        ("posts", "schedule", "--page", "facebook:acme", "--at", "in 3d", "-m", "Hi",
         "--media", str(tmp_path / "a.jpg")),
    ):  # fmt: skip
        ran = cli.run(*words)
        assert ran.code == 0
        assert "the file has no end marker" in ran.err
