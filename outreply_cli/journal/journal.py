"""A durable record of what is about to be sent and of its outcome.

An entry is one post of one row of one calendar. A post without a calendar belongs to its command or
its `--key`. The states of an entry:

    planned ─► sent ─► done ◄─► cancelling ─► cancelled
       ▲        │
       └────────┴─► failed

`sent` means that the request may have arrived; only the server knows. The transaction that makes
an entry `done` makes the entry that it replaces `cancelling`.

Two posts of a page cannot have the same time: an edited post is cancelled first. Its entry stays
`cancelling`, and that of its new version is `sent`, at first without the time of a request, until
the new version is `done`.
"""

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from outreply_cli.clock import Clock, SystemClock
from outreply_cli.errors import OutReplyError, StorageError
from outreply_cli.journal.locks import calendar_lock
from outreply_cli.journal.models import (
    CHANGES_CALENDAR,
    ComposedText,
    EntryState,
    Event,
    EventAction,
    JournalEntry,
    JournalEntryDraft,
    Lease,
    Origin,
    RowHistory,
    SlotClaim,
    StoredSchedule,
)
from outreply_cli.storage.sqlite import FileSchema, check_types, open_readonly, wrap_corruption
from outreply_cli.storage.tables import LocalTables
from outreply_cli.timestamps import parse_timestamp

if TYPE_CHECKING:
    from outreply_cli.storage.team_tables import TeamTables

