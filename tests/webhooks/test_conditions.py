"""Conditions on events: how they are read."""

import pytest

from outreply_cli.errors import InvalidInputError
from outreply_cli.webhooks.conditions import Condition, parse_conditions


def test_spaces_around_parts_are_ignored() -> None:
    assert parse_conditions(" a  = b=c , d != !x\n", "--filter") == [
        Condition("a", "b=c"),
        Condition("d", "!x", is_negated=True),
    ]


@pytest.mark.parametrize("text", ["a", "a=", "=b", " != b", "a!b=c", ""])
def test_malformed_conditions_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not PATH=VALUE"):
        parse_conditions(text, "--filter")


def test_many_spaces_take_no_time() -> None:
    # Anyone can send such a search to the inspector. Quadratic time would be hours.
    with pytest.raises(InvalidInputError):
        parse_conditions("a" + " " * 1_000_000, "Search")
