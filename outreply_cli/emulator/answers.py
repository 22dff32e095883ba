"""Answers on their way out: as JSON, and wrong where a fault asks for it."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from waitress.channel import ClientDisconnected
from werkzeug.http import http_date
from werkzeug.wrappers import Response

from outreply_cli.contract.error_catalogue import CATALOGUE
from outreply_cli.emulator.call import Refusal
from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.faults import Misbehaviour

_GARBAGE = b"<html>\xff\xfe upstream is having a moment {"


def as_json(status: int, body: Any, headers: dict[str, str]) -> Response:
    """`body` as a JSON answer."""
    return Response(
        json.dumps(body, ensure_ascii=False),
        status=status,
        headers=headers,
        content_type="application/json; charset=utf-8",
    )


def misbehave(
    fault: Misbehaviour,
    clock: EmulatorClock,
    headers: dict[str, str],
    answer: Callable[[], Response],
) -> Response:
    """What `answer` says, made wrong by a fault.

    Raises:
        Refusal: What the fault refuses with before anything is carried out.
        ClientDisconnected: The server then cuts the connection without a word.
    """
    _go_wrong_before(fault, clock, headers)
    try:
        response = answer()
    except Refusal as refusal:
        response = as_json(refusal.status, refusal.body, {**headers, **refusal.headers})
    if fault.kind == "drop-after":
        raise ClientDisconnected
    if fault.kind == "garbage":
        response.set_data(_GARBAGE)
    elif fault.kind == "truncate":
        whole = response.get_data()
        response.response = _half(whole)
        response.headers["Content-Length"] = str(len(whole))
    return response


def _go_wrong_before(fault: Misbehaviour, clock: EmulatorClock, headers: dict[str, str]) -> None:
    if fault.kind == "drop-before":
        raise ClientDisconnected
    if fault.kind == "status":
        raise _refusal(int(fault.value))
    if fault.kind == "rate-limit":
        seconds = int(fault.value)
        raise Refusal(
            429, "RATE_LIMITED", headers={"Retry-After": str(seconds)}, retry_after_seconds=seconds
        )
    if fault.kind == "delay":
        clock.sleep(fault.value)
    elif fault.kind == "skew":
        headers["Date"] = http_date(clock.now() + timedelta(seconds=fault.value))


def _half(whole: bytes) -> Iterator[bytes]:
    yield whole[: len(whole) // 2]


def _refusal(status: int) -> Refusal:
    known = next((entry for entry in CATALOGUE if entry.status == status), None)
    return Refusal(status, known.code if known else "SERVER_ERROR", "A fault that was asked for")
