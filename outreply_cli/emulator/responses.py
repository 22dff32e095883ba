"""Answers on their way out: as JSON, and wrong where a fault asks for it."""

import secrets
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta

from werkzeug.http import http_date

from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.faults import FaultSpec
from outreply_cli.emulator.request import ErrorResponse, too_many
from outreply_cli.net.server.hanging_up import drop_connection, is_dropped
from outreply_cli.net.server.response import Response, json_response
from outreply_cli.spec.errors import CATALOGUE

_GARBAGE = b"<html>\xff\xfe upstream is having a moment {"


def apply_fault(
    fault: FaultSpec,
    clock: EmulatorClock,
    headers: dict[str, str],
    answer: Callable[[], Response],
) -> Response:
    """What `answer` says, made wrong by a fault.

    Raises:
        Refusal: What the fault refuses with before anything is carried out.
    """
    _go_wrong_before(fault, clock, headers)
    try:
        response = answer()
    except ErrorResponse as refusal:
        response = json_response(refusal.status, refusal.body, {**headers, **refusal.headers})
    if fault.kind == "drop-after":
        drop_connection()
    if fault.kind == "garbage":
        response.body, response.length = _GARBAGE, len(_GARBAGE)
    elif fault.kind == "truncate":
        response.body = response.body[: response.length // 2]
    return response


def internal_error(failure: Exception, asked: str, headers: dict[str, str]) -> Response:
    """500 for a request that met a mistake of the emulator's; standard error says which.

    Args:
        failure: What went wrong; a connection that is to be cut is none of ours, and goes on.
        asked: The request in words.
        headers: Those of every answer.
    """
    if is_dropped(failure):
        raise failure
    log_exception(failure, asked)
    refusal = ErrorResponse(500, "SERVER_ERROR")
    return json_response(refusal.status, refusal.body, headers)


def request_id() -> str:
    """What a request is called when somebody asks about it."""
    return f"req_{secrets.token_hex(8)}"


def bad_request(status: int) -> Response:
    """The answer to a request that the server below could not take in."""
    code = "FILE_TOO_LARGE" if status == 413 else "BAD_REQUEST"
    refusal = ErrorResponse(status, code, None if status == 413 else "This is no request in HTTP")
    return json_response(status, refusal.body, {"X-Request-Id": request_id()})


def log_exception(failure: Exception, during: str) -> None:
    """Tell in one line on standard error, which `emulator.log` keeps, what went wrong and where."""
    place = traceback.extract_tb(failure.__traceback__)[-1]
    said = f"{type(failure).__name__}({str(failure)!r}) at {place.filename}:{place.lineno}"
    sys.stderr.write(f"emulator: {during!r}: {said}\n")


def _go_wrong_before(fault: FaultSpec, clock: EmulatorClock, headers: dict[str, str]) -> None:
    if fault.kind == "drop-before":
        drop_connection()
    if fault.kind == "status":
        raise _refusal(int(fault.value))
    if fault.kind == "rate-limit":
        raise too_many("RATE_LIMITED", int(fault.value))
    if fault.kind == "delay":
        clock.sleep(fault.value)
    elif fault.kind == "skew":
        headers["Date"] = http_date(clock.now() + timedelta(seconds=fault.value))


def _refusal(status: int) -> ErrorResponse:
    known = next((entry for entry in CATALOGUE if entry.status == status), None)
    return ErrorResponse(
        status, known.code if known else "SERVER_ERROR", "A fault that was asked for"
    )
