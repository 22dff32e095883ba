"""HTTP responses of the local server."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_JSON = "application/json; charset=utf-8"
# `json.dumps` makes a new encoder for each call that changes a default.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class ConnectionDropped(Exception):  # noqa: N818 - a command to the server, not an error
    """Signals the server to close the connection without a response."""


class Response:
    """An HTTP response.

    Attributes:
        status: The HTTP status.
        headers: The headers, without the two that describe the body.
        body: The bytes sent, possibly fewer than Content-Length promises.
        length: The value of Content-Length.
    """

    __slots__ = ("body", "content_type", "headers", "length", "status")

    def __init__(
        self, status: int, body: bytes, headers: dict[str, str], content_type: str = _JSON
    ) -> None:
        self.status, self.body, self.headers = status, body, headers
        self.content_type, self.length = content_type, len(body)

    @property
    def reason(self) -> str:
        """The reason phrase of the status."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Unknown"

    @property
    def header_list(self) -> list[tuple[str, str]]:
        """All headers, in order."""
        return [
            *self.headers.items(),
            ("Content-Type", self.content_type),
            ("Content-Length", str(self.length)),
        ]

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Send the response as a WSGI application."""
        start_response(f"{self.status} {self.reason}", self.header_list)
        return () if environ["REQUEST_METHOD"] == "HEAD" else (self.body,)


def json_response(status: int, body: Any, headers: dict[str, str]) -> Response:
    """A response with `body` as JSON."""
    return Response(status, _ENCODER.encode(body).encode(), headers)


def drop_connection() -> NoReturn:
    """Close the connection of the current request without a response, as a broken server does."""
    raise ConnectionDropped
