"""Tables of a feature, in a file of this machine or in a team's database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from outreply_cli.storage.sqlite import (
    is_readonly,
    open_database,
    transaction,
    wrap_corruption,
    wrap_storage_errors,
)


class FileSchema(NamedTuple):
    """The schema of tables in a file.

    Attributes:
        title: What error messages call the file.
        statements: Statements that create all tables.
        version: Version of the schema.
        durable: Whether commits are synced to disk.
        upgrades: Statements that upgrade a version to the next one.
    """

    title: str
    statements: str
    version: int
    durable: bool
    upgrades: Mapping[int, str] = MappingProxyType({})


class LocalTables:
    """Tables in an SQLite file that several processes may have open.

    Every method raises StorageError if the file is unusable. With `allow_readonly`, a file that
    cannot be written can be read, and a missing one is empty.
    """

    def __init__(self, path: Path, schema: FileSchema, *, allow_readonly: bool = False) -> None:
        self._name = f"{schema.title} {path}"
        with self.errors():
            self._db = open_database(
                path, schema.statements, version=schema.version, durable=schema.durable,
                upgrades=schema.upgrades, allow_readonly=allow_readonly,
            )  # fmt: skip

    @property
    def is_readonly(self) -> bool:
        """Whether nothing can be stored."""
        return is_readonly(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[Any]:
        """Commit all writes of the block together, or none of them."""
        with self.errors(), transaction(self._db) as db:
            yield db

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Read in the block, without a transaction."""
        with self.errors():
            yield self._db

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise StorageError for errors of the file and for invalid stored values."""
        hint = "Fix its permissions, or set OUTREPLY_STATE_DIR to another directory."
        with wrap_storage_errors(self._name, hint=hint), wrap_corruption():
            yield

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Execute a statement, and return its rows, by column name."""
        with self.read() as db:
            rows: list[Any] = db.execute(statement, values).fetchall()
        return rows

    def tuples(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows as tuples."""
        return [tuple(row) for row in self.rows(statement, values)]
