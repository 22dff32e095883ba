"""Builds the request of `outreply api` and merges paginated responses."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.api.responses import Response
from outreply_cli.errors import InvalidInputError, malformed_value_error, unknown_choice_error
from outreply_cli.formats.json import parse_json
from outreply_cli.spec.limits import MAX_IDEMPOTENCY_KEY_CHARACTERS as _MAX_KEY

if TYPE_CHECKING:
    from outreply_cli.api.transport import Transport

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_RESERVED_HEADERS = frozenset(
    {"authorization", "x-api-key", "host", "content-length", "transfer-encoding"}
)


def parse_request(
    method: str,
    path: str,
    *,
    raw_fields: Sequence[str],
    typed_fields: Sequence[str],
    body_text: str | None,
    headers: Sequence[str],
    read_file: Callable[[str], str],
) -> ApiRequest:
    """Parse the arguments of `outreply api`; raises InvalidInputError.

    The fields of a GET or DELETE, and the query in any path, become query parameters.
    `raw_fields` are `key=text`; `typed_fields` are `key=json`, or `key=@FILE` with a file that
    `read_file` reads.
    """
    verb = method.strip().upper()
    if verb not in METHODS:
        raise unknown_choice_error("method", method, METHODS)
    if "://" in path or path.startswith("//"):
        raise InvalidInputError(
            "the path must be relative to the base URL", hint="Use a path such as /pages."
        )
    fields: dict[str, Any] = dict(_split(field, "KEY=VALUE", "-f") for field in raw_fields)
    for field in typed_fields:
        key, value = _split(field, "KEY=VALUE", "-F")
        fields[key] = read_file(value[1:]) if value.startswith("@") else _json_or_text(value)
    if body_text is not None and fields:
        raise InvalidInputError(
            "--input cannot be combined with -f or -F", hint="Put the fields into the body."
        )
    path, _, query_text = path.partition("?")
    query = parse_qsl(query_text, keep_blank_values=True)
    has_query = verb in {"GET", "DELETE"}
    if has_query:
        query += [
            (key, value if isinstance(value, str) else json.dumps(value))
            for key, value in fields.items()
        ]
    names = [name for name, _ in query]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInputError(
                f"the query parameter {name!r} is given twice",
                hint="Give it once, in PATH or with -f.",
            )
    # Lowercase, so that no header is sent twice in different spellings.
    given = {name.lower(): value for name, value in _parse_headers(headers)}
    return ApiRequest(
        method=verb,
        path="/" + path.lstrip("/"),
        query=dict(query),
        body=_parse_body(body_text) if body_text is not None else (None if has_query else fields),
        idempotency_key=given.pop("idempotency-key", None),
        headers=given,
    )


def request_pages(
    transport: "Transport", request: ApiRequest, *, paginate: bool
) -> Iterator[Response]:
    """Send `request` and yield its response, and with `paginate` those of all further pages.

    Raises what `Transport.send` raises.
    """
    seen_cursors: set[str] = set()
    while True:
        response = transport.send(request)
        yield response
        body = response.body if isinstance(response.body, dict) else {}
        cursor = body.get("cursor")
        has_more = paginate and body.get("has_more") is True
        if not has_more or not isinstance(cursor, str) or cursor in seen_cursors:
            return
        seen_cursors.add(cursor)
        request = replace(request, query={**request.query, "cursor": cursor})


def merge_pages(pages: Sequence[Any]) -> Any:
    """Merge the pages of a list into one body with the items of their first list."""
    if len(pages) == 1:
        return pages[0]
    name = next((key for key, value in pages[0].items() if isinstance(value, list)), None)
    if name is None:
        return list(pages)
    rest = {key: value for key, value in pages[-1].items() if key not in {name, "cursor"}}
    return {name: [item for page in pages for item in page.get(name) or []], **rest}


def _split(text: str, form: str, option: str) -> tuple[str, str]:
    key, found, value = text.partition("=" if "=" in form else ":")
    if not found or not key.strip():
        raise malformed_value_error(option, text, form)
    return key.strip(), value


def _json_or_text(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _parse_body(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise InvalidInputError(f"--input is not valid JSON: {error}") from None


def _parse_headers(headers: Sequence[str]) -> Iterator[tuple[str, str]]:
    for header in headers:
        name, value = _split(header, "NAME:VALUE", "-H")
        if name.lower() in _RESERVED_HEADERS:
            raise InvalidInputError(f"-H: {name} cannot be set; outreply sets it")
        if name.lower() == "idempotency-key" and not 0 < len(value.strip()) <= _MAX_KEY:
            raise InvalidInputError(f"-H: Idempotency-Key must have 1 to {_MAX_KEY} characters")
        if not _HEADER_NAME.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise InvalidInputError(f"-H: {name!r} contains characters not allowed in headers")
        yield name, value.strip()
