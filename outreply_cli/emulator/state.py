"""The emulator's state in one SQLite file."""

import hashlib
import math
import secrets
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from outreply_cli.clock import Clock
from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.storage.sqlite import FileSchema, open_database, transaction, wrap_storage_errors

_T = TypeVar("_T")
SCHEMA_VERSION = 5
# The tables of version 4.
_LOGS = """
CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY, delivery_id TEXT NOT NULL, at REAL NOT NULL, status INTEGER,
    error TEXT, milliseconds REAL
);
CREATE INDEX IF NOT EXISTS attempts_of_delivery ON attempts (delivery_id);
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, event TEXT NOT NULL, token_id TEXT NOT NULL,
    token_name TEXT NOT NULL, actor TEXT, brand_id TEXT, method TEXT, path TEXT, status INTEGER,
    code TEXT, ip TEXT, milliseconds REAL, denied_scope TEXT
);
"""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL, firstname TEXT NOT NULL, lastname TEXT NOT NULL,
    tier TEXT NOT NULL, credits INTEGER NOT NULL, limits TEXT NOT NULL DEFAULT '{{}}'
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id), secret TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, scopes TEXT NOT NULL, brand_ids TEXT NOT NULL DEFAULT '[]',
    expires_at REAL, revoked_at REAL, last_used_at REAL, request_count INTEGER NOT NULL DEFAULT 0,
    ip_allowlist TEXT NOT NULL DEFAULT '[]', on_behalf_of_brand_id TEXT REFERENCES brands(id),
    issued_by_collaborator_id TEXT, has_full_access INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS brands (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id), name TEXT NOT NULL,
    logo TEXT, timezone TEXT NOT NULL, created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pages (
    id TEXT PRIMARY KEY, brand_id TEXT NOT NULL REFERENCES brands(id), platform TEXT NOT NULL,
    name TEXT NOT NULL, username TEXT NOT NULL, followers INTEGER NOT NULL,
    expired INTEGER NOT NULL DEFAULT 0, profile_picture TEXT, created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS posts (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, page_id TEXT NOT NULL REFERENCES pages(id),
    status TEXT NOT NULL, scheduled_at REAL, published_at REAL, message TEXT, media TEXT NOT NULL,
    first_comment TEXT, tiktok_settings TEXT, link TEXT, created_at REAL NOT NULL,
    remote_id TEXT UNIQUE, permalink TEXT, likes INTEGER NOT NULL DEFAULT 0,
    shares INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS posts_due ON posts (status, scheduled_at);
CREATE INDEX IF NOT EXISTS posts_published ON posts (status, published_at);
CREATE INDEX IF NOT EXISTS posts_of_page ON posts (page_id, status, scheduled_at);
CREATE INDEX IF NOT EXISTS posts_published_of_page ON posts (page_id, status, published_at);
CREATE INDEX IF NOT EXISTS posts_at ON posts (page_id, coalesce(published_at, scheduled_at))
    WHERE status IN ('scheduled', 'published');
CREATE TABLE IF NOT EXISTS comments (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, post_id TEXT NOT NULL REFERENCES posts(id),
    parent_id TEXT, author_name TEXT NOT NULL, author_username TEXT NOT NULL,
    message TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS comments_of_post ON comments (post_id, created_at);
CREATE INDEX IF NOT EXISTS replies_of_comment ON comments (parent_id) WHERE parent_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS arrivals (
    number INTEGER PRIMARY KEY, due_at REAL NOT NULL, post_id TEXT NOT NULL REFERENCES posts(id),
    parent_id TEXT, author_name TEXT NOT NULL, author_username TEXT NOT NULL, message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS arrivals_due ON arrivals (due_at);
CREATE TABLE IF NOT EXISTS media (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users(id),
    filename TEXT NOT NULL, size_bytes INTEGER NOT NULL, mime_type TEXT NOT NULL,
    sha256 TEXT NOT NULL, created_at REAL NOT NULL, deleted_at REAL, width INTEGER, height INTEGER,
    seconds REAL
);
CREATE INDEX IF NOT EXISTS media_of_user ON media (user_id, deleted_at, created_at);
CREATE TABLE IF NOT EXISTS post_media (
    post_id TEXT NOT NULL REFERENCES posts(id), media_id TEXT NOT NULL REFERENCES media(id),
    PRIMARY KEY (post_id, media_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posts_of_media ON post_media (media_id);
CREATE TABLE IF NOT EXISTS hooks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users(id),
    url TEXT NOT NULL, events TEXT NOT NULL, secret TEXT NOT NULL, previous_secret TEXT,
    rotated_at REAL, disabled_at REAL, failures INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL, brand_ids TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hook_id TEXT NOT NULL REFERENCES hooks(id),
    event TEXT NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL, due_at REAL,
    attempts INTEGER NOT NULL DEFAULT 0, status INTEGER, error TEXT, milliseconds REAL, last_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_of_hook ON deliveries (hook_id, number);
CREATE TABLE IF NOT EXISTS idempotency (
    token_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, created_at REAL NOT NULL, PRIMARY KEY (token_id, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (created_at);
CREATE TABLE IF NOT EXISTS usage (
    user_id TEXT NOT NULL, month TEXT NOT NULL, bucket TEXT NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (user_id, month, bucket)
) WITHOUT ROWID;
{_LOGS}"""

_UPGRADES = {
    2: "CREATE INDEX posts_published_of_page ON posts (page_id, status, published_at)",
    3: _LOGS + "ALTER TABLE hooks ADD COLUMN brand_ids TEXT NOT NULL DEFAULT '[]';",
    4: "ALTER TABLE media ADD COLUMN width INTEGER; ALTER TABLE media ADD COLUMN height INTEGER; "
    "ALTER TABLE media ADD COLUMN seconds REAL;",
}
_FILE = FileSchema(
    "the emulator's state", _SCHEMA, SCHEMA_VERSION, durable=False, upgrades=_UPGRADES
)
# The key in a copy's `meta` table that holds its creation time.
_COPIED_AT = "copied_at"
_DEFERRED_ROWS = 100
_CACHED_VALUES = 1_000
_COUNT_USE = (
    "INSERT INTO usage VALUES (?, ?, ?, ?) "
    "ON CONFLICT (user_id, month, bucket) DO UPDATE SET used = used + excluded.used"
)
# In the order of deletion: tables before those that they reference.
_TABLES = (
    "audit", "attempts", "deliveries", "hooks", "arrivals", "comments", "post_media", "media",
    "posts", "pages", "brands", "tokens", "users", "usage", "idempotency", "meta",
)  # fmt: skip


def open_state(path: Path) -> sqlite3.Connection:
    """Open and migrate the SQLite file of a state; raises StorageError."""
    hint = "Use another --state directory, or delete the file."
    with wrap_storage_errors(f"the emulator's state in {path}", hint=hint):
        return open_database(path, _FILE)


class State:
    """The state of an emulator, for one process; a lock serializes its threads.

    Raises:
        StorageError: The file cannot be opened or has an unknown version.
    """

    def __init__(self, path: Path, system: Clock, config: EmulatorConfig | None = None) -> None:
        self._lock = threading.RLock()
        # The rows to write, by statement, and the uses to count, by user, period and bucket.
        self._deferred: defaultdict[str, list[Sequence[object]]] = defaultdict(list)
        self._uses: Counter[tuple[str, str, str]] = Counter()
        # What was read of accounts, and the database's changes since which it is the same.
        self._cache: dict[object, Any] = {}
        self._changes = 0
        self.connection = open_state(path)
        self.config = config or EmulatorConfig()
        try:
            self.clock = EmulatorClock(system, self.connection)
            with self.transaction():
                self._start_clock()
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction, rolled back if the block raises."""
        with self._lock:
            self._commit_deferred()
            with self._transaction() as db:
                yield db

    @contextmanager
    def request(self) -> Iterator[sqlite3.Connection]:
        """A transaction of an API request, which changes neither accounts nor tokens.

        What is deferred and cached is kept, so that the request costs little.
        """
        with self._lock:
            rows = sum(map(len, self._deferred.values()))
            if rows >= _DEFERRED_ROWS or self._changes != self.connection.total_changes:
                self._commit_deferred()
                self._cache.clear()
            with self._transaction() as db:
                yield db
            self._changes = self.connection.total_changes

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with transaction(self.connection) as db:
                yield db
        except BaseException:
            self._cache.clear()
            self.clock.reload()
            raise

    def write_later(self, sql: str, values: Sequence[object]) -> None:
        """Write a row within a second, together with others: a commit for each is slow."""
        self._deferred[sql].append(values)

    def write_deferred(self) -> None:
        """Write what was deferred; the caller commits."""
        with self._lock:
            deferred, uses = self._deferred, self._uses
            self._deferred, self._uses = defaultdict(list), Counter()
            # Cached usage is that without the deferred one.
            self._cache.clear()
            if uses:
                deferred[_COUNT_USE] = [(*key, number) for key, number in uses.items()]
            for sql, rows in deferred.items():
                self.connection.executemany(sql, rows)

    def _commit_deferred(self) -> None:
        # In its own transaction: another may be rolled back.
        if self._deferred or self._uses:
            with transaction(self.connection):
                self.write_deferred()

    def cached(self, key: object, load: Callable[[], _T]) -> _T:
        """The result of `load`, which reads accounts, tokens or usage, while they are unchanged."""
        if len(self._cache) >= _CACHED_VALUES:
            self._cache.clear()
        if key not in self._cache:
            self._cache[key] = load()
        value: _T = self._cache[key]
        return value

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Replace the database `target` with a consistent copy."""
        with self._lock:
            self._commit_deferred()
            self.connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            copied_at = self.clock.now().timestamp()
            target.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_COPIED_AT, copied_at))

    def restore_from(self, path: Path) -> None:
        """Replace the state with a copy written by `copy_to`, and set the clock to its time.

        Raises:
            sqlite3.Error: The file is not a state; nothing is changed.
        """
        with self._lock:
            self.connection.execute("ATTACH ? AS copied", (str(path),))
            try:
                with self.transaction() as db:
                    last_id = self._last_id()
                    for table in reversed(_TABLES):
                        self._copy_table(table)
                    self._keep_last_id(last_id)
                    self.clock.reload()
                    deleted = "DELETE FROM meta WHERE key = ? RETURNING value"
                    for row in db.execute(deleted, (_COPIED_AT,)).fetchall():
                        self.clock.set_time(datetime.fromtimestamp(float(row[0]), UTC))
            finally:
                self.connection.execute("DETACH copied")

    def _copy_table(self, table: str) -> None:
        columns = ", ".join(
            row["name"] for row in self.connection.execute(f"PRAGMA main.table_info({table})")
        )
        self.connection.execute(f"DELETE FROM main.{table}")  # noqa: S608
        self.connection.execute(
            f"INSERT INTO main.{table} ({columns}) "  # noqa: S608
            f"SELECT {columns} FROM copied.{table}"
        )

    @property
    def is_empty(self) -> bool:
        """Whether the state has no account."""
        return self.connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is None

    def clear(self) -> None:
        """Delete everything and reset the clock; the caller commits."""
        last_id = self._last_id()
        for table in _TABLES:
            self.connection.execute(f"DELETE FROM {table}")  # noqa: S608
        self._keep_last_id(last_id)
        self.clock.reset()
        self._start_clock()

    def _start_clock(self) -> None:
        if self.config.is_frozen:
            self.clock.freeze()
        if self.config.starts_at is not None and self.is_empty:
            self.clock.set_time(self.config.starts_at)

    def insert(self, table: str, **values: object) -> sqlite3.Row:
        """Insert a row with these columns, and return it; the caller commits."""
        marks = ", ".join("?" * len(values))
        row: sqlite3.Row = self.connection.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks}) RETURNING *",  # noqa: S608
            tuple(values.values()),
        ).fetchone()
        return row

    def count_use(self, user_id: str, period: str, bucket: str) -> int:
        """Count one use of a bucket in a month or day; returns its usage."""
        sql = f"{_COUNT_USE} RETURNING used"
        used: int = self.connection.execute(sql, (user_id, period, bucket, 1)).fetchone()["used"]
        return used

    def count_later(
        self, user_id: str, period: str, bucket: str, *, limit: float = math.inf
    ) -> int:
        """Count one use as `write_later` does, unless it exceeds `limit`; returns the usage."""
        key = (user_id, period, bucket)
        used = self.cached(key, lambda: self.get_use(*key)) + self._uses[key] + 1
        if used <= limit:
            self._uses[key] += 1
        return used

    def get_use(self, user_id: str, period: str, bucket: str) -> int:
        """The usage of a bucket in a month or day, without what is deferred."""
        row = self.connection.execute(
            "SELECT used FROM usage WHERE user_id = ? AND month = ? AND bucket = ?",
            (user_id, period, bucket),
        ).fetchone()
        return 0 if row is None else int(row["used"])

    def _last_id(self) -> int:
        row = self.connection.execute("SELECT value FROM meta WHERE key = 'ids'").fetchone()
        return 0 if row is None else int(row[0])

    def _keep_last_id(self, last_id: int) -> None:
        """Never generate an ID again: clients remember those of posts that are gone."""
        if last_id > self._last_id():
            self.connection.execute("INSERT OR REPLACE INTO meta VALUES ('ids', ?)", (last_id,))

    def new_id(self) -> str:
        """Generate an ID of 24 hexadecimal digits, as the API does."""
        return self.new_hex(24)

    def new_hex(self, digits: int) -> str:
        """Generate up to 64 hexadecimal digits, reproducible with a seed."""
        seed = self.config.seed
        if seed is None:
            return secrets.token_hex(32)[:digits]
        row = self.connection.execute(
            "INSERT INTO meta VALUES ('ids', 1) "
            "ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchone()
        return hashlib.sha256(f"{seed}/{row[0]}".encode()).hexdigest()[:digits]

    def random_for(self, key: str) -> float:
        """A pseudo-random number from 0 to 1 that depends only on `key` and the seed."""
        seed = self.config.seed or 0
        return int.from_bytes(hashlib.sha256(f"{seed}/{key}".encode()).digest()[:6]) / 2**48

    def new_remote_id(self) -> str:
        """Generate an ID like those of the platforms: 17 digits that start with 17."""
        return f"17{int(self.new_id(), 16) % 10**15:015d}"

    def close(self) -> None:
        """Close the file after the current transaction."""
        with self._lock:
            try:
                self._commit_deferred()
            finally:
                self.connection.close()
