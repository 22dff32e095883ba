"""What goes back for one request."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.http import HTTP_STATUS_CODES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_JSON = "application/json; charset=utf-8"
# Made once: `json.dumps` makes one for each call that asks for anything but its defaults.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Response:
    """What goes back for one request.

    Attributes:
        status: Of HTTP.
        headers: Without the two that belong to the body.
        body: What the reader gets, though Content-Length may promise more.
        length: What Content-Length says.
    """

    __slots__ = ("body", "content_type", "headers", "length", "status")

    def __init__(
        self, status: int, body: bytes, headers: dict[str, str], content_type: str = _JSON
    ) -> None:
        self.status, self.body, self.headers = status, body, headers
        self.content_type, self.length = content_type, len(body)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Send it."""
        start_response(
            f"{self.status} {HTTP_STATUS_CODES.get(self.status, 'Unknown')}",
            [
                *self.headers.items(),
                ("Content-Type", self.content_type),
                ("Content-Length", str(self.length)),
            ],
        )
        return () if environ["REQUEST_METHOD"] == "HEAD" else (self.body,)


def json_response(status: int, body: Any, headers: dict[str, str]) -> Response:
    """`body` as a JSON answer."""
    return Response(status, _ENCODER.encode(body).encode(), headers)
