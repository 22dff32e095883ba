"""Reaching inside the API's objects by dotted paths, for `--fields` and for columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_LONGEST_PLACE = 18


def parse_fields(text: str) -> list[str]:
    """`a,b.c` as its paths, in order; blanks around them do not count."""
    return [path for path in (part.strip() for part in text.split(",")) if path]


def get_field(item: Any, path: str) -> Any:
    """What `item` holds at the dotted `path`; None where it holds nothing.

    A number picks from a list: `media.0.src`.
    """
    found = item
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, Sequence) and not isinstance(found, str) and step.isdecimal():
            # So long a number is beyond any list, and Python reads none that is very long.
            place = int(step) if len(step) < _LONGEST_PLACE else len(found)
            found = found[place] if place < len(found) else None
        else:
            return None
    return found


def select_fields(item: Any, paths: Iterable[str]) -> dict[str, Any]:
    """The values of `item` at `paths`, keyed by the path."""
    return {path: get_field(item, path) for path in paths}


def as_text(value: Any) -> str:
    """A value for a cell: nothing for None, `yes`/`no` words left to JSON, lists as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)
