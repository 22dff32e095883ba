"""One request inside the emulator: what came, who sent it, and how it may be refused."""

import json
import math
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from werkzeug.datastructures import FileStorage

from outreply_cli.emulator.media_urls import SsrfGuard
from outreply_cli.emulator.state import State
from outreply_cli.net.dns import Address, Resolver
from outreply_cli.spec.errors import entries_for
from outreply_cli.spec.limits import EVERY_SCOPE, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LOOKUP_SECONDS = 1.0
_LIMIT_DIGITS = len(str(LIST_LIMIT_MAX))


class ErrorResponse(Exception):  # noqa: N818 - an answer of the emulated API, not an error of ours
    """An error answer (reference: Errors).

    Args:
        status: The HTTP status.
        code: The machine-readable code.
        text: The `error` string; the catalogue's words where none are given.
        headers: Headers that go with it.
        extra: The code's own keys.
    """

    def __init__(
        self,
        status: int,
        code: str,
        text: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code)
        known = entries_for(code)
        self.status = status
        self.headers = dict(headers or {})
        self.body = {"error": text or (known[0].message if known else code), "code": code, **extra}


@dataclass(frozen=True)
class Principal:
    """The token that authenticated a request, and its user."""

    token: sqlite3.Row
    user: sqlite3.Row
    scopes: tuple[str, ...]
    brand_ids: tuple[str, ...]

    def may(self, scope: str) -> bool:
        """Whether the token holds `scope`."""
        return scope in self.scopes or EVERY_SCOPE in self.scopes


@dataclass(frozen=True)
class NetworkAccess:
    """What the network is asked before the state is held, so that others go on meanwhile."""

    guard: SsrfGuard
    lookups: Resolver
    sends_anywhere: bool

    def resolve(self, host: str) -> Sequence[Address]:
        """What a name resolves to; nothing where that takes longer than a request may wait."""
        return self.lookups.resolve([host], _LOOKUP_SECONDS)[host] or ()


@dataclass
class RequestBody:
    """A request's body: JSON that is read once, or the files of a form."""

    raw: bytes
    is_multipart: bool
    files: Callable[[], Mapping[str, FileStorage]] = dict

    @cached_property
    def body(self) -> dict[str, Any]:
        """The JSON object; refuses what is none (`400 INVALID_JSON`)."""
        return parse_object(self.raw or b"{}")


@dataclass
class RequestContext:
    """One authenticated request, as the resources read it.

    Attributes:
        sent: Its body.
        refused_urls: Those in its body that may not be used, and why: `url` completed.
    """

    state: State
    db: sqlite3.Connection
    now: datetime
    caller: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    sent: "RequestBody"
    refused_urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        return self.sent.body

    def text(self, name: str, *, required: bool = False, longest: int | None = None) -> str | None:
        """The body's string `name`; refuses one that is missing where required, or too long."""
        value = self.body.get(name)
        if value is None or value == "":
            if required:
                raise ErrorResponse(
                    400, "MISSING_FIELD", f"Missing required field: {name}", field=name
                )
            return None
        if not isinstance(value, str):
            raise invalid_field(name, "must be a string")
        if longest is not None and len(value) > longest:
            raise invalid_field(name, f"must be at most {longest} characters")
        return value

    def limit(self) -> int:
        """The query's `limit`, 1 to 100, 50 where it is not given."""
        given = self.query.get("limit")
        if given is None:
            return LIST_LIMIT_DEFAULT
        sound = given.isascii() and given.isdigit() and len(given) <= _LIMIT_DIGITS
        if not sound or not 1 <= int(given) <= LIST_LIMIT_MAX:
            raise invalid_field("limit", f"must be a whole number from 1 to {LIST_LIMIT_MAX}")
        return int(given)

    def since(self) -> float | None:
        """The query's `since` as a Unix time, or None."""
        given = self.query.get("since")
        return None if given is None else parse_timestamp("since", given).timestamp()


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body; refuses everything else (`400 INVALID_JSON`).

    Numbers without end and halves of characters are no JSON, though Python reads both.
    """
    try:
        text = raw.decode("utf-8-sig")
        parsed = _DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ErrorResponse(400, "INVALID_JSON", "The request body is not valid JSON") from None
    if not isinstance(parsed, dict):
        raise ErrorResponse(400, "INVALID_JSON", "The request body must be a JSON object")
    return parsed


def too_many(code: str, seconds: int, text: str | None = None) -> ErrorResponse:
    """429 with a `code`, and in how many seconds it may be tried again: in header and body."""
    return ErrorResponse(
        429, code, text, headers={"Retry-After": str(seconds)}, retry_after_seconds=seconds
    )


def invalid_field(name: str, reason: str) -> ErrorResponse:
    """The refusal of a field whose value can't be right."""
    return ErrorResponse(400, "INVALID_FIELD", f"{name} {reason}", field=name)


def parse_timestamp(name: str, value: object) -> datetime:
    """An ISO 8601 instant from outside; refuses what is none (`400 INVALID_DATE`)."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ErrorResponse(400, "INVALID_DATE", f"{name} must be an ISO 8601 timestamp", field=name)


def format_timestamp(timestamp: float | None) -> str | None:
    """A Unix time as the API writes it: `2026-05-01T09:00:00.000Z`."""
    if timestamp is None:
        return None
    moment = datetime.fromtimestamp(timestamp, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


# Made once: `json.loads` makes one for each call that asks for anything but its defaults.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
