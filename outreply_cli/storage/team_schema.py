"""The tables of a team's store, and their versions.

Versions only grow. A store of a newer version says which versions of outreply can still use it.
"""

from pathlib import Path
from typing import Any

from outreply_cli.errors import StorageError
from outreply_cli.storage.postgres import SCHEMA, PostgresDatabase, wrap_postgres_errors

VERSION = 4
# The oldest client version that can use a store with this schema.
_OLDEST_CLIENT = 1
# Any number that other applications do not use.
_MIGRATION_LOCK = 0x6F757472
# A file for each version, with the statements that upgrade the previous version.
_MIGRATIONS = Path(__file__).with_name("migrations")


class StoreSetupError(StorageError):
    """The store is not set up for this version of outreply, or not for this role."""

    code = "STORE_SETUP"


def migrate(database: PostgresDatabase) -> tuple[int, int]:
    """Bring the schema up to date, and return its version before and after.

    Raises:
        StoreSetupError: A newer version of outreply has changed it, or its encoding is not UTF-8.
        StorageError: The database cannot be used.
    """
    hint = "Check OUTREPLY_STORE_URL, and that its role may create a schema in the database."
    with wrap_postgres_errors(f"the store {database.name}", hint=hint), database.transaction():
        # Released at the end of the transaction, even by a pooler or when this process dies.
        database.execute("SELECT pg_advisory_xact_lock(?)", (_MIGRATION_LOCK,))
        # Creating an index on a large table may take longer than the timeouts.
        database.remove_timeouts()
        encoding = database.execute("SHOW server_encoding").fetchone()
        if encoding is not None and encoding["server_encoding"] != "UTF8":
            raise StoreSetupError(
                f"the database {database.name} has the encoding {encoding['server_encoding']}",
                hint="Create it with: CREATE DATABASE outreply ENCODING 'UTF8' TEMPLATE template0",
            )
        # A member of the team may run this again without the right to create schemas.
        schemas = "SELECT 1 FROM pg_namespace WHERE nspname = ?"
        if database.execute(schemas, (SCHEMA,)).fetchone() is None:
            database.execute(f"CREATE SCHEMA {SCHEMA}")
        row = _read_version(database)
        before = 0 if row is None else int(row["version"])
        if row is None:
            database.execute(
                "CREATE TABLE IF NOT EXISTS schema_version "
                "(version INTEGER NOT NULL, oldest_client INTEGER NOT NULL)"
            )
        for version in range(before + 1, VERSION + 1):
            for statement in _read_migration(version):
                database.execute(statement)
        if before < VERSION:
            database.execute("DELETE FROM schema_version")
            database.execute("INSERT INTO schema_version VALUES (?, ?)", (VERSION, _OLDEST_CLIENT))
    return before, max(before, VERSION)


def _read_migration(version: int) -> list[str]:
    text = (_MIGRATIONS / f"{version}.sql").read_text(encoding="utf-8")
    # Texts are compared as in SQLite, by their bytes.
    statements = text.replace(" TEXT", ' TEXT COLLATE "C"').split(";\n")
    return [statement for statement in statements if statement.strip()]


def _read_version(database: PostgresDatabase) -> Any:
    """Return the version of the schema and its oldest client; None if the schema is missing."""
    table = database.execute("SELECT to_regclass('schema_version') AS name").fetchone()
    if table is None or table["name"] is None:
        return None
    row = database.execute("SELECT version, oldest_client FROM schema_version").fetchone()
    if row is not None and row["oldest_client"] > VERSION:
        raise StoreSetupError(
            f"the store {database.name} was changed by a newer version of outreply",
            hint="Update outreply on this machine.",
        )
    return row


def check_version(database: PostgresDatabase) -> None:
    """Check that this version of outreply can use a store; the caller holds a transaction.

    Raises:
        StoreSetupError: The store is not set up, its schema is older or too new, or the role may
            not use it.
    """
    usage = database.execute(
        "SELECT has_schema_privilege(oid, 'USAGE') AS granted FROM pg_namespace WHERE nspname = ?",
        (SCHEMA,),
    ).fetchone()
    if usage is not None and not usage["granted"]:
        raise StoreSetupError(
            f"the role is not allowed to use the schema {SCHEMA} of the store {database.name}",
            hint=f"As its owner, run: GRANT USAGE ON SCHEMA {SCHEMA} TO ROLE, and GRANT SELECT, "
            f"INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO ROLE",
        )
    row = _read_version(database)
    if row is None or row["version"] < VERSION:
        state = "is not set up" if row is None else "has the schema of an older version"
        raise StoreSetupError(
            f"the store {database.name} {state}", hint="Run: outreply store migrate"
        )
