"""The base of stores whose tables are in a team's PostgreSQL database."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from outreply_cli.storage.postgres import PostgresDatabase, wrap_postgres_errors
from outreply_cli.storage.team_schema import check_version


class TeamTables:
    """The tables of one account that all machines of a team share."""

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

    @contextmanager
    def _change(self) -> Iterator[Any]:
        with self._storage_errors(), self._database.transaction() as db:
            yield db

    def _storage_errors(self) -> AbstractContextManager[None]:
        return wrap_postgres_errors(
            f"the store {self._database.name}",
            hint="Check the database with: outreply doctor. Then run the command again.",
        )
