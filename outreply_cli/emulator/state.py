"""The emulator's state: one SQLite file, whole after any stop, and the ids in it."""

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from outreply_cli.clock import Clock
from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.storage.sqlite import open_database, transaction, wrap_storage_errors

SCHEMA_VERSION = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL, firstname TEXT NOT NULL, lastname TEXT NOT NULL,
    tier TEXT NOT NULL, credits INTEGER NOT NULL, limits TEXT NOT NULL DEFAULT '{}'
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
    sha256 TEXT NOT NULL, created_at REAL NOT NULL, deleted_at REAL
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
    rotated_at REAL, disabled_at REAL, failures INTEGER NOT NULL DEFAULT 0, created_at REAL NOT NULL
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
"""

_UPGRADES = {
    2: "CREATE INDEX posts_published_of_page ON posts (page_id, status, published_at)",
}
# When a copy was made, in its `meta` table.
_COPIED_AT = "copied_at"
# Those that lean on others first.
_TABLES = (
    "deliveries",
    "hooks",
    "arrivals",
    "comments",
    "post_media",
    "media",
    "posts",
    "pages",
    "brands",
    "tokens",
    "users",
    "usage",
    "idempotency",
    "meta",
)


def open_state(path: Path) -> sqlite3.Connection:
    """The SQLite file of a state, brought up to date; raises StorageError."""
    hint = "Choose another --state directory, or delete the file."
    with wrap_storage_errors(f"the emulator's state in {path}", hint=hint):
        return open_database(
            path, _SCHEMA, version=SCHEMA_VERSION, durable=False, upgrades=_UPGRADES
        )


class State:
    """One emulator's state, for one process; its threads take turns.

    Args:
        path: The SQLite file, made with mode 0600 where there is none.
        system: The machine's clock.
        settings: How it behaves.

    Raises:
        StorageError: The file can't be opened, or is not an emulator's state of this version.
    """

    def __init__(
        self,
        path: Path,
        system: Clock,
        settings: EmulatorConfig = EmulatorConfig(),
    ) -> None:
        self.path = path
        self._lock = threading.RLock()
        self.connection = open_state(path)
        self.clock = EmulatorClock(system, self.connection)
        if settings.is_frozen:
            with self.transaction():
                self.clock.freeze()
        self.settings = settings

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is all kept, or not at all when the block raises."""
        with self._lock:
            try:
                with transaction(self.connection) as db:
                    yield db
            except BaseException:
                self.clock.read()
                raise

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Put a copy, as of one instant, in place of everything in the file `target`."""
        with self._lock:
            self.connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            moment = self.clock.now().timestamp()
            target.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_COPIED_AT, moment))

    def restore_from(self, path: Path) -> None:
        """Hold what `copy_to` put into the file at `path`, as of that instant, or be as before.

        Raises:
            sqlite3.Error: The file does not hold a state.
        """
        with self._lock:
            self.connection.execute("ATTACH ? AS copied", (str(path),))
            try:
                with self.transaction() as db:
                    for table in reversed(_TABLES):
                        self._take_over_table(table)
                    self.clock.read()
                    row = db.execute("SELECT value FROM meta WHERE key = ?", (_COPIED_AT,))
                    moment = row.fetchone()
                    if moment is not None:
                        self.clock.set_time(datetime.fromtimestamp(float(moment[0]), UTC))
                    db.execute("DELETE FROM meta WHERE key = ?", (_COPIED_AT,))
            finally:
                self.connection.execute("DETACH copied")

    def _take_over_table(self, table: str) -> None:
        columns = ", ".join(
            row["name"] for row in self.connection.execute(f"PRAGMA main.table_info({table})")
        )
        self.connection.execute(f"DELETE FROM main.{table}")  # noqa: S608 - our own names
        self.connection.execute(
            f"INSERT INTO main.{table} ({columns}) "  # noqa: S608 - our own names
            f"SELECT {columns} FROM copied.{table}"
        )

    @property
    def is_empty(self) -> bool:
        """Whether nobody has an account here yet."""
        return self.connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is None

    def clear(self) -> None:
        """Forget everything but how to hold it; the caller's transaction keeps it."""
        for table in _TABLES:
            self.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        self.clock.reset()
        if self.settings.is_frozen:
            self.clock.freeze()

    def new_id(self) -> str:
        """A 24-digit hexadecimal id, as the API's are."""
        return self.new_hex(24)

    def new_hex(self, digits: int) -> str:
        """Up to 64 new hexadecimal digits, the same at each run with a seed."""
        seed = self.settings.seed
        if seed is None:
            return secrets.token_hex(32)[:digits]
        row = self.connection.execute(
            "INSERT INTO meta VALUES ('ids', 1) "
            "ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchone()
        return hashlib.sha256(f"{seed}/{row[0]}".encode()).hexdigest()[:digits]

    def random_for(self, of: str) -> float:
        """A number from 0 to 1 that belongs to the thing called `of`, the same at every asking."""
        seed = self.settings.seed or 0
        digest = hashlib.sha256(f"{seed}/{of}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48

    def new_remote_id(self) -> str:
        """An id as the platforms give them: 17 digits that begin with 17."""
        return f"17{int(self.new_id(), 16) % 10**15:015d}"

    def close(self) -> None:
        """Close the file, once nobody is at it."""
        with self._lock:
            self.connection.close()
