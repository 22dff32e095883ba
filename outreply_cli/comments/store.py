"""The comments seen and the replies sent, in SQLite or in a team's store.

The intent to reply is stored before the request is sent, so that a reply whose response was lost
is reconciled instead of sent twice.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from outreply_cli.api.resend import Attempts
from outreply_cli.comments.threads import Comment, get_created_at, get_id
from outreply_cli.journal.store import Store
from outreply_cli.storage.sqlite import FileSchema, check_types, insert_missing, read_tables
from outreply_cli.storage.tables import LocalTables

if TYPE_CHECKING:
    from outreply_cli.storage.team_tables import TeamTables

_STATEMENTS = """
CREATE TABLE comments (
    account TEXT NOT NULL, id TEXT NOT NULL, post_id TEXT NOT NULL, written_at REAL NOT NULL,
    body TEXT NOT NULL, skipped INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE INDEX comments_of_post ON comments (account, post_id, written_at);
CREATE TABLE replies (
    account TEXT NOT NULL, comment_id TEXT NOT NULL, occasion TEXT NOT NULL, message TEXT NOT NULL,
    idempotency_key TEXT NOT NULL, sent_at REAL NOT NULL, reply TEXT,
    attempted_at REAL NOT NULL DEFAULT 0, token TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (account, comment_id, occasion)
) WITHOUT ROWID;
"""
_UPGRADES = {
    1: """
ALTER TABLE replies ADD COLUMN attempted_at REAL NOT NULL DEFAULT 0;
ALTER TABLE replies ADD COLUMN token TEXT NOT NULL DEFAULT '';
UPDATE replies SET attempted_at = sent_at
"""
}
SCHEMA = FileSchema("the comments database", _STATEMENTS, 2, durable=True, upgrades=_UPGRADES)

COLUMNS = {
    "comments": ("account", "id", "post_id", "written_at", "body", "skipped"),
    "replies": (
        "account", "comment_id", "occasion", "message", "idempotency_key", "sent_at", "reply",
        "attempted_at", "token",
    ),
}  # fmt: skip
# Name of the file in the state directory.
COMMENTS_FILE = "comments.db"


@dataclass(frozen=True)
class SentReply:
    """A reply that was sent, or may have been.

    Attributes:
        occasion: Identity that gets one reply per comment: a key, a text, or, for a program's
            replies, the comment itself.
        sent_at: Unix time of its first request, by the server's clock.
        attempted_at: Unix time of its last request, by the server's clock.
        token: Digest of the token of its first request.
        reply: The API's object; None while the outcome is unknown.
    """

    comment_id: str
    occasion: str
    message: str
    idempotency_key: str
    sent_at: float
    attempted_at: float
    token: str
    reply: dict[str, Any] | None = None

    @property
    def attempts(self) -> Attempts:
        """The requests that may have been carried out."""
        first, last = (datetime.fromtimestamp(at, UTC) for at in (self.sent_at, self.attempted_at))
        return Attempts(first, last, self.token)


# Types of the columns that are the same in the database.
_REPLY_TYPES = {field.name: field.type for field in fields(SentReply) if field.name != "reply"}


def open_comments(store: Store, account: str, *, allow_readonly: bool = False) -> "CommentStore":
    """Open the comments and replies of an account, of this machine or of a team.

    Raises:
        StorageError: The file or database cannot be used.
    """
    tables = store.open_tables(COMMENTS_FILE, SCHEMA, allow_readonly=allow_readonly)
    return CommentStore(tables, account)


class CommentStore:
    """Comments seen and replies sent by one account; several processes may have it open.

    Every method raises StorageError when the file or database is unusable.
    """

    def __init__(self, tables: "LocalTables | TeamTables", account: str) -> None:
        self._tables, self._account = tables, account

    @property
    def is_readonly(self) -> bool:
        """Whether nothing can be stored."""
        return self._tables.is_readonly

    def close(self) -> None:
        """Close the file or the connection."""
        self._tables.close()

    def is_seen(self, comment_id: str) -> bool:
        """Return whether a comment was seen before."""
        return self._comment_row(comment_id) is not None

    def comments(self) -> list[Comment]:
        """Return all comments as they were last seen."""
        rows = self._execute("SELECT body FROM comments WHERE account = ?")
        with self._tables.wrap_errors():
            return [dict(json.loads(row["body"])) for row in rows]

    def mark_seen(self, post_id: str, comments: Iterable[Comment]) -> None:
        """Store comments of a post as seen."""
        with self._tables.change() as db:
            db.executemany(
                "INSERT INTO comments (account, id, post_id, written_at, body) "
                "VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (account, id) DO UPDATE SET body = excluded.body",
                [
                    (self._account, get_id(comment), post_id, get_created_at(comment).timestamp(),
                     json.dumps(comment))
                    for comment in comments
                ],
            )  # fmt: skip

    def comment(self, comment_id: str) -> Comment | None:
        """Return a comment as it was last seen, or None."""
        row = self._comment_row(comment_id)
        with self._tables.wrap_errors():
            return None if row is None else {"post_id": row["post_id"], **json.loads(row["body"])}

    def skip(self, comment_id: str) -> None:
        """Exclude a comment from future triage."""
        self._execute("UPDATE comments SET skipped = 1 WHERE account = ? AND id = ?", comment_id)

    def is_skipped(self, comment_id: str) -> bool:
        """Whether a comment is excluded from triage."""
        row = self._comment_row(comment_id)
        return row is not None and bool(row["skipped"])

    def replies(self, comment_id: str | None = None) -> list[SentReply]:
        """Return the replies to a comment, or to all comments, oldest first."""
        rows = self._execute(
            "SELECT * FROM replies WHERE account = ? AND comment_id = coalesce(?, comment_id) "
            "ORDER BY sent_at",
            comment_id,
        )
        with self._tables.wrap_errors():
            return [_reply(row) for row in rows]

    def reply_for(self, comment_id: str, occasion: str) -> SentReply | None:
        """Return the reply to a comment on an occasion, or None."""
        replies = self.replies(comment_id)
        return next((reply for reply in replies if reply.occasion == occasion), None)

    def claim(self, reply: SentReply) -> bool:
        """Store a first reply that is about to be sent; False if another process has done so."""
        rows = self._execute(
            "INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?) "
            "ON CONFLICT DO NOTHING RETURNING comment_id",
            reply.comment_id, reply.occasion, reply.message, reply.idempotency_key, reply.sent_at,
            reply.attempted_at, reply.token,
        )  # fmt: skip
        return bool(rows)

    def record_attempt(self, reply: SentReply, *, after: float) -> bool:
        """Store that a reply is about to be sent again.

        False, and nothing is stored, if another process has sent it, or is about to: `after`, the
        last attempt as this process knows it, is no longer the last one.
        """
        with self._tables.change() as db:
            cursor = db.execute(
                "UPDATE replies SET attempted_at = ?, message = ?, idempotency_key = ?, "
                "sent_at = ?, token = ? WHERE reply IS NULL AND attempted_at = ? "
                "AND account = ? AND comment_id = ? AND occasion = ?",
                (reply.attempted_at, reply.message, reply.idempotency_key, reply.sent_at,
                 reply.token, after, self._account, reply.comment_id, reply.occasion),
            )  # fmt: skip
            return bool(cursor.rowcount)

    def record_reply(self, sent: SentReply, reply: Mapping[str, Any]) -> None:
        """Store the API's object of a reply that was sent."""
        with self._tables.change() as db:
            db.execute(
                "UPDATE replies SET reply = ? "
                "WHERE account = ? AND comment_id = ? AND occasion = ?",
                (json.dumps(reply), self._account, sent.comment_id, sent.occasion),
            )

    def delete_reply(self, reply: SentReply, *, after: float) -> None:
        """Delete a reply that the API rejected, unless another process has sent it since."""
        self._execute(
            "DELETE FROM replies WHERE account = ? AND comment_id = ? AND occasion = ? "
            "AND attempted_at = ? AND reply IS NULL",
            reply.comment_id, reply.occasion, after,
        )  # fmt: skip

    def copy_rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the comments and replies of all accounts, by table."""
        with self._tables.snapshot() as db:
            return read_tables(db, COLUMNS)

    def add_rows(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Add the rows of another store that this one lacks."""
        with self._tables.change_without_timeout() as db:
            for table, columns in COLUMNS.items():
                insert_missing(db, table, columns, rows[table])

    def _comment_row(self, comment_id: str) -> Any:
        rows = self._execute("SELECT * FROM comments WHERE account = ? AND id = ?", comment_id)
        return rows[0] if rows else None

    def _execute(self, statement: str, *parameters: str | float | None) -> list[Any]:
        """Run a statement with the account as its first parameter."""
        return self._tables.rows(statement, (self._account, *parameters))


def _reply(row: Any) -> SentReply:
    check_types(row, _REPLY_TYPES)
    known = {name: row[name] for name in _REPLY_TYPES}
    return SentReply(
        **known, reply=None if row["reply"] is None else dict(json.loads(row["reply"]))
    )
