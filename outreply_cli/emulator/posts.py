"""Scheduling, publishing, listing and cancelling posts (reference: Endpoint reference)."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from outreply_cli.emulator.account import count_usage, get_own_page, require_brand
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.clock import truncate
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.growth import get_likes_and_shares
from outreply_cli.emulator.guardrails import check_guardrails
from outreply_cli.emulator.incoming_comments import add_random_comments
from outreply_cli.emulator.media import attach, get_attachments, get_media_facts, release_media
from outreply_cli.emulator.media_urls import find_blocked
from outreply_cli.emulator.request import (
    ErrorResponse,
    RequestContext,
    find_row,
    format_unix_time,
    invalid_field,
    missing_field,
    parse_list,
    parse_time_parameter,
    view_row,
)
from outreply_cli.emulator.state import State
from outreply_cli.net.dns import Resolver
from outreply_cli.spec import platform_rules
from outreply_cli.spec.limits import MAX_MESSAGE_CHARACTERS, SCHEDULE_EARLIEST, SCHEDULE_LATEST
from outreply_cli.spec.platforms import find_platform
from outreply_cli.spec.rule_kinds import PostFacts

_PERMALINKS = {
    "facebook": "https://www.facebook.com/{username}/posts/{remote_id}",
    "instagram": "https://www.instagram.com/p/{remote_id}/",
    "linkedin": "https://www.linkedin.com/feed/update/urn:li:share:{remote_id}",
    "tiktok": "https://www.tiktok.com/@{username}/video/{remote_id}",
    "twitter": "https://x.com/{username}/status/{remote_id}",
    "youtube": "https://www.youtube.com/watch?v={remote_id}",
}
_VIDEO_EXTENSIONS = (".mp4", ".m4v", ".mov", ".qt", ".webm")
_FROM_POSTS = (
    "FROM posts JOIN pages ON pages.id = posts.page_id JOIN brands ON brands.id = pages.brand_id "
)
OWNED_POSTS = (
    "SELECT posts.*, pages.platform, pages.brand_id, pages.username, pages.name AS page_name, "
    "pages.expired AS page_expired, brands.user_id " + _FROM_POSTS
)
# Only the columns of its response: a list may have 100 posts.
_LISTED_POSTS = (
    "SELECT posts.id, page_id, platform, scheduled_at, status, message, media, first_comment, "
    "posts.created_at, tiktok_settings, link " + _FROM_POSTS
)


def schedule_post(context: RequestContext) -> dict[str, Any]:
    """`POST /posts/schedule`: 10 minutes to 75 days ahead."""
    page = get_own_page(context, context.text("page_id", required=True) or "")
    value = context.body.get("scheduled_at")
    if value is None or value == "":
        raise missing_field("scheduled_at")
    scheduled_at = truncate(parse_time_parameter("scheduled_at", value))
    if scheduled_at < context.now + SCHEDULE_EARLIEST:
        text = "scheduled_at must be at least 10 minutes in the future"
        raise ErrorResponse(400, "INVALID_DATE", text)
    if scheduled_at > context.now + SCHEDULE_LATEST:
        text = "scheduled_at must be at most 75 days in the future"
        raise ErrorResponse(400, "INVALID_DATE", text)
    return {"scheduled_post": _scheduled_view(_add_post(context, page, scheduled_at))}


def publish_post(context: RequestContext) -> dict[str, Any]:
    """`POST /posts/publish`: published before the response is sent.

    Raises:
        ErrorResponse: 422 PLATFORM_REJECTED if the platform does not take the post; the reference
            has no code for this.
    """
    page = get_own_page(context, context.text("page_id", required=True) or "")
    row, now = _add_post(context, page, None), context.now.timestamp()
    reason = find_refusal(context.state, row)
    if reason is not None:
        raise ErrorResponse(422, "PLATFORM_REJECTED", reason, platform=row["platform"])
    publish(context.state, row, now)
    row = _get_own_post(context, row["id"])
    platform = find_platform(row["platform"])
    return {
        "post_id": row["remote_id"],
        "platform": platform.code if platform else row["platform"],
        **view_row(row, "published_at", "message", "permalink", "status"),
    }


def list_scheduled_posts(context: RequestContext) -> dict[str, Any]:
    """`GET /posts/scheduled`: pending posts, soonest first."""
    order = "posts.scheduled_at, posts.number"
    rows = _list_rows(context, _LISTED_POSTS, "scheduled", order, None)
    return {"scheduled_posts": [_scheduled_view(row) for row in rows]}


def get_scheduled_post(context: RequestContext) -> dict[str, Any]:
    """`GET /posts/scheduled/:postId`: a pending or failed post."""
    row = _get_own_post(context, context.path["post_id"])
    if row["status"] not in {"scheduled", "failed"}:
        raise ErrorResponse(404, "NOT_FOUND", "Scheduled post not found")
    return {"scheduled_post": _scheduled_view(row)}


def cancel_post(context: RequestContext) -> dict[str, Any]:
    """`DELETE /posts/scheduled/:postId`: 404 for a cancelled or published post."""
    row = _get_own_post(context, context.path["post_id"])
    if row["status"] != "scheduled":
        raise ErrorResponse(404, "NOT_FOUND", "Scheduled post not found")
    context.db.execute("UPDATE posts SET status = 'cancelled' WHERE id = ?", (row["id"],))
    return {"success": True, "id": row["id"]}


def list_published_posts(context: RequestContext) -> dict[str, Any]:
    """`GET /posts/published`: newest first."""
    order = "posts.published_at DESC, posts.number DESC"
    rows = _list_rows(context, OWNED_POSTS, "published", order, context.since())
    return {"published_posts": [_published_view(context, row) for row in rows]}


def find_refusal(state: State, row: sqlite3.Row) -> str | None:
    """The reason why the platform refuses the post `row`, by its own rules; None if it takes it."""
    if row["page_expired"]:
        return "The page's connection has expired"
    if state.config.is_lenient:
        return None
    media = tuple(get_media_facts(state.connection, row))
    return platform_rules.find_refusal(PostFacts(row["platform"], row["message"], media))


def publish(state: State, row: sqlite3.Row, at: float) -> None:
    """Publish the post `row` at a Unix time, with its first comment and the random ones."""
    mark_published(state.connection, row, state.new_remote_id(), at)
    add_first_comment(state, row, at)
    add_random_comments(state, row["id"], at)


def mark_published(
    db: sqlite3.Connection, row: sqlite3.Row, remote_id: str, published_at: float
) -> None:
    """Mark the post `row` as published and free its media."""
    link = _PERMALINKS.get(row["platform"], "https://outreply.com/posts/{remote_id}")
    permalink = link.format(username=row["username"], remote_id=remote_id)
    db.execute(
        "UPDATE posts SET status = 'published', published_at = ?, remote_id = ?, permalink = ? "
        "WHERE id = ?",
        (published_at, remote_id, permalink, row["id"]),
    )
    release_media(db, row["id"], published_at)


def add_first_comment(state: State, row: sqlite3.Row, at: float) -> None:
    """Add the page's `first_comment`, on a platform that supports it, unless it is there."""
    platform, text = find_platform(row["platform"]), row["first_comment"]
    if not text or platform is None or not platform.first_comment:
        return
    posted = state.connection.execute(
        "SELECT 1 FROM comments WHERE post_id = ? AND author_username = ? AND message = ?",
        (row["id"], row["username"], text),
    ).fetchone()
    if posted is None:
        state.insert(
            "comments", id=f"c_{state.new_id()}", post_id=row["id"], message=text, created_at=at,
            author_name=row["page_name"], author_username=row["username"],
        )  # fmt: skip


