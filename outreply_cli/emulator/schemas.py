"""JSON Schemas and examples of requests and responses, from the short forms in `openapi.yaml`."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from outreply_cli.emulator.catalog import BY_CODE
from outreply_cli.emulator.guardrails import GUARDRAILS
from outreply_cli.spec.limits import (
    EVENTS,
    EVERY_SCOPE,
    LIST_LIMIT_DEFAULT,
    MAX_IDEMPOTENCY_KEY_CHARACTERS,
    MAX_LIST_LIMIT,
    MAX_MESSAGE_CHARACTERS,
    SCOPES,
    TIERS,
)
from outreply_cli.spec.platforms import PLATFORMS

Schema = dict[str, Any]

_TYPES: dict[str, Schema] = {
    "string": {"type": "string"},
    "count": {"type": "integer", "minimum": 0},
    "id": {"type": "string", "minLength": 1},
    "bytes": {"type": "integer", "format": "int64", "minimum": 0},
    "boolean": {"type": "boolean"},
    "uri": {"type": "string", "format": "uri"},
    "email": {"type": "string", "format": "email"},
    "timestamp": {"type": "string", "format": "date-time"},
    "message": {"type": "string", "maxLength": MAX_MESSAGE_CHARACTERS},
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIST_LIMIT,
              "default": LIST_LIMIT_DEFAULT},
    "idempotency_key": {"type": "string", "minLength": 1,
                        "maxLength": MAX_IDEMPOTENCY_KEY_CHARACTERS},
}  # fmt: skip


@cache
def load_parts() -> dict[str, Any]:
    """The sections of `openapi.yaml`."""
    # Imported here, and the file read on first use: only the documents need them.
    import yaml

    text = resources.files("outreply_cli.emulator").joinpath("openapi.yaml").read_text("utf-8")
    parts = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    parts["examples"]["Account"]["quota"]["publish_guardrails"] = GUARDRAILS
    return dict(parts)


def component(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def expand(short: Any) -> Schema:
    """The schema of a short form."""
    if isinstance(short, list):
        return {"type": "array", "items": expand(short[0])}
    if isinstance(short, str):
        name, _, null = short.partition(" or ")
        schema = _TYPES.get(name) or component(name)
        return schema | {"type": [schema["type"], null]} if null else schema
    if "object" in short:
        return _object(short["object"])
    base = expand(short["is"]) if "is" in short else {}
    return base | {name: value for name, value in short.items() if name != "is"}


def list_components() -> dict[str, Schema]:
    """The schemas of requests, responses and events."""
    return {
        "Platform": _enum(platform.name for platform in PLATFORMS),
        "PlatformCode": _enum(platform.code for platform in PLATFORMS),
        "Tier": _enum(TIERS),
        "Scope": _enum([*SCOPES, EVERY_SCOPE]),
        "MediaType": _enum(["photo", "video"]),
        "EventName": _enum(EVENTS),
        **{name: _component(form) for name, form in load_parts()["components"].items()},
    }


def error_component(code: str) -> str:
    """The name of the schema of an error: `MissingFieldError` for `MISSING_FIELD`."""
    return code.title().replace("_", "").removesuffix("Error") + "Error"


def error_schema(code: str) -> Schema:
    """The schema of an error with this code."""
    fixed = {"error": "string", "code": {"type": "string", "const": code}}
    return _object(fixed | load_parts()["errors"].get(code, {}))


def error_example(code: str) -> dict[str, Any]:
    """An example of an error with this code."""
    example = load_parts()["error_examples"].get(code, {})
    return {"error": BY_CODE[code].message, "code": code, **example}


def _enum(values: Iterable[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def _component(form: Mapping[str, Any]) -> Schema:
    if form.get("type") == "object":
        return dict(form)
    condition = {"allOf": form["allOf"]} if "allOf" in form else {}
    return _object({name: form[name] for name in form if name != "allOf"}) | condition


def _object(fields: Mapping[str, Any]) -> Schema:
    required = [name for name in fields if not name.endswith("?")]
    optional = [name for name in fields if name.endswith("?")]
    properties = {name.removesuffix("?"): expand(fields[name]) for name in required + optional}
    return {"type": "object", "properties": properties, "required": required}
