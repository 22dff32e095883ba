"""Responses of the API, parsed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outreply_cli.api.errors import ApiError, InvalidResponseError, error_class, flatten_error
from outreply_cli.api.hints import SIGN_IN
from outreply_cli.api.retry import is_lasting_limit, retry_after
from outreply_cli.formats.json import parse_json


@dataclass(frozen=True, eq=False, repr=False)
class Response:
    """A successful response, its body as parsed JSON, its headers with lowercase names."""

    status: int
    body: Any
    headers: Mapping[str, str]
    request_id: str | None


def parse_response(status: int, headers: Mapping[str, str], content: bytes, host: str) -> Response:
    """Parse a successful response (status 2xx); raises InvalidResponseError."""
    request_id = headers.get("x-request-id")
    body = None if status == 204 else _parse_body(content, host, status, request_id)
    return Response(status, body, headers, request_id)


def parse_error(
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    host: str,
    *,
    path: str,
    now: datetime,
    sign_in_hint: str = SIGN_IN,
) -> ApiError:
    """Parse an error response (status 400 and above) to the request of `path`.

    `sign_in_hint` is the command or variable that replaces the token in use.
    """
    request_id = headers.get("x-request-id")
    try:
        body = _parse_body(content, host, status, request_id)
    except InvalidResponseError as error:
        body = {"error": f"the server responded with {status}: {error.message}"}
    body = flatten_error(body)
    is_rate_limit = status == 429 and not is_lasting_limit(body.get("code"))
    return error_class(status)(
        status,
        body,
        path=path,
        sign_in_hint=sign_in_hint,
        request_id=request_id,
        retry_after_seconds=retry_after(headers, body, now=now, is_rate_limit=is_rate_limit),
    )


def _parse_body(content: bytes, host: str, status: int, request_id: str | None) -> Any:
    code, message = "INVALID_JSON_RESPONSE", f"{host} responded with invalid JSON"
    if not content.strip():
        code, message = "EMPTY_RESPONSE", f"{host} sent an empty response"
    elif content.lstrip()[:1] == b"<":
        code, message = "HTML_RESPONSE", f"{host} responded with a web page instead of JSON"
    else:
        try:
            return parse_json(content)
        except ValueError:
            pass
    raise InvalidResponseError(code, message, status=status, request_id=request_id)
