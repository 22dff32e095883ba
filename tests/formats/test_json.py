"""Strict JSON."""

import json

import pytest
from hypothesis import given, strategies as st

from outreply_cli.formats.json import indent_json, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(VALUES)
def test_parse_json_reads_any_json_value(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value).encode("utf-16")) == value


@pytest.mark.parametrize(
    "document",
    ["NaN", "-Infinity", "1e999", '{"a": [-1e400]}', "[" * 100_000, "9" * 5_000, "", b"\xff"],
    ids=lambda document: str(document[:8]),
)
def test_parse_json_rejects_extensions(document: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the documented type
        parse_json(document)


def test_indent_json_keeps_invalid_and_deeply_nested_text() -> None:
    assert indent_json(b'{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert indent_json(b"\xffx") == "\\xffx"
    nested = b"[" + b",".join([b"[" * 300 + b"]" * 300] * 30) + b"]"
    assert indent_json(nested) == nested.decode()
