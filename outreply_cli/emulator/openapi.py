"""The OpenAPI 3.1 document, generated from the table of endpoints."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from outreply_cli import __version__
from outreply_cli.emulator.routes import API_ROOT, ROUTES, Route
from outreply_cli.emulator.schemas import (
    COMPONENTS,
    COUNT,
    EXAMPLES,
    PARAMETERS,
    PLATFORM,
    STRING,
    component,
    error_example,
    error_schema,
)
from outreply_cli.spec.errors import CATALOG, entries_for
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_MAX_CHARACTERS, LIST_LIMIT_MAX

# Error codes that the reference does not list, with their HTTP status.
EXTRA_CODES = {"INVALID_FIELD": 400, "INVALID_JSON": 400, "INVALID_FAULT": 400,
             "HOST_NOT_ALLOWED": 403, "METHOD_NOT_ALLOWED": 405}  # fmt: skip
_PUBLIC_ERRORS = ("HOST_NOT_ALLOWED", "INVALID_FAULT", "METHOD_NOT_ALLOWED", "SERVER_ERROR")
_COMMON_ERRORS = (
    "MISSING_TOKEN", "INVALID_TOKEN", "TOKEN_REVOKED", "TOKEN_EXPIRED", "SANDBOX_EXHAUSTED",
    "IP_NOT_ALLOWED", "BRAND_NOT_AUTHORIZED", "COLLABORATOR_INSUFFICIENT",
    "RATE_LIMITED", "DAILY_LIMIT_EXCEEDED", "MONTHLY_QUOTA_EXCEEDED", *_PUBLIC_ERRORS,
)  # fmt: skip
_IDEMPOTENCY_ERRORS = ("INVALID_IDEMPOTENCY_KEY", "IDEMPOTENCY_KEY_MISMATCH")
_QUERY: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": LIST_LIMIT_MAX, "default": 50},
    "since": {"type": "string", "format": "date-time"},
    "platform": PLATFORM,
}
_PATH_PARAMETER = re.compile(r"<(\w+)>")
_HEADERS = {
    "X-Request-Id": "The request id, for support.",
    "X-API-Tier": "The account's tier.",
    "X-API-Scopes": "The token's scopes, separated by spaces.",
    "X-RateLimit-Limit": "Requests per minute.",
    "X-RateLimit-Remaining": "Requests that remain in this minute.",
    "X-RateLimit-Reset": "The Unix time at which the minute ends.",
}
_INTEGERS = ("X-RateLimit-", "Retry-After")
_STATUS_HEADERS = {
    405: {"Allow": "The methods of this path."},
    429: {"Retry-After": "Seconds until a retry; absent for a monthly quota."},
}


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for path, public in PUBLIC_ROUTES.items():
        paths.setdefault(path or "/", {})["get"] = {
            "operationId": public.name, "summary": public.summary, "security": [],
            "responses": {"200": _success(public.result), **_error_responses(_PUBLIC_ERRORS)},
        }  # fmt: skip
    for route in ROUTES:
        paths.setdefault(_PATH_PARAMETER.sub(r"{\1}", route.path), {})[route.method.lower()] = (
            _operation(route)
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OutReply API",
            "version": "1.0.0",
            "description": f"The API of the emulator of outreply {__version__}.",
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
                **{
                    code: error_schema(code)
                    for code in sorted({*EXTRA_CODES, *(entry.code for entry in CATALOG)})
                },
            },
        },
    }


@dataclass(frozen=True)
class PublicRoute:
    """An endpoint that requires no token."""

    name: str
    handler: Callable[[], dict[str, Any]]
    summary: str
    result: str


def _get_status() -> dict[str, Any]:
    return {"name": "OutReply API", "version": "v1", "status": "ok"}


def _list_errors() -> dict[str, Any]:
    return {"errors": [asdict(entry) for entry in CATALOG]}


PUBLIC_ROUTES: dict[str, PublicRoute] = {
    "": PublicRoute("get_status", _get_status, "Show that the API is up.", "StatusResponse"),
    "/errors": PublicRoute("list_errors", _list_errors, "List the error codes.", "ErrorCatalog"),
    "/openapi.json": PublicRoute("get_openapi", document, "Show this document.", "OpenApiDocument"),
}


def _operation(route: Route) -> dict[str, Any]:
    writes = route.method != "GET"
    codes = [*_COMMON_ERRORS, *(_IDEMPOTENCY_ERRORS if writes else ()), *route.errors]
    if route.scope is not None:
        codes.append("MISSING_SCOPE")
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [route.path.split("/")[1]],
        "parameters": [*_parameters(route), *([_IDEMPOTENCY_KEY] if writes else [])],
        "responses": {str(route.status): _success(route.result, replayed=writes)},
    }
    if route.scope is not None:
        operation["description"] = f"Requires the scope `{route.scope}`."
        operation["x-required-scope"] = route.scope
    if route.body is not None:
        operation["requestBody"] = _body(route.body)
    operation["responses"].update(_error_responses(codes))
    return operation


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry with the same key within 24 hours returns the first response.",
    "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX_CHARACTERS},
}


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {**STRING, "minLength": 1},
         "example": PARAMETERS[name]}
        for name in _PATH_PARAMETER.findall(route.path)
    ]  # fmt: skip
    in_query = [
        {"name": name.rstrip("!"), "in": "query", "required": name.endswith("!"),
         "schema": _QUERY.get(name, STRING), "example": PARAMETERS[name.rstrip("!")]}
        for name in route.query
    ]  # fmt: skip
    return in_path + in_query


def _body(name: str) -> dict[str, Any]:
    kind, schema = "application/json", component(name)
    if name == "file":
        kind = "multipart/form-data"
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        schema = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    return {"required": True, "content": {kind: {"schema": schema, "example": EXAMPLES[name]}}}


def _success(result: str, *, replayed: bool = False) -> dict[str, Any]:
    headers = dict(_HEADERS)
    if replayed:
        headers["Idempotency-Replayed"] = "`true` if this is the response to an earlier request."
    return {
        "description": "Success.",
        "headers": _header_objects(headers),
        "content": {"application/json": {"schema": component(result), "example": EXAMPLES[result]}},
    }


def _error_responses(codes: Iterable[str]) -> dict[str, Any]:
    """The error responses by status."""
    by_status: dict[int, set[str]] = {}
    for code in codes:
        status = EXTRA_CODES.get(code) or entries_for(code)[0].status
        by_status.setdefault(status, set()).add(code)
    responses = {}
    for status, unsorted in sorted(by_status.items()):
        codes = sorted(unsorted)
        content = {
            "schema": {"anyOf": [component(code) for code in codes]},
            "examples": {code: {"value": error_example(code)} for code in codes},
        }
        responses[str(status)] = {
            "description": ", ".join(codes),
            "headers": _header_objects({**_HEADERS, **_STATUS_HEADERS.get(status, {})}),
            "content": {"application/json": content},
        }
    return responses


def _header_objects(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"description": text, "schema": COUNT if name.startswith(_INTEGERS) else STRING}
        for name, text in headers.items()
    }
