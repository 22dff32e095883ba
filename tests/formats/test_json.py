"""JSON as it is exchanged."""

import json

import pytest
from hypothesis import given, strategies as st

from outreply_cli.formats.json import indented, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(VALUES)
def test_what_is_json_is_read(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value).encode("utf-16")) == value


@pytest.mark.parametrize(
    "document",
    ["NaN", "-Infinity", "1e999", '{"a": [-1e400]}', "[" * 100_000, "9" * 5_000, "", b"\xff"],
    ids=lambda document: str(document[:8]),
)
def test_what_would_not_be_json_when_it_is_written_again_is_refused(document: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the declared kind; its words are for people
        parse_json(document)


def test_a_document_is_indented_unless_that_would_be_a_flood() -> None:
    assert indented(b'{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert indented(b"\xffx") == "\\xffx"
    nested = b"[" + b",".join([b"[" * 300 + b"]" * 300] * 30) + b"]"
    assert indented(nested) == nested.decode()
