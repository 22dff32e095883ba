"""Conditions on events, such as `event=post.*,data.post.platform=instagram`."""

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.errors import malformed_value_error
from outreply_cli.spec.events import check_pattern

EXAMPLE = "event=post.published,data.post.platform=instagram"
# Spaces are stripped afterwards: matching them here would take quadratic time.
_CONDITION = re.compile(r"([^=!]+)(!?=)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """A value that an event must have, or must not have.

    Attributes:
        path: Dotted path in the payload.
        pattern: The value; `*` matches any characters.
        is_negated: Whether the event must have another value, or none.
    """

    path: str
    pattern: str
    is_negated: bool = False

    def matches(self, payload: Mapping[str, Any]) -> bool:
        """Whether a payload meets the condition."""
        text = _text_at(payload, self.path.split("."))
        if text is None:
            return self.is_negated
        if "*" in self.pattern:
            # Only `*` is a wildcard here; `fnmatch` has others.
            escaped = self.pattern.replace("[", "[[]").replace("?", "[?]")
            is_equal = fnmatch.fnmatchcase(text, escaped)
        else:
            is_equal = text == self.pattern
        return is_equal is not self.is_negated


Conditions = Sequence[Condition]


def parse_conditions(text: str, option: str) -> Conditions:
    """The conditions in `PATH=VALUE,PATH!=VALUE`, all of which an event must meet.

    Raises:
        InvalidInputError: A part is malformed, or the event is unknown.
    """
    conditions = []
    for part in text.split(","):
        found = _CONDITION.fullmatch(part)
        path, operator, value = map(str.strip, found.groups() if found is not None else ("",) * 3)
        if not path or not value:
            raise malformed_value_error(
                option, part, "PATH=VALUE", hint=f"For example: {option} {EXAMPLE}"
            )
        conditions.append(Condition(path, value, is_negated=operator == "!="))
        if path == "event":
            check_pattern(value, option)
    return conditions


def _text_at(payload: Any, keys: Sequence[str]) -> str | None:
    for key in keys:
        if not isinstance(payload, dict) or key not in payload:
            return None
        payload = payload[key]
    return payload if isinstance(payload, str) else json.dumps(payload)
