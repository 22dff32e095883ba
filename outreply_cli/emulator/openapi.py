"""The OpenAPI 3.1 documents of the API and of the emulator, generated from the endpoints."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from outreply_cli import __version__
from outreply_cli.emulator.catalog import EMULATOR_CODES, ENTRIES
from outreply_cli.emulator.routes import ROUTES, Route
from outreply_cli.emulator.schemas import (
    COMPONENTS,
    COUNT,
    EVENT_COMPONENTS,
    EXAMPLES,
    ID,
    PARAMETERS,
    STRING,
    TIMESTAMP,
    component,
    error_component,
    error_example,
    error_schema,
)
from outreply_cli.spec.limits import (
    EVENTS,
    IDEMPOTENCY_KEY_MAX_CHARACTERS,
    LIST_LIMIT_DEFAULT,
    LIST_LIMIT_MAX,
)

_EMULATOR_ONLY = {"x-emulator-only": True}
_STATUSES = {entry.code: entry.status for entry in ENTRIES}
_PUBLIC_ERRORS = ("METHOD_NOT_ALLOWED", "SERVER_ERROR", *sorted(EMULATOR_CODES))
_COMMON_ERRORS = (
    "MISSING_TOKEN", "INVALID_TOKEN", "TOKEN_REVOKED", "TOKEN_EXPIRED", "SANDBOX_EXHAUSTED",
    "IP_NOT_ALLOWED", "BRAND_NOT_AUTHORIZED", "COLLABORATOR_INSUFFICIENT",
    "RATE_LIMITED", "DAILY_LIMIT_EXCEEDED", "MONTHLY_QUOTA_EXCEEDED", *_PUBLIC_ERRORS,
)  # fmt: skip
_IDEMPOTENCY_ERRORS = ("INVALID_IDEMPOTENCY_KEY", "IDEMPOTENCY_KEY_MISMATCH")
_LIMIT = {"type": "integer", "minimum": 1, "maximum": LIST_LIMIT_MAX, "default": LIST_LIMIT_DEFAULT}
# The schemas of parameters that are not IDs.
_PARAMETER_SCHEMAS = {"limit": _LIMIT, "since": TIMESTAMP, "platform": component("Platform")}
_DESCRIPTIONS = {
    "brand_id": "ID of a brand.",
    "page_id": "ID of a page.",
    "post_id": "ID of a post.",
    "media_id": "ID of a media item.",
    "webhook_id": "ID of a webhook.",
    "platform": "Filter by platform.",
    "limit": "Maximum number of items.",
    "since": "Include items after this time only.",
}
_TAGS = {
    "account": "The user, the token and the quotas.",
    "brands": "The brands that the token may reach.",
    "pages": "The social pages of the brands.",
    "posts": "Scheduled and published posts.",
    "comments": "Comments on published posts.",
    "media": "Uploaded images and videos.",
    "webhooks": "Subscriptions to events, and the events.",
    "api": "The API itself.",
}
_PATH_PARAMETER = re.compile(r"<(\w+)>")
_HEADERS = {
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
_SIGNATURE_HEADERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "X-OutReply-Signature": (
        "The HMAC-SHA256 of the body, by each of the webhook's valid secrets.",
        {**STRING, "pattern": "^sha256=[0-9a-f]{64}(, *sha256=[0-9a-f]{64})?$"},
        "sha256=" + "5" * 64,
    ),
    "X-OutReply-Timestamp": ("The Unix time at which it was sent.", STRING, "1777626015"),
}
# In the body, by these keys.
_EMULATOR_DELIVERY_HEADERS = {"X-OutReply-Event": "event", "X-OutReply-Delivery": "id"}


def document(base_url: str, *, emulator: bool = False) -> dict[str, Any]:
    """The OpenAPI document of the API, or of the emulator.

    The emulator's has more error codes and headers, marked with `x-emulator-only`.
    """
    paths: dict[str, dict[str, Any]] = {}
    for path, public in PUBLIC_ROUTES.items():
        paths.setdefault(path or "/", {})["get"] = {
            "operationId": public.operation_id,
            "summary": public.summary,
            "description": "Requires no token.",
            "tags": ["api"],
            "security": [],
            "responses": {
                "200": _success(public.result, emulator=emulator),
                **_error_responses(_PUBLIC_ERRORS, emulator=emulator),
            },
        }
    for route in ROUTES:
        path = _PATH_PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, emulator=emulator)
    errors = {}
    for code in sorted({entry.code for entry in ENTRIES}):
        if code not in EMULATOR_CODES:
            errors[error_component(code)] = error_schema(code)
        elif emulator:
            errors[error_component(code)] = {**error_schema(code), **_EMULATOR_ONLY}
    served_by = f" Served by the emulator of outreply-cli {__version__}." if emulator else ""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OutReply API",
            "version": "1.0.0",
            "description": f"Schedule posts, upload media and answer comments.{served_by}",
            "contact": {"name": "OutReply", "email": "api@outreply.com"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": paths,
        "webhooks": {
            event: {"post": _webhook(event, text, emulator=emulator)}
            for event, text in EVENTS.items()
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "schemas": {**COMPONENTS, **errors},
        },
    }


@dataclass(frozen=True)
class PublicRoute:
    """An endpoint that requires no token; its handler is given the base URL."""

    operation_id: str
    handler: Callable[[str], dict[str, Any]]
    summary: str
    result: str


PUBLIC_ROUTES: dict[str, PublicRoute] = {
    "": PublicRoute("getStatus", lambda _: EXAMPLES["StatusResponse"],
                    "Show that the API is up.", "StatusResponse"),
    "/errors": PublicRoute("listErrors", lambda _: {"errors": [asdict(e) for e in ENTRIES]},
                           "List the error codes.", "ErrorCatalog"),
    "/openapi.json": PublicRoute("getOpenApi", lambda base_url: document(base_url, emulator=True),
                                 "Show this document.", "OpenApiDocument"),
}  # fmt: skip


def _operation(route: Route, *, emulator: bool) -> dict[str, Any]:
    writes = route.method != "GET"
    codes = [*_COMMON_ERRORS, *(_IDEMPOTENCY_ERRORS if writes else ()), *route.errors]
    if route.scope is not None:
        codes.append("MISSING_SCOPE")
    tag = route.path.split("/")[1]
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "description": "Requires any valid token.",
        "tags": ["account" if tag == "me" else tag],
        "parameters": [*_parameters(route), *([_IDEMPOTENCY_KEY] if writes else [])],
        "responses": {str(route.status): _success(route.result, emulator=emulator, writes=writes)},
    }
    if route.scope is not None:
        operation["description"] = f"Requires the scope `{route.scope}`."
        operation["x-required-scope"] = route.scope
    if route.body is not None:
        kind = "multipart/form-data" if route.body == "UploadRequest" else "application/json"
        operation["requestBody"] = {"required": True, "content": {kind: _content(route.body)}}
    operation["responses"].update(_error_responses(codes, emulator=emulator))
    return operation


def _webhook(event: str, summary: str, *, emulator: bool) -> dict[str, Any]:
    """The operation of a receiver of `event` (reference: Webhooks)."""
    content = _content(EVENT_COMPONENTS[event])
    headers = [
        {"name": name, "in": "header", "required": name == "X-OutReply-Signature",
         "description": text, "schema": schema, "example": example}
        for name, (text, schema, example) in _SIGNATURE_HEADERS.items()
    ]  # fmt: skip
    if emulator:
        headers += [
            {"name": name, "in": "header", "required": True,
             "description": f"The `{key}` in the body.", "schema": ID,
             "example": content["example"][key], **_EMULATOR_ONLY}
            for name, key in _EMULATOR_DELIVERY_HEADERS.items()
        ]  # fmt: skip
    return {
        "operationId": "on" + event.title().replace(".", ""),
        "summary": summary,
        "description": "Authenticated by the signature in `X-OutReply-Signature`.",
        "tags": ["webhooks"],
        "security": [],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "Received."},
            "default": {"description": "Not received: sent again, up to 5 times."},
        },
    }


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry with the same key within 24 hours returns the first response.",
    "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX_CHARACTERS},
    "example": "8f1c1d7a-2a99-4c12-9fcc-6b5d22e52a7b",
}


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = [(name, "path", True) for name in _PATH_PARAMETER.findall(route.path)]
    in_query = [(name.rstrip("!"), "query", name.endswith("!")) for name in route.query]
    return [
        {"name": name, "in": location, "required": required, "description": _DESCRIPTIONS[name],
         "schema": _PARAMETER_SCHEMAS.get(name, ID), "example": PARAMETERS[name]}
        for name, location, required in in_path + in_query
    ]  # fmt: skip


def _content(name: str) -> dict[str, Any]:
    return {"schema": component(name), "example": EXAMPLES[name]}


def _success(result: str, *, emulator: bool, writes: bool = False) -> dict[str, Any]:
    headers = dict(_HEADERS)
    if writes:
        headers["Idempotency-Replayed"] = "`true` if this is the response to an earlier request."
    return {
        "description": "Success.",
        "headers": _header_objects(headers, emulator=emulator),
        "content": {"application/json": _content(result)},
    }


def _error_responses(codes: Iterable[str], *, emulator: bool) -> dict[str, Any]:
    """The error responses by status."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(set(codes)):
        if emulator or code not in EMULATOR_CODES:
            by_status.setdefault(_STATUSES[code], []).append(code)
    responses = {}
    for status, of_status in sorted(by_status.items()):
        schemas = [component(error_component(code)) for code in of_status]
        headers = {**_HEADERS, **_STATUS_HEADERS.get(status, {})}
        responses[str(status)] = {
            "description": ", ".join(of_status),
            "headers": _header_objects(headers, emulator=emulator),
            "content": {
                "application/json": {
                    "schema": {"anyOf": schemas} if len(schemas) > 1 else schemas[0],
                    "examples": {code: {"value": error_example(code)} for code in of_status},
                }
            },
        }
    return responses


def _header_objects(headers: Mapping[str, str], *, emulator: bool) -> dict[str, Any]:
    objects: dict[str, Any] = {
        name: {"description": text, "schema": COUNT if name.startswith(_INTEGERS) else STRING}
        for name, text in headers.items()
    }
    if emulator:
        objects["X-Request-Id"] = {
            "description": "The request's ID.", "schema": STRING, **_EMULATOR_ONLY,
        }  # fmt: skip
    return objects
