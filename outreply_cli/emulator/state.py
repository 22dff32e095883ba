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
_FILE = FileSchema(
    "the emulator's state",
    Path(__file__).with_name("state.sql").read_text(encoding="utf-8"),
    version=5,
    durable=False,
)
# The key in a copy's `meta` table that holds its creation time.
_COPIED_AT = "copied_at"
_DEFERRED_ROWS = 100
_CACHED_VALUES = 1_000
_COUNT_USE = (
    "INSERT INTO usage VALUES (?, ?, ?, ?) "
    "ON CONFLICT (user_id, month, bucket) DO UPDATE SET used = used + excluded.used"
)


def open_state(path: Path) -> sqlite3.Connection:
    """Open the SQLite file of a state; raises StorageError."""
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
        # Cached reads of accounts, and the value of `total_changes` for which they are valid.
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

        Deferred rows and cached values are kept, so that the request costs little.
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
            # Cached usage does not include deferred uses.
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

    def get_cached(self, key: object, load: Callable[[], _T]) -> _T:
        """The result of `load`, cached until accounts, tokens or usage change.

        For other data, `key` must change with the data.
        """
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
                    for table in self._list_tables():
                        self._copy_table(table)
                    self._keep_last_id(last_id)
                    self.clock.reload()
                    deleted = "DELETE FROM meta WHERE key = ? RETURNING value"
                    for row in db.execute(deleted, (_COPIED_AT,)).fetchall():
                        self.clock.set_time(datetime.fromtimestamp(float(row[0]), UTC))
            finally:
                self.connection.execute("DETACH copied")

    def _list_tables(self) -> list[str]:
        rows = self.connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        return [row["name"] for row in rows]

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
        for table in self._list_tables():
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

    def count_use(self, user_id: str, period: str, bucket: str) -> None:
        """Count one use of a bucket in a month or day; the caller commits."""
        self.connection.execute(_COUNT_USE, (user_id, period, bucket, 1))

    def count_later(
        self, user_id: str, period: str, bucket: str, *, limit: float = math.inf
    ) -> int:
        """Count one use as `write_later` does, unless it exceeds `limit`; returns the usage."""
        key = (user_id, period, bucket)
        used = self.get_cached(key, lambda: self.get_use(*key)) + self._uses[key] + 1
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
        """Store the last ID, so that no ID is reused: clients may know those of deleted posts."""
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
