"""The API described: OpenAPI 3.1, made from the table that is served."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from outreply_cli import __version__
from outreply_cli.contract.error_catalogue import CATALOGUE, entries_for
from outreply_cli.contract.limits import IDEMPOTENCY_KEY_MAX_CHARACTERS, LIST_LIMIT_MAX
from outreply_cli.emulator.routes import API_ROOT, ROUTES, Route
from outreply_cli.emulator.schemas import COMPONENTS, EXAMPLES, PLATFORM, TEXT, WHOLE, one

# Codes that the reference has no name for, with the status they come with.
OWN_CODES = {"INVALID_FIELD": 400, "INVALID_JSON": 400, "HOST_NOT_ALLOWED": 403,
             "METHOD_NOT_ALLOWED": 405}  # fmt: skip
_EVERYWHERE = (
    "MISSING_TOKEN", "INVALID_TOKEN", "TOKEN_REVOKED", "TOKEN_EXPIRED", "SANDBOX_EXHAUSTED",
    "IP_NOT_ALLOWED", "BRAND_NOT_AUTHORIZED", "COLLABORATOR_INSUFFICIENT", "HOST_NOT_ALLOWED",
    "RATE_LIMITED", "DAILY_LIMIT_EXCEEDED", "MONTHLY_QUOTA_EXCEEDED", "SERVER_ERROR",
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


def document() -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for rule, opened in OPEN_ROUTES.items():
        paths.setdefault(rule or "/", {})["get"] = {
            "operationId": opened.name, "summary": opened.about, "security": [],
            "responses": {"200": _success(opened.result), "403": _refusals(["HOST_NOT_ALLOWED"])},
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
                name: {**schema, "examples": [EXAMPLES[name]]} if name in EXAMPLES else schema
                for name, schema in COMPONENTS.items()
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
    for status in sorted({status for code in codes for status in _statuses(code)}):
        of_status = [code for code in codes if status in _statuses(code)]
        found["responses"][str(status)] = _refusals(of_status)
    return found


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key within 24 hours gives the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX_CHARACTERS},
}


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}
        for name in _PATH_PART.findall(route.rule)
    ]
    in_query = [
        {
            "name": name.rstrip("!"),
            "in": "query",
            "required": name.endswith("!"),
            "schema": _QUERY.get(name, TEXT),
        }
        for name in route.query
    ]
    return in_path + in_query


def _body(name: str) -> dict[str, Any]:
    if name != "file":
        return {"required": True, "content": {"application/json": {"schema": one(name)}}}
    schema = {
        "type": "object",
        "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
        "required": ["file"],
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _success(result: str, *, replayed: bool = False) -> dict[str, Any]:
    headers = dict(_HEADERS)
    if replayed:
        headers["Idempotency-Replayed"] = "`true` where the answer is an earlier one."
    return {
        "description": "Success.",
        "headers": {
            name: {"description": about, "schema": WHOLE if "RateLimit" in name else TEXT}
            for name, about in headers.items()
        },
        "content": {"application/json": {"schema": one(result)}},
    }


def _refusals(codes: Iterable[str]) -> dict[str, Any]:
    names = sorted(set(codes))
    schema = {
        **one("Error"),
        "properties": {"code": {"enum": names}},
    }
    return {
        "description": ", ".join(names),
        "content": {"application/json": {"schema": schema}},
    }


def _statuses(code: str) -> list[int]:
    if code in OWN_CODES:
        return [OWN_CODES[code]]
    statuses = [entry.status for entry in entries_for(code)]
    # QUOTA_EXCEEDED is 413 for storage.
    return [status for status in statuses if code != "QUOTA_EXCEEDED" or status == 413] or statuses
