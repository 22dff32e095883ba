"""Shapes of JSON values: names of fields, nesting and types, without the values.

A shape is itself written as JSON: `"string"` or `"integer|null"` for scalars, an object with the
shapes of the fields for an object, a list with one shape for an array, and `{"one of": [...]}` for
values of several kinds. `name?` marks a field that some objects lack; `*` stands for all fields of
an object whose keys are ids.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

# IDs and platforms as keys.
_ID_KEY = re.compile(r"[0-9a-f]{24}|[A-Z]{2}")
# Free-form fields (event data, platform options, JSON Schema) and recursive fields.
_OPEN_FIELDS = {"commands", "data", "result", "tiktok_settings"}
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_ONE_OF = "one of"


@dataclass
class Shape:
    """The shape of a JSON value.

    Attributes:
        kinds: JSON types of the value.
        fields: Shapes of the fields, for objects.
        optional: Names of fields that some objects lack.
        items: Merged shape of the items, for arrays.
    """

    kinds: set[str] = field(default_factory=set)
    fields: dict[str, "Shape"] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    items: "Shape | None" = None


def infer_shape(value: Any, depth: int = 20) -> Shape:
    """Infer the shape of parsed JSON, down to `depth` levels."""
    if isinstance(value, dict):
        shape = Shape({"object"})
        for name, inner in value.items() if depth else ():
            key = "*" if _ID_KEY.fullmatch(name) else name
            inferred = infer_shape(inner, 0 if name in _OPEN_FIELDS else depth - 1)
            previous = shape.fields.get(key)
            shape.fields[key] = inferred if previous is None else _merge(previous, inferred)
        return shape
    if isinstance(value, list):
        items = (infer_shape(item, max(0, depth - 1)) for item in value)
        return Shape({"array"}, items=merge_shapes(items))
    return Shape({_KINDS[type(value)]})


def merge_shapes(shapes: Iterable[Shape]) -> Shape | None:
    """Merge shapes into one that allows all of them; None if there are none."""
    merged: Shape | None = None
    for shape in shapes:
        merged = shape if merged is None else _merge(merged, shape)
    return merged


def _merge(a: Shape, b: Shape) -> Shape:
    fields = dict(a.fields)
    for name, shape in b.fields.items():
        fields[name] = _merge(fields[name], shape) if name in fields else shape
    optional = a.optional | b.optional
    if {"object"} <= a.kinds & b.kinds:
        optional |= a.fields.keys() ^ b.fields.keys()
    items = merge_shapes(shape for shape in (a.items, b.items) if shape is not None)
    return Shape(a.kinds | b.kinds, fields, optional, items)


def find_breaking_changes(pinned: Shape, current: Shape, path: str = "") -> Iterator[str]:
    """Find what `pinned` guarantees and `current` does not; additions are allowed."""
    if pinned.kinds == {"null"}:
        # The type of other values is unknown.
        return
    label = path or "value"
    allowed = pinned.kinds | ({"integer"} if "number" in pinned.kinds else set())
    for kind in sorted(current.kinds - allowed):
        yield f"{label} is {kind}, was {'|'.join(sorted(pinned.kinds))}"
    for kind in sorted({"object", "array"} & pinned.kinds - current.kinds):
        yield f"{label} is no longer an {kind}"
    if "object" in pinned.kinds & current.kinds:
        for name, inner in pinned.fields.items():
            field_path = f"{path}.{name}".lstrip(".")
            if name not in current.fields:
                yield f"{field_path} was removed"
                continue
            if name in current.optional - pinned.optional:
                yield f"{field_path} became optional"
            yield from find_breaking_changes(inner, current.fields[name], field_path)
    if pinned.items is not None and current.items is not None:
        yield from find_breaking_changes(pinned.items, current.items, f"{path}[]")
    elif pinned.items is not None and "array" in current.kinds:
        yield f"{path}[] has no items"


def find_gaps(shape: Shape, path: str = "") -> Iterator[str]:
    """Find values of which only null was seen, and arrays of which no item was seen."""
    label = path or "value"
    if shape.kinds == {"null"}:
        yield f"{label} is always null"
    if "array" in shape.kinds and shape.items is None:
        yield f"{label}[] has no items"
    for name, inner in shape.fields.items():
        yield from find_gaps(inner, f"{path}.{name}".lstrip("."))
    if shape.items is not None:
        yield from find_gaps(shape.items, f"{path}[]")


def shape_to_json(shape: Shape) -> Any:
    """Convert a shape to JSON."""
    forms: list[Any] = []
    scalars = sorted(shape.kinds - {"object", "array"})
    if scalars:
        forms.append("|".join(scalars))
    if "object" in shape.kinds:
        forms.append(
            {
                f"{name}?" if name in shape.optional else name: shape_to_json(inner)
                for name, inner in sorted(shape.fields.items())
            }
        )
    if "array" in shape.kinds:
        forms.append([] if shape.items is None else [shape_to_json(shape.items)])
    return forms[0] if len(forms) == 1 else {_ONE_OF: forms}


def shape_to_schema(shape: Shape) -> dict[str, Any]:
    """Convert a shape to a JSON Schema (2020-12); further fields are allowed."""
    schema: dict[str, Any] = {"type": sorted(shape.kinds)}
    if len(shape.kinds) == 1:
        (schema["type"],) = shape.kinds
    if shape.fields:
        named = {name: inner for name, inner in sorted(shape.fields.items()) if name != "*"}
        schema["properties"] = {
            name: _with_format(name, shape_to_schema(inner)) for name, inner in named.items()
        }
        schema["required"] = sorted(named.keys() - shape.optional)
        if "*" in shape.fields:
            schema["additionalProperties"] = shape_to_schema(shape.fields["*"])
    if shape.items is not None:
        schema["items"] = shape_to_schema(shape.items)
    return schema


def _with_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    is_time = name.endswith("_at") or name in {"at", "now"}
    return {**schema, "format": "date-time"} if is_time and "string" in schema["type"] else schema


def shape_from_json(document: Any) -> Shape:
    """Parse the output of `shape_to_json`."""
    if isinstance(document, str):
        return Shape(set(document.split("|")))
    if isinstance(document, list):
        return Shape({"array"}, items=shape_from_json(document[0]) if document else None)
    if _ONE_OF in document:
        merged = merge_shapes(map(shape_from_json, document[_ONE_OF]))
        assert merged is not None
        return merged
    return Shape(
        {"object"},
        {name.removesuffix("?"): shape_from_json(inner) for name, inner in document.items()},
        {name.removesuffix("?") for name in document if name.endswith("?")},
    )
