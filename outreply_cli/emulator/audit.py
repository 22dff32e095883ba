"""The audit log: authenticated requests, and changes of tokens, for 30 days.

Reference: Security controls, Collaborator-issued tokens.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request

from outreply_cli.emulator.request import Principal, format_unix_time
from outreply_cli.emulator.state import State

_LOG_SECONDS = 30 * 86_400.0
# Expired rows are deleted once in this many rows.
_PURGE_INTERVAL = 1_000


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
    error = error or {}
    _insert(
        state, caller.token, "request", method=request.method, path=request.path, status=status,
        code=error.get("code"), ip=request.remote_addr, denied_scope=error.get("required_scope"),
        milliseconds=(state.clock.monotonic() - started_at) * 1000,
    )  # fmt: skip


def log_token_change(state: State, token: sqlite3.Row, event: str) -> None:
    """Log that a token was created, changed, rotated or revoked; the caller commits."""
    _insert(state, token, event)


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
    clauses, values = ["at >= ?"], [state.clock.now().timestamp() - _LOG_SECONDS]
    filters: list[object] = []
    if event is not None:
        clauses.append("event = ?")
        filters.append(event)
    if denied:
        clauses.append("status IN (401, 403)")
    rows = state.connection.execute(
        f"SELECT * FROM audit WHERE {' AND '.join(clauses)} ORDER BY number DESC LIMIT ?",  # noqa: S608
        (*values, *filters, limit),
    )
    return [
        {
            **dict(row),
            "at": format_unix_time(row["at"]),
        }
        for row in rows
    ]


def _insert(state: State, token: sqlite3.Row, event: str, **values: object) -> None:
    now = state.clock.now().timestamp()
    row = state.insert(
        "audit", at=now, event=event, token_id=token["id"], token_name=token["name"],
        actor=token["issued_by_collaborator_id"], brand_id=token["on_behalf_of_brand_id"], **values,
    )  # fmt: skip
    if row["number"] % _PURGE_INTERVAL == 0:
        state.connection.execute("DELETE FROM audit WHERE at < ?", (now - _LOG_SECONDS,))
