"""The scheduler: publishes posts and receives comments that are due."""

import sqlite3
from collections import Counter
from datetime import UTC, datetime

from outreply_cli.emulator.comments import comment_view
from outreply_cli.emulator.posts import OWNED_POSTS, find_refusal, post_view, publish
from outreply_cli.emulator.state import State
from outreply_cli.emulator.webhooks import emit

_REFUSED = "The platform refused the post"


def process_due(state: State, now: datetime) -> Counter[str]:
    """Process everything that is due; returns the number of posts that were published or failed.

    A post fails if its page's connection has expired, by the rules of its platform, or at random
    by the failure rate. Events have the due time as their time. The caller holds the transaction.
    """
    posts: Counter[str] = Counter()
    # Requests add posts without clearing the cache.
    key = ("next_due_at", state.connection.total_changes)
    due_at = state.get_cached(key, lambda: next_due_at(state.connection))
    if due_at is None or due_at > now.timestamp():
        return posts
    # Queried again after each: a published post may add comments that are due.
    while (row := _get_earliest(state.connection, now.timestamp())) is not None:
        if row["kind"] == "post":
            posts[_process_post(state, row["number"])] += 1
        else:
            _receive_comment(state, row["number"])
    return posts


def next_due_at(db: sqlite3.Connection) -> float | None:
    """The Unix time of the next scheduled post or incoming comment, or None."""
    due_at: float | None = db.execute(
        "SELECT min(due) FROM (SELECT min(scheduled_at) AS due FROM posts "
        "WHERE status = 'scheduled' UNION ALL SELECT min(due_at) FROM arrivals)"
    ).fetchone()[0]
    return due_at


def _get_earliest(db: sqlite3.Connection, timestamp: float) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM (SELECT 'post' AS kind, number, scheduled_at AS due FROM posts "
        "WHERE status = 'scheduled' AND scheduled_at <= :at ORDER BY scheduled_at, number LIMIT 1) "
        "UNION ALL "
        "SELECT * FROM (SELECT 'comment', number, due_at FROM arrivals "
        "WHERE due_at <= :at ORDER BY due_at, number LIMIT 1) ORDER BY due, kind DESC LIMIT 1",
        {"at": timestamp},
    ).fetchone()
    return row


def _process_post(state: State, number: int) -> str:
    db, query = state.connection, OWNED_POSTS + "WHERE posts.number = ?"
    row = db.execute(query, (number,)).fetchone()
    due = row["scheduled_at"]
    reason = find_refusal(state, row)
    if reason is None and state.random_for(row["id"]) < state.config.failure_rate:
        reason = _REFUSED
    if reason is None:
        publish(state, row, due)
    else:
        db.execute("UPDATE posts SET status = 'failed' WHERE id = ?", (row["id"],))
    post = post_view(db.execute(query, (number,)).fetchone(), reason)
    data = {"brandId": row["brand_id"], "post": post}
    status = "published" if reason is None else "failed"
    emit(state, row["user_id"], f"post.{status}", data, datetime.fromtimestamp(due, UTC))
    return status


def _receive_comment(state: State, number: int) -> None:
    db = state.connection
    row = db.execute("SELECT * FROM arrivals WHERE number = ?", (number,)).fetchone()
    db.execute("DELETE FROM arrivals WHERE number = ?", (number,))
    copied = ("post_id", "parent_id", "author_name", "author_username", "message")
    comment = state.insert(
        "comments", id=f"c_{state.new_id()}", created_at=row["due_at"],
        **{name: row[name] for name in copied},
    )  # fmt: skip
    post = db.execute(OWNED_POSTS + "WHERE posts.id = ?", (row["post_id"],)).fetchone()
    data = {"brandId": post["brand_id"], "comment": comment_view(comment, post["platform"], 0)}
    at = datetime.fromtimestamp(row["due_at"], UTC)
    emit(state, post["user_id"], "comment.received", data, at)
