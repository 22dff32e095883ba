"""The HTML dashboard: quotas, scheduled and published posts, deliveries and requests."""

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from outreply_cli.emulator.account import get_usage
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.posts import OWNED_POSTS
from outreply_cli.emulator.request import format_unix_time
from outreply_cli.emulator.state import State
from outreply_cli.net.html import render_page
from outreply_cli.net.server.response import Response

MAX_ROWS = 25
_MESSAGE_CHARACTERS = 120


class LoggedRequest(NamedTuple):
    """A request in the log; `at` is a Unix time."""

    at: float
    method: str
    path: str
    status: int
    milliseconds: float


def render_dashboard(state: State, requests: Iterable[LoggedRequest]) -> Response:
    """The dashboard, with all text escaped and no external resources."""
    with state.transaction():
        values: dict[str, Any] = {
            "time": _time(state.clock.now().timestamp()),
            "is_frozen": state.clock.is_frozen,
            "accounts": _accounts(state),
            "scheduled": _list_scheduled(state),
            "published": _list_published(state),
            "deliveries": _deliveries(state),
            "requests": [
                (_time(at), method, path, status, f"{milliseconds:.1f} ms")
                for at, method, path, status, milliseconds in requests
            ],
        }
    return render_page("dashboard.html", refresh_seconds=2, **values)


def _accounts(state: State) -> list[dict[str, Any]]:
    now = state.clock.now()
    accounts = []
    for user in state.connection.execute("SELECT * FROM users ORDER BY id").fetchall():
        usage, tier = get_usage(state.connection, user["id"], now), get_tier(user)
        rows = [(name, usage.get(name, 0), limit) for name, limit in tier.monthly.items()]
        accounts.append({"email": user["email"], "tier": user["tier"], "usage": rows})
    return accounts


def _list_scheduled(state: State) -> list[tuple[object, ...]]:
    rows = state.connection.execute(
        OWNED_POSTS + "WHERE posts.status = 'scheduled' ORDER BY scheduled_at LIMIT ?", (MAX_ROWS,)
    )
    return [(_time(row["scheduled_at"]), _page(row), _short(row["message"])) for row in rows]


def _list_published(state: State) -> list[tuple[object, ...]]:
    # One query per index: sorting both together would read every post.
    latest = [
        row
        for status, time in (("published", "published_at"), ("failed", "scheduled_at"))
        for row in state.connection.execute(
            OWNED_POSTS + f"WHERE posts.status = ? ORDER BY posts.{time} DESC LIMIT ?",
            (status, MAX_ROWS),
        )
    ]
    latest.sort(key=lambda row: row["published_at"] or row["scheduled_at"], reverse=True)
    return [
        (_time(row["published_at"] or row["scheduled_at"]), _page(row), row["status"],
         _short(row["message"]))
        for row in latest[:MAX_ROWS]
    ]  # fmt: skip


def _deliveries(state: State) -> list[tuple[object, ...]]:
    rows = state.connection.execute(
        "SELECT deliveries.*, hooks.url FROM deliveries JOIN hooks ON hooks.id = hook_id "
        "ORDER BY deliveries.number DESC LIMIT ?",
        (MAX_ROWS,),
    )
    return [
        (_time(row["created_at"]), row["event"], row["url"],
         row["status"] or row["error"] or "pending", row["attempts"], _time(row["due_at"]))
        for row in rows
    ]  # fmt: skip


def _page(row: sqlite3.Row) -> str:
    return f"{row['platform']}:{row['username']}"


def _short(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= _MESSAGE_CHARACTERS else text[:_MESSAGE_CHARACTERS] + "…"


def _time(timestamp: float | None) -> str:
    return (format_unix_time(timestamp) or "").replace("T", " ").replace(".000Z", " UTC")
