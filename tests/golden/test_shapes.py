"""Inference, comparison and serialization of JSON shapes."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.golden.shapes import (
    find_breaking_changes,
    infer_shape,
    merge_shapes,
    shape_from_json,
    shape_to_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "0" * 24]), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"id": "a"}, {"id": "b", "new": 1}, []),
        ({"id": "a"}, {"new": 1}, ["id was removed"]),
        ({"id": "a"}, {"id": 1}, ["id is integer, was string"]),
        ({"n": 1.5}, {"n": 1}, []),
        ({"n": 1}, {"n": 1.5}, ["n is number, was integer"]),
        ({"a": {"b": 1}}, {"a": None}, ["a is null, was object", "a is no longer an object"]),
        ([{"id": 1}], [{"id": 1}, {}], ["[].id became optional"]),
        ([{"id": 1}, {}], [{"id": 1}], []),
        ([{"id": 1}], [], ["[] has no items"]),
        ({"a": None}, {"a": "x"}, []),
        ({"a": [1]}, {"a": ["x"]}, ["a[] is string, was integer"]),
        ({"a" * 24: {"n": 1}}, {"b" * 24: {}}, ["*.n was removed"]),
        ([1], {"0": 1}, ["value is object, was array", "value is no longer an array"]),
    ],
)
def test_find_breaking_changes_reports_removed_and_retyped_fields(
    before: Any, after: Any, changes: list[str]
) -> None:
    assert list(find_breaking_changes(infer_shape(before), infer_shape(after))) == changes


@given(VALUES, VALUES)
def test_shape_roundtrip(first: Any, second: Any) -> None:
    merged = merge_shapes([infer_shape(first), infer_shape(second)])
    assert merged is not None
    parsed = shape_from_json(json.loads(json.dumps(shape_to_json(merged))))
    assert shape_to_json(parsed) == shape_to_json(merged)
    assert list(find_breaking_changes(parsed, merged)) == []
    changes = find_breaking_changes(merged, infer_shape(first))
    assert not [change for change in changes if " was " in change and "removed" not in change]
