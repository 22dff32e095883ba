"""A request to the emulated API: its body, its caller, and the error responses."""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from werkzeug.datastructures import FileStorage

from outreply_cli.emulator.catalog import BY_CODE
from outreply_cli.emulator.state import State
from outreply_cli.formats.json import parse_json
from outreply_cli.spec.limits import EVERY_SCOPE, LIST_LIMIT_DEFAULT, MAX_LIST_LIMIT

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LIMIT_DIGITS = len(str(MAX_LIST_LIMIT))


class ErrorResponse(Exception):  # noqa: N818 - a response of the emulated API
    """An error response (reference: Errors).

    `text` is the `error` string, by default that of the catalog; `extra` are more keys.
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
        entry = BY_CODE.get(code)
        self.status = status
        self.headers = dict(headers or {})
        error = text or (entry.message if entry else code)
        self.body = {"error": error, "code": code, **extra}


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


@dataclass
class RequestBody:
    """The body of a request: JSON, parsed once, or a form; `files` is None for an invalid form."""

    raw: bytes
    is_multipart: bool = False
    files: Mapping[str, FileStorage] | None = None

    @cached_property
    def json(self) -> dict[str, Any]:
        """The JSON object; raises `400 INVALID_JSON` for anything else."""
        return parse_object(self.raw or b"{}")


@dataclass
class RequestContext:
    """An authenticated request, as the endpoints see it.

    Attributes:
        invalid_urls: The URLs in the body that are not allowed, with the reason ("must be …").
    """

    state: State
    now: datetime
    caller: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    request_body: RequestBody
    invalid_urls: Mapping[str, str]

    @property
    def db(self) -> sqlite3.Connection:
        """The state's database."""
        return self.state.connection

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object in the body."""
        return self.request_body.json

    def text(
        self, name: str, *, required: bool = False, max_length: int | None = None
    ) -> str | None:
        """The string `name` of the body; raises 400 if it is not a string or too long.

        If it is missing, returns None, or raises 400 if it is `required`.
        """
        value = self.body.get(name)
        if value is None or value == "":
            if required:
                raise missing_field(name)
            return None
        if not isinstance(value, str):
            raise invalid_field(name, "must be a string")
        if max_length is not None and len(value) > max_length:
            raise invalid_field(name, f"must be at most {max_length} characters")
        return value

    def limit(self) -> int:
        """The query parameter `limit`, 1 to 100; 50 by default."""
        value = self.query.get("limit")
        if value is None:
            return LIST_LIMIT_DEFAULT
        is_number = value.isascii() and value.isdigit() and len(value) <= _LIMIT_DIGITS
        if not is_number or not 1 <= int(value) <= MAX_LIST_LIMIT:
            raise invalid_field("limit", f"must be a whole number from 1 to {MAX_LIST_LIMIT}")
        return int(value)

    def since(self) -> float | None:
        """The query parameter `since` as a Unix time, or None; times after it are listed."""
        value = self.query.get("since")
        return None if value is None else parse_time_parameter("since", value).timestamp()


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises `400 INVALID_JSON` for anything else.

    Rejects infinite numbers and lone surrogates, which Python's parser accepts.
    """
    try:
        text = raw.decode("utf-8-sig")
        parsed = parse_json(text)
        if _SURROGATE.search(text):
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ErrorResponse(400, "INVALID_JSON", "The request body is not valid JSON") from None
    if not isinstance(parsed, dict):
        raise ErrorResponse(400, "INVALID_JSON", "The request body must be a JSON object")
    return parsed


@lru_cache(maxsize=1_000)
def parse_list(text: str) -> tuple[Any, ...]:
    """The items of a stored JSON array, not to be changed."""
    return tuple(json.loads(text))


def find_row(
    db: sqlite3.Connection, text: str, sql: str, values: Sequence[object], **extra: Any
) -> sqlite3.Row:
    """The first row of a query; raises `404 NOT_FOUND` with `text` if there is none."""
    row: sqlite3.Row | None = db.execute(sql, values).fetchone()
    if row is None:
        raise ErrorResponse(404, "NOT_FOUND", text, **extra)
    return row


def too_many(code: str, seconds: int, text: str | None = None) -> ErrorResponse:
    """A 429 with `code` that says in header and body when to retry."""
    return ErrorResponse(
        429, code, text, headers={"Retry-After": str(seconds)}, retry_after_seconds=seconds
    )


def missing_field(name: str) -> ErrorResponse:
    """A `400 MISSING_FIELD` for the field or parameter `name`."""
    return ErrorResponse(400, "MISSING_FIELD", f"Missing required field: {name}", field=name)


def invalid_field(name: str, reason: str) -> ErrorResponse:
    """A `400 INVALID_FIELD` for the field or parameter `name`."""
    return ErrorResponse(400, "INVALID_FIELD", f"{name} {reason}", field=name)


def parse_time_parameter(name: str, value: object) -> datetime:
    """Parse an ISO 8601 timestamp, UTC by default; raises `400 INVALID_DATE`."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise ErrorResponse(400, "INVALID_DATE", f"{name} must be an ISO 8601 timestamp", field=name)


@lru_cache(maxsize=10_000)
def format_unix_time(timestamp: float | None) -> str | None:
    """Format a Unix time as the API does: `2026-05-01T09:00:00.000Z`."""
    if timestamp is None:
        return None
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def view_row(row: sqlite3.Row, *columns: str) -> dict[str, Any]:
    """Columns of a row by name, with times as the API formats them."""
    return {
        name: format_unix_time(row[name]) if name.endswith("_at") else row[name] for name in columns
    }


def round_up_time(timestamp: float) -> datetime:
    """The first time in whole microseconds that is not before a Unix time."""
    at = datetime.fromtimestamp(timestamp, UTC)
    return at if at.timestamp() >= timestamp else at + timedelta(microseconds=1)
