"""The API described: OpenAPI 3.1, made from the table that is served."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli import __version__
from outreply_cli.emulator.examples import EXAMPLES, PARAMETERS, error_example
from outreply_cli.emulator.routes import API_ROOT, ROUTES, Route
from outreply_cli.emulator.schemas import (
    COMPONENTS,
    PLATFORM,
    TEXT,
    WHOLE,
    error_schema,
    object_schema,
)
from outreply_cli.spec.errors import CATALOGUE, entries_for
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_MAX_CHARACTERS, LIST_LIMIT_MAX

# Codes that the reference has no name for, with the status they come with.
OWN_CODES = {"INVALID_FIELD": 400, "INVALID_JSON": 400, "INVALID_FAULT": 400,
             "HOST_NOT_ALLOWED": 403, "METHOD_NOT_ALLOWED": 405}  # fmt: skip
_OPEN = ("HOST_NOT_ALLOWED", "INVALID_FAULT", "METHOD_NOT_ALLOWED", "SERVER_ERROR")
_EVERYWHERE = (
    "MISSING_TOKEN", "INVALID_TOKEN", "TOKEN_REVOKED", "TOKEN_EXPIRED", "SANDBOX_EXHAUSTED",
    "IP_NOT_ALLOWED", "BRAND_NOT_AUTHORIZED", "COLLABORATOR_INSUFFICIENT",
    "RATE_LIMITED", "DAILY_LIMIT_EXCEEDED", "MONTHLY_QUOTA_EXCEEDED", *_OPEN,
)  # fmt: skip
_WRITES = ("INVALID_IDEMPOTENCY_KEY", "IDEMPOTENCY_KEY_MISMATCH")
_QUERY: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": LIST_LIMIT_MAX, "default": 50},
    "since": {"type": "string", "format": "date-time"},
    "platform": PLATFORM,
}
_PATH_PART = re.compile(r"<(\w+)>")
_HEADERS = {
    "X-Request-Id": "What to name when asking for help.",
    "X-API-Tier": "The account's tier.",
    "X-API-Scopes": "The token's scopes, apart by blanks.",
    "X-RateLimit-Limit": "Requests a minute.",
    "X-RateLimit-Remaining": "Requests left in this minute.",
    "X-RateLimit-Reset": "When the minute ends, in Unix seconds.",
}
_WHOLE_HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"}
_HEADERS_OF = {
    405: {"Allow": "The methods that the path has."},
    429: {"Retry-After": "Seconds after which it may be tried again; not for a month's quota."},
}


def document() -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for rule, opened in OPEN_ROUTES.items():
        paths.setdefault(rule or "/", {})["get"] = {
            "operationId": opened.name, "summary": opened.about, "security": [],
            "responses": {"200": _success(opened.result), **_refusals(_OPEN)},
        }  # fmt: skip
    for route in ROUTES:
        paths.setdefault(_PATH_PART.sub(r"{\1}", route.rule), {})[route.method.lower()] = (
            _operation(route)
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OutReply API",
            "version": "1.0.0",
            "description": f"As the emulator of outreply {__version__} serves it.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": API_ROOT}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "schemas": {
                **COMPONENTS,
                **{code: error_schema(code) for code in sorted({*OWN_CODES, *_catalogued()})},
            },
        },
    }


@dataclass(frozen=True)
class OpenRoute:
    """An endpoint that asks for no token."""

    name: str
    answer: Callable[[], dict[str, Any]]
    about: str
    result: str


def _about() -> dict[str, Any]:
    return {"name": "OutReply API", "version": "v1", "status": "ok"}


def _catalogued() -> set[str]:
    return {entry.code for entry in CATALOGUE}


def _catalogue() -> dict[str, Any]:
    return {
        "errors": [
            {
                "code": entry.code,
                "status": entry.status,
                "category": entry.category,
                "message": entry.message,
                "fix": entry.fix,
            }
            for entry in CATALOGUE
        ]
    }


OPEN_ROUTES: dict[str, OpenRoute] = {
    "": OpenRoute("probe", _about, "Whether the API is there.", "About"),
    "/errors": OpenRoute("errors", _catalogue, "Every error code.", "Catalogue"),
    "/openapi.json": OpenRoute("openapi", document, "This description.", "Document"),
}


def _operation(route: Route) -> dict[str, Any]:
    writes = route.method != "GET"
    codes = [*_EVERYWHERE, *(_WRITES if writes else ()), *route.refusals]
    if route.scope is not None:
        codes.append("MISSING_SCOPE")
    found: dict[str, Any] = {
        "operationId": f"{route.answer.__module__.rpartition('.')[2]}_{route.answer.__name__}",
        "summary": route.about,
        "tags": [route.rule.split("/")[1]],
        "parameters": [*_parameters(route), *([_IDEMPOTENCY_KEY] if writes else [])],
        "responses": {str(route.status): _success(route.result, replayed=writes)},
    }
    if route.scope is not None:
        found["description"] = f"Needs the scope `{route.scope}`."
        found["x-required-scope"] = route.scope
    if route.body is not None:
        found["requestBody"] = _body(route.body)
    found["responses"].update(_refusals(codes))
    return found


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key within 24 hours gives the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX_CHARACTERS},
}


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {**TEXT, "minLength": 1},
         "example": PARAMETERS[name]}
        for name in _PATH_PART.findall(route.rule)
    ]  # fmt: skip
    in_query = [
        {
            "name": name.rstrip("!"),
            "in": "query",
            "required": name.endswith("!"),
            "schema": _QUERY.get(name, TEXT),
            "example": PARAMETERS[name.rstrip("!")],
        }
        for name in route.query
    ]
    return in_path + in_query


def _body(name: str) -> dict[str, Any]:
    if name != "file":
        content = {"schema": object_schema(name), "example": EXAMPLES[name]}
        return {"required": True, "content": {"application/json": content}}
    schema = {
        "type": "object",
        "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
        "required": ["file"],
    }
    content = {"schema": schema, "example": EXAMPLES[name]}
    return {"required": True, "content": {"multipart/form-data": content}}


def _success(result: str, *, replayed: bool = False) -> dict[str, Any]:
    headers = dict(_HEADERS)
    if replayed:
        headers["Idempotency-Replayed"] = "`true` where the answer is an earlier one."
    return {
        "description": "Success.",
        "headers": _described(headers),
        "content": {
            "application/json": {"schema": object_schema(result), "example": EXAMPLES[result]}
        },
    }


def _refusals(codes: Iterable[str]) -> dict[str, Any]:
    """The responses by their status, each with the codes that come with it."""
    by_status: dict[int, set[str]] = {}
    pairs = [(status, code) for code in codes for status in _statuses(code)]
    for status, name in sorted(pairs):
        by_status.setdefault(status, set()).add(name)
    return {
        str(status): _refusal(status, sorted(by_status[status])) for status in sorted(by_status)
    }


def _refusal(status: int, names: Sequence[str]) -> dict[str, Any]:
    headers = {**_HEADERS, **_HEADERS_OF.get(status, {})}
    return {
        "description": ", ".join(names),
        "headers": _described(headers),
        "content": {
            "application/json": {
                "schema": {"anyOf": [object_schema(name) for name in names]},
                "examples": {name: {"value": error_example(name)} for name in names},
            }
        },
    }


def _described(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"description": about, "schema": WHOLE if name in _WHOLE_HEADERS else TEXT}
        for name, about in headers.items()
    }


def _statuses(code: str) -> list[int]:
    if code in OWN_CODES:
        return [OWN_CODES[code]]
    statuses = [entry.status for entry in entries_for(code)]
    # QUOTA_EXCEEDED is 413 for storage.
    return [status for status in statuses if code != "QUOTA_EXCEEDED" or status == 413] or statuses
