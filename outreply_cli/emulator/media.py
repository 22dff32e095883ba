"""Uploaded media: checked by their bytes, counted against storage, freed when their post is out.

Reference: POST /media/upload, How storage works.
"""

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.request import ErrorResponse, RequestContext, format_timestamp
from outreply_cli.spec.media_types import HEAD_BYTES, mime_of, type_named

_ACTIVE = "deleted_at IS NULL"
_ENDINGS = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "video/mp4": (".mp4", ".m4v"),
    "video/quicktime": (".mov", ".qt"),
    "video/webm": (".webm",),
}
ASSETS = "https://api.outreply.com/assets/media/posts/uploads/"


def upload(call: RequestContext) -> dict[str, Any]:
    """`POST /media/upload`: one image or video in the multipart field `file`."""
    if not call.sent.is_multipart:
        raise ErrorResponse(400, "UPLOAD_ERROR", "The request body must be multipart/form-data")
    file = call.sent.files().get("file")
    if file is None or not file.filename:
        raise ErrorResponse(400, "NO_FILE", "No file was sent in the field named file")
    head = file.stream.read(HEAD_BYTES)
    file.stream.seek(0, os.SEEK_END)
    size = file.stream.tell()
    file.stream.seek(0)
    declared = file.mimetype
    ending = PurePath(file.filename).suffix.lower()
    if declared not in _ENDINGS or ending not in _ENDINGS[declared]:
        raise ErrorResponse(400, "UPLOAD_ERROR", "This file type is not allowed")
    if mime_of(head) != declared:
        raise ErrorResponse(400, "INVALID_FILE_CONTENT", declared_mime=declared)
    tier = get_tier(call.caller.user)
    if size > tier.max_file_bytes:
        raise ErrorResponse(
            413, "FILE_TOO_LARGE", max_file_bytes=tier.max_file_bytes, size_bytes=size
        )
    used = used_bytes(call.db, call.caller.user["id"])
    if used + size > tier.storage_bytes:
        raise ErrorResponse(413, "QUOTA_EXCEEDED", quota=storage_view(call))
    digest = hashlib.sha256()
    while chunk := file.stream.read(1024 * 1024):
        digest.update(chunk)
    media_id = call.state.new_id()
    call.db.execute(
        "INSERT INTO media (id, user_id, filename, size_bytes, mime_type, sha256, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (media_id, call.caller.user["id"], f"api_{call.state.new_hex(32)}{ending}", size, declared,
         digest.hexdigest(), call.now.timestamp()),
    )  # fmt: skip
    row = _own(call, media_id)
    view = _view(call.db, row)
    del view["scheduled_post_id"], view["created_at"]
    return {
        **view,
        "url": ASSETS + row["filename"],
        "tier": call.caller.user["tier"],
        "quota": storage_view(call),
    }


def media_list(call: RequestContext) -> dict[str, Any]:
    """`GET /media`: active media, newest first."""
    rows = call.db.execute(
        f"SELECT * FROM media WHERE user_id = ? AND {_ACTIVE} "  # noqa: S608 - our own words
        "ORDER BY created_at DESC, number DESC LIMIT ?",
        (call.caller.user["id"], call.limit()),
    ).fetchall()
    return {
        "media": [_view(call.db, row) for row in rows],
        "tier": call.caller.user["tier"],
        "quota": storage_view(call),
    }


def media_item(call: RequestContext) -> dict[str, Any]:
    """`GET /media/:mediaId`: one active item."""
    row = _own(call, call.path["media_id"])
    return {"media": {**_view(call.db, row), "url": ASSETS + row["filename"]}}


def delete(call: RequestContext) -> dict[str, Any]:
    """`DELETE /media/:mediaId`: refused while a pending post has it."""
    row = _own(call, call.path["media_id"])
    pending = _pending_post(call.db, row["id"])
    if pending is not None:
        raise ErrorResponse(409, "MEDIA_IN_USE", scheduled_post_id=pending)
    _forget(call.db, row["id"], call.now.timestamp())
    return {"success": True, "media_id": row["id"]}


def attached(call: RequestContext, media_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What a post shows of the uploaded `media_ids`; 404 where one is not the caller's."""
    rows = [_own(call, media_id) for media_id in media_ids]
    return [{"src": ASSETS + row["filename"], "type": type_named(row["mime_type"])} for row in rows]


def attach(db: sqlite3.Connection, post_id: str, media_ids: Sequence[str]) -> None:
    """Write down that a post has media."""
    db.executemany(
        "INSERT OR IGNORE INTO post_media VALUES (?, ?)", [(post_id, one) for one in media_ids]
    )


def free_media(db: sqlite3.Connection, post_id: str, now: float) -> None:
    """Give back the storage of a published post's media, where no other post waits for it."""
    rows = db.execute("SELECT media_id FROM post_media WHERE post_id = ?", (post_id,)).fetchall()
    for row in rows:
        if _pending_post(db, row["media_id"]) is None:
            _forget(db, row["media_id"], now)


def used_bytes(db: sqlite3.Connection, user_id: str) -> int:
    """Storage that the user's active media take."""
    row = db.execute(
        f"SELECT sum(size_bytes) FROM media WHERE user_id = ? AND {_ACTIVE}",  # noqa: S608
        (user_id,),
    ).fetchone()
    return int(row[0] or 0)


def storage_view(call: RequestContext) -> dict[str, int]:
    """The caller's storage as answers show it."""
    limit = get_tier(call.caller.user).storage_bytes
    used = used_bytes(call.db, call.caller.user["id"])
    return {"used_bytes": used, "limit_bytes": limit, "remaining_bytes": max(0, limit - used)}


def _own(call: RequestContext, media_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = call.db.execute(
        f"SELECT * FROM media WHERE id = ? AND user_id = ? AND {_ACTIVE}",  # noqa: S608
        (media_id, call.caller.user["id"]),
    ).fetchone()
    if row is None:
        raise ErrorResponse(404, "NOT_FOUND", f"Media not found: {media_id}", media_id=media_id)
    return row


def _pending_post(db: sqlite3.Connection, media_id: str) -> str | None:
    row = db.execute(
        "SELECT posts.id FROM post_media JOIN posts ON posts.id = post_media.post_id "
        "WHERE post_media.media_id = ? AND posts.status = 'scheduled' LIMIT 1",
        (media_id,),
    ).fetchone()
    return row["id"] if row is not None else None


def _forget(db: sqlite3.Connection, media_id: str, now: float) -> None:
    db.execute("UPDATE media SET deleted_at = ? WHERE id = ?", (now, media_id))


def _view(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "media_id": row["id"],
        "filename": row["filename"],
        "size_bytes": row["size_bytes"],
        "type": type_named(row["mime_type"]),
        "mime_type": row["mime_type"],
        "scheduled_post_id": _pending_post(db, row["id"]),
        "created_at": format_timestamp(row["created_at"]),
    }
