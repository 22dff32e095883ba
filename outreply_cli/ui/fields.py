"""Values inside objects by dotted paths, for `--fields` and for columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_MISSING = object()
# Python refuses to convert very long numbers, and no list has that many items.
_MAX_INDEX_DIGITS = 18


def parse_fields(text: str) -> list[str]:
    """The paths in `a,b.c`, in order, without blanks around them."""
    return [path for path in (part.strip() for part in text.split(",")) if path]


def get_field(item: Any, path: str) -> Any:
    """The value at a dotted path, or None; a number selects from a list: `media.0.src`."""
    value = _find(item, path)
    return None if value is _MISSING else value


def has_field(item: Any, path: str) -> bool:
    """Whether an object has a value, also null, at a dotted path."""
    return _find(item, path) is not _MISSING


def select_fields(item: Any, paths: Iterable[str]) -> dict[str, Any]:
    """The values at `paths`, keyed by the path."""
    return {path: get_field(item, path) for path in paths}


def as_text(value: Any) -> str:
    """A value as the text of a cell: empty for None, JSON for everything but text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)


def _find(item: Any, path: str) -> Any:
    value = item
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step, _MISSING)
        elif isinstance(value, Sequence) and not isinstance(value, str) and step.isdecimal():
            index = int(step) if len(step) < _MAX_INDEX_DIGITS else len(value)
            value = value[index] if index < len(value) else _MISSING
        else:
            return _MISSING
    return value
