"""Error responses, injected faults and the log of internal errors."""

import secrets
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta

from werkzeug.http import http_date

from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.faults import FaultSpec
from outreply_cli.emulator.request import ErrorResponse, too_many
from outreply_cli.net.server.response import Response, drop_connection, json_response
from outreply_cli.spec.errors import CATALOG

_GARBAGE = b"<html>\xff\xfe upstream error {"


def apply_fault(
    fault: FaultSpec, clock: EmulatorClock, headers: dict[str, str], handle: Callable[[], Response]
) -> Response:
    """The response of `handle` with a fault injected.

    Raises:
        ErrorResponse: The fault is an error status.
    """
    if fault.kind == "drop-before":
        drop_connection()
    if fault.kind == "status":
        codes = (entry.code for entry in CATALOG if entry.status == fault.value)
        raise ErrorResponse(int(fault.value), next(codes, "SERVER_ERROR"), "Injected fault")
    if fault.kind == "rate-limit":
        raise too_many("RATE_LIMITED", int(fault.value))
    if fault.kind == "delay":
        clock.sleep(fault.value)
    elif fault.kind == "skew":
        headers["Date"] = http_date(clock.now() + timedelta(seconds=fault.value))
    try:
        response = handle()
    except ErrorResponse as error:
        response = json_response(error.status, error.body, {**headers, **error.headers})
    if fault.kind == "drop-after":
        drop_connection()
    if fault.kind == "garbage":
        response.body, response.length = _GARBAGE, len(_GARBAGE)
    elif fault.kind == "truncate":
        response.body = response.body[: response.length // 2]
    return response


def request_id() -> str:
    """Generate a request id."""
    return f"req_{secrets.token_hex(8)}"


def bad_request(status: int) -> Response:
    """The response to a request that the HTTP server rejected."""
    code = "FILE_TOO_LARGE" if status == 413 else "BAD_REQUEST"
    error = ErrorResponse(status, code, None if status == 413 else "Malformed HTTP request")
    return json_response(status, error.body, {"X-Request-Id": request_id()})


def log_exception(error: Exception, during: str) -> None:
    """Write one line about an exception to stderr, which goes to `emulator.log`."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}({str(error)!r}) at {frame.filename}:{frame.lineno}"
    sys.stderr.write(f"emulator: {during!r}: {text}\n")
