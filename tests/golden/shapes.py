"""What JSON looks like without its values: the names of fields, how they nest, their types.

A shape is written as JSON too: `"string"` and `"integer|null"` for values, an object of the fields'
shapes for an object, one shape in a list for an array, `{"one of": [...]}` for what may be several.
`name?` is a field that is not always there, `*` stands for every field where names are data.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_NAMED_BY_DATA = re.compile(r"[0-9a-f]{24}")
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_ONE_OF = "one of"


@dataclass
class Shape:
    """What was seen at one place.

    Attributes:
        kinds: Of values.
        fields: Of objects, when one was seen.
        optional: The fields that some objects lack.
        items: Of arrays, all of them together.
    """

    kinds: set[str] = field(default_factory=set)
    fields: dict[str, "Shape"] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    items: "Shape | None" = None


def shape_of(value: Any, depth: int = 20) -> Shape:
    """The shape of parsed JSON; below `depth` objects and arrays are not looked into."""
    if isinstance(value, dict):
        shape = Shape({"object"})
        for name, below in value.items() if depth else ():
            known = "*" if _NAMED_BY_DATA.fullmatch(name) else name
            found = shape_of(below, depth - 1)
            before = shape.fields.get(known)
            shape.fields[known] = found if before is None else _joined(before, found)
        return shape
    if isinstance(value, list):
        return Shape({"array"}, items=joined(shape_of(one, depth - 1) for one in value if depth))
    return Shape({_KINDS[type(value)]})


def joined(shapes: Iterable[Shape]) -> Shape | None:
    """What all of them allow together; None for none."""
    result: Shape | None = None
    for shape in shapes:
        result = shape if result is None else _joined(result, shape)
    return result


def _joined(one: Shape, other: Shape) -> Shape:
    fields = dict(one.fields)
    for name, shape in other.fields.items():
        fields[name] = _joined(fields[name], shape) if name in fields else shape
    optional = one.optional | other.optional
    if {"object"} <= one.kinds & other.kinds:
        optional |= one.fields.keys() ^ other.fields.keys()
    items = joined(shape for shape in (one.items, other.items) if shape is not None)
    return Shape(one.kinds | other.kinds, fields, optional, items)


def broken_promises(pinned: Shape, seen: Shape, path: str = "") -> Iterator[str]:
    """What `pinned` promises and `seen` does not keep; what is new is no such thing."""
    if pinned.kinds == {"null"}:
        # What it is when it is something was never seen.
        return
    place = path or "it"
    allowed = pinned.kinds | ({"integer"} if "number" in pinned.kinds else set())
    for kind in sorted(seen.kinds - allowed):
        yield f"{place} is {kind}, and was {'|'.join(sorted(pinned.kinds))}"
    for kind in sorted({"object", "array"} & pinned.kinds - seen.kinds):
        yield f"{place} is no {kind} any more"
    if "object" in pinned.kinds & seen.kinds:
        for name, below in pinned.fields.items():
            where = f"{path}.{name}".lstrip(".")
            if name not in seen.fields:
                yield f"{where} is gone"
                continue
            if name in seen.optional - pinned.optional:
                yield f"{where} is missing at times"
            yield from broken_promises(below, seen.fields[name], where)
    if pinned.items is not None and seen.items is not None:
        yield from broken_promises(pinned.items, seen.items, f"{path}[]")
    elif pinned.items is not None and "array" in seen.kinds:
        yield f"{path}[] has nothing in it any more"


def written(shape: Shape) -> Any:
    """`shape` as JSON."""
    forms: list[Any] = []
    plain = sorted(shape.kinds - {"object", "array"})
    if plain:
        forms.append("|".join(plain))
    if "object" in shape.kinds:
        forms.append(
            {
                f"{name}?" if name in shape.optional else name: written(below)
                for name, below in sorted(shape.fields.items())
            }
        )
    if "array" in shape.kinds:
        forms.append([] if shape.items is None else [written(shape.items)])
    return forms[0] if len(forms) == 1 else {_ONE_OF: forms}


def read(document: Any) -> Shape:
    """The shape that `written` wrote."""
    if isinstance(document, str):
        return Shape(set(document.split("|")))
    if isinstance(document, list):
        return Shape({"array"}, items=read(document[0]) if document else None)
    if _ONE_OF in document:
        found = joined(map(read, document[_ONE_OF]))
        assert found is not None
        return found
    return Shape(
        {"object"},
        {name.removesuffix("?"): read(below) for name, below in document.items()},
        {name.removesuffix("?") for name in document if name.endswith("?")},
    )
