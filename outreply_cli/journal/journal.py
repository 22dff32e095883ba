"""What was meant to be sent and what came of it, durable before each request goes out.

An entry is one post of one row of one calendar. Its life:

    planned ─► sent ─► done ─► cancelling ─► cancelled
       ▲        │
       └────────┴─► failed

`sent` means that the request may have arrived; only the server can tell. An entry that replaces
another one takes its place in the same transaction that makes the old one `cancelling`.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outreply_cli.errors import StorageError
from outreply_cli.journal.models import EntryState, JournalEntry, JournalEntryDraft, RowHistory
from outreply_cli.storage.sqlite import (
    check_types,
    open_database,
    open_readonly,
    transaction,
    wrap_corruption,
    wrap_storage_errors,
)
from outreply_cli.timestamps import parse_timestamp

JOURNAL_FILE = "journal.db"
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    calendar TEXT NOT NULL,
    row TEXT NOT NULL,
    generation INTEGER NOT NULL,
    page_id TEXT NOT NULL,
    scheduled_at TEXT NOT NULL,
    body TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL,
    sent_at REAL,
    post_id TEXT,
    replaces INTEGER REFERENCES entries(id),
    error_code TEXT,
    error TEXT,
    UNIQUE (account, calendar, row, generation)
);
CREATE TABLE IF NOT EXISTS uploads (
    account TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    started_at REAL NOT NULL,
    media_id TEXT,
    PRIMARY KEY (account, sha256)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_of_post ON entries (account, post_id);
CREATE INDEX IF NOT EXISTS entries_unsettled ON entries (account, state)
    WHERE state IN ('sent', 'cancelling');
"""
_KINDS = {
    **dict.fromkeys(
        ("account", "calendar", "row", "page_id", "fingerprint", "idempotency_key"), str
    ),
    **dict.fromkeys(("post_id", "error_code", "error"), str | None),
    "generation": int,
    "replaces": int | None,
}
# Numbers that no entry in the file has.
_IMAGINED = -1


@dataclass(frozen=True)
class JournalHealth:
    """What a journal holds; `unsettled` entries have an outcome that only the server knows."""

    entries: int
    unsettled: int


def journal_health(path: Path) -> JournalHealth:
    """What the journal at `path` holds, without writing to it.

    Raises:
        sqlite3.Error: It is damaged, or no journal of this version.
    """
    with open_readonly(path) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"its version is {version}, not {SCHEMA_VERSION}")
        counts = database.execute(
            "SELECT count(*), count(*) FILTER (WHERE state IN ('sent', 'cancelling')) FROM entries"
        ).fetchone()
    return JournalHealth(*counts)


