"""Answers on their way out: as JSON, and wrong where a fault asks for it."""

import secrets
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta

from werkzeug.http import http_date

from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.faults import Misbehaviour
from outreply_cli.emulator.request import Refusal, too_many
from outreply_cli.net.server.hanging_up import hang_up, is_hang_up
from outreply_cli.net.server.response import Answer, as_json
from outreply_cli.spec.errors import CATALOGUE

_GARBAGE = b"<html>\xff\xfe upstream is having a moment {"


def misbehave(
    fault: Misbehaviour,
    clock: EmulatorClock,
    headers: dict[str, str],
    answer: Callable[[], Answer],
) -> Answer:
    """What `answer` says, made wrong by a fault.

    Raises:
        Refusal: What the fault refuses with before anything is carried out.
    """
    _go_wrong_before(fault, clock, headers)
    try:
        response = answer()
    except Refusal as refusal:
        response = as_json(refusal.status, refusal.body, {**headers, **refusal.headers})
    if fault.kind == "drop-after":
        hang_up()
    if fault.kind == "garbage":
        response.body, response.length = _GARBAGE, len(_GARBAGE)
    elif fault.kind == "truncate":
        response.body = response.body[: response.length // 2]
    return response


def own_fault(failure: Exception, asked: str, headers: dict[str, str]) -> Answer:
    """500 for a request that met a mistake of the emulator's; standard error says which.

    Args:
        failure: What went wrong; a connection that is to be cut is none of ours, and goes on.
        asked: The request in words.
        headers: Those of every answer.
    """
    if is_hang_up(failure):
        raise failure
    report(failure, asked)
    refusal = Refusal(500, "SERVER_ERROR")
    return as_json(refusal.status, refusal.body, headers)


def request_id() -> str:
    """What a request is called when somebody asks about it."""
    return f"req_{secrets.token_hex(8)}"


def refuse_unread(status: int) -> Answer:
    """The answer to a request that the server below could not take in."""
    code = "FILE_TOO_LARGE" if status == 413 else "BAD_REQUEST"
    refusal = Refusal(status, code, None if status == 413 else "This is no request in HTTP")
    return as_json(status, refusal.body, {"X-Request-Id": request_id()})


def report(failure: Exception, during: str) -> None:
    """Tell in one line on standard error, which `emulator.log` keeps, what went wrong and where."""
    place = traceback.extract_tb(failure.__traceback__)[-1]
    said = f"{type(failure).__name__}({str(failure)!r}) at {place.filename}:{place.lineno}"
    sys.stderr.write(f"emulator: {during!r}: {said}\n")


def _go_wrong_before(fault: Misbehaviour, clock: EmulatorClock, headers: dict[str, str]) -> None:
    if fault.kind == "drop-before":
        hang_up()
    if fault.kind == "status":
        raise _refusal(int(fault.value))
    if fault.kind == "rate-limit":
        raise too_many("RATE_LIMITED", int(fault.value))
    if fault.kind == "delay":
        clock.sleep(fault.value)
    elif fault.kind == "skew":
        headers["Date"] = http_date(clock.now() + timedelta(seconds=fault.value))


def _refusal(status: int) -> Refusal:
    known = next((entry for entry in CATALOGUE if entry.status == status), None)
    return Refusal(status, known.code if known else "SERVER_ERROR", "A fault that was asked for")
