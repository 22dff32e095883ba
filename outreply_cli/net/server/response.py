"""HTTP responses of the local server."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

_JSON = "application/json; charset=utf-8"
# The reason phrases of statuses.
PHRASES = {status.value: status.phrase for status in HTTPStatus}
_WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
# `json.dumps` makes a new encoder for each call that changes a default.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class ConnectionDropped(Exception):  # noqa: N818 - a command to the server, not an error
    """Makes the server close the connection without a response, as a broken server does."""


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
        self.status, self.headers, self.content_type = status, headers, content_type
        self.body = b"" if status in _WITHOUT_BODY else body
        self.length = len(self.body)

    @property
    def reason(self) -> str:
        """The reason phrase of the status."""
        return PHRASES.get(self.status, "Unknown")

    @property
    def header_list(self) -> list[tuple[str, str]]:
        """All headers, in order."""
        return [
            *self.headers.items(),
            ("Content-Type", self.content_type),
            ("Content-Length", str(self.length)),
        ]


class SseStream:
    """An open stream of server-sent events; safe to use from any thread.

    Attributes:
        is_closed: Whether the client has disconnected, or the server is stopping.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.is_closed = False

    def send(self, event: str, data: str) -> None:
        """Send an event whose data is one line."""
        self._write(f"event: {event}\ndata: {data}\n\n".encode())

    def keep_alive(self) -> None:
        """Send a comment, so that proxies keep the idle connection open."""
        self._write(b":\n\n")


class SseResponse(Response):
    """A response of server-sent events, which stays open; `on_open` gets its stream."""

    __slots__ = ("on_open",)

    def __init__(self, headers: dict[str, str], on_open: Callable[[SseStream], None]) -> None:
        super().__init__(200, b"", headers, "text/event-stream; charset=utf-8")
        self.on_open = on_open

    @property
    def header_list(self) -> list[tuple[str, str]]:
        """All headers; the body has no length and ends with the connection."""
        return [*self.headers.items(), ("Content-Type", self.content_type)]


def json_response(status: int, body: Any, headers: dict[str, str]) -> Response:
    """A response with `body` as JSON."""
    return Response(status, _ENCODER.encode(body).encode(), headers)
