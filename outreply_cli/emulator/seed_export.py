"""Export of the state as a seed file that recreates it."""

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from outreply_cli.emulator.account import get_usage
from outreply_cli.emulator.media import ASSETS
from outreply_cli.emulator.posts import OWNED_POSTS
from outreply_cli.emulator.state import State


def export_seed(state: State) -> str:
    """The state as YAML; the caller holds the transaction.

    Unlike a snapshot, without cancelled posts, deliveries, deleted media, idempotency keys and the
    usage of earlier months.
    """
    import yaml

    db = state.connection
    users = db.execute("SELECT * FROM users ORDER BY id")
    document = {
        "now": _format(state.clock.now().timestamp()),
        "accounts": [_account(state, user) for user in users.fetchall()],
    }
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100))


def _account(state: State, user: sqlite3.Row) -> dict[str, Any]:
    db, now = state.connection, state.clock.now()
    owner = (user["id"],)
    return _drop_empty({
        **_columns(user, "id", "email", "firstname", "lastname", "tier", "credits"),
        "limits": json.loads(user["limits"]) or None,
        "usage": get_usage(state, user["id"], now) or None,
        "brands": [_brand(db, row) for row in db.execute(
            "SELECT * FROM brands WHERE user_id = ? ORDER BY created_at, id", owner).fetchall()],
        "media": [
            _columns(row, "id", "filename", "mime_type", "size_bytes", "created_at")
            for row in db.execute("SELECT * FROM media WHERE user_id = ? AND deleted_at IS NULL "
                                  "ORDER BY number", owner)
        ],
        "posts": [_post(db, row) for row in db.execute(
            OWNED_POSTS + "WHERE brands.user_id = ? AND status != 'cancelled' "
            "ORDER BY posts.number", owner).fetchall()],
        "webhooks": [_hook(row) for row in db.execute(
            "SELECT * FROM hooks WHERE user_id = ? ORDER BY number", owner)],
    }) | {
        # Kept when empty: an account without this field gets a token.
        "tokens": [_token(state, row, f"{now:%Y-%m-%d}") for row in db.execute(
            "SELECT * FROM tokens WHERE user_id = ? ORDER BY rowid", owner).fetchall()],
    }  # fmt: skip


def _token(state: State, row: sqlite3.Row, day: str) -> dict[str, Any]:
    today = state.get_use(row["user_id"], day, f"day of {row['id']}")
    return _drop_empty({
        **_columns(row, "id", "name"), "token": row["secret"],
        "scopes": json.loads(row["scopes"]), "brands": json.loads(row["brand_ids"]),
        **_columns(row, "expires_at"), "revoked": row["revoked_at"] is not None,
        "ip_allowlist": json.loads(row["ip_allowlist"]),
        "collaborator": row["issued_by_collaborator_id"],
        "on_behalf_of": row["on_behalf_of_brand_id"],
        **_columns(row, "last_used_at"), "request_count": row["request_count"] or None,
        "requests_today": today or None,
    }) | ({} if row["has_full_access"] else {"full_access": False})  # fmt: skip


def _hook(row: sqlite3.Row) -> dict[str, Any]:
    return _drop_empty({
        **_columns(row, "id", "url"), "events": json.loads(row["events"]),
        **_columns(row, "secret", "previous_secret", "rotated_at", "disabled_at"),
        "brands": json.loads(row["brand_ids"]),
        "consecutive_failures": row["failures"] or None, **_columns(row, "created_at"),
    })  # fmt: skip


def _brand(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    pages = db.execute(
        "SELECT * FROM pages WHERE brand_id = ? ORDER BY created_at, id", (row["id"],)
    )
    return _drop_empty({
        **_columns(row, "id", "name", "timezone", "logo", "created_at"),
        "pages": [
            _drop_empty({
                **_columns(page, "id", "platform", "username", "name", "followers",
                           "profile_picture"),
                "expired": bool(page["expired"]), **_columns(page, "created_at"),
            })
            for page in pages
        ],
    })  # fmt: skip


def _post(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    time = {"published": "published_at", "failed": "failed_at"}.get(row["status"], "scheduled_at")
    ids, urls = _get_media(db, row)
    return _drop_empty({
        "id": row["id"], "page": row["page_id"],
        time: _format(row["published_at"] if time == "published_at" else row["scheduled_at"]),
        **_columns(row, "created_at", "remote_id", "message"),
        "media_ids": ids, "media_urls": urls,
        **_columns(row, "first_comment", "link", "likes", "shares"),
        "tiktok_settings": json.loads(row["tiktok_settings"] or "null"),
        "comments": _comments(db, row["id"], None),
    })  # fmt: skip


def _get_media(db: sqlite3.Connection, row: sqlite3.Row) -> tuple[list[str], list[str]]:
    """The IDs of a post's uploaded media, and the URLs of the other media."""
    sources = [media["src"] for media in json.loads(row["media"])]
    if row["status"] == "published":
        # Its uploaded media were deleted on publication.
        return [], sources
    ids = {
        ASSETS + media["filename"]: media["id"]
        for media in db.execute(
            "SELECT media.id, filename FROM post_media JOIN media ON media.id = media_id "
            "WHERE post_id = ? AND deleted_at IS NULL",
            (row["id"],),
        )
    }
    return [ids[src] for src in sources if src in ids], [src for src in sources if src not in ids]


def _comments(db: sqlite3.Connection, post_id: str, parent: str | None) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT * FROM comments WHERE post_id = ? AND parent_id IS ? ORDER BY number",
        (post_id, parent),
    ).fetchall()
    incoming = db.execute(
        "SELECT * FROM arrivals WHERE post_id = ? AND parent_id IS ? ORDER BY due_at, number",
        (post_id, parent),
    ).fetchall()
    return [
        _drop_empty({
            "id": row["id"], "name": row["author_name"], "username": row["author_username"],
            "message": row["message"], "at": _format(row["created_at"]),
            "replies": _comments(db, post_id, row["id"]),
        })
        for row in rows
    ] + [
        {"name": row["author_name"], "username": row["author_username"],
         "message": row["message"], "at": _format(row["due_at"])}
        for row in incoming
    ]  # fmt: skip


def _columns(row: sqlite3.Row, *names: str) -> dict[str, Any]:
    return {name: _format(row[name]) if name.endswith("_at") else row[name] for name in names}


def _format(timestamp: float | None) -> str | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC).isoformat()


def _drop_empty(fields: dict[str, Any]) -> dict[str, Any]:
    # Keeps zero and the empty string, which differ from the defaults.
    return {
        name: value
        for name, value in fields.items()
        if value is not None and value is not False and value != []
    }
