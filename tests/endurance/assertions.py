"""What the account holds, what we keep of it, and what the application took: all the same?"""

import sqlite3
from collections import Counter
from collections.abc import Hashable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tests.endurance.handler import digest

_Thing = TypeVar("_Thing", bound=Hashable)


@dataclass(frozen=True)
class Match:
    """Two counts of the same things.

    Attributes:
        what: What is counted, and where.
        count: How many there should be.
        twice: How many there are too many.
        lost: How many are not there.
    """

    what: str
    count: int
    twice: int
    lost: int


def match(what: str, wanted: Counter[_Thing], found: Counter[_Thing]) -> Match:
    """How two counts differ."""
    return Match(what, wanted.total(), (found - wanted).total(), (wanted - found).total())


class Books:
    """The emulator's state, and what commands and receiver keep on this machine.

    Args:
        emulator: The emulator's SQLite file.
        state: The directory of our own files.
    """

    def __init__(self, emulator: Path, state: Path) -> None:
        self._emulator, self._state = emulator, state

    def posts(self) -> Counter[tuple[str, str, str]]:
        """Page, instant and text of every post that was not cancelled."""
        return Counter(
            (page, f"{datetime.fromtimestamp(moment, UTC):%FT%T}", message)
            for page, moment, message in self._ask(
                self._emulator,
                "SELECT platform || ':' || username, scheduled_at, message FROM posts "
                "JOIN pages ON pages.id = posts.page_id WHERE status <> 'cancelled'",
            )
        )

    def post_ids(self) -> Counter[str]:
        """Every post that was not cancelled."""
        return self._column(self._emulator, "SELECT id FROM posts WHERE status <> 'cancelled'")

    def journal_post_ids(self) -> Counter[str]:
        """Every post that the journal says stands, or may stand."""
        return self._column(
            self._state / "journal.db",
            "SELECT coalesce(post_id, 'unknown') FROM entries "
            "WHERE state IN ('done', 'sent', 'cancelling')",
        )

    def told(self) -> Counter[str]:
        """What should have been told: each outcome of a post, each comment and each reply."""
        return self._column(
            self._emulator,
            "SELECT 'post.' || status FROM posts WHERE status IN ('published', 'failed') "
            "UNION ALL SELECT iif(parent_id IS NULL, 'comment.received', 'comment.replied') "
            "FROM comments",
        )

    def events(self) -> Counter[str]:
        """The events that were told."""
        return self._column(self._emulator, "SELECT event FROM deliveries")

    def deliveries(self) -> Counter[str]:
        """The bodies of all deliveries."""
        return Counter(
            digest(body.encode())
            for (body,) in self._ask(self._emulator, "SELECT body FROM deliveries")
        )

    def inbox(self) -> Counter[str]:
        """The bodies that the inbox holds; a redelivery is marked as one, and not counted."""
        rows = self._ask(
            self._state / "webhooks.db",
            "SELECT body FROM deliveries WHERE verified = 1 AND duplicate = 0",
        )
        return Counter(digest(body) for (body,) in rows)

    def deliveries_waiting(self) -> int:
        """How many deliveries are still to be sent, by the emulator or by the receiver."""
        emulator = "SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL"
        receiver = "SELECT count(*) FROM forwards WHERE due_at IS NOT NULL"
        files = [(self._emulator, emulator), (self._state / "webhooks.db", receiver)]
        return sum(int(self._ask(path, query)[0][0]) for path, query in files)

    def comments(self) -> Counter[str]:
        """Every comment that somebody else wrote."""
        return self._column(self._emulator, "SELECT id FROM comments WHERE parent_id IS NULL")

    def answered(self) -> Counter[str]:
        """The comments that were answered, once for each reply."""
        return self._column(
            self._emulator, "SELECT parent_id FROM comments WHERE parent_id IS NOT NULL"
        )

    def reply_ids(self) -> Counter[str]:
        """Every reply that the account holds."""
        return self._column(self._emulator, "SELECT id FROM comments WHERE parent_id IS NOT NULL")

    def remembered_reply_ids(self) -> Counter[str]:
        """Every reply that the memory knows."""
        return self._column(
            self._state / "comments.db",
            "SELECT coalesce(json_extract(reply, '$.id'), 'unknown') FROM replies",
        )

    def media(self) -> Counter[str]:
        """The contents that were ever stored, by their digests."""
        return self._column(self._emulator, "SELECT sha256 FROM media")

    @staticmethod
    def _ask(path: Path, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            return db.execute(query).fetchall()

    def _column(self, path: Path, query: str) -> Counter[str]:
        return Counter(str(value) for (value,) in self._ask(path, query))
