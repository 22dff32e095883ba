"""Scheduling, publishing, listing and cancelling posts (reference: Endpoint reference)."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from outreply_cli.emulator.account import count_usage, own_page, require_brand
from outreply_cli.emulator.auth import get_tier
from outreply_cli.emulator.guardrails import check_guardrails
from outreply_cli.emulator.incoming_comments import expect_comments
from outreply_cli.emulator.media import attach, attached, free_media
from outreply_cli.emulator.request import (
    ErrorResponse,
    NetworkAccess,
    RequestContext,
    format_timestamp,
    invalid_field,
    parse_timestamp,
)
from outreply_cli.spec.limits import (
    MESSAGE_MAX_CHARACTERS,
    SCHEDULE_EARLIEST,
    SCHEDULE_LATEST,
)
from outreply_cli.spec.platforms import platform_named

_PERMALINKS = {
    "facebook": "https://www.facebook.com/{username}/posts/{remote_id}",
    "instagram": "https://www.instagram.com/p/{remote_id}/",
    "linkedin": "https://www.linkedin.com/feed/update/urn:li:share:{remote_id}",
    "tiktok": "https://www.tiktok.com/@{username}/video/{remote_id}",
    "twitter": "https://x.com/{username}/status/{remote_id}",
    "youtube": "https://www.youtube.com/watch?v={remote_id}",
}
_VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".qt", ".webm")
OWNED_POSTS = (
    "SELECT posts.*, pages.platform, pages.brand_id, pages.username, "
    "pages.expired AS page_expired, brands.user_id FROM posts "
    "JOIN pages ON pages.id = posts.page_id JOIN brands ON brands.id = pages.brand_id "
)


def schedule(call: RequestContext) -> dict[str, Any]:
    """`POST /posts/schedule`: 10 minutes to 75 days ahead."""
    page = own_page(call, call.text("page_id", required=True) or "")
    given = call.body.get("scheduled_at")
    if given is None or given == "":
        raise ErrorResponse(
            400, "MISSING_FIELD", "Missing required field: scheduled_at", field="scheduled_at"
        )
    moment = parse_timestamp("scheduled_at", given)
    if moment < call.now + SCHEDULE_EARLIEST:
        raise ErrorResponse(
            400, "INVALID_DATE", "scheduled_at must be at least 10 minutes in the future"
        )
    if moment > call.now + SCHEDULE_LATEST:
        raise ErrorResponse(
            400, "INVALID_DATE", "scheduled_at must be at most 75 days in the future"
        )
    content = _content(call)
    check_guardrails(call.db, page, moment.timestamp(), keep_gap=True)
    _count_publish(call)
    post_id = call.state.new_id()
    call.db.execute(
        "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, message, media, "
        "first_comment, tiktok_settings, link) VALUES (?, ?, 'scheduled', ?, ?, ?, ?, ?, ?, ?)",
        (post_id, page["id"], moment.timestamp(), call.now.timestamp(), *content),
    )
    attach(call.db, post_id, _strings(call, "media_ids"))
    return {"scheduled_post": _scheduled_view(_own_post(call, post_id))}


def publish(call: RequestContext) -> dict[str, Any]:
    """`POST /posts/publish`: accepted by the platform before the answer."""
    page = own_page(call, call.text("page_id", required=True) or "")
    content = _content(call)
    check_guardrails(call.db, page, call.now.timestamp(), keep_gap=False)
    _count_publish(call)
    post_id, now = call.state.new_id(), call.now.timestamp()
    call.db.execute(
        "INSERT INTO posts (id, page_id, status, created_at, message, media, "
        "first_comment, tiktok_settings, link) VALUES (?, ?, 'scheduled', ?, ?, ?, ?, ?, ?)",
        (post_id, page["id"], now, *content),
    )
    attach(call.db, post_id, _strings(call, "media_ids"))
    row = _own_post(call, post_id)
    mark_published(call.db, row, call.state.new_remote_id(), now)
    expect_comments(call.state, call.db, post_id, now)
    row = _own_post(call, post_id)
    platform = platform_named(row["platform"])
    return {
        "post_id": row["remote_id"],
        "platform": platform.code if platform else row["platform"],
        "published_at": format_timestamp(row["published_at"]),
        "message": row["message"],
        "permalink": row["permalink"],
        "status": "published",
    }


def scheduled_posts(call: RequestContext) -> dict[str, Any]:
    """`GET /posts/scheduled`: pending ones, soonest first."""
    return {
        "scheduled_posts": [
            _scheduled_view(row)
            for row in _listed(call, "scheduled", "posts.scheduled_at, posts.number", None)
        ]
    }


def scheduled_post(call: RequestContext) -> dict[str, Any]:
    """`GET /posts/scheduled/:postId`: one that is pending or has failed."""
    row = _own_post(call, call.path["post_id"])
    if row["status"] not in {"scheduled", "failed"}:
        raise ErrorResponse(404, "NOT_FOUND", "Scheduled post not found")
    return {"scheduled_post": _scheduled_view(row)}


def cancel(call: RequestContext) -> dict[str, Any]:
    """`DELETE /posts/scheduled/:postId`: 404 once it is cancelled or published."""
    row = _own_post(call, call.path["post_id"])
    if row["status"] != "scheduled":
        raise ErrorResponse(404, "NOT_FOUND", "Scheduled post not found")
    call.db.execute("UPDATE posts SET status = 'cancelled' WHERE id = ?", (row["id"],))
    return {"success": True, "id": row["id"]}


def published_posts(call: RequestContext) -> dict[str, Any]:
    """`GET /posts/published`: newest first, after `since` where it is given."""
    rows = _listed(call, "published", "posts.published_at DESC, posts.number DESC", call.since())
    return {"published_posts": [_published_view(call.db, row) for row in rows]}


def mark_published(
    db: sqlite3.Connection, row: sqlite3.Row, remote_id: str, published_at: float
) -> None:
    """Make the post `row` a published one."""
    link = _PERMALINKS.get(row["platform"], "https://outreply.com/posts/{remote_id}")
    db.execute(
        "UPDATE posts SET status = 'published', published_at = ?, remote_id = ?, permalink = ? "
        "WHERE id = ?",
        (
            published_at,
            remote_id,
            link.format(username=row["username"], remote_id=remote_id),
            row["id"],
        ),
    )
    free_media(db, row["id"], published_at)


def linked_media(urls: Sequence[str]) -> list[dict[str, str]]:
    """What a post shows of media that stand at URLs."""
    return [
        {"src": url, "type": "video" if urlsplit(url).path.endswith(_VIDEO_ENDINGS) else "photo"}
        for url in urls
    ]


def post_view(row: sqlite3.Row, reason: str | None) -> dict[str, Any]:
    """A post as events tell of it; `reason` is why it failed."""
    view = _scheduled_view(row)
    if reason is not None:
        return {**view, "error": reason}
    return {
        **view,
        "remote_id": row["remote_id"],
        "permalink": row["permalink"],
        "published_at": format_timestamp(row["published_at"]),
    }


def own_published_post(call: RequestContext, post_id: str) -> sqlite3.Row:
    """The published post called `post_id`, by our id or the platform's."""
    row = call.db.execute("SELECT id FROM posts WHERE remote_id = ?", (post_id,)).fetchone()
    post = _own_post(call, row["id"] if row else post_id)
    if post["status"] != "published":
        raise ErrorResponse(404, "NOT_FOUND", "Published post not found")
    return post


