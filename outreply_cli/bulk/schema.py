"""The JSON Schema of YAML and JSON calendars."""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from outreply_cli.bulk.calendar import (
    ALIASES,
    FIELD_TABLE,
    KEY_MAX_CHARACTERS,
    PLATFORM_MESSAGES,
    URL_START,
    VARIANT_FIELDS,
    Field,
)
from outreply_cli.posts.slots import NEXT_SLOT

Schema = dict[str, Any]

# Any scalar is text as it is written, such as `key: 2026`; a blank one counts as missing.
_TEXT: Schema = {"type": ["string", "number", "boolean", "null"]}
_FILLED: Schema = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
# A row without these has those of `defaults`, which an empty value would replace.
_NEVER_EMPTY = frozenset({"page", "scheduled_at", "date", "time"})
_REPEATED: Schema = {"required": ["repeat"], "properties": {"repeat": _FILLED}}
_MESSAGE_PREFIX = "message_"
# Pairs of which a row has one only.
_EXCLUSIVE = (("scheduled_at", "date"), ("scheduled_at", "time"), ("message", "message_file"))
_CONSTRAINTS: dict[str, Schema] = {
    "key": {"maxLength": KEY_MAX_CHARACTERS},
    "media_files": {"not": {"type": "string", "pattern": rf"(^|[;,\n])\s*{URL_START}"}},
}


def calendar_schema() -> Schema:
    """Return the JSON Schema (2020-12) of calendars in YAML or JSON."""
    has_page, row = _has_any(_names_of("page")), {"$ref": "#/$defs/row"}
    has_whole_time = {"dependentRequired": {"time": ["date"], "date": ["time"]}}
    has_time = _has_any(["scheduled_at", "date", "time"])
    is_time = {"properties": {"scheduled_at": {"not": {"const": NEXT_SLOT}}}}
    has_start = {"if": _REPEATED, "then": {"allOf": [has_time, is_time]}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "outreply calendar",
        "description": "A calendar of social posts for `outreply bulk schedule`.",
        "type": ["object", "array"],
        # A list has the posts only.
        "minItems": 1,
        "items": {"allOf": [row, has_page, has_whole_time, has_start]},
        "properties": {
            "$schema": {"type": "string"},
            "name": {**_TEXT, "description": "Name of the calendar, over all its files."},
            "timezone": {
                **_TEXT,
                "description": "Time zone of local times, such as Europe/Paris.",
            },
            "variables": {
                "type": "object",
                "description": "Texts that replace {{ name }} in messages, comments and links.",
                "propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"},
                "additionalProperties": _TEXT,
            },
            "defaults": {**row, "description": "Values of every post that does not set its own."},
            "posts": {"type": "array", "minItems": 1, "items": row},
        },
        "required": ["posts"],
        "additionalProperties": False,
        "allOf": [
            _unless_default(has_page, has_page),
            # A row without a time takes a slot; a series needs the time of its first post.
            _unless_default(has_time, has_start),
            _if_default(
                {**_REPEATED, "not": has_time}, _has_any(["scheduled_at", "date", "time", "repeat"])
            ),
            *(
                _if_default(
                    {"required": [one], "not": {"required": [other]}},
                    _has_any(["scheduled_at", other]),
                )
                for one, other in (("date", "time"), ("time", "date"))
            ),
            _unless_default(_has_any(["date"]), {"dependentRequired": {"time": ["date"]}}),
            _unless_default(_has_any(["time"]), {"dependentRequired": {"date": ["time"]}}),
        ],
        "$defs": {"row": _row_schema(), **{f.name: _field_schema(f) for f in FIELD_TABLE}},
    }


def _row_schema() -> Schema:
    names = {field.name: field.name for field in FIELD_TABLE} | ALIASES
    fields = dict.fromkeys(names.values())
    pairs = [pair for field in fields for pair in combinations(_names_of(field), 2)]
    messages = [name for name, field in names.items() if field in PLATFORM_MESSAGES.values()]
    return {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{field}"} for name, field in names.items()},
        "additionalProperties": False,
        "dependentSchemas": {
            "variants": {"required": ["repeat"], "properties": {"repeat": _FILLED}},
        },
        "allOf": [
            *({"not": {"required": list(pair)}} for pair in (*_EXCLUSIVE, *pairs)),
            # A mapping has the texts for all platforms.
            {
                "if": {"required": ["message"], "properties": {"message": {"type": "object"}}},
                "then": {"not": _has_any(messages)},
            },
        ],
    }


def _field_schema(field: Field) -> Schema:
    text = _FILLED if field.name in _NEVER_EMPTY else _TEXT
    text = {**text, **_CONSTRAINTS.get(field.name, {})}
    schema: Schema = {"description": field.help[:1].upper() + field.help[1:]}
    if field.name == "message":
        schema["anyOf"] = [text, _messages_schema()]
    elif field.kind == "list":
        schema["anyOf"] = [text, {"type": "array", "items": text}]
        if field.name in _NEVER_EMPTY:
            schema["anyOf"][1]["minItems"] = 1
    elif field.kind == "variants":
        variant = {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/{name}"} for name in VARIANT_FIELDS},
            "additionalProperties": False,
        }
        items = {"anyOf": [_FILLED, variant]}
        schema |= {"type": "array", "minItems": 1, "items": items}
    elif field.kind == "object":
        schema["anyOf"] = [{"type": "object"}, {"type": ["string", "null"]}]
    else:
        schema |= text
    return schema | {"examples": [field.example]}


def _messages_schema() -> Schema:
    names = [name.removeprefix(_MESSAGE_PREFIX) for name in PLATFORM_MESSAGES.values()]
    return {
        "type": "object",
        "properties": dict.fromkeys(("default", *names), _TEXT),
        "additionalProperties": False,
    }


def _names_of(field: str) -> list[str]:
    return [field, *(alias for alias, name in ALIASES.items() if name == field)]


def _has_any(names: Iterable[str]) -> Schema:
    return {"anyOf": [{"required": [name]} for name in names]}


def _if_default(default: Schema, rows: Schema) -> Schema:
    """Return the schema of calendars all of whose rows match if their `defaults` do."""
    return {
        "if": {"required": ["defaults"], "properties": {"defaults": default}},
        "then": {"properties": {"posts": {"items": rows}}},
    }


def _unless_default(default: Schema, rows: Schema) -> Schema:
    """Return the schema of calendars whose `defaults` match, or all of whose rows do."""
    return {
        "if": {"not": {"required": ["defaults"], "properties": {"defaults": default}}},
        "then": {"properties": {"posts": {"items": rows}}},
    }
