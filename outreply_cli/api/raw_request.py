"""What `outreply api` sends: words from a command line, checked, as one request."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outreply_cli.api.responses import Response
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_MAX_CHARACTERS as _KEY_MAX

if TYPE_CHECKING:
    from outreply_cli.api.transport import Transport

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"authorization", "x-api-key", "host", "content-length", "transfer-encoding"})


@dataclass(frozen=True)
class RawRequest:
    """One request to any endpoint.

    Attributes:
        query: Parameters of a GET or DELETE.
        body: JSON of any other method.
        headers: More headers; the token's are ours.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


def parse_request(
    method: str,
    path: str,
    *,
    raw_fields: Sequence[str],
    typed_fields: Sequence[str],
    body_text: str | None,
    headers: Sequence[str],
    read_file: Callable[[str], str],
) -> RawRequest:
    """The request that the words mean.

    Args:
        method: In any case.
        path: Below the base URL, with or without its leading slash.
        raw_fields: `key=text`.
        typed_fields: `key=json`, or `key=@FILE`.
        body_text: A whole body as JSON.
        headers: `name: value`.
        read_file: Gives a file's text.

    Raises:
        InvalidInputError: Something in them can't be meant.
    """
    verb = method.strip().upper()
    if verb not in METHODS:
        raise InvalidInputError(f"{method!r} is no method", hint=f"Use: {', '.join(METHODS)}")
    if "://" in path or path.startswith("//"):
        raise InvalidInputError(
            "the path must be below the base URL", hint="Such as /pages, without https://"
        )
    fields: dict[str, Any] = {}
    for word in raw_fields:
        key, value = _pair(word, "=", "-f")
        fields[key] = value
    for word in typed_fields:
        key, value = _pair(word, "=", "-F")
        fields[key] = read_file(value[1:]) if value.startswith("@") else _typed(value)
    if body_text is not None and fields:
        raise InvalidInputError("--input is the whole body", hint="Leave out -f and -F.")
    reads = verb in {"GET", "DELETE"}
    return RawRequest(
        method=verb,
        path="/" + path.lstrip("/"),
        query={key: str(value) for key, value in fields.items()} if reads else {},
        body=_json_body(body_text) if body_text is not None else (None if reads else fields),
        headers=dict(_headers(headers)),
    )


def request_pages(
    transport: "Transport", call: RawRequest, *, paginate: bool
) -> Iterator[Response]:
    """The answer to `call`, and those of the pages after it; raises as `Transport.request`."""
    query: dict[str, str | int] = dict(call.query)
    seen: set[str] = set()
    # Lower-case names: a header of ours must not be sent twice in another spelling.
    headers = {name.lower(): value for name, value in call.headers.items()}
    key = headers.pop("idempotency-key", None)
    while True:
        answer = transport.request(
            call.method,
            call.path,
            query=query,
            body=call.body,
            headers=headers,
            idempotency_key=key,
        )
        yield answer
        body = answer.body if isinstance(answer.body, dict) else {}
        cursor = body.get("cursor")
        if not (paginate and body.get("has_more") is True and isinstance(cursor, str)):
            return
        if cursor in seen:
            return
        seen.add(cursor)
        query["cursor"] = cursor


def merge_pages(pages: Sequence[Any]) -> Any:
    """One body for the pages of a list: their first list, whole; a single page is itself."""
    if len(pages) == 1:
        return pages[0]
    name = next((key for key, value in pages[0].items() if isinstance(value, list)), None)
    if name is None:
        return list(pages)
    rest = {key: value for key, value in pages[-1].items() if key not in {name, "cursor"}}
    return {name: [item for page in pages for item in page.get(name) or []], **rest}


def _pair(word: str, separator: str, option: str) -> tuple[str, str]:
    key, found, value = word.partition(separator)
    if not found or not key.strip():
        raise InvalidInputError(f"{option} {word!r} is not KEY{separator}VALUE")
    return key.strip(), value


def _typed(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _json_body(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as problem:
        raise InvalidInputError(f"--input is not JSON: {problem}") from None


def _headers(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, value = _pair(word, ":", "-H")
        if name.lower() in _OURS:
            raise InvalidInputError(f"-H can't set {name}: outreply does")
        if name.lower() == "idempotency-key" and not 0 < len(value.strip()) <= _KEY_MAX:
            raise InvalidInputError(f"-H Idempotency-Key must have 1 to {_KEY_MAX} characters")
        if not _HEADER_NAME.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise InvalidInputError(f"-H {name!r} has characters that no header may carry")
        yield name, value.strip()
