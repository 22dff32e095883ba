"""Tables of a feature, in a file of this machine or in a team's database."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from outreply_cli.storage.sqlite import (
    FileSchema,
    is_readonly,
    open_database,
    transaction,
    wrap_corruption,
    wrap_storage_errors,
)


class LocalTables:
    """Tables in an SQLite file that several processes and threads may have open.

    Every method raises StorageError if the file is unusable. With `allow_readonly`, a file that
    cannot be written can be read, and a missing one is empty.
    """

    def __init__(self, path: Path, schema: FileSchema, *, allow_readonly: bool = False) -> None:
        self._name, self._hint = f"{schema.title} {path}", schema.hint
        self._lock = threading.RLock()
        with self.wrap_errors():
            self._db = open_database(path, schema, allow_readonly=allow_readonly)

    @property
    def is_readonly(self) -> bool:
        """Whether nothing can be stored."""
        return is_readonly(self._db)

    def close(self) -> None:
        """Close the file when no thread is using it."""
        with self._lock:
            self._db.close()

    @contextmanager
    def change(self) -> Iterator[Any]:
        """Commit all writes of the block together, or none of them."""
        with self.wrap_errors(), self._lock, transaction(self._db) as db:
            yield db

    def change_without_timeout(self) -> AbstractContextManager[Any]:
        """Commit all writes of the block, however long it takes."""
        return self.change()

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        """Read several tables in one consistent snapshot."""
        with self.wrap_errors(), self._lock:
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("ROLLBACK")

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Read in the block, without a transaction."""
        with self.wrap_errors(), self._lock:
            yield self._db

    @contextmanager
    def wrap_errors(self) -> Iterator[None]:
        """Raise StorageError for errors of the file and for invalid stored values."""
        with wrap_storage_errors(self._name, hint=self._hint), wrap_corruption():
            yield

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Execute a statement, and return its rows, by column name."""
        with self.read() as db:
            rows: list[Any] = db.execute(statement, values).fetchall()
        return rows

    def tuples(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows as tuples."""
        return [tuple(row) for row in self.rows(statement, values)]
