"""The page to look at: the account, its calendar, deliveries and requests as plain HTML."""

import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from werkzeug.wrappers import Request

from outreply_cli.emulator.account import get_usage
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.posts import OWNED_POSTS
from outreply_cli.emulator.request import format_timestamp
from outreply_cli.emulator.state import State
from outreply_cli.net.server.html import page, table
from outreply_cli.net.server.response import Response

_KEPT = 100
_SHOWN = 25
_MESSAGE_CHARACTERS = 120


@dataclass(frozen=True)
class SeenRequest:
    """One request, as the page lists it."""

    at: datetime
    method: str
    path: str
    status: int
    milliseconds: float


class RequestLog:
    """The latest requests, in memory."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._kept: deque[SeenRequest] = deque(maxlen=_KEPT)

    def add(self, request: Request, answer: Response, milliseconds: float, at: datetime) -> None:
        """Remember one."""
        with self._turn:
            self._kept.append(
                SeenRequest(at, request.method, request.path, answer.status, milliseconds)
            )

    def recent(self) -> Sequence[SeenRequest]:
        """The latest, newest first."""
        with self._turn:
            return list(self._kept)[::-1][:_SHOWN]


def render_dashboard(state: State, requests: Sequence[SeenRequest]) -> Response:
    """The page; everything on it is escaped, nothing comes from elsewhere."""
    with state.transaction():
        parts = [
            *_account(state), *_calendar(state), *_published(state), *_deliveries(state),
            *_requests(requests),
        ]  # fmt: skip
    return page("OutReply emulator", parts, refresh_seconds=2)


def _account(state: State) -> list[str]:
    now = state.clock.now()
    stands = " (it stands still)" if state.clock.is_frozen else ""
    parts = [f"<h1>OutReply emulator</h1><p>Its time: {_time(now.timestamp())}{stands}</p>"]
    for user in state.connection.execute("SELECT * FROM users ORDER BY id").fetchall():
        used, tier = get_usage(state.connection, user["id"], now), get_tier(user)
        rows = [(name, used.get(name, 0), limit) for name, limit in tier.monthly.items()]
        parts.append(f"<h2>{escape(user['email'])}, {escape(user['tier'])}</h2>")
        parts.append(table(("This month", "Used", "Limit"), rows))
    return parts


def _calendar(state: State) -> list[str]:
    rows = state.connection.execute(
        OWNED_POSTS + "WHERE posts.status = 'scheduled' ORDER BY scheduled_at LIMIT ?", (_SHOWN,)
    )
    shown = [(_time(row["scheduled_at"]), _page(row), _short(row["message"])) for row in rows]
    return ["<h2>Calendar</h2>", table(("When", "Page", "Message"), shown)]


def _published(state: State) -> list[str]:
    # Each by its own index: sorting both together would read every post there is.
    latest = [
        row
        for status, time in (("published", "published_at"), ("failed", "scheduled_at"))
        for row in state.connection.execute(
            OWNED_POSTS + f"WHERE posts.status = ? ORDER BY posts.{time} DESC LIMIT ?",
            (status, _SHOWN),
        )
    ]
    latest.sort(key=lambda row: row["published_at"] or row["scheduled_at"], reverse=True)
    rows = latest[:_SHOWN]
    shown = [
        (_time(row["published_at"] or row["scheduled_at"]), _page(row), row["status"],
         _short(row["message"]))
        for row in rows
    ]  # fmt: skip
    return ["<h2>Out</h2>", table(("When", "Page", "Status", "Message"), shown)]


def _deliveries(state: State) -> list[str]:
    rows = state.connection.execute(
        "SELECT deliveries.*, hooks.url FROM deliveries JOIN hooks ON hooks.id = hook_id "
        "ORDER BY deliveries.number DESC LIMIT ?",
        (_SHOWN,),
    )
    shown = [
        (_time(row["created_at"]), row["event"], row["url"],
         row["status"] or row["error"] or "waits", row["attempts"], _time(row["due_at"]))
        for row in rows
    ]  # fmt: skip
    heads = ("When", "Event", "To", "Answer", "Attempts", "Next attempt")
    return ["<h2>Deliveries</h2>", table(heads, shown)]


def _requests(requests: Sequence[SeenRequest]) -> list[str]:
    shown = [
        (_time(seen.at.timestamp()), seen.method, seen.path, seen.status,
         f"{seen.milliseconds:.1f} ms")
        for seen in requests
    ]  # fmt: skip
    return ["<h2>Requests</h2>", table(("When", "Method", "Path", "Status", "Took"), shown)]


def _page(row: sqlite3.Row) -> str:
    return f"{row['platform']}:{row['username']}"


def _short(text: str | None) -> str:
    text = text or ""
    return text if len(text) <= _MESSAGE_CHARACTERS else text[:_MESSAGE_CHARACTERS] + "…"


def _time(moment: float | None) -> str:
    return (format_timestamp(moment) or "").replace("T", " ").replace(".000Z", " UTC")
