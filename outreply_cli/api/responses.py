"""What comes back from the API, read from its bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outreply_cli.api.errors import ApiError, InvalidResponseError, error_for
from outreply_cli.api.retry import retry_after
from outreply_cli.formats.json import parse_json


@dataclass(frozen=True)
class Response:
    """A successful answer.

    Attributes:
        status: The HTTP status, 200 to 299.
        body: The parsed JSON, untouched.
        headers: Header names in lower case.
        request_id: The server's name for this exchange, where it gives one.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    request_id: str | None


def parse_response(status: int, headers: Mapping[str, str], content: bytes, host: str) -> Response:
    """A successful answer (status 200 to 399) from its parts; raises BadAnswerError."""
    request_id = headers.get("x-request-id")
    body = None if status == 204 else parse_body(content, host, status, request_id)
    return Response(status, body, headers, request_id)


def parse_error(
    status: int, headers: Mapping[str, str], content: bytes, host: str, now: datetime
) -> ApiError:
    """The typed error of an answer with status 400 and above; `now` is for HTTP dates."""
    request_id = headers.get("x-request-id")
    try:
        said = parse_body(content, host, status, request_id)
    except InvalidResponseError as unreadable:
        said = {"error": f"the server answered {status}: {unreadable.message}"}
    said = said if isinstance(said, dict) else {"error": f"the server answered {status}"}
    return error_for(
        status,
        said,
        request_id=request_id,
        retry_after_seconds=retry_after(
            retry_after=headers.get("retry-after"),
            in_body=said.get("retry_after_seconds"),
            reset=headers.get("x-ratelimit-reset") if status == 429 else None,
            date=headers.get("date"),
            now=now,
        ),
    )


def parse_body(content: bytes, host: str, status: int, request_id: str | None) -> Any:
    """The JSON that `content` holds; raises BadAnswerError with a name for what it is instead."""
    name, problem = "NOT_JSON", f"{host} answered with something that is not JSON"
    if not content.strip():
        name, problem = "EMPTY_ANSWER", f"{host} answered with nothing"
    elif content.lstrip()[:1] == b"<":
        name, problem = "HTML_ANSWER", f"{host} answered with a web page, not with JSON"
    else:
        try:
            return parse_json(content)
        except ValueError:
            pass
    raise InvalidResponseError(name, problem, status=status, request_id=request_id)
