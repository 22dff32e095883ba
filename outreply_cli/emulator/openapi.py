"""The OpenAPI 3.1 documents of the API and of the emulator, generated from the endpoints."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from outreply_cli import __version__
from outreply_cli.emulator.catalog import BY_CODE, EMULATOR_CODES, ENTRIES
from outreply_cli.emulator.routes import ROUTES, Route
from outreply_cli.emulator.schemas import (
    Schema,
    component,
    error_component,
    error_example,
    error_schema,
    expand,
    list_components,
    load_parts,
)
from outreply_cli.spec.limits import EVENTS

_EMULATOR_ONLY = {"x-emulator-only": True}
_PUBLIC_ERRORS = ("METHOD_NOT_ALLOWED", "SERVER_ERROR", *sorted(EMULATOR_CODES))
_COMMON_ERRORS = (
    "MISSING_TOKEN", "INVALID_TOKEN", "TOKEN_REVOKED", "TOKEN_EXPIRED", "SANDBOX_EXHAUSTED",
    "IP_NOT_ALLOWED", "BRAND_NOT_AUTHORIZED", "COLLABORATOR_INSUFFICIENT",
    "RATE_LIMITED", "DAILY_LIMIT_EXCEEDED", "MONTHLY_QUOTA_EXCEEDED", *_PUBLIC_ERRORS,
)  # fmt: skip
_IDEMPOTENCY_ERRORS = ("INVALID_IDEMPOTENCY_KEY", "IDEMPOTENCY_KEY_MISMATCH")
_PATH_PARAMETER = re.compile(r"<(\w+)>")
_INTEGERS = ("X-RateLimit-", "Retry-After")
# Headers that only the emulator sends, and the keys of their values in the body.
_EMULATOR_DELIVERY_HEADERS = {"X-OutReply-Event": "event", "X-OutReply-Delivery": "id"}


def document(base_url: str, *, emulator: bool = False) -> dict[str, Any]:
    """The OpenAPI document of the API, or of the emulator.

    The emulator's has more error codes and headers, marked with `x-emulator-only`.
    """
    paths: dict[str, dict[str, Any]] = {}
    for path, (operation_id, _) in PUBLIC_ROUTES.items():
        part = load_parts()["operations"][operation_id]
        paths.setdefault(path or "/", {})["get"] = {
            "operationId": operation_id,
            "summary": part["summary"],
            "description": "Requires no token.",
            "tags": ["api"],
            "security": [],
            "responses": {
                "200": _success(part["result"], emulator=emulator),
                **_error_responses(_PUBLIC_ERRORS, emulator=emulator),
            },
        }
    for route in ROUTES:
        path = _PATH_PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, emulator=emulator)
    errors = {}
    for code in sorted(BY_CODE):
        if code not in EMULATOR_CODES:
            errors[error_component(code)] = error_schema(code)
        elif emulator:
            errors[error_component(code)] = {**error_schema(code), **_EMULATOR_ONLY}
    base, components = load_parts()["document"], list_components()
    served_by = f" Served by the emulator of outreply-cli {__version__}." if emulator else ""
    return {
        **base,
        "info": base["info"] | {"description": base["info"]["description"] + served_by},
        "servers": [{"url": base_url}],
        "paths": paths,
        "webhooks": {
            event: {"post": _webhook(event, text, components, emulator=emulator)}
            for event, text in EVENTS.items()
        },
        "components": {**base["components"], "schemas": {**components, **errors}},
    }


# The endpoints that require no token: the operation, and its handler, which is given the base URL.
PUBLIC_ROUTES: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "": ("getStatus", lambda _: {"name": "OutReply API", "version": "v1", "status": "ok"}),
    "/errors": ("listErrors", lambda _: {"errors": [asdict(entry) for entry in ENTRIES]}),
    "/openapi.json": ("getOpenApi", lambda base_url: document(base_url, emulator=True)),
}


def _operation(route: Route, *, emulator: bool) -> dict[str, Any]:
    part, writes = load_parts()["operations"][route.operation_id], route.method != "GET"
    codes = [*_COMMON_ERRORS, *(_IDEMPOTENCY_ERRORS if writes else ()), *part.get("errors", ())]
    if route.scope is not None:
        codes.append("MISSING_SCOPE")
    tag = route.path.split("/")[1]
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": part["summary"],
        "description": "Requires any valid token.",
        "tags": ["account" if tag == "me" else tag],
        "parameters": _parameters(route, part.get("query", ())),
        "responses": {
            str(route.status): _success(part["result"], emulator=emulator, writes=writes)
        },
    }
    if route.scope is not None:
        operation["description"] = f"Requires the scope `{route.scope}`."
        operation["x-required-scope"] = route.scope
    if "body" in part:
        kind = "multipart/form-data" if part["body"] == "UploadRequest" else "application/json"
        operation["requestBody"] = {"required": True, "content": {kind: _content(part["body"])}}
    operation["responses"].update(_error_responses(codes, emulator=emulator))
    return operation


def _webhook(
    event: str, summary: str, components: Mapping[str, Schema], *, emulator: bool
) -> dict[str, Any]:
    """The operation of a receiver of `event` (reference: Webhooks)."""
    body = next(
        name
        for name, schema in components.items()
        if name.endswith("Event") and schema["properties"]["event"]["enum"] == [event]
    )
    content = _content(body)
    headers = [
        _parameter("X-OutReply-Signature", "header", required=True),
        _parameter("X-OutReply-Timestamp", "header", required=False),
    ]
    if emulator:
        headers += [
            {"name": name, "in": "header", "required": True,
             "description": f"The `{key}` in the body.", "schema": expand("id"),
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


def _parameters(route: Route, query: Iterable[str]) -> list[dict[str, Any]]:
    parameters = [
        _parameter(name, "path", required=True) for name in _PATH_PARAMETER.findall(route.path)
    ]
    parameters += [
        _parameter(name.rstrip("!"), "query", required=name.endswith("!")) for name in query
    ]
    if route.method != "GET":
        parameters.append(_parameter("Idempotency-Key", "header"))
    return parameters


def _parameter(name: str, location: str, **required: bool) -> dict[str, Any]:
    part = load_parts()["parameters"][name]
    return {"name": name, "in": location, **required, **part, "schema": expand(part["schema"])}


def _content(name: str) -> dict[str, Any]:
    return {"schema": component(name), "example": load_parts()["examples"][name]}


def _success(result: str, *, emulator: bool, writes: bool = False) -> dict[str, Any]:
    return {
        "description": "Success.",
        "headers": _headers("write" if writes else None, emulator=emulator),
        "content": {"application/json": _content(result)},
    }


def _error_responses(codes: Iterable[str], *, emulator: bool) -> dict[str, Any]:
    """The error responses by status."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(set(codes)):
        if emulator or code not in EMULATOR_CODES:
            by_status.setdefault(BY_CODE[code].status, []).append(code)
    responses = {}
    for status, of_status in sorted(by_status.items()):
        schemas = [component(error_component(code)) for code in of_status]
        responses[str(status)] = {
            "description": ", ".join(of_status),
            "headers": _headers(status, emulator=emulator),
            "content": {
                "application/json": {
                    "schema": {"anyOf": schemas} if len(schemas) > 1 else schemas[0],
                    "examples": {code: {"value": error_example(code)} for code in of_status},
                }
            },
        }
    return responses


def _headers(kind: str | int | None, *, emulator: bool) -> dict[str, Any]:
    """The headers of all responses, and of those of a kind: `write`, or an error status."""
    texts = load_parts()["headers"]
    headers: dict[str, Any] = {
        name: {
            "description": text,
            "schema": expand("count" if name.startswith(_INTEGERS) else "string"),
        }
        for name, text in (texts["all"] | texts.get(kind, {})).items()
    }
    if emulator:
        headers["X-Request-Id"] = {
            "description": "The request's ID.", "schema": expand("string"), **_EMULATOR_ONLY,
        }  # fmt: skip
    return headers
