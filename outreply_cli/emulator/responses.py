"""Error responses, and the IDs of requests."""

import secrets

from outreply_cli.emulator.request import ErrorResponse
from outreply_cli.net.server.response import Response, json_response


def request_id() -> str:
    """Generate a request ID."""
    return f"req_{secrets.token_hex(8)}"


def bad_request(status: int) -> Response:
    """The response to a request that the HTTP server rejected."""
    code = "FILE_TOO_LARGE" if status == 413 else "BAD_REQUEST"
    error = ErrorResponse(status, code, None if status == 413 else "Malformed HTTP request")
    return json_response(status, error.body, {"X-Request-Id": request_id()})
