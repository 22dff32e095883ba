"""Calendars written by hand: YAML with a time zone, defaults and posts."""

import math
from typing import Any

import yaml

from outreply_cli.bulk.calendar import (
    LIST_FIELDS,
    Calendar,
    check_duplicate_keys,
    make_row,
    normalize_field,
    unknown_field_message,
)

# The C loader is some ten times quicker; where it was not built, the other reads the same.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 20
_VALUES_MAX = 2_000_000

_NULL = "tag:yaml.org,2002:null"
_Constructor = yaml.constructor.SafeConstructor
_SCALARS: dict[str, Any] = {
    _NULL: _Constructor.construct_yaml_null,
    "tag:yaml.org,2002:bool": _Constructor.construct_yaml_bool,
    "tag:yaml.org,2002:int": _Constructor.construct_yaml_int,
    "tag:yaml.org,2002:float": _Constructor.construct_yaml_float,
}
_TOP = ("timezone", "defaults", "posts")
_SHAPE = "write: posts: and below it a list, each entry with page, scheduled_at and message"


class DocumentTooComplexError(Exception):
    """The document is nested, repeated or long beyond what a calendar needs; it says how."""


def read_yaml(calendar: Calendar, content: bytes) -> None:
    """Read the rows of a YAML file into `calendar`, with everything that is wrong."""
    root = _parsed(calendar, content)
    if calendar.problems:
        return
    if not isinstance(root, yaml.MappingNode):
        calendar.add_error(1, "", f"it is no calendar; {_SHAPE}")
        return
    top = _mapping(calendar, root, "")
    for name, (key, _) in top.items():
        if name not in _TOP:
            what = f"there is no {name!r} here, only {', '.join(_TOP)}"
            calendar.add_error(_line(key), name, what)
    if "timezone" in top:
        calendar.timezone = _text(calendar, top["timezone"][1], "timezone")
    defaults = _values(calendar, top["defaults"][1], "defaults") if "defaults" in top else {}
    posts = top["posts"][1] if "posts" in top else None
    if not isinstance(posts, yaml.SequenceNode):
        calendar.add_error(_line(posts or root), "posts", f"it is missing or no list; {_SHAPE}")
        return
    for node in posts.value:
        own = _values(calendar, node, "posts")
        if own is None or defaults is None:
            continue
        calendar.rows.append(make_row(calendar, _line(node), _completed(own, defaults)))
    check_duplicate_keys(calendar)


def _parsed(calendar: Calendar, content: bytes) -> yaml.Node | None:
    try:
        text = content.decode("utf-8-sig")
        reject_yaml_bombs(text)
        return yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        calendar.add_error(line, "", "it is not UTF-8 text; save it as UTF-8")
    except DocumentTooComplexError as problem:
        calendar.add_error(0, "", str(problem))
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        what = getattr(problem, "problem", None) or "it can't be read"
        hint = "; indent with spaces, not tabs" if "\\t" in str(what) else ""
        calendar.add_error(mark.line + 1 if mark else 1, "", f"it is not YAML here: {what}{hint}")
    return None


def _completed(own: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    values = {**defaults, **own}
    # A row's own message, in either form, takes the place of a default one in the other.
    for mine, other in (("message", "message_file"), ("message_file", "message")):
        if mine in own and other not in own:
            values.pop(other, None)
    return {name: value for name, value in values.items() if value is not None}


def reject_yaml_bombs(text: str) -> None:
    """Read YAML without keeping it; raises TooMuchError for more than there is room for."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if number > _VALUES_MAX:
            raise DocumentTooComplexError(f"it has more than {_VALUES_MAX} values; split it")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise DocumentTooComplexError(
                    f"it is nested more than {_DEEPEST} deep; a calendar is not"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            raise DocumentTooComplexError(
                f"it repeats an anchor (*{event.anchor}); write the value out, or use defaults:"
            )


def _values(calendar: Calendar, node: yaml.Node, place: str) -> dict[str, Any] | None:
    if not isinstance(node, yaml.MappingNode):
        calendar.add_error(_line(node), place, "it must hold fields, such as page: instagram:acme")
        return None
    values: dict[str, Any] = {}
    for name, (key, value) in _mapping(calendar, node, place).items():
        known = normalize_field(name)
        if known is None:
            calendar.add_error(_line(key), name, unknown_field_message(name))
        elif known in values:
            calendar.add_error(_line(key), name, f"{known} is given twice; keep one")
        else:
            values[known] = _value(calendar, value, known)
    return values


def _mapping(
    calendar: Calendar, node: yaml.MappingNode, place: str
) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            calendar.add_error(_line(key), place, "a field's name must be a word")
        elif key.value in found:
            first = _line(found[key.value][0])
            what = f"it is on line {first} already; keep one of them"
            calendar.add_error(_line(key), key.value, what)
        else:
            found[key.value] = (key, value)
    return found


def _value(calendar: Calendar, node: yaml.Node, name: str) -> Any:
    if name == "tiktok_settings" and isinstance(node, yaml.MappingNode):
        try:
            return _as_json(node)
        except ValueError as problem:
            calendar.add_error(_line(node), name, f"it can't be read: {problem}")
            return None
    if name in LIST_FIELDS:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        entries = [_text(calendar, each, name) for each in nodes]
        return [entry.strip() for entry in entries if entry] or None
    text = _text(calendar, node, name)
    return text if text is None or name == "message" else text.strip()


def _as_json(node: yaml.Node) -> Any:
    """What a node is in JSON; what JSON has no kind for, such as a date, is its own text."""
    if isinstance(node, yaml.MappingNode):
        if not all(isinstance(key, yaml.ScalarNode) for key, _ in node.value):
            raise ValueError("a name in it is no word")
        return {str(key.value): _as_json(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_as_json(item) for item in node.value]
    constructor = _Constructor()
    try:
        value = _SCALARS[node.tag](constructor, node) if node.tag in _SCALARS else str(node.value)
    except (KeyError, IndexError, ValueError):
        raise ValueError(f"{node.value!r} is no {node.tag.rpartition(':')[2]}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{node.value!r} is no number of JSON")
    return value


def _text(calendar: Calendar, node: yaml.Node, name: str) -> str | None:
    # A scalar's own characters: YAML would turn 2026-12-24 into a date and 18:00 into a number.
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _NULL or not node.value.strip():
            return None
        return str(node.value)
    kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    calendar.add_error(_line(node), name, f"it is {kind} and must be text")
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
