"""Comments on published posts and the replies to them (reference: Endpoint reference)."""

import sqlite3
from typing import Any

from outreply_cli.emulator.account import count_usage
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.posts import get_published_post
from outreply_cli.emulator.request import RequestContext, find_row, missing_field, view_row
from outreply_cli.emulator.webhooks import emit
from outreply_cli.spec.limits import MAX_MESSAGE_CHARACTERS


def list_comments(context: RequestContext) -> dict[str, Any]:
    """`GET /comments`: the comments on a published post, newest first."""
    post_id = context.query.get("post_id")
    if not post_id:
        raise missing_field("post_id")
    post = get_published_post(context, post_id)
    rows = context.db.execute(
        "SELECT c.*, (SELECT count(*) FROM comments WHERE parent_id = c.id) AS replies_count "
        "FROM comments c WHERE c.post_id = ? AND c.created_at > coalesce(?, -1e20) "
        "ORDER BY c.created_at DESC, c.number DESC LIMIT ?",
        (post["id"], context.since(), context.limit()),
    )
    return {"comments": [comment_view(row, post["platform"], row["replies_count"]) for row in rows]}


def reply_to_comment(context: RequestContext) -> dict[str, Any]:
    """`POST /comments/reply`."""
    comment_id = context.text("comment_id", required=True)
    message = context.text("message", required=True, max_length=MAX_MESSAGE_CHARACTERS)
    sql = "SELECT post_id FROM comments WHERE id = ?"
    parent = find_row(context.db, "Comment not found", sql, (comment_id,))
    post = get_published_post(context, parent["post_id"])
    count_usage(context, "replies", get_tier(context.caller.user).replies)
    row = context.state.insert(
        "comments", id=f"c_{context.state.new_id()}", post_id=post["id"], parent_id=comment_id,
        author_name=post["page_name"], author_username=post["username"], message=message,
        created_at=context.now.timestamp(),
    )  # fmt: skip
    reply = view_row(row, "id", "parent_id", "message", "created_at")
    data = {"brandId": post["brand_id"], "post_id": post["id"], "reply": reply}
    emit(context.state, context.caller.user["id"], "comment.replied", data, context.now)
    return {"reply": reply}


def comment_view(row: sqlite3.Row, platform: str, replies_count: int) -> dict[str, Any]:
    """A comment in the form of lists and events."""
    username = row["author_username"]
    return {
        **view_row(row, "id", "post_id"),
        "platform": platform,
        "author": {
            "name": row["author_name"],
            "username": username,
            "profile_picture": f"https://cdn.example.com/people/{username}.jpg",
        },
        **view_row(row, "message", "created_at"),
        "replies_count": replies_count,
        "parent_id": row["parent_id"],
    }
