"""Values inside objects by dotted paths, for `--fields` and for columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from outreply_cli.errors import InvalidInputError

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


def check_fields(
    paths: Iterable[str],
    schema: Mapping[str, Any] | None,
    items: Sequence[Any] = (),
    names: Iterable[str] = (),
) -> None:
    """Check the paths of `--fields`.

    Args:
        paths: The dotted paths.
        schema: The JSON Schema of the result, where it is known.
        items: The objects to print, which may have more fields than the schema.
        names: Further known fields.

    Raises:
        InvalidInputError: A path is in neither; the hint names the nearest field.
    """
    # The fields of a list are those of its objects.
    schemas = [] if not schema else [schema, schema.get("items", schema)]
    known = {*names, *(known for schema in schemas for known in _paths(schema))}
    known |= {str(name) for item in items if isinstance(item, Mapping) for name in item}
    for path in paths:
        steps = path.split(".")
        if path in known or any(_find(item, path) is not _MISSING for item in items):
            continue
        if any(_has_path(schema, steps) for schema in schemas):
            continue
        import difflib

        near = difflib.get_close_matches(path, sorted(known), n=1)
        top = ", ".join(sorted(name for name in known if "." not in name))
        raise InvalidInputError(
            f"--fields: unknown field {path!r}",
            hint=f"Did you mean: {near[0]}" if near else f"Fields: {top}" if top else None,
        )


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


def _has_path(schema: Mapping[str, Any], steps: Sequence[str]) -> bool:
    """Whether a value of the schema may have a value at a path."""
    if not steps:
        return True
    step, following = steps[0], steps[1:]
    if "items" in schema and step.isdecimal() and _has_path(schema["items"], following):
        return True
    properties = schema.get("properties")
    if not properties:
        # The schema says nothing about the fields of such an object.
        return "object" in schema.get("type", ["object"])
    child = properties.get(step, schema.get("additionalProperties"))
    return child is not None and _has_path(child, following)


def _paths(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, child in schema.get("properties", {}).items():
        yield prefix + name
        yield from _paths(child, f"{prefix}{name}.")
    if "items" in schema:
        yield from _paths(schema["items"], f"{prefix}0.")
