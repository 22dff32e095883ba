"""Fault injection: which requests fail, how, and how often."""

import fnmatch
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from werkzeug.http import http_date

from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.request import ErrorResponse, too_many
from outreply_cli.emulator.routes import API_ROOT
from outreply_cli.errors import InvalidInputError, unknown_choice_error
from outreply_cli.net.server.response import ConnectionDropped, Response, json_response
from outreply_cli.spec.errors import CATALOG

FAULT_HEADER = "X-Emulator-Fault"
_GARBAGE = b"<html>\xff\xfe upstream error {"
KINDS = {
    "drop-before": "close the connection without processing the request",
    "drop-after": "process the request, then close the connection",
    "delay": "respond after SECONDS, such as delay:2.5",
    "status": "respond with STATUS without processing the request, such as status:503",
    "garbage": "process the request, then respond with invalid JSON",
    "truncate": "process the request, then cut off the response",
    "rate-limit": "respond with 429 and Retry-After: SECONDS, such as rate-limit:3",
    "skew": "send a Date that is off by SECONDS, such as skew:-300",
}
# The kinds that do not require a number.
_DEFAULTS = {"drop-before": 0.0, "drop-after": 0.0, "garbage": 0.0, "truncate": 0.0,
             "rate-limit": 1.0}  # fmt: skip
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,3})?")
_MAX_DELAY = 600.0
_OPTIONS: dict[str, Callable[[Any], bool]] = {
    "method": lambda value: value is None or isinstance(value, str),
    "path": lambda value: value is None or isinstance(value, str),
    "every": lambda value: type(value) is int and value >= 1,
    "probability": lambda value: type(value) in {int, float} and 0 <= value <= 1,
    "seed": lambda value: type(value) is int,
    "times": lambda value: value is None or (type(value) is int and value >= 1),
}


@dataclass(frozen=True)
class FaultSpec:
    """A kind of fault and its number: seconds or an HTTP status."""

    kind: str
    value: float = 0.0

    def __str__(self) -> str:
        if not self.value and _DEFAULTS.get(self.kind) == self.value:
            return self.kind
        return f"{self.kind}:{f'{self.value:.3f}'.rstrip('0').rstrip('.')}"


@dataclass
class Fault:
    """An injected fault and the requests that it affects.

    Attributes:
        number: The number that identifies the fault.
        spec: Effect on a matching request.
        method: The HTTP method; None for any.
        path: A pattern of the path under `/api/v1`, such as `/posts/*`; None for any.
        every: The interval of matching requests; 3 for every third.
        probability: The probability, 0 to 1, that such a request is affected.
        seed: The random seed.
        times: The maximum number of hits; None for no limit.
        seen: The number of matching requests.
        hits: The number of affected requests.
    """

    number: int
    spec: FaultSpec
    method: str | None = None
    path: str | None = None
    every: int = 1
    probability: float = 1.0
    seed: int = 0
    times: int | None = None
    seen: int = 0
    hits: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.method = self.method and self.method.upper()
        self.path = self.path and self.path.removeprefix(API_ROOT)
        self._random = random.Random(self.seed)  # noqa: S311 - reproducible, not secret

    def matches(self, method: str, path: str) -> bool:
        """Whether this request is affected; counts it."""
        if self.method not in {None, method}:
            return False
        if self.path is not None and not fnmatch.fnmatchcase(path, self.path):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.seen += 1
        if self.seen % self.every or self._random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `fault list`."""
        names = ("method", "path", "every", "probability", "times", "seen", "hits")
        values = {name: getattr(self, name) for name in names}
        return {"number": self.number, "fault": str(self.spec), **values}


class Faults:
    """The active faults, kept in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._last_number = 0

    def add(self, text: str, options: Mapping[str, Any]) -> Fault:
        """Add a fault; raises InvalidInputError."""
        spec = parse_fault(text)
        for name, value in options.items():
            if name not in _OPTIONS:
                raise unknown_choice_error("fault option", name, _OPTIONS)
            if not _OPTIONS[name](value):
                raise InvalidInputError(
                    f"invalid value for {name}: {value!r}",
                    hint="Use every and times of 1 or more, and a probability from 0 to 1.",
                )
        with self._lock:
            self._last_number += 1
            fault = Fault(self._last_number, spec, **options)
            self._faults.append(fault)
        return fault

    def clear(self, number: int | None = None) -> int:
        """Remove one fault or all; returns the number of removed faults."""
        with self._lock:
            kept = [fault for fault in self._faults if number not in {None, fault.number}]
            removed = len(self._faults) - len(kept)
            self._faults = kept
            if number is None:
                self._last_number = 0
            return removed

    def list(self) -> Sequence[dict[str, Any]]:
        """The JSON of all faults, oldest first."""
        with self._lock:
            return [fault.to_dict() for fault in self._faults]

    def pick(self, method: str, path: str, header: str | None) -> FaultSpec | None:
        """The fault for a request: the one in its header, else the first that matches.

        Raises:
            ErrorResponse: 400 INVALID_FAULT for an invalid header.
        """
        if header is not None:
            try:
                return parse_fault(header)
            except InvalidInputError as error:
                raise ErrorResponse(400, "INVALID_FAULT", str(error)) from None
        with self._lock:
            return next((fault.spec for fault in self._faults if fault.matches(method, path)), None)


def parse_fault(text: str) -> FaultSpec:
    """Parse `KIND` or `KIND:NUMBER`; raises InvalidInputError."""
    kind, _, number = text.strip().partition(":")
    if kind not in KINDS:
        raise unknown_choice_error("fault", kind, KINDS)
    if not number and kind in _DEFAULTS:
        return FaultSpec(kind, _DEFAULTS[kind])
    if not _NUMBER.fullmatch(number):
        raise InvalidInputError(f"{kind} requires a number: {KINDS[kind]}")
    value = float(number)
    is_valid = {
        "status": 400 <= value <= 599 and value.is_integer(),
        "delay": 0 <= value <= _MAX_DELAY,
        "rate-limit": value >= 0 and value.is_integer(),
    }
    if not is_valid.get(kind, True):
        raise InvalidInputError(
            f"invalid value for {kind}: {number}",
            hint=f"Use a status from 400 to 599, a delay of at most {_MAX_DELAY:.0f} seconds, or "
            "whole seconds for rate-limit.",
        )
    return FaultSpec(kind, value)


def apply_fault(
    fault: FaultSpec, clock: EmulatorClock, headers: dict[str, str], handle: Callable[[], Response]
) -> Response:
    """The response of `handle` with a fault injected.

    Raises:
        ErrorResponse: The fault is an error status.
        ConnectionDropped: The fault is a dropped connection.
    """
    if fault.kind == "drop-before":
        raise ConnectionDropped
    if fault.kind == "status":
        codes = (entry.code for entry in CATALOG if entry.status == fault.value)
        raise ErrorResponse(int(fault.value), next(codes, "SERVER_ERROR"), "Injected fault")
    if fault.kind == "rate-limit":
        raise too_many("RATE_LIMITED", int(fault.value))
    if fault.kind == "delay":
        clock.system.sleep(fault.value)
    elif fault.kind == "skew":
        headers["Date"] = http_date(clock.now() + timedelta(seconds=fault.value))
    try:
        response = handle()
    except ErrorResponse as error:
        response = json_response(error.status, error.body, {**headers, **error.headers})
    if fault.kind == "drop-after":
        raise ConnectionDropped
    if fault.kind == "garbage":
        response.body, response.length = _GARBAGE, len(_GARBAGE)
    elif fault.kind == "truncate":
        response.body = response.body[: response.length // 2]
    return response
