"""Sections of the emulator's page: a bounded number of rows, each found by an index."""

import calendar
import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from outreply_cli.emulator.account import get_usage
from outreply_cli.emulator.audit import list_audit
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.delivery import list_attempts
from outreply_cli.emulator.media import used_bytes
from outreply_cli.emulator.posts import OWNED_POSTS, find_refusal
from outreply_cli.emulator.request import round_up_time
from outreply_cli.emulator.state import State
from outreply_cli.emulator.tokens import token_view
from outreply_cli.formats.sizes import format_size
from outreply_cli.formats.text import shorten
from outreply_cli.spec.feeds import FEEDS, UNKNOWN_FEED, cut_text
from outreply_cli.spec.platforms import find_platform, platform_label

MAX_ROWS = 25
_POSTS_PER_DAY = 3
_MAX_COUNT = 99
_DAY_SECONDS = 86_400
_TEXT_CHARACTERS = 5_000
# The column with the time of a post, by its status.
_TIMES = {
    "scheduled": "scheduled_at", "published": "published_at", "failed": "scheduled_at",
    "cancelled": "scheduled_at",
}  # fmt: skip


class LoggedRequest(NamedTuple):
    """A request in the log; `at` is a Unix time."""

    at: float
    method: str
    path: str
    status: int
    milliseconds: float


def list_sections(state: State, requests: Iterable[LoggedRequest]) -> dict[str, Any]:
    """The values that the templates show; the caller holds the transaction."""
    now = state.clock.now()
    posts = {
        status.capitalize(): _list_posts(state, status)
        for status in ("scheduled", "published", "failed")
    }
    brands = state.connection.execute(
        "SELECT id, name FROM brands ORDER BY created_at, id LIMIT ?", (MAX_ROWS,)
    )
    return {
        "now": _time(now.timestamp()),
        "is_frozen": state.clock.is_frozen,
        "next_due": next(iter(posts["Scheduled"]), None),
        "accounts": _list_accounts(state, now),
        "tokens": _list_tokens(state),
        "brands": {row["id"]: row["name"] for row in brands},
        "calendar": _get_calendar(state.connection, now),
        "posts": posts,
        "comments": _list_comments(state.connection),
        "media": _list_media(state.connection),
        "webhooks": _list_webhooks(state.connection),
        "deliveries": _list_deliveries(state),
        "requests": [
            (_time(at), method, path, status, f"{milliseconds:.1f} ms")
            for at, method, path, status, milliseconds in requests
        ],
        "audit": [_format_entry(entry) for entry in list_audit(state, limit=MAX_ROWS)],
        # The templates call these.
        "time": _time,
        "shorten_time": _shorten_time,
        "shorten": shorten,
        "label": platform_label,
        "size": format_size,
    }


def _list_accounts(state: State, now: datetime) -> list[dict[str, Any]]:
    accounts = []
    users = state.connection.execute("SELECT * FROM users ORDER BY id LIMIT ?", (MAX_ROWS,))
    for user in users.fetchall():
        usage, tier = get_usage(state, user["id"], now), get_tier(user)
        quotas = [(name, usage.get(name, 0), limit) for name, limit in tier.monthly.items()]
        quotas.append(("storage", used_bytes(state.connection, user["id"]), tier.storage_bytes))
        accounts.append({**user, "per_minute": tier.per_minute, "quotas": quotas})
    return accounts


def _list_tokens(state: State) -> list[dict[str, Any]]:
    rows = state.connection.execute(
        "SELECT * FROM tokens ORDER BY revoked_at IS NOT NULL, rowid LIMIT ?", (MAX_ROWS,)
    )
    return [
        {**token_view(state, row), "is_bound": row["on_behalf_of_brand_id"] is not None}
        for row in rows.fetchall()
    ]


def _get_calendar(db: sqlite3.Connection, now: datetime) -> dict[str, Any]:
    """The UTC month of `now`: weeks of days, 0 for none, and the posts of each day by status."""
    weeks = calendar.monthcalendar(now.year, now.month)
    days = {
        day: _list_day(db, datetime(now.year, now.month, day, tzinfo=UTC))
        for day in range(1, max(weeks[-1]) + 1)
    }
    return {"title": f"{now:%B %Y}", "today": now.day, "weeks": weeks, "days": days}