def _own_post(call: RequestContext, post_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = call.db.execute(
        OWNED_POSTS + "WHERE posts.id = ? AND brands.user_id = ?", (post_id, call.caller.user["id"])
    ).fetchone()
    if row is None:
        raise ErrorResponse(404, "NOT_FOUND", "Post not found")
    require_brand(call.caller, row["brand_id"])
    return row


def _listed(
    call: RequestContext, status: str, order: str, since: float | None
) -> list[sqlite3.Row]:
    page_id = call.query.get("page_id")
    if page_id is not None:
        own_page(call, page_id)
    clauses, values = ["posts.status = ?", "brands.user_id = ?"], [status, call.caller.user["id"]]
    if page_id is not None:
        clauses.append("posts.page_id = ?")
        values.append(page_id)
    if since is not None:
        clauses.append("posts.published_at > ?")
        values.append(since)
    if call.caller.brand_ids:
        clauses.append(f"pages.brand_id IN ({', '.join('?' * len(call.caller.brand_ids))})")
        values.extend(call.caller.brand_ids)
    sql = f"{OWNED_POSTS}WHERE {' AND '.join(clauses)} ORDER BY {order} LIMIT ?"
    return call.db.execute(sql, (*values, call.limit())).fetchall()


def _content(call: RequestContext) -> tuple[str | None, str, str | None, str | None, str | None]:
    message = call.text("message", longest=MESSAGE_MAX_CHARACTERS)
    ids, urls = _strings(call, "media_ids"), _strings(call, "media_urls")
    uploaded = attached(call, ids)
    for url in urls:
        if url in call.refused_urls:
            raise ErrorResponse(400, "INVALID_MEDIA_URL", url=url)
    if not (message and message.strip()) and not (urls or ids):
        raise ErrorResponse(
            400, "MISSING_FIELD", "Either message or at least one media item is required",
            field="message",
        )  # fmt: skip
    settings = call.body.get("tiktok_settings")
    if settings is not None and not isinstance(settings, dict):
        raise invalid_field("tiktok_settings", "must be an object")
    media = uploaded + linked_media(urls)
    return (
        message,
        json.dumps(media),
        call.text("first_comment"),
        None if settings is None else json.dumps(settings),
        call.text("link"),
    )


def look_up(body: Mapping[str, Any], outside: NetworkAccess) -> Mapping[str, str]:
    """Which of a post's `media_urls` lead to no public address (reference: SSRF protection)."""
    given = body.get("media_urls")
    urls = [url for url in given if isinstance(url, str)] if isinstance(given, list) else []
    return dict.fromkeys(outside.guard.refused(urls), "must be public") if urls else {}


def _strings(call: RequestContext, name: str) -> list[str]:
    given = call.body.get(name)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise invalid_field(name, "must be an array of strings")
    return given


def _count_publish(call: RequestContext) -> None:
    count_usage(call, "publishes", limit=get_tier(call.caller.user).publishes)


def _scheduled_view(row: sqlite3.Row) -> dict[str, Any]:
    view = {
        "id": row["id"],
        "page_id": row["page_id"],
        "platform": row["platform"],
        "scheduled_at": format_timestamp(row["scheduled_at"]),
        "status": row["status"],
        "message": row["message"],
        "media": json.loads(row["media"]),
        "first_comment": row["first_comment"],
        "created_at": format_timestamp(row["created_at"]),
    }
    if row["tiktok_settings"] is not None:
        view["tiktok_settings"] = json.loads(row["tiktok_settings"])
    if row["link"] is not None:
        view["link"] = row["link"]
    return view


def _published_view(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    comments = db.execute(
        "SELECT count(*) FROM comments WHERE post_id = ?", (row["id"],)
    ).fetchone()[0]
    return {
        "id": row["id"],
        "page_id": row["page_id"],
        "platform": row["platform"],
        "remote_id": row["remote_id"],
        "permalink": row["permalink"],
        "published_at": format_timestamp(row["published_at"]),
        "message": row["message"],
        "metrics": {"likes": row["likes"], "comments": comments, "shares": row["shares"]},
    }
