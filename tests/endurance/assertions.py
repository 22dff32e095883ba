"""Comparison of the account, the local state, and what the application received."""

import sqlite3
from collections import Counter
from collections.abc import Hashable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tests.endurance.handler import digest

_Item = TypeVar("_Item", bound=Hashable)


@dataclass(frozen=True)
class Comparison:
    """The difference of two counts.

    Attributes:
        name: Name of the compared items, and their source.
        count: Expected number.
        duplicated: Number of surplus items.
        lost: Number of missing items.
    """

    name: str
    count: int
    duplicated: int
    lost: int


def compare(name: str, expected: Counter[_Item], actual: Counter[_Item]) -> Comparison:
    """Compare two counts."""
    duplicated, lost = (actual - expected).total(), (expected - actual).total()
    return Comparison(name, expected.total(), duplicated, lost)


class Databases:
    """Queries to the databases of the emulator, the commands and the receiver.

    Args:
        emulator: SQLite file of the emulator.
        state: State directory of the commands and the receiver.
    """

    def __init__(self, emulator: Path, state: Path) -> None:
        self._emulator, self._state = emulator, state

    def posts(self) -> Counter[tuple[str, str, str]]:
        """Page, time and text of every post that is not cancelled."""
        return Counter(
            (page, f"{datetime.fromtimestamp(timestamp, UTC):%FT%T}", message)
            for page, timestamp, message in self._query(
                self._emulator,
                "SELECT platform || ':' || username, scheduled_at, message FROM posts "
                "JOIN pages ON pages.id = posts.page_id WHERE status <> 'cancelled'",
            )
        )

    def post_ids(self) -> Counter[str]:
        """IDs of posts that are not cancelled."""
        return self._column(self._emulator, "SELECT id FROM posts WHERE status <> 'cancelled'")

    def journal_post_ids(self) -> Counter[str]:
        """IDs of posts that exist, or may exist, according to the journal."""
        return self._column(
            self._state / "journal.db",
            "SELECT coalesce(post_id, 'unknown') FROM entries "
            "WHERE state IN ('done', 'sent', 'cancelling')",
        )

    def expected_events(self) -> Counter[str]:
        """Expected events: one for each published or failed post, comment and reply."""
        return self._column(
            self._emulator,
            "SELECT 'post.' || status FROM posts WHERE status IN ('published', 'failed') "
            "UNION ALL SELECT iif(parent_id IS NULL, 'comment.received', 'comment.replied') "
            "FROM comments",
        )

    def events(self) -> Counter[str]:
        """Events that were delivered."""
        return self._column(self._emulator, "SELECT event FROM deliveries")

    def deliveries(self) -> Counter[str]:
        """Digests of the bodies of all deliveries."""
        return Counter(
            digest(body.encode())
            for (body,) in self._query(self._emulator, "SELECT body FROM deliveries")
        )

    def received_digests(self) -> Counter[str]:
        """Digests of the bodies in the history, without marked redeliveries."""
        rows = self._query(
            self._state / "webhooks.db",
            "SELECT body FROM deliveries WHERE verified = 1 AND duplicate = 0",
        )
        return Counter(digest(body) for (body,) in rows)

    def pending_deliveries(self) -> int:
        """Number of deliveries that the emulator or the receiver still has to send."""
        emulator = "SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL"
        receiver = "SELECT count(*) FROM forwards WHERE due_at IS NOT NULL"
        files = [(self._emulator, emulator), (self._state / "webhooks.db", receiver)]
        return sum(int(self._query(path, query)[0][0]) for path, query in files)

    def comments(self) -> Counter[str]:
        """IDs of comments by other users."""
        return self._column(self._emulator, "SELECT id FROM comments WHERE parent_id IS NULL")

    def replied_comment_ids(self) -> Counter[str]:
        """IDs of the comments that have a reply, once per reply."""
        return self._column(
            self._emulator, "SELECT parent_id FROM comments WHERE parent_id IS NOT NULL"
        )

    def reply_ids(self) -> Counter[str]:
        """IDs of the replies in the account."""
        return self._column(self._emulator, "SELECT id FROM comments WHERE parent_id IS NOT NULL")

    def stored_reply_ids(self) -> Counter[str]:
        """IDs of the replies in the comments database."""
        return self._column(
            self._state / "comments.db",
            "SELECT coalesce(json_extract(reply, '$.id'), 'unknown') FROM replies",
        )

    def media(self) -> Counter[str]:
        """Digests of the media that were uploaded."""
        return self._column(self._emulator, "SELECT sha256 FROM media")

    @staticmethod
    def _query(path: Path, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            return db.execute(query).fetchall()

    def _column(self, path: Path, query: str) -> Counter[str]:
        return Counter(str(value) for (value,) in self._query(path, query))