def _list_day(db: sqlite3.Connection, day: datetime) -> list[dict[str, Any]]:
    groups = []
    start = day.timestamp()
    for status, time in _TIMES.items():
        on_day = f"status = ? AND {time} >= ? AND {time} < ? ORDER BY {time} LIMIT ?"
        values = (status, start, start + _DAY_SECONDS)
        rows = db.execute(
            f"SELECT {time} AS at, platform, username, substr(message, 1, 200) AS message "  # noqa: S608
            f"FROM posts JOIN pages ON pages.id = page_id WHERE {on_day}",
            (*values, _POSTS_PER_DAY),
        ).fetchall()
        if not rows:
            continue
        count = len(rows)
        if count == _POSTS_PER_DAY:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM posts WHERE {on_day})"  # noqa: S608
            count = db.execute(sql, (*values, _MAX_COUNT + 1)).fetchone()[0]
        groups.append(
            {
                "status": status,
                "count": count if count <= _MAX_COUNT else f"{_MAX_COUNT}+",
                "posts": rows,
            }
        )
    return groups


def _list_posts(state: State, status: str) -> list[dict[str, Any]]:
    order = "scheduled_at" if status == "scheduled" else f"{_TIMES[status]} DESC"
    rows = state.connection.execute(
        OWNED_POSTS + f"WHERE posts.status = ? ORDER BY posts.{order} LIMIT ?", (status, MAX_ROWS)
    )
    return [_get_card(state, row) for row in rows.fetchall()]


def _get_card(state: State, row: sqlite3.Row) -> dict[str, Any]:
    """A post as a card that resembles its platform's feed."""
    platform, text = find_platform(row["platform"]), row["message"] or ""
    start, rest = cut_text(text, FEEDS.get(row["platform"], UNKNOWN_FEED))
    sql = "SELECT count(*) FROM comments WHERE post_id = ?"
    at = row[_TIMES[row["status"]]]
    return {
        **row,
        "at": at,
        # Rounded up: moving the clock to it must make the post due.
        "due": round_up_time(at).isoformat() if row["status"] == "scheduled" else None,
        "text": text[:_TEXT_CHARACTERS],
        "start": start.rstrip() if rest else None,
        "media": [
            (item["type"], item["src"].rpartition("/")[2] or item["src"])
            for item in json.loads(row["media"])
        ],
        "comments": state.connection.execute(sql, (row["id"],)).fetchone()[0],
        "ignores_first_comment": platform is None or not platform.first_comment,
        "refusal": None if row["status"] == "published" else find_refusal(state, row),
    }


def _list_comments(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT comments.*, substr(posts.message, 1, 200) AS post, platform, username "
        "FROM comments JOIN posts ON posts.id = post_id JOIN pages ON pages.id = page_id "
        "ORDER BY comments.number DESC LIMIT ?",
        (MAX_ROWS,),
    ).fetchall()


def _list_media(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    rows = db.execute("SELECT * FROM media ORDER BY number DESC LIMIT ?", (MAX_ROWS,))
    return [
        (_time(row["created_at"]), row["filename"], row["mime_type"],
         format_size(row["size_bytes"]),
         "stored" if row["deleted_at"] is None else f"freed {_time(row['deleted_at'])}")
        for row in rows
    ]  # fmt: skip


def _list_webhooks(db: sqlite3.Connection) -> list[dict[str, Any]]:
    # Without the secrets.
    sql = "SELECT id, url, events, failures, disabled_at, rotated_at FROM hooks "
    rows = db.execute(sql + "ORDER BY number DESC LIMIT ?", (MAX_ROWS,))
    return [{**row, "events": json.loads(row["events"])} for row in rows]


def _list_deliveries(state: State) -> list[dict[str, Any]]:
    rows = state.connection.execute(
        "SELECT deliveries.*, hooks.url FROM deliveries JOIN hooks ON hooks.id = hook_id "
        "ORDER BY deliveries.number DESC LIMIT ?",
        (MAX_ROWS,),
    ).fetchall()
    return [{**row, "log": list_attempts(state, row["id"])} for row in rows]


def _format_entry(entry: Mapping[str, Any]) -> tuple[object, ...]:
    event = entry["event"]
    if event == "request":
        event = f"{entry['method']} {entry['path']}"
    result = " ".join(str(entry[name]) for name in ("status", "code") if entry[name] is not None)
    token = entry["token_name"] + (f" ({entry['actor']})" if entry["actor"] else "")
    return _shorten_time(entry["at"]), token, event, result, entry["ip"] or ""


def _shorten_time(at: str) -> str:
    return at[:19].replace("T", " ")


def _time(timestamp: float | None) -> str:
    return (
        "" if timestamp is None else f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S}"
    )