def media_from_urls(urls: Sequence[str]) -> list[dict[str, str]]:
    """The `media` of a post with these `media_urls`."""
    return [
        {
            "src": url,
            "type": "video" if urlsplit(url).path.lower().endswith(_VIDEO_EXTENSIONS) else "photo",
        }
        for url in urls
    ]


def post_view(row: sqlite3.Row, reason: str | None) -> dict[str, Any]:
    """A post in the payload of an event; `reason` is why it failed."""
    view = _scheduled_view(row)
    if reason is not None:
        return {**view, "error": reason}
    return view | view_row(row, "remote_id", "permalink", "published_at")


def get_published_post(context: RequestContext, post_id: str) -> sqlite3.Row:
    """The published post with this ID or remote ID."""
    row = context.db.execute("SELECT id FROM posts WHERE remote_id = ?", (post_id,)).fetchone()
    post = _get_own_post(context, row["id"] if row else post_id)
    if post["status"] != "published":
        raise ErrorResponse(404, "NOT_FOUND", "Published post not found")
    return post


def _get_own_post(context: RequestContext, post_id: str) -> sqlite3.Row:
    sql = OWNED_POSTS + "WHERE posts.id = ? AND brands.user_id = ?"
    row = find_row(context.db, "Post not found", sql, (post_id, context.caller.user["id"]))
    require_brand(context.caller, row["brand_id"])
    return row


