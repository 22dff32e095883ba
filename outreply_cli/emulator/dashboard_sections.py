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
from outreply_cli.spec.platforms import Platform, find_platform, platform_label

MAX_ROWS = 25
_POSTS_PER_DAY = 3
_COUNT_MAX = 99
_DAY_SECONDS = 86_400
_TITLE_CHARACTERS = 60
_TEXT_CHARACTERS = 5_000
_TEXT_LINES = 6
# The column with the time of a post, by its status.
_TIMES = {
    "scheduled": "scheduled_at", "published": "published_at", "failed": "scheduled_at",
    "cancelled": "scheduled_at",
}  # fmt: skip
# About where each platform's feed cuts off a text.
_CUTS = {
    "facebook": 480, "instagram": 125, "linkedin": 210, "tiktok": 100, "twitter": 280,
    "youtube": 100,
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
    }


def _list_accounts(state: State, now: datetime) -> list[dict[str, Any]]:
    accounts = []
    users = state.connection.execute("SELECT * FROM users ORDER BY id LIMIT ?", (MAX_ROWS,))
    for user in users.fetchall():
        usage, tier = get_usage(state.connection, user["id"], now), get_tier(user)
        quotas = [
            (name, used, limit, f"{used:,} of {limit:,}")
            for name, limit in tier.monthly.items()
            for used in (usage.get(name, 0),)
        ]
        used, limit = used_bytes(state.connection, user["id"]), tier.storage_bytes
        text = f"{format_size(used)} of {format_size(limit)}"
        accounts.append({
            "email": user["email"], "name": f"{user['firstname']} {user['lastname']}",
            "tier": user["tier"], "credits": user["credits"], "per_minute": tier.per_minute,
            "quotas": [*quotas, ("storage", used, limit, text)],
        })  # fmt: skip
    return accounts


def _list_tokens(state: State) -> list[dict[str, Any]]:
    rows = state.connection.execute(
        "SELECT * FROM tokens ORDER BY revoked_at IS NOT NULL, rowid LIMIT ?", (MAX_ROWS,)
    )
    views = []
    for row in rows.fetchall():
        times = {name: _time(row[name]) for name in ("expires_at", "last_used_at")}
        views.append(
            {
                **token_view(state, row),
                **times,
                "is_bound": row["on_behalf_of_brand_id"] is not None,
            }
        )
    return views


def _get_calendar(db: sqlite3.Connection, now: datetime) -> dict[str, Any]:
    """The UTC month of `now`: weeks of days, each with its posts by status."""
    return {
        "title": f"{now:%B %Y}",
        "weeks": [
            [
                {
                    "number": day,
                    "is_today": day == now.day,
                    "groups": _list_day(db, datetime(now.year, now.month, day, tzinfo=UTC))
                    if day
                    else [],
                }
                for day in week
            ]
            for week in calendar.monthcalendar(now.year, now.month)
        ],
    }


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
            count = db.execute(sql, (*values, _COUNT_MAX + 1)).fetchone()[0]
        groups.append({
            "status": status,
            "count": count if count <= _COUNT_MAX else f"{_COUNT_MAX}+",
            "posts": [
                (f"{datetime.fromtimestamp(row['at'], UTC):%H:%M}", platform_label(row["platform"]),
                 shorten(row["message"] or row["username"], _TITLE_CHARACTERS))
                for row in rows
            ],
        })  # fmt: skip
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
    sql = "SELECT count(*) FROM comments WHERE post_id = ?"
    at = row[_TIMES[row["status"]]]
    refusal = None if row["status"] == "published" else find_refusal(state, row)
    return {
        **{name: row[name] for name in
           ("id", "status", "page_name", "username", "first_comment", "link", "likes", "shares")},
        "platform": platform.name if platform else "other",
        "label": platform_label(row["platform"]),
        "letter": row["page_name"].strip()[:1].upper() or "?",
        "at": _time(at),
        # Rounded up: moving the clock to it must make the post due.
        "due": round_up_time(at).isoformat() if row["status"] == "scheduled" else None,
        "text": text[:_TEXT_CHARACTERS],
        "start": _cut(text, platform),
        "media": [
            (item["type"], item["src"].rpartition("/")[2] or item["src"])
            for item in json.loads(row["media"])
        ],
        "comments": state.connection.execute(sql, (row["id"],)).fetchone()[0],
        "ignores_first_comment": platform is None or not platform.first_comment,
        "refusal": refusal,
    }  # fmt: skip


def _cut(text: str, platform: Platform | None) -> str | None:
    """The start of a text that its platform cuts off; None for a short one."""
    start = text[: _CUTS.get(platform.name if platform else "", 280)]
    start = "\n".join(start.split("\n")[:_TEXT_LINES])
    return start.rstrip() if len(start) < len(text) else None


def _list_comments(db: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT comments.*, substr(posts.message, 1, 200) AS post, platform, username "
        "FROM comments JOIN posts ON posts.id = post_id JOIN pages ON pages.id = page_id "
        "ORDER BY comments.number DESC LIMIT ?",
        (MAX_ROWS,),
    )
    return [
        {
            "key": row["id"],
            "at": _time(row["created_at"]),
            "author": row["author_name"] or row["author_username"] or "unknown",
            "username": row["author_username"],
            "text": row["message"][:_TEXT_CHARACTERS],
            "is_reply": row["parent_id"] is not None,
            "page": f"{platform_label(row['platform'])} {row['username']}",
            "post": shorten(row["post"] or "", _TITLE_CHARACTERS),
        }
        for row in rows
    ]


def _list_media(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    rows = db.execute("SELECT * FROM media ORDER BY number DESC LIMIT ?", (MAX_ROWS,))
    return [
        (_time(row["created_at"]), row["filename"], row["mime_type"],
         format_size(row["size_bytes"]),
         "stored" if row["deleted_at"] is None else f"freed {_time(row['deleted_at'])}")
        for row in rows
    ]  # fmt: skip


def _list_webhooks(db: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = db.execute("SELECT * FROM hooks ORDER BY number DESC LIMIT ?", (MAX_ROWS,))
    return [
        {
            **{name: row[name] for name in ("id", "url", "failures")},
            "events": json.loads(row["events"]),
            "disabled": _time(row["disabled_at"]),
            "rotated": _time(row["rotated_at"]),
        }
        for row in rows
    ]


def _list_deliveries(state: State) -> list[dict[str, Any]]:
    rows = state.connection.execute(
        "SELECT deliveries.*, hooks.url FROM deliveries JOIN hooks ON hooks.id = hook_id "
        "ORDER BY deliveries.number DESC LIMIT ?",
        (MAX_ROWS,),
    )
    return [
        {
            **{name: row[name] for name in ("id", "event", "url")},
            "at": _time(row["created_at"]),
            "result": row["status"] or row["error"] or "pending",
            "next": _time(row["due_at"]),
            "attempts": [
                (_shorten_time(attempt["at"]), attempt["status"] or attempt["error"],
                 f"{attempt['milliseconds'] or 0:.0f} ms")
                for attempt in list_attempts(state, row["id"])
            ],
        }
        for row in rows.fetchall()
    ]  # fmt: skip


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
