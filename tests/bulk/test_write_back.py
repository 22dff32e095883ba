"""`bulk schedule --write-times`: chosen times in the file, every other byte as it was."""

import codecs
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.bulk.write_back import write_times
from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.test_bulk_schedule import count_writes, get_summary
from tests.command_line import CommandLine

PAGE = "instagram:acme"
FIRST, SECOND = "2026-11-23T17:30+01:00", "2026-11-24T09:00+01:00"
TEXT = (
    'key,page,scheduled_at,message\na,{page},{0},"One, ""quoted"""\n\n'
    'b , {page} ,"{1}","Two\nlines"\n,facebook:acme,2026-12-24 18:00,Timed\n'
)
plain = TEXT.format("", "next-slot", page=PAGE)
written = TEXT.format(FIRST, SECOND, page=PAGE)


@pytest.fixture
def slots(cli: CommandLine, emulator: EmulatorServer) -> CommandLine:
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET tier = 'elite'")
    assert cli.run("slots", "set", PAGE, "mon-fri 9am,17:30").code == 0
    return cli


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        lambda text: codecs.BOM_UTF16_BE + text.replace("\n", "\r").encode("utf-16-be"),
        lambda text: b"sep=,\r\n" + text.encode(),
        lambda text: text.rstrip("\n").encode(),
    ],
    ids=["utf-8", "Excel", "utf-16-le", "utf-16-be", "sep", "no last line end"],
)
def test_only_the_times_change(
    slots: CommandLine, tmp_path: Path, emulator: EmulatorServer, encode: object
) -> None:
    assert callable(encode)
    path = tmp_path / "c.csv"
    path.write_bytes(encode(plain))
    path.chmod(0o640)
    ran = slots.run("bulk", "schedule", str(path), "--json", "--write-times")
    assert get_summary(ran) == {"created": 3}, ran.err
    assert path.read_bytes() == encode(written)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [item.name for item in tmp_path.glob("*.csv*")] == ["c.csv"]
    assert "Wrote the times of 2 rows into" in ran.err
    before = count_writes(emulator)
    again = slots.run("bulk", "schedule", str(path), "--json", "--write-times")
    assert get_summary(again) == {"unchanged": 3}, again.err
    assert path.read_bytes() == encode(written)
    assert count_writes(emulator) == before


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_times_are_written_with_other_delimiters_and_columns(
    slots: CommandLine, tmp_path: Path, delimiter: str
) -> None:
    path = tmp_path / "c.csv"
    header = delimiter.join(("Text", "Wann", "page"))
    path.write_text(f"{header}\n{delimiter.join(('One, and', '', PAGE))}\n")
    options = ("--columns", "Text=message,Wann=scheduled_at", "--write-times")
    ran = slots.run("bulk", "schedule", str(path), *options)
    assert ran.code == 0, ran.err
    assert "Wrote the time of 1 row into" in ran.err
    assert path.read_text() == f"{header}\n{delimiter.join(('One, and', FIRST, PAGE))}\n"
    # The file with the times is known again under another name.
    ran = slots.run("bulk", "schedule", str(path.rename(tmp_path / "d.csv")), "--json")
    assert get_summary(ran) == {"unchanged": 1}, ran.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", f"page,message\n{PAGE},One\n"),
        ("c.csv", f"page,message,scheduled_at\n{PAGE},One\n"),
        ("c.yaml", f"posts:\n  - {{page: '{PAGE}', message: One}}\n"),
    ],
)
def test_store_keeps_times_that_have_no_cell(
    slots: CommandLine, tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    ran = slots.run("bulk", "schedule", str(path), "--json", "--write-times")
    assert get_summary(ran) == {"created": 1}
    assert "the journal keeps them" in ran.err
    assert path.read_text() == text
    assert get_summary(slots.run("bulk", "schedule", str(path), "--json")) == {"unchanged": 1}


def test_times_survive_a_lost_journal(slots: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(plain)
    assert slots.run("bulk", "schedule", str(path), "--write-times").code == 0
    (slots.home / "state" / "journal.db").unlink()
    assert get_summary(slots.run("bulk", "schedule", str(path), "--json")) == {"unchanged": 3}


def test_without_a_terminal_nothing_is_written(slots: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(plain)
    assert slots.run("bulk", "schedule", str(path)).code == 0
    assert path.read_text() == plain


@pytest.mark.parametrize(("reply", "text"), [("y", written), ("n", plain)])
def test_terminal_asks_before_it_writes_times(
    slots: CommandLine, tmp_path: Path, reply: str, text: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(plain)
    child = slots.at_terminal("bulk", "schedule", str(path))
    child.expect("Write the chosen times into")
    child.sendline(reply)
    child.expect("Done: 3 created")
    child.wait()
    assert path.read_text() == text


def test_file_that_was_changed_in_the_meantime_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(plain)
    calendar = Calendar("c.csv", path)
    parse_csv(calendar, path.read_bytes())
    edited = write_times(calendar, {2: FIRST, 4: SECOND})
    assert edited is not None
    path.write_text(plain + "c,facebook:acme,2026-12-25 18:00,Other\n")
    assert edited.save() is False
    assert write_times(calendar, {2: FIRST, 4: SECOND}) is None
    assert path.read_text().endswith("Other\n")
    assert list(tmp_path.iterdir()) == [path]


cells = st.text(
    st.sampled_from(list('aä ,;\t"\n\r')), max_size=8
).filter(lambda text: text.strip("\n\r") == text)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(cells, st.booleans()), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_file_keeps_every_other_byte(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, bool]],
    delimiter: str,
    line_end: str,
) -> None:
    directory = tmp_path_factory.getbasetemp()
    path = directory / "any.csv"
    lines = [delimiter.join(("message", "scheduled_at", "page"))]
    for text, is_quoted in rows:
        needs_quotes = any(mark in text for mark in '",;\t\n\r') or is_quoted
        cell = '"' + text.replace('"', '""') + '"' if needs_quotes else text
        lines.append(delimiter.join((cell, "", PAGE)))
    path.write_bytes((line_end.join(lines) + line_end).encode())
    calendar = Calendar("any.csv", path)
    parse_csv(calendar, path.read_bytes())
    times = {row.line: FIRST for row in calendar.rows}
    edited = write_times(calendar, times)
    if calendar.problems:
        return
    assert edited is not None
    assert edited.after.replace(FIRST.encode(), b"") == edited.before
    assert edited.after.count(FIRST.encode()) == len(rows)
