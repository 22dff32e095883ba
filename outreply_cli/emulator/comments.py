"""Comments on published posts and the replies to them (reference: Endpoint reference)."""

import sqlite3
from typing import Any

from outreply_cli.emulator.account import count_usage
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.posts import own_published_post
from outreply_cli.emulator.request import ErrorResponse, RequestContext, format_timestamp
from outreply_cli.emulator.webhooks import WebhookEvent, emit
from outreply_cli.spec.limits import MESSAGE_MAX_CHARACTERS


def comments(call: RequestContext) -> dict[str, Any]:
    """`GET /comments`: those on one published post, newest first, after `since` where given."""
    post_id = call.query.get("post_id")
    if not post_id:
        raise ErrorResponse(
            400, "MISSING_FIELD", "Missing required field: post_id", field="post_id"
        )
    post = own_published_post(call, post_id)
    rows = call.db.execute(
        "SELECT c.*, (SELECT count(*) FROM comments WHERE parent_id = c.id) AS replies_count "
        "FROM comments c WHERE c.post_id = ? AND c.created_at > coalesce(?, -1e20) "
        "ORDER BY c.created_at DESC, c.number DESC LIMIT ?",
        (post["id"], call.since(), call.limit()),
    )
    return {"comments": [comment_view(row, post["platform"]) for row in rows]}


def reply(call: RequestContext) -> dict[str, Any]:
    """`POST /comments/reply`."""
    comment_id = call.text("comment_id", required=True)
    message = call.text("message", required=True, longest=MESSAGE_MAX_CHARACTERS)
    parent = call.db.execute(
        "SELECT id, post_id FROM comments WHERE id = ?", (comment_id,)
    ).fetchone()
    if parent is None:
        raise ErrorResponse(404, "NOT_FOUND", "Comment not found")
    post = own_published_post(call, parent["post_id"])
    count_usage(call, "replies", limit=get_tier(call.caller.user).replies)
    reply_id = f"c_{call.state.new_id()}"
    call.db.execute(
        "INSERT INTO comments (id, post_id, parent_id, author_name, author_username, message, "
        "created_at) SELECT ?, ?, ?, name, username, ?, ? FROM pages WHERE id = ?",
        (reply_id, post["id"], comment_id, message, call.now.timestamp(), post["page_id"]),
    )
    told = {
        "id": reply_id,
        "parent_id": comment_id,
        "message": message,
        "created_at": format_timestamp(call.now.timestamp()),
    }
    data = {"brandId": post["brand_id"], "post_id": post["id"], "reply": told}
    happening = WebhookEvent(call.caller.user["id"], "comment.replied", data)
    emit(call.db, happening, call.now, call.state.new_id)
    return {"reply": told}


def comment_view(row: sqlite3.Row, platform: str) -> dict[str, Any]:
    """One comment, as lists and events show it."""
    username = row["author_username"]
    return {
        "id": row["id"],
        "post_id": row["post_id"],
        "platform": platform,
        "author": {
            "name": row["author_name"],
            "username": username,
            "profile_picture": f"https://cdn.example.com/people/{username}.jpg",
        },
        "message": row["message"],
        "created_at": format_timestamp(row["created_at"]),
        "replies_count": row["replies_count"],
        "parent_id": row["parent_id"],
    }
