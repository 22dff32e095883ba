"""Tables of a feature in a team's PostgreSQL database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from outreply_cli.storage.postgres import PostgresDatabase, wrap_postgres_errors
from outreply_cli.storage.sqlite import wrap_corruption
from outreply_cli.storage.team_schema import check_version

_HINT = "Check the database with: outreply doctor. Then run the command again."


class TeamTables:
    """Tables that all machines of a team share, with the methods of `LocalTables`.

    Statements are those of SQLite, with `?` for values.
    """

    is_readonly = False

    def __init__(self, database: PostgresDatabase, hint: str = _HINT) -> None:
        """Check the version of the schema; `hint` is the next step if it cannot be used.

        Raises:
            StoreSetupError: The store is not set up for this version of outreply.
            StorageError: The database cannot be used.
        """
        self._database, self._hint = database, hint
        try:
            with self.change() as db:
                check_version(db)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    @contextmanager
    def change(self) -> Iterator[Any]:
        """Commit all writes of the block together, or none of them."""
        with self.wrap_errors(), self._database.transaction() as db:
            yield db

    read = change

    @contextmanager
    def change_without_timeout(self) -> Iterator[Any]:
        """Commit all writes of the block, however long it takes."""
        with self.change() as db:
            db.remove_timeouts()
            yield db

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        """Read several tables in one consistent snapshot."""
        with self.wrap_errors(), self._database.transaction(is_snapshot=True) as db:
            db.remove_timeouts()
            yield db

    @contextmanager
    def wrap_errors(self) -> Iterator[None]:
        """Raise StorageError for errors of the database and for invalid stored values."""
        name = f"the store {self._database.name}"
        with wrap_postgres_errors(name, hint=self._hint), wrap_corruption():
            yield

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Execute a statement, and return its rows, by column name."""
        with self.change() as db:
            cursor = db.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def tuples(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows as tuples."""
        return [tuple(row.values()) for row in self.rows(statement, values)]
