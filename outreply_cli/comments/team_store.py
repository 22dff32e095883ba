"""Comments seen and replies sent by a team, in PostgreSQL."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from outreply_cli.comments.store import COLUMNS, CommentStore
from outreply_cli.storage.postgres import PostgresDatabase, wrap_postgres_errors
from outreply_cli.storage.sqlite import insert_missing
from outreply_cli.storage.team_schema import check_version


class TeamCommentStore(CommentStore):
    """Comments seen and replies sent by all machines of a team."""

    def __init__(self, database: PostgresDatabase, account: str) -> None:
        """Check the version of the schema.

        Raises:
            StoreSetupError: The store is not set up for this version of outreply.
            StorageError: The database cannot be used.
        """
        self._database, self._account = database, account
        try:
            with self._change():
                check_version(database)
        except BaseException:
            database.close()
            raise

    @property
    def is_readonly(self) -> bool:
        """Whether nothing can be stored."""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def add_rows(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Add comments and replies that the team does not have; raises StorageError."""
        with self._change() as db:
            for table, columns in COLUMNS.items():
                insert_missing(db, table, columns, rows[table])

    def _execute(self, statement: str, *parameters: str | float | None) -> list[Any]:
        with self._change() as db:
            cursor = db.execute(statement, (self._account, *parameters))
            return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def _change(self) -> Iterator[Any]:
        with self._storage_errors(), self._database.transaction() as db:
            yield db

    def _storage_errors(self) -> AbstractContextManager[None]:
        return wrap_postgres_errors(
            f"the store {self._database.name}",
            hint="Check the database with: outreply doctor. Then run the command again.",
        )
