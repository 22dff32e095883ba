"""Every format of one result, on a terminal and in a pipe, and text that means harm."""

import csv
import io
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from outreply_cli.ui.output import Column, Output
from outreply_cli.ui.sanitize import escape_control_json, sanitize
from outreply_cli.ui.tables import arrange, fit_widths

ITEMS: list[dict[str, Any]] = [
    {"id": "1", "name": 'Ünï, "quoted"', "nested": {"list": [{"deep": 7}]}, "none": None},
    {"id": "2", "name": "tab\there\nline", "nested": {}, "flag": True},
]
COLUMNS = [
    Column("ID", "id"),
    Column("Name", "name", shrinkable=True),
    Column("Deep", "nested.list.0.deep"),
]


def shown(format_: str = "table", **settings: Any) -> str:
    stream = io.StringIO()
    Output(stream, format=format_, **settings).print_list(ITEMS, COLUMNS)
    return stream.getvalue()


def test_json_is_the_objects_themselves() -> None:
    assert json.loads(shown("json")) == ITEMS
    assert [json.loads(line) for line in shown("jsonl").splitlines()] == ITEMS
    assert yaml.safe_load(shown("yaml")) == ITEMS


def test_fields_choose_and_order_and_reach_inside() -> None:
    chosen = json.loads(shown("json", fields=["nested.list.0.deep", "id"]))
    assert [list(item) for item in chosen] == [["nested.list.0.deep", "id"]] * 2
    assert chosen[0] == {"nested.list.0.deep": 7, "id": "1"}
    assert chosen[1]["nested.list.0.deep"] is None
    assert shown("table", fields=["name", "id"]) == 'Ünï, "quoted"\t1\ntab here line\t2\n'


def test_csv_and_tsv_have_a_header_and_lose_nothing() -> None:
    assert shown("csv").splitlines()[0] == "id,name,nested.list.0.deep"
    assert '"Ünï, ""quoted"""' in shown("csv")
    assert shown("tsv").splitlines()[2] == "2\ttab\\there\\nline\t"


def test_a_pipe_gets_plain_lines_without_header() -> None:
    assert shown() == '1\tÜnï, "quoted"\t7\n2\ttab here line\t\n'
    assert shown(quiet=True) == "1\n2\n"


def test_a_terminal_gets_a_table_that_fits() -> None:
    table = shown(is_terminal=True, width=22)
    assert all(len(line) <= 22 for line in table.splitlines())
    assert "…" in table
    assert "\x1b" not in table
    assert "─" not in shown(is_terminal=True, width=24, plain=True)
    assert "\x1b" in shown(is_terminal=True, color=True, width=24)


def test_a_row_of_which_too_little_would_be_left_takes_several_lines() -> None:
    assert (
        shown(is_terminal=True, width=18, plain=True)
        == """\
ID  Name
  Deep
1   Ünï, "quoted"
  7
2   tab here line
"""
    )


def test_one_object_is_named_lines() -> None:
    stream = io.StringIO()
    Output(stream).print_one(ITEMS[0], COLUMNS)
    assert stream.getvalue().splitlines()[0] == "id\t1"
    stream = io.StringIO()
    Output(stream, format="json").print_one(ITEMS[0], COLUMNS)
    assert json.loads(stream.getvalue()) == ITEMS[0]


HOSTILE = [
    "\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\x1b]52;c;aGk=\x07", "a\u202eb", "\u200bx", "\u2066y",
    "\x00\x08\x7f", "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "\u2028", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_steers_a_terminal_is_made_harmless(text: str) -> None:
    for cleaned in (sanitize(text), sanitize(text, keep_lines=True)):
        assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in cleaned if c != "\n")
        assert not set(cleaned) & set("\u202e\u2066\u200b\u2028\x1b")


@given(st.text())
def test_harmless_text_has_no_control_characters(text: str) -> None:
    assert all(character.isprintable() or character in "\u200d\u200c" or ord(character) >= 0xE0000
               or not character.isascii() for character in sanitize(text))  # fmt: skip
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in sanitize(text))


@given(
    st.recursive(
        st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_harmless_json_is_equal_when_parsed(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False, indent=2)
    assert json.loads(escape_control_json(document)) == value


def test_markup_is_text() -> None:
    stream = io.StringIO()
    output = Output(stream, is_terminal=True, color=True, width=80)
    output.print_list(
        [{"id": "[red]x[/red]", "name": ":smile: [link=http://x]y[/link]"}], COLUMNS[:2]
    )
    assert "[red]x[/red]" in stream.getvalue()
    assert ":smile: [link=http://x]y[/link]" in stream.getvalue()


@given(
    st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), min_size=1, max_size=5),
    st.integers(min_value=40, max_value=200),
)
def test_columns_never_outgrow_their_text(rows: list[list[str]], width: int) -> None:
    natural = fit_widths(rows, flexible=[False] * 3, width=10_000)
    fitted = fit_widths(rows, flexible=[False, True, True], width=width)
    assert all(mine <= full for mine, full in zip(fitted, natural, strict=True))
    assert fitted[0] == natural[0]


@given(
    st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.integers(min_value=20, max_value=200),
)
def test_every_column_stands_once_and_is_cut_only_where_it_may_be(
    rows: list[list[str]], flexible: list[bool], width: int
) -> None:
    natural = fit_widths(rows, flexible=[False] * 3, width=10_000)
    layout = arrange(rows, flexible=flexible, width=width)
    assert [place for line in layout for place, _ in line] == [0, 1, 2]
    for line in layout:
        used = sum(room for _, room in line) + 2 * (len(line) - 1)
        # What may not give way may be alone on a line that is too long.
        assert used <= width or len(line) == 1
        for place, room in line:
            assert room == natural[place] or (flexible[place] and room >= min(natural[place], 8))


@pytest.mark.parametrize("text", [*HOSTILE[:-1], "\x85", "a\u2029b", "\ufeff", "two\nlines"])
def test_yaml_hides_nothing_and_reads_back_as_it_was(text: str) -> None:
    stream = io.StringIO()
    Output(stream, format="yaml", is_terminal=True).print_list([{"id": text, text: [text]}], [])
    shown = stream.getvalue()
    assert yaml.safe_load(shown) == [{"id": text, text: [text]}]
    assert sanitize(shown, keep_lines=True) == shown


def test_a_carriage_return_in_csv_stays_in_its_cell() -> None:
    stream = io.StringIO(newline="")
    Output(stream, format="csv").print_list([{"id": "a\rb"}], COLUMNS[:1])
    assert list(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == [["id"], ["a\rb"]]