class Journal:
    """The journal of one state directory; several processes may have it open.

    Every method raises StorageError when the file can't be read or written: nothing may be sent
    that is not journaled first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.RLock()
        with self._usable():
            # An intent must be on the disk before its request is on the wire.
            self._db = open_database(path, _SCHEMA, version=SCHEMA_VERSION, durable=True)
            if self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("it is damaged")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def rows(self, account: str, calendar: str) -> list[RowHistory]:
        """Every row of a calendar, in the order they were first planned."""
        found: dict[str, list[JournalEntry]] = {}
        for entry in self._read(
            "SELECT * FROM entries WHERE account = ? AND calendar = ? ORDER BY id",
            (account, calendar),
        ):
            found.setdefault(entry.row, []).append(entry)
        return [RowHistory.of(entries) for entries in found.values()]

    def unsettled(self, account: str, calendar: str | None = None) -> list[JournalEntry]:
        """Entries whose outcome only the server knows, oldest first."""
        found = self._read(
            "SELECT * FROM entries WHERE account = ? AND state IN ('sent', 'cancelling') "
            "ORDER BY id",
            (account,),
        )
        return [entry for entry in found if calendar is None or entry.calendar == calendar]

    @property
    def has_unsettled(self) -> bool:
        """Whether any account's entry has an outcome that only the server knows."""
        with self._usable():
            found = self._db.execute(
                "SELECT 1 FROM entries WHERE state IN ('sent', 'cancelling') LIMIT 1"
            ).fetchone()
        return found is not None

    def by_post_id(self, account: str, post_id: str) -> JournalEntry | None:
        """The entry whose post is called `post_id`."""
        found = self._read(
            "SELECT * FROM entries WHERE account = ? AND post_id = ? ORDER BY id DESC LIMIT 1",
            (account, post_id),
        )
        return found[0] if found else None

    def post_ids(self, account: str) -> set[str]:
        """Every post that an entry stands for and that was not cancelled by us."""
        with self._usable():
            rows = self._db.execute(
                "SELECT post_id FROM entries WHERE account = ? AND post_id IS NOT NULL "
                "AND state <> 'cancelled'",
                (account,),
            ).fetchall()
        return {row["post_id"] for row in rows}

    def entry(self, entry_id: int) -> JournalEntry:
        """The entry numbered `entry_id`."""
        found = self._read("SELECT * FROM entries WHERE id = ?", (entry_id,))
        with self._usable(), wrap_corruption():
            return found[0]

    def replacement_of(self, entry: JournalEntry) -> JournalEntry | None:
        """The newest entry that replaces `entry`."""
        found = self._read(
            "SELECT * FROM entries WHERE replaces = ? ORDER BY id DESC LIMIT 1", (entry.id,)
        )
        return found[0] if found else None

    def record_planned(self, new: Sequence[JournalEntryDraft]) -> list[JournalEntry]:
        """Write entries down as planned, all or none; one that is planned already stays."""
        ids = []
        with self._change() as db:
            for one in new:
                cursor = db.execute(
                    "INSERT INTO entries (account, calendar, row, generation, page_id, "
                    "scheduled_at, body, fingerprint, idempotency_key, state, replaces) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'planned', ?) "
                    "ON CONFLICT (account, calendar, row, generation) DO UPDATE SET "
                    "page_id = excluded.page_id, scheduled_at = excluded.scheduled_at, "
                    "body = excluded.body, fingerprint = excluded.fingerprint, "
                    "idempotency_key = excluded.idempotency_key, state = 'planned', "
                    "replaces = excluded.replaces, sent_at = NULL, error = NULL, "
                    "error_code = NULL WHERE state IN ('planned', 'failed') RETURNING id",
                    (one.account, one.calendar, one.row, one.generation, one.page_id,
                     one.scheduled_at.isoformat(), json.dumps(one.body), one.fingerprint,
                     one.idempotency_key, one.replaces),
                )  # fmt: skip
                written = cursor.fetchone()
                if written is None:
                    raise StorageError(
                        f"{self.path}: {one.row} was carried out by another process meanwhile",
                        hint="Run the command again.",
                    )
                ids.append(written["id"])
        return [self.entry(entry_id) for entry_id in ids]

    def mark_sent(self, entry: JournalEntry, now: datetime) -> None:
        """The request is about to go out; the time of its first sending is kept."""
        self._set(entry, "state = 'sent', sent_at = coalesce(sent_at, ?)", (now.timestamp(),))

    def mark_unsent(self, entry: JournalEntry) -> None:
        """The request surely did nothing: it is planned again."""
        self._set(entry, "state = 'planned', sent_at = NULL", ())

    def mark_done(self, entry: JournalEntry, post_id: str) -> None:
        """The server has the post; what it replaces has to go from this instant on."""
        with self._change() as db:
            db.execute(
                "UPDATE entries SET state = 'done', post_id = ?, error = NULL, error_code = NULL "
                "WHERE id = ?",
                (post_id, entry.id),
            )
            db.execute(
                "UPDATE entries SET state = 'cancelling' WHERE id = ? AND state = 'done'",
                (entry.replaces,),
            )

    def mark_failed(self, entry: JournalEntry, code: str, error: str) -> None:
        """The server refused it, finally."""
        self._set(entry, "state = 'failed', error_code = ?, error = ?", (code, error))

    def mark_cancelling(self, entry: JournalEntry) -> None:
        """The post has to go."""
        self._set(entry, "state = 'cancelling'", ())

    def mark_cancelled(self, entry: JournalEntry) -> None:
        """The post is gone."""
        self._set(entry, "state = 'cancelled'", ())

    def mark_published(self, entry: JournalEntry) -> None:
        """The post could not be cancelled: it is out."""
        self._set(entry, "state = 'done'", ())

    def adopt(self, new: JournalEntryDraft, post_id: str) -> JournalEntry:
        """Write down a post that the server has already, as if it had been sent from here."""
        (entry,) = self.record_planned([new])
        self.mark_done(entry, post_id)
        return self.entry(entry.id)

    def find_upload(self, account: str, sha256: str) -> tuple[str | None, datetime] | None:
        """The media id of a file's content, if it is known, and when its upload began."""
        with self._usable():
            row = self._db.execute(
                "SELECT media_id, started_at FROM uploads WHERE account = ? AND sha256 = ?",
                (account, sha256),
            ).fetchone()
            if row is None:
                return None
            with wrap_corruption():
                check_types(row, {"media_id": str | None})
                return row["media_id"], datetime.fromtimestamp(row["started_at"], UTC)

    def media_ids(self, account: str) -> set[str]:
        """Every media id that an upload of ours is known by."""
        with self._usable():
            rows = self._db.execute(
                "SELECT media_id FROM uploads WHERE account = ? AND media_id IS NOT NULL",
                (account,),
            ).fetchall()
        return {row["media_id"] for row in rows}

    def mark_upload(
        self,
        account: str,
        sha256: str,
        now: datetime,
        media_id: str | None = None,
        *,
        instead_of: str | None = None,
    ) -> None:
        """An upload begins, or has ended with `media_id`.

        Args:
            account: Whose it is.
            sha256: Of the content; any other name of it while that is not known.
            now: When it began.
            media_id: What the server calls it.
            instead_of: What the content was called before.
        """
        with self._change() as db:
            db.execute(
                "DELETE FROM uploads WHERE account = ? AND sha256 = ?", (account, instead_of)
            )
            # An earlier copy of the same content stays known as ours.
            db.execute(
                "UPDATE OR REPLACE uploads SET sha256 = sha256 || ' ' || media_id "
                "WHERE account = ? AND sha256 = ? AND media_id IS NOT NULL AND media_id IS NOT ?",
                (account, sha256, media_id),
            )
            db.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)",
                (account, sha256, now.timestamp(), media_id),
            )

    def forget_upload(self, account: str, sha256: str) -> None:
        """The upload surely did nothing."""
        with self._change() as db:
            db.execute("DELETE FROM uploads WHERE account = ? AND sha256 = ?", (account, sha256))

    def preview(self, new: JournalEntryDraft, post_id: str) -> JournalEntry:
        """The entry that `adopt` would make, without writing it."""
        return JournalEntry(
            id=_IMAGINED - int(hashlib.sha256(post_id.encode()).hexdigest()[:8], 16),
            state=EntryState.DONE,
            sent_at=None,
            post_id=post_id,
            error_code=None,
            error=None,
            **vars(new),
        )

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[JournalEntry]:
        with self._usable():
            return [_entry(row) for row in self._db.execute(sql, values).fetchall()]

    def _set(self, entry: JournalEntry, assignments: str, values: tuple[Any, ...]) -> None:
        with self._change() as db:
            db.execute(
                f"UPDATE entries SET {assignments} WHERE id = ?",  # noqa: S608 - our own words
                (*values, entry.id),
            )

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._usable(), transaction(self._db) as db:
            yield db

    @contextmanager
    def _usable(self) -> Iterator[None]:
        hint = (
            "Nothing more is sent. Make room or mend its permissions; if it is damaged, move it "
            "away and run again with --adopt."
        )
        with wrap_storage_errors(f"the journal {self.path}", hint=hint), self._turn:
            yield


def _entry(row: sqlite3.Row) -> JournalEntry:
    values = dict(row)
    with wrap_corruption():
        check_types(values, _KINDS)
        values["scheduled_at"] = parse_timestamp(values["scheduled_at"])
        values["body"] = json.loads(values["body"])
        values["state"] = EntryState(values["state"])
        sent_at = values["sent_at"]
        values["sent_at"] = None if sent_at is None else datetime.fromtimestamp(sent_at, UTC)
        check_types(values, {"body": dict})
    return JournalEntry(**values)
