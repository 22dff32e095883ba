"""What this machine has seen of an account's comments, and what it answered; in SQLite.

A reply's intent is on the disk before its request goes out, so that one whose answer was lost is
settled and not sent again.
"""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from outreply_cli.comments.threads import Comment, comment_id, created_at
from outreply_cli.storage.sqlite import (
    check_types,
    open_database,
    transaction,
    wrap_corruption,
    wrap_storage_errors,
)

_SCHEMA = """
CREATE TABLE comments (
    account TEXT NOT NULL, id TEXT NOT NULL, post_id TEXT NOT NULL, written_at REAL NOT NULL,
    body TEXT NOT NULL, skipped INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE INDEX comments_of_post ON comments (account, post_id, written_at);
CREATE TABLE replies (
    account TEXT NOT NULL, comment_id TEXT NOT NULL, occasion TEXT NOT NULL, message TEXT NOT NULL,
    idempotency_key TEXT NOT NULL, sent_at REAL NOT NULL, reply TEXT,
    PRIMARY KEY (account, comment_id, occasion)
) WITHOUT ROWID;
"""

_KINDS = {"comment_id": str, "message": str, "idempotency_key": str, "sent_at": float}


@dataclass(frozen=True)
class SentReply:
    """A reply that was meant to be sent.

    Attributes:
        sent_at: Unix time of its request.
        reply: The API's object; None where only the server knows whether it arrived.
    """

    comment_id: str
    message: str
    idempotency_key: str
    sent_at: float
    reply: dict[str, Any] | None


class CommentStore:
    """The memory of one account; several processes may have it open.

    Args:
        path: Its SQLite file, made where there is none.
        account: As the journal calls it.

    Every method raises StorageError when the file can't be used.
    """

    def __init__(self, path: Path, account: str) -> None:
        self._path, self._account = path, account
        with self._usable():
            self._db = open_database(path, _SCHEMA, version=1, durable=True)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def newest(self, post_id: str) -> float | None:
        """The Unix time of the newest comment that was seen on a post, or None."""
        with self._usable():
            row = self._db.execute(
                "SELECT max(written_at) FROM comments WHERE account = ? AND post_id = ?",
                (self._account, post_id),
            ).fetchone()
        moment: float | None = row[0]
        return moment

    def unseen(self, comments: Iterable[Comment]) -> list[Comment]:
        """Those that were not seen before."""
        with self._usable():
            return [one for one in comments if self._row(comment_id(one)) is None]

    def mark_seen(self, post_id: str, comments: Iterable[Comment]) -> None:
        """Remember comments of a post."""
        with self._usable(), transaction(self._db) as db:
            db.executemany(
                "INSERT INTO comments (account, id, post_id, written_at, body) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                [
                    (self._account, comment_id(one), post_id, created_at(one).timestamp(),
                     json.dumps(one))
                    for one in comments
                ],
            )  # fmt: skip

    def comment(self, identity: str) -> Comment | None:
        """A comment as it was seen, or None."""
        with self._usable():
            row = self._row(identity)
            with wrap_corruption():
                return None if row is None else {"post_id": row["post_id"], **_object(row["body"])}

    def skip(self, identity: str) -> None:
        """Leave a comment out of the next passes."""
        with self._usable():
            self._db.execute(
                "UPDATE comments SET skipped = 1 WHERE account = ? AND id = ?",
                (self._account, identity),
            )

    def is_skipped(self, identity: str) -> bool:
        """Whether a comment was skipped."""
        with self._usable():
            row = self._row(identity)
        return row is not None and bool(row["skipped"])

    def replies(self, identity: str | None = None) -> list[SentReply]:
        """The replies to a comment, or to all of them, that were sent or may have been."""
        with self._usable():
            rows = self._db.execute(
                "SELECT * FROM replies WHERE account = ? AND comment_id = coalesce(?, comment_id) "
                "ORDER BY sent_at",
                (self._account, identity),
            ).fetchall()
            return [_reply(row) for row in rows]

    def reply_for(self, identity: str, occasion: str) -> SentReply | None:
        """The reply of one occasion to a comment, or None."""
        with self._usable():
            row = self._db.execute(
                "SELECT * FROM replies WHERE account = ? AND comment_id = ? AND occasion = ?",
                (self._account, identity, occasion),
            ).fetchone()
            return None if row is None else _reply(row)

    def record_intent(
        self, identity: str, occasion: str, message: str, *, key: str, now: datetime
    ) -> None:
        """Put a reply's intent on the disk, before its request goes out."""
        with self._usable():
            self._db.execute(
                "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (self._account, identity, occasion, message, key, now.timestamp()),
            )

    def record_reply(self, identity: str, occasion: str, reply: dict[str, Any] | None) -> None:
        """Keep how a reply ended: the API's object, or None for one that was refused."""
        place = (self._account, identity, occasion)
        with self._usable():
            if reply is None:
                self._db.execute(
                    "DELETE FROM replies WHERE account = ? AND comment_id = ? AND occasion = ?",
                    place,
                )
                return
            self._db.execute(
                "UPDATE replies SET reply = ? WHERE account = ? AND comment_id = ? "
                "AND occasion = ?",
                (json.dumps(reply), *place),
            )

    def _row(self, identity: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM comments WHERE account = ? AND id = ?", (self._account, identity)
        ).fetchone()
        return row

    def _usable(self) -> AbstractContextManager[None]:
        return wrap_storage_errors(
            f"the memory of comments {self._path}",
            hint="Mend its permissions, or choose another place with OUTREPLY_STATE_DIR.",
        )


def _object(document: str) -> dict[str, Any]:
    return dict(json.loads(document))


def _reply(row: sqlite3.Row) -> SentReply:
    with wrap_corruption():
        check_types(row, _KINDS)
        return SentReply(
            row["comment_id"], row["message"], row["idempotency_key"], row["sent_at"],
            None if row["reply"] is None else _object(row["reply"]),
        )  # fmt: skip
