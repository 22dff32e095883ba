"""The audit log: requests with a known token, and changes of tokens, for 30 days.

Reference: Security controls, Collaborator-issued tokens.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request

from outreply_cli.emulator.request import Principal, format_unix_time
from outreply_cli.emulator.state import State
from outreply_cli.spec.limits import LOG_RETENTION

AUDIT_EVENTS = (
    "request", "token.created", "token.changed", "token.rotated", "token.revoked",
    "collaborator.downgraded", "collaborator.restored",
)  # fmt: skip
# The method and the columns after it, of an entry that is not about a request.
_NO_REQUEST = (None,) * 7
_INSERT = (
    "INSERT INTO audit (at, event, token_id, token_name, actor, brand_id, method, path, status, "
    "code, ip, milliseconds, denied_scope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def log_request(
    state: State,
    caller: Principal,
    request: Request,
    status: int,
    *,
    started_at: float,
    error: Mapping[str, Any] | None = None,
) -> None:
    """Log a request of a known token; the caller commits.

    Args:
        state: The emulator's state.
        caller: The token that sent the request.
        request: The request.
        status: The HTTP status of the response.
        started_at: The monotonic time at which the request arrived.
        error: The body of an error response.
    """
    code, denied_scope = (error.get("code"), error.get("required_scope")) if error else (None, None)
    milliseconds = (state.clock.system.monotonic() - started_at) * 1000
    details = (request.method, request.path, status, code, request.remote_addr, milliseconds)
    _insert(state, caller.token, "request", (*details, denied_scope))


def log_token_change(state: State, token: sqlite3.Row, event: str) -> None:
    """Log that a token was created, changed, rotated or revoked; the caller commits."""
    _insert(state, token, event, _NO_REQUEST)


def list_audit(
    state: State, *, limit: int, event: str | None = None, denied: bool = False
) -> list[dict[str, Any]]:
    """The log of the last 30 days, newest first.

    Args:
        state: The emulator's state.
        limit: The maximum number of entries.
        event: Include only this event, such as `request` or `token.revoked`.
        denied: Include only requests that were refused with 401 or 403.
    """
    delete_expired_entries(state)
    statuses = "AND status IN (401, 403) " if denied else ""
    rows = state.connection.execute(
        f"SELECT * FROM audit WHERE event = coalesce(?, event) {statuses}"  # noqa: S608
        "ORDER BY number DESC LIMIT ?",
        (event, limit),
    )
    return [{**row, "at": format_unix_time(row["at"])} for row in rows]


def delete_expired_entries(state: State) -> None:
    """Delete the entries that are older than 30 days; the caller commits."""
    state.connection.execute(
        "DELETE FROM audit WHERE number < coalesce((SELECT min(number) FROM audit WHERE at >= ?), "
        "(SELECT max(number) + 1 FROM audit))",
        ((state.clock.now() - LOG_RETENTION).timestamp(),),
    )


def _insert(
    state: State, token: sqlite3.Row, event: str, request: tuple[str | float | None, ...]
) -> None:
    at = state.clock.now().timestamp()
    issuer, brand = token["issued_by_collaborator_id"], token["on_behalf_of_brand_id"]
    state.write_later(_INSERT, (at, event, token["id"], token["name"], issuer, brand, *request))
