"""Uploaded media: checked by content, counted against storage, freed once their post is published.

Reference: POST /media/upload, How storage works.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import PurePath, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.request import ErrorResponse, RequestContext, find_row, view_row
from outreply_cli.formats.dimensions import Dimensions, read_dimensions
from outreply_cli.spec.media_types import HEAD_BYTES, detect_mime, media_type, mime_from_name
from outreply_cli.spec.rule_kinds import Media

_ACTIVE = "deleted_at IS NULL"
ASSETS = "https://api.outreply.com/assets/media/posts/uploads/"


def upload_media(context: RequestContext) -> dict[str, Any]:
    """`POST /media/upload`: one image or video in the multipart field `file`."""
    if not context.request_body.is_multipart:
        raise ErrorResponse(400, "UPLOAD_ERROR", "The request body must be multipart/form-data")
    if context.request_body.files is None:
        raise ErrorResponse(400, "UPLOAD_ERROR", "The multipart body is invalid")
    file = context.request_body.files.get("file")
    if file is None or not file.filename:
        raise ErrorResponse(400, "NO_FILE", "The multipart field `file` is missing")
    head = file.stream.read(HEAD_BYTES)
    file.stream.seek(0, os.SEEK_END)
    size = file.stream.tell()
    file.stream.seek(0)
    declared = file.mimetype
    extension = PurePath(file.filename).suffix.lower()
    if mime_from_name(extension) != declared:
        raise ErrorResponse(400, "UPLOAD_ERROR", "This file type is not allowed")
    if detect_mime(head) != declared:
        raise ErrorResponse(400, "INVALID_FILE_CONTENT", declared_mime=declared)
    tier = get_tier(context.caller.user)
    if size > tier.max_file_bytes:
        raise ErrorResponse(
            413, "FILE_TOO_LARGE", max_file_bytes=tier.max_file_bytes, size_bytes=size
        )
    used = used_bytes(context.db, context.caller.user["id"])
    if used + size > tier.storage_bytes:
        raise ErrorResponse(413, "QUOTA_EXCEEDED", quota=storage_view(context))
    width, height, seconds = read_dimensions(file.stream, declared)
    file.stream.seek(0)
    row = context.state.insert(
        "media", id=context.state.new_id(), user_id=context.caller.user["id"],
        filename=f"api_{context.state.new_hex(32)}{extension}", size_bytes=size, mime_type=declared,
        sha256=hashlib.file_digest(file.stream, "sha256").hexdigest(),  # type: ignore[arg-type]
        created_at=context.now.timestamp(), width=width, height=height, seconds=seconds,
    )  # fmt: skip
    view = _view(context.db, row)
    del view["scheduled_post_id"], view["created_at"]
    return {
        **view,
        "url": ASSETS + row["filename"],
        "tier": context.caller.user["tier"],
        "quota": storage_view(context),
    }


def list_media(context: RequestContext) -> dict[str, Any]:
    """`GET /media`: all active media, newest first."""
    rows = context.db.execute(
        f"SELECT * FROM media WHERE user_id = ? AND {_ACTIVE} "  # noqa: S608
        "ORDER BY created_at DESC, number DESC",
        (context.caller.user["id"],),
    ).fetchall()
    return {
        "media": [_view(context.db, row) for row in rows],
        "tier": context.caller.user["tier"],
        "quota": storage_view(context),
    }


def get_media(context: RequestContext) -> dict[str, Any]:
    """`GET /media/:mediaId`: one active item."""
    row = _get_own(context, context.path["media_id"])
    return {"media": {**_view(context.db, row), "url": ASSETS + row["filename"]}}


def delete_media(context: RequestContext) -> dict[str, Any]:
    """`DELETE /media/:mediaId`: refused while a pending post uses it."""
    row = _get_own(context, context.path["media_id"])
    pending = _get_pending_post(context.db, row["id"])
    if pending is not None:
        raise ErrorResponse(409, "MEDIA_IN_USE", scheduled_post_id=pending)
    sql = "UPDATE media SET deleted_at = ? WHERE id = ?"
    context.db.execute(sql, (context.now.timestamp(), row["id"]))
    return {"success": True, "media_id": row["id"]}


def get_attachments(context: RequestContext, media_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The `media` of a post with the uploaded `media_ids`; raises 404 for one of another user."""
    rows = [_get_own(context, media_id) for media_id in media_ids]
    return [{"src": ASSETS + row["filename"], "type": media_type(row["mime_type"])} for row in rows]


