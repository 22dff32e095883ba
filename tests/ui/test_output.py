"""Output formats on a terminal and in a pipe, and hostile text in them."""

import csv
import io
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from outreply_cli.formats.sanitize import escape_control_json, sanitize
from outreply_cli.ui.columns import Column
from outreply_cli.ui.output import Output
from outreply_cli.ui.tables import arrange, fit_widths, natural_widths
from outreply_cli.ui.yaml import yaml_text

ITEMS: list[dict[str, Any]] = [
    {"id": "1", "name": 'Ünï, "quoted"', "nested": {"list": [{"deep": 7}]}, "none": None},
    {"id": "2", "name": "tab\there\nline", "nested": {}, "flag": True},
]
COLUMNS = [
    Column("ID", "id"),
    Column("Name", "name", shrinkable=True),
    Column("Deep", "nested.list.0.deep"),
]


@pytest.fixture(autouse=True)
def color_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    # Rich reads these; the terminal that runs the tests may be a dumb one.
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def render(format_: str = "table", **settings: Any) -> str:
    stream = io.StringIO()
    Output(stream, format=format_, **settings).print_list(ITEMS, COLUMNS)
    return stream.getvalue()


def test_json_jsonl_and_yaml_contain_every_item() -> None:
    assert json.loads(render("json")) == ITEMS
    assert [json.loads(line) for line in render("jsonl").splitlines()] == ITEMS
    assert yaml.safe_load(render("yaml")) == ITEMS


def test_fields_are_selected_in_the_given_order() -> None:
    items = json.loads(render("json", fields=["nested.list.0.deep", "id"]))
    assert [list(item) for item in items] == [["nested.list.0.deep", "id"]] * 2
    assert items[0] == {"nested.list.0.deep": 7, "id": "1"}
    assert items[1]["nested.list.0.deep"] is None
    assert render("table", fields=["name", "id"]) == 'Ünï, "quoted"\t1\ntab here line\t2\n'


def test_csv_and_tsv_escape_their_values() -> None:
    assert render("csv").splitlines()[0] == "id,name,nested.list.0.deep"
    assert '"Ünï, ""quoted"""' in render("csv")
    assert render("tsv").splitlines()[2] == "2\ttab\\there\\nline\t"


def test_table_in_pipe_is_separated_by_tabs() -> None:
    assert render() == '1\tÜnï, "quoted"\t7\n2\ttab here line\t\n'
    assert render(quiet=True) == "1\n2\n"


def test_empty_list_prints_a_note_only_in_a_table_on_a_terminal() -> None:
    def render_empty(format_: str, *, is_terminal: bool) -> str:
        stream = io.StringIO()
        Output(stream, format=format_, is_terminal=is_terminal).print_list([], COLUMNS)
        return stream.getvalue()

    assert render_empty("table", is_terminal=True) == "No results.\n"
    assert render_empty("table", is_terminal=False) == ""
    for is_terminal in (True, False):
        assert render_empty("json", is_terminal=is_terminal) == "[]\n"
        assert render_empty("csv", is_terminal=is_terminal) == "id,name,nested.list.0.deep\n"


def test_table_fits_terminal() -> None:
    table = render(is_terminal=True, width=22)
    assert all(len(line) <= 22 for line in table.splitlines())
    assert "…" in table
    assert "\x1b" not in table
    assert "─" not in render(is_terminal=True, width=24, plain=True)
    assert "\x1b" in render(is_terminal=True, color=True, width=24)


def test_narrow_table_wraps_rows() -> None:
    assert (
        render(is_terminal=True, width=15, plain=True)
        == """\
ID
  Name
  Deep
1
  Ünï, "quoted"
  7
2
  tab here line
"""
    )


def test_print_one_prints_lines_or_a_json_object() -> None:
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
def test_sanitize_removes_escape_sequences(text: str) -> None:
    for cleaned in (sanitize(text), sanitize(text, keep_lines=True)):
        assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in cleaned if c != "\n")
        assert not set(cleaned) & set("\u202e\u2066\u200b\u2028\x1b")


def in_tags(text: str) -> str:
    """Invisible characters that stand for `text`."""
    return "".join(chr(0xE0000 + ord(character)) for character in text)


SCOTLAND = f"\U0001f3f4{in_tags('gbsct')}\U000e007f"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Hello{in_tags('Hi')}", r"Hello\U000e0048\U000e0069"),
        (f"\U0001f3f4{in_tags('gb')}", "\U0001f3f4" + r"\U000e0067\U000e0062"),
        (f"\U0001f3f4{in_tags('approve')}\U000e007f", None),
        (f"\U0001f3f4{in_tags('a b')}\U000e007f", None),
        (f"{SCOTLAND}\U000e0041", rf"{SCOTLAND}\U000e0041"),
        (f"Hello {SCOTLAND}{SCOTLAND}", f"Hello {SCOTLAND}{SCOTLAND}"),
    ],
)  # fmt: skip
def test_tags_are_shown_except_in_flags(text: str, shown: str | None) -> None:
    assert sanitize(text).replace(SCOTLAND, "").isprintable()
    assert shown is None or sanitize(text) == shown
    document = escape_control_json(json.dumps(text, ensure_ascii=False))
    assert document.replace(SCOTLAND, "").isprintable()
    assert json.loads(document) == text
    written = yaml_text([text])
    assert written.replace(SCOTLAND, "").replace("\n", "").isprintable()
    assert yaml.safe_load(written) == [text]


@given(st.text())
def test_sanitize_removes_control_characters(text: str) -> None:
    assert all(
        character.isprintable() or character in "\u200d\u200c" or not character.isascii()
        for character in sanitize(text)
    )
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in sanitize(text))


@given(
    st.recursive(
        st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_escape_control_json_roundtrip(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False, indent=2)
    assert json.loads(escape_control_json(document)) == value


def test_markup_is_printed_literally() -> None:
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
def test_fit_widths_never_exceeds_content(rows: list[list[str]], width: int) -> None:
    natural = natural_widths(rows, 3)
    fitted = fit_widths(natural, flexible=[False, True, True], width=width)
    assert all(actual <= full for actual, full in zip(fitted, natural, strict=True))
    assert fitted[0] == natural[0]


@given(
    st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.integers(min_value=20, max_value=200),
)
def test_arrange_shrinks_only_flexible_columns(
    rows: list[list[str]], flexible: list[bool], width: int
) -> None:
    natural = natural_widths(rows, 3)
    layout = arrange(rows, flexible=flexible, width=width)
    assert [index for line in layout for index, _ in line] == [0, 1, 2]
    for line in layout:
        used = sum(column for _, column in line) + 2 * (len(line) - 1)
        # A column that cannot shrink may exceed the width when alone on its line.
        assert used <= width or len(line) == 1
        for index, column in line:
            assert column == natural[index] or (
                flexible[index] and column >= min(natural[index], 6)
            )


@pytest.mark.parametrize("text", [*HOSTILE[:-1], "\x85", "a\u2029b", "\ufeff", "two\nlines"])
def test_yaml_roundtrip_of_control_characters(text: str) -> None:
    stream = io.StringIO()
    Output(stream, format="yaml", is_terminal=True).print_list([{"id": text, text: [text]}], [])
    text_out = stream.getvalue()
    assert yaml.safe_load(text_out) == [{"id": text, text: [text]}]
    assert sanitize(text_out, keep_lines=True) == text_out


def test_csv_keeps_a_carriage_return() -> None:
    stream = io.StringIO(newline="")
    Output(stream, format="csv").print_list([{"id": "a\rb"}], COLUMNS[:1])
    assert list(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == [["id"], ["a\rb"]]