JOURNAL_FILE = "journal.db"
SCHEMA_VERSION = 7
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL, calendar TEXT NOT NULL, row TEXT NOT NULL,
    generation INTEGER NOT NULL, page_id TEXT NOT NULL, scheduled_at TEXT NOT NULL,
    body TEXT NOT NULL, fingerprint TEXT NOT NULL, idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL, sent_at REAL, post_id TEXT, replaces INTEGER REFERENCES entries(id),
    error_code TEXT, error TEXT, token TEXT, attempted_at REAL,
    UNIQUE (account, calendar, row, generation)
);
CREATE TABLE IF NOT EXISTS uploads (
    account TEXT NOT NULL, sha256 TEXT NOT NULL, started_at REAL NOT NULL, media_id TEXT,
    PRIMARY KEY (account, sha256)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_of_post ON entries (account, post_id);
CREATE INDEX IF NOT EXISTS entries_unsettled ON entries (account, state)
    WHERE state IN ('sent', 'cancelling');
"""
_SCHEMA_2 = """
CREATE TABLE calendars (
    account TEXT NOT NULL, id TEXT NOT NULL, path TEXT NOT NULL, knows_all INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE TABLE separate_posts (
    account TEXT NOT NULL, row TEXT NOT NULL, post_id TEXT NOT NULL,
    PRIMARY KEY (account, row, post_id)
) WITHOUT ROWID;
CREATE INDEX entries_of_slot ON entries (account, page_id, scheduled_at);
"""
# In version 1, the path identified a calendar; commands of `posts` had the names excluded here.
_UPGRADE_1 = """
ALTER TABLE entries ADD COLUMN token TEXT;
ALTER TABLE entries ADD COLUMN attempted_at REAL;
UPDATE entries SET attempted_at = sent_at;
INSERT INTO calendars SELECT DISTINCT account, calendar, calendar, 1 FROM entries
    WHERE calendar NOT LIKE 'posts --key %' AND calendar <> 'posts reschedule'
"""
_SCHEMA_3 = """
CREATE TABLE IF NOT EXISTS media_names (
    media_id TEXT PRIMARY KEY, name TEXT NOT NULL
) WITHOUT ROWID;
"""
_SCHEMA_4 = """
CREATE TABLE IF NOT EXISTS slot_schedules (
    account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, slots TEXT NOT NULL,
    timezone TEXT NOT NULL,
    PRIMARY KEY (account, kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slot_claims (
    account TEXT NOT NULL, page_id TEXT NOT NULL, scheduled_at TEXT NOT NULL,
    calendar TEXT NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (account, page_id, scheduled_at)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_of_row ON entries (account, row);
"""
_SCHEMA_5 = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, action TEXT NOT NULL, account TEXT NOT NULL,
    entry_id INTEGER NOT NULL REFERENCES entries(id), page_id TEXT NOT NULL,
    scheduled_at TEXT NOT NULL, post_id TEXT, error_code TEXT, host TEXT NOT NULL,
    username TEXT NOT NULL, command TEXT NOT NULL, UNIQUE (entry_id, at, action)
);
CREATE INDEX IF NOT EXISTS events_at ON events (at);
"""
_SCHEMA_6 = """
CREATE TABLE IF NOT EXISTS composed_texts (
    account TEXT NOT NULL, calendar TEXT NOT NULL, row TEXT NOT NULL,
    scheduled_at TEXT NOT NULL, content TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (account, calendar, row)
) WITHOUT ROWID;
"""
# The zone of local times in the last run of each file of a calendar.
_SCHEMA_7 = """
CREATE TABLE IF NOT EXISTS calendar_zones (
    account TEXT NOT NULL, calendar TEXT NOT NULL, file TEXT NOT NULL, zone TEXT NOT NULL,
    PRIMARY KEY (account, calendar, file)
) WITHOUT ROWID;
"""
_UPGRADES = {
    1: _SCHEMA_2 + _UPGRADE_1, 2: _SCHEMA_3, 3: _SCHEMA_4, 4: _SCHEMA_5, 5: _SCHEMA_6, 6: _SCHEMA_7,
}  # fmt: skip
_FILE = FileSchema(
    "the journal",
    _SCHEMA + _SCHEMA_2 + _SCHEMA_3 + _SCHEMA_4 + _SCHEMA_5 + _SCHEMA_6 + _SCHEMA_7,
    version=SCHEMA_VERSION,
    # An intent must be on disk before its request is sent.
    durable=True,
    upgrades=_UPGRADES,
    is_checked=True,
    hint="Nothing more was sent. Set OUTREPLY_STATE_DIR to a directory you can write to, or "
    "free disk space. If the file is damaged, move it away and run: outreply bulk reconcile FILE",
)
# The columns of each table with their types, in the order in which rows of a copy are added.
TABLES: Mapping[str, Mapping[str, Any]] = {
    "calendars": {"account": str, "id": str, "path": str, "knows_all": int},
    "entries": {
        "id": int, "account": str, "calendar": str, "row": str, "generation": int, "page_id": str,
        "scheduled_at": str, "body": str, "fingerprint": str, "idempotency_key": str, "state": str,
        "sent_at": float | int | None, "post_id": str | None, "replaces": int | None,
        "error_code": str | None, "error": str | None, "token": str | None,
        "attempted_at": float | int | None,
    },
    "uploads": {
        "account": str, "sha256": str, "started_at": float | int, "media_id": str | None,
    },
    "separate_posts": {"account": str, "row": str, "post_id": str},
    "media_names": {"media_id": str, "name": str},
    "slot_schedules": {"account": str, "kind": str, "id": str, "slots": str, "timezone": str},
    "slot_claims": {
        "account": str, "page_id": str, "scheduled_at": str, "calendar": str, "row": str,
    },
    "composed_texts": {
        "account": str, "calendar": str, "row": str, "scheduled_at": str, "content": str,
        "text": str,
    },
    "events": {
        "at": float | int, "action": str, "account": str, "entry_id": int, "page_id": str,
        "scheduled_at": str, "post_id": str | None, "error_code": str | None, "host": str,
        "username": str, "command": str,
    },
    "calendar_zones": {"account": str, "calendar": str, "file": str, "zone": str},
}  # fmt: skip
_VALUES_PER_QUERY = 400
_MAX_EVENTS = 1_000_000
# The states from which an entry may get into a state.
_SENDABLE = frozenset({EntryState.PLANNED, EntryState.SENT})
_RECORDABLE = _SENDABLE | {EntryState.FAILED, EntryState.DONE}
_CANCELLABLE = frozenset({EntryState.SENT, EntryState.DONE, EntryState.CANCELLING})


class EntryChangedError(StorageError):
    """Another process has changed an entry in the meantime; nothing was recorded."""

    code = "ENTRY_CHANGED"


class SlotTakenError(OutReplyError):
    """Another process has claimed a slot in the meantime; nothing was recorded."""

    code = "SLOT_TAKEN"


@dataclass(frozen=True)
class JournalHealth:
    """Numbers of all entries, and of those with an outcome that only the server knows."""

    entries: int
    unsettled: int


def journal_health(path: Path) -> JournalHealth:
    """Check the journal at `path` without writing to it.

    Raises:
        sqlite3.Error: The file is damaged, or not a journal of this version.
    """
    with open_readonly(path) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION and version not in _UPGRADES:
            raise sqlite3.DatabaseError(f"the schema version is {version}, not {SCHEMA_VERSION}")
        counts = database.execute(
            "SELECT count(*), count(*) FILTER (WHERE state IN ('sent', 'cancelling')) FROM entries"
        ).fetchone()
    return JournalHealth(*counts)


class Journal:
    """The journal of one state directory; several processes may have it open.

    Every method raises StorageError if the file cannot be read or written. With `allow_readonly`,
    a file that cannot be written can be read, and a missing one is empty.

    Attributes:
        tables: Its tables, for copies of all rows.
    """

    # Locks the row that a statement reads; a writing transaction of SQLite locks the file.
    _FOR_UPDATE = ""

    def __init__(
        self,
        path: Path,
        *,
        allow_readonly: bool = False,
        origin: Origin = Origin(),  # noqa: B008 - immutable
        clock: Clock | None = None,
    ) -> None:
        self.path = path
        self._origin = origin
        self._clock = clock or SystemClock()
        self.tables: LocalTables | TeamTables = LocalTables(
            path, _FILE, allow_readonly=allow_readonly
        )

    def close(self) -> None:
        """Close the file or the connection."""
        self.tables.close()

    def lock(self, account: str, calendar: str, *, wait: float) -> AbstractContextManager[None]:
        """Hold the lock of a calendar while the block runs.

        Raises:
            CalendarBusyError: Another process held it for longer than `wait` seconds.
        """
        return calendar_lock(self.path.parent, account, calendar, wait=wait)

    def check_lease(self, account: str, calendar: str) -> None:
        """Raise LeaseLostError if another process has taken over a calendar."""

    def leases(self) -> list[Lease]:
        """Return the leases of a team's processes; none for a journal in a file."""
        return []

    def _check_lease(self, db: Any, account: str, calendar: str) -> None:
        """Raise LeaseLostError if another process has taken over a calendar; files have locks."""

    def rows(self, account: str, calendar: str) -> list[RowHistory]:
        """Return the rows of a calendar in the order they were first planned."""
        rows: dict[str, list[JournalEntry]] = {}
        for entry in self._read(
            "SELECT * FROM entries WHERE account = ? AND calendar = ? ORDER BY id",
            (account, calendar),
        ):
            rows.setdefault(entry.row, []).append(entry)
        return [RowHistory.from_entries(entries) for entries in rows.values()]

    def calendars(self, account: str) -> dict[str, str]:
        """Return the calendars of an account: the path of each one's last file by its ID."""
        rows = self._select(
            # A damaged database may have lost a calendar, but not its entries.
            "SELECT id, path FROM calendars WHERE account = ? UNION "
            "SELECT DISTINCT calendar, '' FROM entries WHERE account = ? "
            "AND calendar NOT LIKE 'posts %' AND calendar NOT IN "
            "(SELECT id FROM calendars WHERE account = ?) ORDER BY id",
            (account, account, account),
            types={"id": str, "path": str},
        )
        return {row["id"]: row["path"] for row in rows}

    def record_calendar(self, account: str, calendar: str, path: str) -> None:
        """Record a calendar and the path of its file."""
        with self._change() as db:
            db.execute(
                "INSERT INTO calendars VALUES (?, ?, ?, 0) "
                "ON CONFLICT (account, id) DO UPDATE SET path = excluded.path",
                (account, calendar, path),
            )

    def zones(self, account: str, calendar: str) -> dict[str, str]:
        """Return the zone of local times in the last run of each file of a calendar, by name."""
        rows = self._select(
            "SELECT file, zone FROM calendar_zones WHERE account = ? AND calendar = ?",
            (account, calendar), types={"file": str, "zone": str},
        )  # fmt: skip
        return {row["file"]: row["zone"] for row in rows}

    def record_zone(self, account: str, calendar: str, file: str, zone: str) -> None:
        """Record the zone of local times in a run of a file."""
        with self._change() as db:
            db.execute(
                "INSERT INTO calendar_zones VALUES (?, ?, ?, ?) "
                "ON CONFLICT (account, calendar, file) DO UPDATE SET zone = excluded.zone",
                (account, calendar, file, zone),
            )

    def rename_row(self, account: str, calendar: str, old: str, new: str) -> None:
        """Give a row of a calendar another name, unless another row has had it."""
        with self._change() as db:
            self._check_lease(db, account, calendar)
            if db.execute(
                "SELECT 1 FROM entries WHERE account = ? AND calendar = ? AND row = ? LIMIT 1",
                (account, calendar, new),
            ).fetchone():
                return
            for table in ("entries", "slot_claims"):
                db.execute(
                    f"UPDATE {table} SET row = ? "  # noqa: S608 - constants
                    "WHERE account = ? AND calendar = ? AND row = ?",
                    (new, account, calendar, old),
                )
            db.execute(
                "INSERT INTO separate_posts SELECT account, ?, post_id FROM separate_posts "
                "WHERE account = ? AND row = ? ON CONFLICT DO NOTHING",
                (new, account, old),
            )

    def knows_all_posts(self, account: str, calendar: str) -> bool:
        """Return whether the journal has had an entry of every post of a calendar."""
        rows = self._select(
            "SELECT knows_all FROM calendars WHERE account = ? AND id = ?", (account, calendar)
        )
        return any(row["knows_all"] for row in rows)

    def record_all_known(self, account: str, calendar: str) -> None:
        """Record that the journal has an entry of every post of a calendar."""
        with self._change() as db:
            db.execute(
                "UPDATE calendars SET knows_all = 1 WHERE account = ? AND id = ?",
                (account, calendar),
            )

    def rename_calendar(self, account: str, old: str, new: str) -> None:
        """Give a calendar another ID."""
        with self._change() as db:
            for calendar in (old, new):
                self._check_lease(db, account, calendar)
            for table, column in (
                ("calendars", "id"), ("entries", "calendar"), ("slot_claims", "calendar"),
                ("composed_texts", "calendar"), ("calendar_zones", "calendar"),
            ):  # fmt: skip
                db.execute(
                    f"UPDATE {table} SET {column} = ? "  # noqa: S608 - constants
                    f"WHERE account = ? AND {column} = ?",
                    (new, account, old),
                )

    def entries_at(self, account: str, slots: Iterable[tuple[str, datetime]]) -> list[JournalEntry]:
        """Return the entries of all calendars at any of `slots` (page ID and time)."""
        # The first calendar of an account may have thousands of rows.
        if not self._read("SELECT * FROM entries WHERE account = ? LIMIT 1", (account,)):
            return []
        return self._read_any(
            "SELECT * FROM entries WHERE account = ? AND (page_id, scheduled_at) IN "
            "(VALUES {}) ORDER BY id",
            account,
            [(page_id, at.isoformat()) for page_id, at in slots],
        )

    def entries_for_rows(self, account: str, rows: Iterable[str]) -> list[JournalEntry]:
        """Return the entries of the rows with these names, in any calendar."""
        return self._read_any(
            "SELECT * FROM entries WHERE account = ? AND row IN (VALUES {}) ORDER BY id",
            account,
            [(name,) for name in rows],
        )

    def pending_entries(self, account: str, now: datetime) -> list[JournalEntry]:
        """Return the entries of all calendars with a post that is not due yet, oldest first."""
        return self._read(
            "SELECT * FROM entries WHERE account = ? AND state IN ('sent', 'done') "
            "AND scheduled_at > ? ORDER BY id",
            (account, now.isoformat()),
        )

    def due_entries(self, account: str, since: datetime, until: datetime) -> list[JournalEntry]:
        """Return the entries of all calendars with a post due after `since`, until `until`."""
        return self._read(
            "SELECT * FROM entries WHERE account = ? AND state = 'done' "
            "AND scheduled_at > ? AND scheduled_at <= ? ORDER BY scheduled_at",
            (account, since.isoformat(), until.isoformat()),
        )

    def list_unsettled(
        self, account: str | None = None, calendar: str | None = None
    ) -> list[JournalEntry]:
        """Return entries whose outcome only the server knows, oldest first.

        None stands for all accounts, or for all calendars. If a post is being
        replaced, only its new version is listed.
        """
        # `state IN ('sent', 'cancelling')` is the condition of a partial index.
        return self._read(
            "SELECT * FROM entries WHERE state IN ('sent', 'cancelling') "
            "AND account = coalesce(?, account) AND calendar = coalesce(?, calendar) "
            "AND id NOT IN (SELECT replaces FROM entries WHERE state IN ('sent', 'cancelling') "
            "AND state = 'sent' AND replaces IS NOT NULL) ORDER BY id",
            (account, calendar),
        )

    def separate_posts(self, account: str) -> set[tuple[str, str]]:
        """Return pairs of a row and a post's ID that the user declared not to be the row's."""
        rows = self._select("SELECT row, post_id FROM separate_posts WHERE account = ?", (account,))
        return {(row["row"], row["post_id"]) for row in rows}

    def mark_separate(self, account: str, row: str, post_ids: Iterable[str]) -> None:
        """Record that posts are not those of a row."""
        with self._change() as db:
            db.executemany(
                "INSERT INTO separate_posts VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(account, row, post_id) for post_id in post_ids],
            )

    @property
    def has_unsettled(self) -> bool:
        """Whether an entry of any account has an outcome that only the server knows."""
        return bool(
            self._select("SELECT 1 FROM entries WHERE state IN ('sent', 'cancelling') LIMIT 1")
        )

    def by_post_id(self, account: str, post_id: str) -> JournalEntry | None:
        """Return the entry of the post `post_id`."""
        return self._read_one(
            "SELECT * FROM entries WHERE account = ? AND post_id = ? ORDER BY id DESC LIMIT 1",
            (account, post_id),
        )

    def account_for_token(self, token: str) -> str | None:
        """Return the account in which a token (its digest) has sent a post, if any."""
        rows = self._select(
            "SELECT account FROM entries WHERE token = ? ORDER BY id DESC LIMIT 1", (token,),
            types={"account": str},
        )  # fmt: skip
        return next((row["account"] for row in rows), None)

    def post_ids(self, account: str) -> set[str]:
        """Return the IDs of all posts of the journal; lists may still show cancelled ones."""
        return self._ids(
            "SELECT post_id FROM entries WHERE account = ? AND post_id IS NOT NULL", account
        )

    def owned_post_ids(self, account: str) -> set[str]:
        """Return the IDs of all posts that certainly belong to their rows.

        A post that was only edited or rescheduled here may be that of a row that the journal does
        not know: it was lost, or another machine has it.
        """
        return self._ids(
            "SELECT post_id FROM entries WHERE account = ? AND post_id IS NOT NULL "  # noqa: S608
            f"AND NOT (calendar = '{CHANGES_CALENDAR}' AND state = 'done')",
            account,
        )

    def cancelled_post_ids(self, account: str) -> set[str]:
        """Return the IDs of all posts that the journal cancelled."""
        return self._ids(
            "SELECT post_id FROM entries WHERE account = ? AND state = 'cancelled' "
            "AND post_id IS NOT NULL",
            account,
        )

    def entry(self, entry_id: int) -> JournalEntry:
        """Return the entry `entry_id`."""
        return self._load_all([entry_id])[0]

    def get_replacement(self, entry: JournalEntry) -> JournalEntry | None:
        """Return the newest entry that replaces `entry`."""
        return self._read_one(
            "SELECT * FROM entries WHERE replaces = ? ORDER BY id DESC LIMIT 1", (entry.id,)
        )

    def record_planned(
        self, drafts: Sequence[JournalEntryDraft], *, claim: bool = False
    ) -> list[JournalEntry]:
        """Write entries as planned, all or none; replace those that are planned or failed.

        With `claim`, their times are slots that no other row may take.

        Raises:
            SlotTakenError: Another row has claimed one of the slots.
        """
        with self._change() as db:
            for account, calendar in {(draft.account, draft.calendar) for draft in drafts}:
                self._check_lease(db, account, calendar)
            if claim:
                # The same order everywhere prevents a deadlock of two machines.
                for draft in sorted(drafts, key=lambda item: (item.page_id, item.scheduled_at)):
                    _claim_slot(db, draft)
            ids = self._insert_all(db, drafts)
            return self._load_all(ids)

    _INSERT = (
        "INSERT INTO entries (account, calendar, row, generation, page_id, "
        "scheduled_at, body, fingerprint, idempotency_key, state, replaces) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'planned', ?) "
        "ON CONFLICT (account, calendar, row, generation) DO UPDATE SET "
        "page_id = excluded.page_id, scheduled_at = excluded.scheduled_at, "
        "body = excluded.body, fingerprint = excluded.fingerprint, "
        "idempotency_key = excluded.idempotency_key, state = 'planned', "
        "replaces = excluded.replaces, sent_at = NULL, attempted_at = NULL, "
        "token = NULL, error = NULL, error_code = NULL "
        "WHERE entries.state IN ('planned', 'failed') RETURNING id, calendar, row, generation"
    )

    @staticmethod
    def _to_values(draft: JournalEntryDraft) -> tuple[Any, ...]:
        return (
            draft.account, draft.calendar, draft.row, draft.generation, draft.page_id,
            draft.scheduled_at.isoformat(), json.dumps(draft.body), draft.fingerprint,
            draft.idempotency_key, draft.replaces,
        )  # fmt: skip

    def _insert_all(self, db: Any, drafts: Sequence[JournalEntryDraft]) -> list[int]:
        """Insert entries as planned and return their IDs; raises EntryChangedError."""
        ids = []
        for draft in drafts:
            row = db.execute(self._INSERT, self._to_values(draft)).fetchone()
            if row is None:
                raise _changed_error(draft)
            ids.append(int(row["id"]))
        return ids

    def mark_replacing(self, entry: JournalEntry) -> None:
        """Record that the post which a planned `entry` replaces is about to be cancelled."""
        with self._change() as db:
            self._set(db, entry, _SENDABLE, "state = 'sent'")
            (old,) = self._load_all([entry.replaces])
            self._set(db, old, _CANCELLABLE, "state = 'cancelling'")

    def mark_sent(self, entry: JournalEntry, now: datetime, token: str) -> None:
        """Record that the request is about to be sent by `token` (its digest).

        The time and the token of the first attempt are kept until `mark_unsent`.
        """
        with self._change() as db:
            self._set(
                db, entry, _SENDABLE,
                "state = 'sent', sent_at = coalesce(sent_at, ?), token = coalesce(token, ?), "
                "attempted_at = ?",
                now.timestamp(), token, now.timestamp(),
            )  # fmt: skip

    def mark_unsent(self, entry: JournalEntry, key: str | None = None) -> None:
        """Record that the request had no effect: the entry is planned again.

        It stays `sent`, without the time of a request, while the post that it replaces is being
        cancelled. `key` replaces its idempotency key.
        """
        with self._change() as db:
            self._set(
                db, entry, _SENDABLE,
                "state = CASE (SELECT old.state FROM entries AS old "
                "WHERE old.id = entries.replaces) WHEN 'cancelling' THEN 'sent' ELSE 'planned' "
                "END, sent_at = NULL, attempted_at = NULL, token = NULL, "
                "idempotency_key = coalesce(?, idempotency_key)",
                key,
            )  # fmt: skip

    def mark_done(self, entry: JournalEntry, post_id: str) -> None:
        """Record that the server has the post; the one it replaces has to be cancelled now."""
        with self._change() as db:
            self._finish(db, entry, post_id, _done_action(entry))

    def mark_failed(
        self,
        entry: JournalEntry,
        code: str,
        error: str,
        *,
        instead: JournalEntryDraft | None = None,
    ) -> None:
        """Record that the server rejected the post, and that `instead` has to be sent.

        A slot that the post has claimed is free again.
        """
        # PostgreSQL stores neither NUL nor lone surrogates.
        code, error = (
            text.replace("\x00", "").encode(errors="backslashreplace").decode()
            for text in (code, error)
        )
        with self._change() as db:
            self._set(
                db, entry, _SENDABLE, "state = 'failed', error_code = ?, error = ?", code, error
            )
            self._log(db, entry, EventAction.REFUSED, None, code)
            db.execute(
                "DELETE FROM slot_claims WHERE account = ? AND page_id = ? AND scheduled_at = ? "
                "AND calendar = ? AND row = ?",
                (entry.account, entry.page_id, entry.scheduled_at.isoformat(), entry.calendar,
                 entry.row),
            )  # fmt: skip
            if instead is not None:
                (entry_id,) = self._insert_all(db, [instead])
                db.execute("UPDATE entries SET state = 'sent' WHERE id = ?", (entry_id,))

    def mark_cancelling(self, entry: JournalEntry) -> None:
        """Record that the post has to be cancelled."""
        with self._change() as db:
            self._set(db, entry, _CANCELLABLE, "state = 'cancelling'")

    def mark_cancelled(self, entry: JournalEntry) -> None:
        """Record that the post is cancelled."""
        with self._change() as db:
            before = self._set(
                db, entry, _CANCELLABLE | {EntryState.CANCELLED}, "state = 'cancelled'"
            )
            if before == EntryState.CANCELLING:
                self._log(db, entry, EventAction.CANCELLED, entry.post_id)

    def mark_kept(self, entry: JournalEntry) -> None:
        """Record that the post still exists: it was published, or the server did not cancel it."""
        with self._change() as db:
            self._set(db, entry, _CANCELLABLE, "state = 'done'")

    def record_content(
        self, entry: JournalEntry, body: dict[str, Any], fingerprint: str, scheduled_at: datetime
    ) -> JournalEntry:
        """Record that the post has other content, or another time, on the server."""
        with self._change() as db:
            self._set(
                db, entry, frozenset(EntryState), "body = ?, fingerprint = ?, scheduled_at = ?",
                json.dumps(body), fingerprint, scheduled_at.isoformat(),
            )  # fmt: skip
        return self.entry(entry.id)

    def adopt(self, draft: JournalEntryDraft, post_id: str) -> JournalEntry:
        """Write an entry for a post that the server already has."""
        with self._change() as db:
            self._check_lease(db, draft.account, draft.calendar)
            (entry,) = self._load_all(self._insert_all(db, [draft]))
            self._finish(db, entry, post_id, EventAction.ADOPTED)
        return self.entry(entry.id)

    def record_approvals(
        self, account: str, post_ids: Sequence[str], approved_by: str, approved_at: datetime
    ) -> None:
        """Record who approved posts of the journal, once per post."""
        with self._change() as db:
            for start in range(0, len(post_ids), _VALUES_PER_QUERY):
                part = post_ids[start : start + _VALUES_PER_QUERY]
                db.execute(
                    "INSERT INTO events (at, action, account, entry_id, page_id, scheduled_at, "  # noqa: S608
                    "post_id, error_code, host, username, command) "
                    "SELECT ?, ?, account, id, page_id, scheduled_at, post_id, NULL, '', ?, ? "
                    "FROM entries WHERE account = ? AND state = 'done' AND post_id IN "
                    f"({', '.join('?' * len(part))}) ON CONFLICT DO NOTHING",
                    (approved_at.timestamp(), EventAction.APPROVED.value, approved_by,
                     self._origin.command, account, *part),
                )  # fmt: skip

    def composed_texts(self, account: str) -> list[ComposedText]:
        """Return the texts that were composed for rows of all calendars, by time."""
        rows = self._select(
            "SELECT calendar, row, scheduled_at, content, text FROM composed_texts "
            "WHERE account = ? ORDER BY scheduled_at, calendar, row",
            (account,),
            types=dict.fromkeys(ComposedText._fields, str),
        )
        with self.tables.wrap_errors():
            return [
                ComposedText(**{**dict(row), "scheduled_at": parse_timestamp(row["scheduled_at"])})
                for row in rows
            ]

    def keep_texts(
        self,
        account: str,
        texts: Iterable[ComposedText],
        *,
        replaced: Iterable[ComposedText] = (),
    ) -> None:
        """Delete the `replaced` texts, then record `texts`; rows that have a text keep it."""
        with self._change() as db:
            db.executemany(
                "DELETE FROM composed_texts WHERE account = ? AND calendar = ? AND row = ?",
                [(account, text.calendar, text.row) for text in replaced],
            )
            db.executemany(
                "INSERT INTO composed_texts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    (account, *text._replace(scheduled_at=text.scheduled_at.isoformat()))  # type: ignore[arg-type]
                    for text in texts
                ],
            )

    def slot_schedules(self, account: str) -> dict[tuple[str, str], StoredSchedule]:
        """Return the slots of an account's pages and brands, by `page` or `brand` and ID."""
        rows = self._select(
            "SELECT kind, id, slots, timezone FROM slot_schedules WHERE account = ? "
            "ORDER BY kind DESC, id",
            (account,),
            types=dict.fromkeys(("kind", "id", "slots", "timezone"), str),
        )
        return {
            (row["kind"], row["id"]): StoredSchedule(row["slots"], row["timezone"]) for row in rows
        }

    def set_slots(self, account: str, kind: str, target_id: str, slots: StoredSchedule) -> None:
        """Record the slots of a page or brand."""
        with self._change() as db:
            db.execute(
                "INSERT INTO slot_schedules VALUES (?, ?, ?, ?, ?) ON CONFLICT "
                "(account, kind, id) DO UPDATE SET slots = excluded.slots, "
                "timezone = excluded.timezone",
                (account, kind, target_id, slots.text, slots.timezone),
            )

    def clear_slots(self, account: str, kind: str, target_id: str) -> None:
        """Remove the slots of a page or brand; claimed times stay claimed."""
        with self._change() as db:
            db.execute(
                "DELETE FROM slot_schedules WHERE account = ? AND kind = ? AND id = ?",
                (account, kind, target_id),
            )

    def slot_claims(self, account: str, since: datetime) -> list[SlotClaim]:
        """Return the times after `since` that no other post should take, oldest first.

        They are those of claims, and of posts that were sent, even if they are cancelled now.
        """
        rows = self._select(
            # A row may have several entries at a time: its newest one counts.
            "SELECT page_id, scheduled_at, calendar, row, max(is_claim) AS is_claim, "
            "max(entry_id) AS entry_id FROM ("
            "SELECT page_id, scheduled_at, calendar, row, 1 AS is_claim, NULL AS entry_id "
            "FROM slot_claims WHERE account = ? AND scheduled_at > ? UNION ALL "
            "SELECT page_id, scheduled_at, calendar, row, 0, id FROM entries "
            "WHERE account = ? AND scheduled_at > ? AND (state IN "
            "('sent', 'done', 'cancelling', 'cancelled') OR (account, page_id, scheduled_at, "
            "calendar, row) IN (SELECT account, page_id, scheduled_at, calendar, row "
            "FROM slot_claims))) "
            "AS times GROUP BY page_id, scheduled_at, calendar, row ORDER BY scheduled_at",
            (account, since.isoformat()) * 2,
        )
        with self.tables.wrap_errors():
            return [
                SlotClaim(
                    row["page_id"],
                    parse_timestamp(row["scheduled_at"]),
                    row["calendar"],
                    row["row"],
                    is_claim=bool(row["is_claim"]),
                    entry_id=row["entry_id"],
                )
                for row in rows
            ]

    def events(
        self, *, since: datetime | None = None, page_id: str | None = None, limit: int | None = None
    ) -> list[Event]:
        """Return what was done to posts of all accounts after `since`, newest first."""
        rows = self._select(
            "SELECT events.*, entries.calendar, entries.row, entries.body FROM events "
            "JOIN entries ON entries.id = events.entry_id WHERE at > ? "
            "AND events.page_id = coalesce(?, events.page_id) "
            "ORDER BY at DESC, events.id DESC LIMIT ?",
            (0.0 if since is None else since.timestamp(), page_id, limit or _MAX_EVENTS),
        )
        with self.tables.wrap_errors():
            return [_event(row) for row in rows]

    def find_upload(self, account: str, sha256: str) -> tuple[str | None, datetime] | None:
        """Return the media ID of a file's content, if known, and when its upload ended.

        Without an ID, the time is that of the start.
        """
        rows = self._select(
            "SELECT media_id, started_at FROM uploads WHERE account = ? AND sha256 = ?",
            (account, sha256),
            types={"media_id": str | None},
        )
        if not rows:
            return None
        with self.tables.wrap_errors():
            return rows[0]["media_id"], datetime.fromtimestamp(rows[0]["started_at"], UTC)

    def media_ids(self, account: str, since: datetime | None = None) -> set[str]:
        """Return the media IDs of all uploads in the journal, or of those that ended `since`."""
        ids = self.tables.tuples(
            "SELECT media_id FROM uploads "
            "WHERE account = ? AND media_id IS NOT NULL AND started_at >= ?",
            (account, 0.0 if since is None else since.timestamp()),
        )
        return {media_id for (media_id,) in ids}

    def media_names(self) -> dict[str, str]:
        """Return the names that uploaded files have on this machine, by media ID."""
        rows = self._select(
            "SELECT media_id, name FROM media_names", types={"media_id": str, "name": str}
        )
        return {row["media_id"]: row["name"] for row in rows}

    def mark_upload(
        self,
        account: str,
        sha256: str,
        now: datetime,
        media_id: str | None = None,
        *,
        name: str = "",
        replaces: str | None = None,
    ) -> None:
        """Record that an upload has started, or has ended with `media_id`, at `now`.

        `sha256` may be another name of the content while its digest is unknown; `replaces` is such
        an earlier name. `name` is that of the file.
        """
        with self._change() as db:
            if media_id is not None:
                db.execute(
                    "INSERT INTO media_names VALUES (?, ?) "
                    "ON CONFLICT (media_id) DO UPDATE SET name = excluded.name",
                    (media_id, name),
                )
            db.execute("DELETE FROM uploads WHERE account = ? AND sha256 = ?", (account, replaces))
            # Keep the media ID of an earlier copy of the same content.
            db.execute(
                "INSERT INTO uploads SELECT account, sha256 || ' ' || media_id, started_at, "
                "media_id FROM uploads WHERE account = ? AND sha256 = ? "
                "AND media_id <> coalesce(?, '') ON CONFLICT DO NOTHING",
                (account, sha256, media_id),
            )
            db.execute(
                "INSERT INTO uploads VALUES (?, ?, ?, ?) ON CONFLICT (account, sha256) "
                "DO UPDATE SET started_at = excluded.started_at, media_id = excluded.media_id",
                (account, sha256, now.timestamp(), media_id),
            )

    def forget_upload(self, account: str, sha256: str) -> None:
        """Record that the upload had no effect."""
        with self._change() as db:
            db.execute("DELETE FROM uploads WHERE account = ? AND sha256 = ?", (account, sha256))

    def preview_adoption(self, draft: JournalEntryDraft, post_id: str) -> JournalEntry:
        """Return the entry that `adopt` would write."""
        return JournalEntry(
            # Negative: no entry of the file has this ID.
            id=-1 - int(hashlib.sha256(post_id.encode()).hexdigest()[:8], 16),
            state=EntryState.DONE,
            post_id=post_id,
            **vars(draft),
        )

    def _ids(self, sql: str, account: str) -> set[str]:
        return {found for (found,) in self.tables.tuples(sql, (account,))}

    def _read(self, sql: str, values: tuple[Any, ...]) -> list[JournalEntry]:
        rows = self._select(sql, values)
        with self.tables.wrap_errors():
            return [entry_from_row(row) for row in rows]

    def _read_one(self, sql: str, values: tuple[Any, ...]) -> JournalEntry | None:
        return next(iter(self._read(sql, values)), None)

    def _read_any(
        self, sql: str, account: str, keys: Sequence[tuple[str, ...]]
    ) -> list[JournalEntry]:
        """Return the entries of an account with one of `keys`; placeholders replace `{}`."""
        entries: list[JournalEntry] = []
        for start in range(0, len(keys), _VALUES_PER_QUERY):
            part = keys[start : start + _VALUES_PER_QUERY]
            placeholders = ", ".join(f"({', '.join('?' * len(key))})" for key in part)
            entries += self._read(sql.format(placeholders), (account, *chain.from_iterable(part)))
        return entries

    def _select(
        self,
        sql: str,
        values: tuple[Any, ...] = (),
        *,
        types: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[Any]:
        """Return rows, with values of these `types` in their columns."""
        with self.tables.wrap_errors():
            rows = self.tables.rows(sql, values)
            for row in rows:
                check_types(row, types)
        return rows

    def _change(self) -> AbstractContextManager[Any]:
        return self.tables.change()

    def _load_all(self, ids: Sequence[int | None]) -> list[JournalEntry]:
        """Return the entries with `ids`, in this order."""
        entries: dict[int | None, JournalEntry] = {}
        for start in range(0, len(ids), _VALUES_PER_QUERY):
            part = ids[start : start + _VALUES_PER_QUERY]
            found = self._read(
                f"SELECT * FROM entries WHERE id IN ({', '.join('?' * len(part))})",  # noqa: S608
                tuple(part),
            )
            entries.update((entry.id, entry) for entry in found)
        if not entries.keys() >= set(ids):
            raise EntryChangedError(
                "a post is no longer in the journal", hint="Run the command again."
            )
        return [entries[entry_id] for entry_id in ids]

    def _set(
        self,
        db: Any,
        entry: JournalEntry,
        states: Collection[EntryState],
        assignments: str,
        *values: Any,
    ) -> EntryState:
        """Change an entry that is in one of `states`, and return the state that it had.

        Raises:
            EntryChangedError: The entry is in another state.
        """
        self._check_lease(db, entry.account, entry.calendar)
        row = db.execute(
            # A database that has lost commits may give the ID of a lost entry to another one.
            "SELECT state FROM entries WHERE id = ? AND account = ? AND row = ? "  # noqa: S608
            f"AND generation = ?{self._FOR_UPDATE}",
            (entry.id, entry.account, entry.row, entry.generation),
        ).fetchone()
        if row is None or row["state"] not in states:
            raise _changed_error(entry)
        db.execute(
            f"UPDATE entries SET {assignments} WHERE id = ?",  # noqa: S608 - constants
            (*values, entry.id),
        )
        return EntryState(row["state"])

    def _finish(self, db: Any, entry: JournalEntry, post_id: str, action: EventAction) -> None:
        before = self._set(
            db, entry, _RECORDABLE,
            "state = 'done', post_id = ?, error = NULL, error_code = NULL", post_id,
        )  # fmt: skip
        if before != EntryState.DONE:
            self._log(db, entry, action, post_id)
        db.execute(
            "UPDATE entries SET state = 'cancelling' WHERE id = ? AND state = 'done'",
            (entry.replaces,),
        )

    def _log(
        self,
        db: Any,
        entry: JournalEntry,
        action: EventAction,
        post_id: str | None,
        error_code: str | None = None,
    ) -> None:
        origin, now = self._origin, self._clock.now().timestamp()
        db.execute(
            "INSERT INTO events (at, action, account, entry_id, page_id, scheduled_at, post_id, "
            "error_code, host, username, command) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (now, action, entry.account, entry.id, entry.page_id, entry.scheduled_at.isoformat(),
             post_id, error_code, origin.host, origin.user, origin.command),
        )  # fmt: skip


def _changed_error(entry: JournalEntryDraft) -> EntryChangedError:
    return EntryChangedError(
        f"another process has changed the post of {entry.row} in the meantime",
        hint="Run the command again.",
    )


def _done_action(entry: JournalEntry) -> EventAction:
    if entry.replaces is not None:
        return EventAction.CHANGED
    is_scheduled = "scheduled_at" in entry.body
    return EventAction.SCHEDULED if is_scheduled else EventAction.PUBLISHED


def _claim_slot(db: Any, draft: JournalEntryDraft) -> None:
    values = (draft.account, draft.page_id, draft.scheduled_at.isoformat())
    holder = (draft.calendar, draft.row)
    row = db.execute(
        # Returns the existing claim, even if it was made in the meantime.
        "INSERT INTO slot_claims VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (account, page_id, scheduled_at) DO UPDATE "
        "SET calendar = slot_claims.calendar RETURNING calendar, row",
        (*values, *holder),
    ).fetchone()
    if (row["calendar"], row["row"]) != holder:
        raise SlotTakenError(
            f"another command has taken the slot at {draft.scheduled_at:%Y-%m-%d %H:%M} UTC",
            hint="Nothing was sent. Run the command again.",
        )


def _event(row: Any) -> Event:
    return Event(
        datetime.fromtimestamp(row["at"], UTC),
        EventAction(row["action"]),
        row["post_id"],
        row["page_id"],
        parse_timestamp(row["scheduled_at"]),
        row["calendar"],
        row["row"],
        json.loads(row["body"]).get("message"),
        row["error_code"],
        row["username"],
        row["host"],
        row["command"],
    )


def entry_from_row(row: Any) -> JournalEntry:
    """Return the entry in a row of the table; raises sqlite3.DatabaseError if it is invalid."""
    values = dict(row)
    with wrap_corruption():
        check_types(values, TABLES["entries"])
        values["scheduled_at"] = parse_timestamp(values["scheduled_at"])
        values["body"] = json.loads(values["body"])
        values["state"] = EntryState(values["state"])
        for name in ("sent_at", "attempted_at"):
            value = values[name]
            values[name] = None if value is None else datetime.fromtimestamp(value, UTC)
        check_types(values, {"body": dict})
    return JournalEntry(**values)
