"""Shapes tell what a reader of JSON would miss, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.golden.shapes import broken_promises, joined, read, shape_of, written

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "0" * 24]), below, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"id": "a"}, {"id": "b", "new": 1}, []),
        ({"id": "a"}, {"new": 1}, ["id is gone"]),
        ({"id": "a"}, {"id": 1}, ["id is integer, and was string"]),
        ({"n": 1.5}, {"n": 1}, []),
        ({"n": 1}, {"n": 1.5}, ["n is number, and was integer"]),
        ({"a": {"b": 1}}, {"a": None}, ["a is null, and was object", "a is no object any more"]),
        ([{"id": 1}], [{"id": 1}, {}], ["[].id is missing at times"]),
        ([{"id": 1}, {}], [{"id": 1}], []),
        ([{"id": 1}], [], ["[] has nothing in it any more"]),
        ({"a": None}, {"a": "x"}, []),
        ({"a": [1]}, {"a": ["x"]}, ["a[] is string, and was integer"]),
        ({"a" * 24: {"n": 1}}, {"b" * 24: {}}, ["*.n is gone"]),
        ([1], {"0": 1}, ["it is object, and was array", "it is no array any more"]),
    ],
)
def test_what_is_gone_or_of_another_type_is_told(before: Any, now: Any, told: list[str]) -> None:
    assert list(broken_promises(shape_of(before), shape_of(now))) == told


@given(VALUES, VALUES)
def test_a_shape_is_read_as_it_was_written_and_allows_what_it_was_made_of(
    one: Any, other: Any
) -> None:
    both = joined([shape_of(one), shape_of(other)])
    assert both is not None
    again = read(json.loads(json.dumps(written(both))))
    assert written(again) == written(both)
    assert list(broken_promises(again, both)) == []
    assert not [told for told in broken_promises(both, shape_of(one)) if " was " in told]