def get_media_facts(db: sqlite3.Connection, post: sqlite3.Row) -> list[Media]:
    """Known facts about the images and videos of the post `post`."""
    items = json.loads(post["media"])
    sql = "SELECT media.* FROM media JOIN post_media ON media_id = media.id WHERE post_id = ?"
    rows = db.execute(sql, (post["id"],)).fetchall() if items else []
    uploads = {ASSETS + row["filename"]: row for row in rows}
    return [_get_facts(item, uploads.get(item["src"])) for item in items]


def _get_facts(item: Mapping[str, str], upload: sqlite3.Row | None) -> Media:
    name = PurePosixPath(urlsplit(item["src"]).path).name
    if upload is None:
        # The API takes a URL without a known extension for an image.
        unknown = "video/" if item["type"] == "video" else "image/"
        return Media("media_urls", name, mime_from_name(name) or unknown)
    dimensions = Dimensions(upload["width"], upload["height"], upload["seconds"])
    return Media("media_ids", name, upload["mime_type"], upload["size_bytes"], lambda: dimensions)


def attach(db: sqlite3.Connection, post_id: str, media_ids: Sequence[str]) -> None:
    """Attach media to a post."""
    rows = [(post_id, media_id) for media_id in media_ids]
    db.executemany("INSERT OR IGNORE INTO post_media VALUES (?, ?)", rows)


def release_media(db: sqlite3.Connection, post_id: str, now: float) -> None:
    """Free the storage of a published post's media that no pending post uses."""
    db.execute(
        "UPDATE media SET deleted_at = ? "
        "WHERE id IN (SELECT media_id FROM post_media WHERE post_id = ?) "
        "AND NOT EXISTS (SELECT 1 FROM post_media JOIN posts ON posts.id = post_id "
        "WHERE media_id = media.id AND status = 'scheduled')",
        (now, post_id),
    )


def used_bytes(db: sqlite3.Connection, user_id: str) -> int:
    """The storage that the user's active media take."""
    sql = f"SELECT coalesce(sum(size_bytes), 0) FROM media WHERE user_id = ? AND {_ACTIVE}"  # noqa: S608
    return int(db.execute(sql, (user_id,)).fetchone()[0])


def storage_view(context: RequestContext) -> dict[str, int]:
    """The storage quota of the caller's user."""
    limit = get_tier(context.caller.user).storage_bytes
    used = used_bytes(context.db, context.caller.user["id"])
    return {"used_bytes": used, "limit_bytes": limit, "remaining_bytes": max(0, limit - used)}


def _get_own(context: RequestContext, media_id: str) -> sqlite3.Row:
    sql = f"SELECT * FROM media WHERE id = ? AND user_id = ? AND {_ACTIVE}"  # noqa: S608
    owned = (media_id, context.caller.user["id"])
    return find_row(context.db, f"Media not found: {media_id}", sql, owned, media_id=media_id)


def _get_pending_post(db: sqlite3.Connection, media_id: str) -> str | None:
    row = db.execute(
        "SELECT posts.id FROM post_media JOIN posts ON posts.id = post_media.post_id "
        "WHERE post_media.media_id = ? AND posts.status = 'scheduled' LIMIT 1",
        (media_id,),
    ).fetchone()
    return row["id"] if row is not None else None


def _view(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "media_id": row["id"],
        **view_row(row, "filename", "size_bytes"),
        "type": media_type(row["mime_type"]),
        "mime_type": row["mime_type"],
        "scheduled_post_id": _get_pending_post(db, row["id"]),
        **view_row(row, "created_at"),
    }
