"""What happens by itself as the emulator's time goes on: posts come out, comments arrive."""

import sqlite3
from datetime import UTC, datetime

from outreply_cli.emulator.comments import comment_view
from outreply_cli.emulator.incoming_comments import expect_comments
from outreply_cli.emulator.posts import OWNED_POSTS, mark_published, post_view
from outreply_cli.emulator.state import State
from outreply_cli.emulator.webhooks import WebhookEvent, emit

_EXPIRED = "The page's connection has expired"
_REFUSED = "The platform refused the post"


def process_due(state: State, db: sqlite3.Connection, now: datetime) -> int:
    """Do everything whose time has come; returns how many posts were published.

    A post fails where its page's connection has expired, or where the failure rate asks for it.
    Hooks are told of each happening as of its own time; the caller holds the transaction.
    """
    nothing = db.execute(
        "SELECT NOT EXISTS "
        "(SELECT 1 FROM posts WHERE status = 'scheduled' AND scheduled_at <= :at) "
        "AND NOT EXISTS (SELECT 1 FROM arrivals WHERE due_at <= :at)",
        {"at": now.timestamp()},
    ).fetchone()[0]
    if nothing:
        return 0
    published = 0
    # One after the other, in the order of their times: what one brings about may be due as well.
    while (happening := _earliest(db, now.timestamp())) is not None:
        if happening["kind"] == "post":
            published += _settle_post(state, db, happening["number"])
        else:
            _receive_comment(state, db, happening["number"])
    return published


def next_due_at(db: sqlite3.Connection) -> float | None:
    """The Unix time of the next thing that happens by itself, or None."""
    row = db.execute(
        "SELECT min(due) FROM (SELECT min(scheduled_at) AS due FROM posts "
        "WHERE status = 'scheduled' UNION ALL SELECT min(due_at) FROM arrivals)"
    ).fetchone()
    found: float | None = row[0]
    return found


def _earliest(db: sqlite3.Connection, moment: float) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM (SELECT 'post' AS kind, number, scheduled_at AS due FROM posts "
        "WHERE status = 'scheduled' AND scheduled_at <= :at ORDER BY scheduled_at, number LIMIT 1) "
        "UNION ALL "
        "SELECT * FROM (SELECT 'comment', number, due_at FROM arrivals "
        "WHERE due_at <= :at ORDER BY due_at, number LIMIT 1) ORDER BY due, kind DESC LIMIT 1",
        {"at": moment},
    ).fetchone()
    return row


def _settle_post(state: State, db: sqlite3.Connection, number: int) -> bool:
    row = db.execute(OWNED_POSTS + "WHERE posts.number = ?", (number,)).fetchone()
    due = row["scheduled_at"]
    reason = _EXPIRED if row["page_expired"] else None
    if reason is None and state.random_for(row["id"]) < state.settings.failure_rate:
        reason = _REFUSED
    if reason is None:
        mark_published(db, row, state.new_remote_id(), due)
        expect_comments(state, db, row["id"], due)
    else:
        db.execute("UPDATE posts SET status = 'failed' WHERE id = ?", (row["id"],))
    current = db.execute(OWNED_POSTS + "WHERE posts.number = ?", (number,)).fetchone()
    told = {"brandId": row["brand_id"], "post": post_view(current, reason)}
    event = "post.published" if reason is None else "post.failed"
    emit(db, WebhookEvent(row["user_id"], event, told), _instant(due), state.new_id)
    return reason is None


def _receive_comment(state: State, db: sqlite3.Connection, number: int) -> None:
    row = db.execute("SELECT * FROM arrivals WHERE number = ?", (number,)).fetchone()
    db.execute("DELETE FROM arrivals WHERE number = ?", (number,))
    comment_id = f"c_{state.new_id()}"
    db.execute(
        "INSERT INTO comments (id, post_id, parent_id, author_name, author_username, message, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (comment_id, row["post_id"], row["parent_id"], row["author_name"],
         row["author_username"], row["message"], row["due_at"]),
    )  # fmt: skip
    post = db.execute(OWNED_POSTS + "WHERE posts.id = ?", (row["post_id"],)).fetchone()
    comment = db.execute(
        "SELECT *, 0 AS replies_count FROM comments WHERE id = ?", (comment_id,)
    ).fetchone()
    told = {"brandId": post["brand_id"], "comment": comment_view(comment, post["platform"])}
    happening = WebhookEvent(post["user_id"], "comment.received", told)
    emit(db, happening, _instant(row["due_at"]), state.new_id)


def _instant(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
