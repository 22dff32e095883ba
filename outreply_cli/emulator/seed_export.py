"""An emulator's state written as a seed file, which makes the same account again."""

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

import yaml

from outreply_cli.emulator.state import State


def export_seed(state: State) -> str:
    """The state as YAML, as of one instant; the caller holds the transaction.

    Cancelled posts, deliveries, deleted media and answers kept for idempotency are left out.
    """
    db = state.connection
    users = db.execute("SELECT * FROM users ORDER BY id")
    document = {
        "now": _show(state.clock.now().timestamp()),
        "accounts": [_account(state, user) for user in users.fetchall()],
    }
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100))


def _account(state: State, user: sqlite3.Row) -> dict[str, Any]:
    db, now = state.connection, state.clock.now()
    mine = (user["id"],)
    usage = db.execute(
        "SELECT bucket, used FROM usage WHERE user_id = ? AND month = ?",
        (user["id"], f"{now:%Y-%m}"),
    )
    return _kept({
        **{name: user[name] for name in
           ("id", "email", "firstname", "lastname", "tier", "credits")},
        "limits": json.loads(user["limits"]),
        "usage": dict(usage.fetchall()),
        "tokens": [_token(row) for row in db.execute(
            "SELECT * FROM tokens WHERE user_id = ? ORDER BY rowid", mine)],
        "brands": [_brand(db, row) for row in db.execute(
            "SELECT * FROM brands WHERE user_id = ? ORDER BY created_at, id", mine).fetchall()],
        "media": [
            {"id": row["id"], "mime_type": row["mime_type"], "size_bytes": row["size_bytes"],
             "created_at": _show(row["created_at"])}
            for row in db.execute("SELECT * FROM media WHERE user_id = ? AND deleted_at IS NULL "
                                  "ORDER BY number", mine)
        ],
        "posts": [_post(db, row) for row in db.execute(
            "SELECT posts.*, pages.platform, pages.username FROM posts "
            "JOIN pages ON pages.id = posts.page_id JOIN brands ON brands.id = pages.brand_id "
            "WHERE brands.user_id = ? AND status != 'cancelled' ORDER BY posts.number",
            mine).fetchall()],
        "webhooks": [
            {"id": row["id"], "url": row["url"], "events": json.loads(row["events"]),
             "secret": row["secret"]}
            for row in db.execute("SELECT * FROM hooks WHERE user_id = ? ORDER BY number", mine)
        ],
    })  # fmt: skip


def _token(row: sqlite3.Row) -> dict[str, Any]:
    return _kept({
        "name": row["name"], "token": row["secret"], "scopes": json.loads(row["scopes"]),
        "brands": json.loads(row["brand_ids"]), "expires_at": _show(row["expires_at"]),
        "revoked": row["revoked_at"] is not None,
        "ip_allowlist": json.loads(row["ip_allowlist"]),
        "collaborator": row["issued_by_collaborator_id"],
        "on_behalf_of": row["on_behalf_of_brand_id"],
    }) | ({} if row["has_full_access"] else {"full_access": False})  # fmt: skip


def _brand(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    pages = db.execute(
        "SELECT * FROM pages WHERE brand_id = ? ORDER BY created_at, id", (row["id"],)
    )
    return _kept({
        **{name: row[name] for name in ("id", "name", "timezone", "logo")},
        "created_at": _show(row["created_at"]),
        "pages": [
            _kept({
                **{name: page[name] for name in
                   ("id", "platform", "username", "name", "followers", "profile_picture")},
                "expired": bool(page["expired"]), "created_at": _show(page["created_at"]),
            })
            for page in pages
        ],
    })  # fmt: skip


def _post(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    moment = {"published": "published_at", "failed": "failed_at"}.get(row["status"], "scheduled_at")
    media_ids = db.execute("SELECT media_id FROM post_media JOIN media ON media.id = media_id "
                           "WHERE post_id = ? AND deleted_at IS NULL", (row["id"],))  # fmt: skip
    ids = [one["media_id"] for one in media_ids]
    return _kept({
        "id": row["id"], "page": row["page_id"],
        moment: _show(row["published_at"] if moment == "published_at" else row["scheduled_at"]),
        "remote_id": row["remote_id"], "message": row["message"],
        # What was uploaded stands first in a post's media.
        "media_urls": [one["src"] for one in json.loads(row["media"])[len(ids):]]
        if row["status"] == "scheduled" else [one["src"] for one in json.loads(row["media"])],
        "media_ids": ids,
        **{name: row[name] for name in ("first_comment", "link", "likes", "shares")},
        "tiktok_settings": json.loads(row["tiktok_settings"] or "null"),
        "comments": _comments(db, row["id"], None) + _coming(db, row["id"]),
    })  # fmt: skip


def _comments(db: sqlite3.Connection, post_id: str, parent: str | None) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT * FROM comments WHERE post_id = ? AND parent_id IS ? ORDER BY number",
        (post_id, parent),
    ).fetchall()
    return [
        _kept({
            "id": row["id"], "name": row["author_name"], "username": row["author_username"],
            "message": row["message"], "at": _show(row["created_at"]),
            "replies": _comments(db, post_id, row["id"]),
        })
        for row in rows
    ]  # fmt: skip


def _coming(db: sqlite3.Connection, post_id: str) -> list[dict[str, Any]]:
    rows = db.execute("SELECT * FROM arrivals WHERE post_id = ? ORDER BY due_at", (post_id,))
    return [
        {
            "name": row["author_name"],
            "username": row["author_username"],
            "message": row["message"],
            "at": _show(row["due_at"]),
        }
        for row in rows
    ]


def _show(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat()


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    # Zero says something; nothing, no and an empty list go without saying.
    return {name: value for name, value in fields.items() if value or type(value) is int}