def _list_rows(
    context: RequestContext, posts: str, status: str, order: str, since: float | None
) -> list[sqlite3.Row]:
    """The rows of the caller's posts, as selected by the query `posts`."""
    page_id = context.query.get("page_id")
    if page_id is not None:
        get_own_page(context, page_id)
    clauses = ["posts.status = ?", "brands.user_id = ?"]
    values = [status, context.caller.user["id"]]
    if page_id is not None:
        clauses.append("posts.page_id = ?")
        values.append(page_id)
    if since is not None:
        clauses.append("posts.published_at > ?")
        values.append(since)
    if context.caller.brand_ids:
        clauses.append(f"pages.brand_id IN ({', '.join('?' * len(context.caller.brand_ids))})")
        values.extend(context.caller.brand_ids)
    sql = f"{posts}WHERE {' AND '.join(clauses)} ORDER BY {order} LIMIT ?"
    return context.db.execute(sql, (*values, context.limit())).fetchall()


def _add_post(
    context: RequestContext, page: sqlite3.Row, scheduled_at: datetime | None
) -> sqlite3.Row:
    """Add the post in the body, due at `scheduled_at` or published now, after all checks."""
    content, at = _content(context), scheduled_at or context.now
    check_guardrails(context.db, page, at.timestamp(), keep_gap=scheduled_at is not None)
    count_usage(context, "publishes", get_tier(context.caller.user).publishes)
    post = context.state.insert(
        "posts", id=context.state.new_id(), page_id=page["id"], status="scheduled",
        scheduled_at=None if scheduled_at is None else scheduled_at.timestamp(),
        created_at=context.now.timestamp(), **content,
    )  # fmt: skip
    attach(context.db, post["id"], _strings(context, "media_ids"))
    return _get_own_post(context, post["id"])


def _content(context: RequestContext) -> dict[str, str | None]:
    message = context.text("message", max_length=MAX_MESSAGE_CHARACTERS)
    ids, urls = _strings(context, "media_ids"), _strings(context, "media_urls")
    uploaded = get_attachments(context, ids)
    for url in urls:
        if url in context.invalid_urls:
            raise ErrorResponse(400, "INVALID_MEDIA_URL", url=url)
    if not (message and message.strip()) and not (urls or ids):
        raise ErrorResponse(
            400, "MISSING_FIELD", "Either message or at least one media item is required",
            field="message",
        )  # fmt: skip
    settings = context.body.get("tiktok_settings")
    if settings is not None and not isinstance(settings, dict):
        raise invalid_field("tiktok_settings", "must be an object")
    return {
        "message": message,
        "media": json.dumps(uploaded + media_from_urls(urls)),
        "first_comment": context.text("first_comment"),
        "tiktok_settings": None if settings is None else json.dumps(settings),
        "link": context.text("link"),
    }


def check_urls(body: Mapping[str, Any], resolver: Resolver, _: EmulatorConfig) -> Mapping[str, str]:
    """The `media_urls` of a post that are not public (reference: SSRF protection)."""
    value = body.get("media_urls")
    urls = [url for url in value if isinstance(url, str)] if isinstance(value, list) else []
    return dict.fromkeys(find_blocked(resolver, urls), "must be public")


def _strings(context: RequestContext, name: str) -> list[str]:
    value = context.body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_field(name, "must be an array of strings")
    return value


def _scheduled_view(row: sqlite3.Row) -> dict[str, Any]:
    view = {
        "id": row["id"],
        "page_id": row["page_id"],
        "platform": row["platform"],
        "scheduled_at": format_unix_time(row["scheduled_at"]),
        "status": row["status"],
        "message": row["message"],
        "media": parse_list(row["media"]),
        "first_comment": row["first_comment"],
        "created_at": format_unix_time(row["created_at"]),
    }
    if row["tiktok_settings"] is not None:
        view["tiktok_settings"] = json.loads(row["tiktok_settings"])
    if row["link"] is not None:
        view["link"] = row["link"]
    return view


def _published_view(context: RequestContext, row: sqlite3.Row) -> dict[str, Any]:
    sql = "SELECT count(*) FROM comments WHERE post_id = ?"
    comments = context.db.execute(sql, (row["id"],)).fetchone()[0]
    likes, shares = get_likes_and_shares(context.state, row, context.now)
    return {
        **view_row(row, "id", "page_id", "platform", "remote_id", "permalink", "published_at"),
        "message": row["message"],
        "metrics": {"likes": likes, "comments": comments, "shares": shares},
    }
