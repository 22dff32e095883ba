"""SQLite databases: private files, write-ahead logging, schema versions."""

import errno
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from outreply_cli.errors import StorageError
from outreply_cli.storage.private_files import ensure_private, make_private_dir, sync_directory

_BUSY_SECONDS = 30.0
_READONLY_ERRORS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC}


class OlderVersionError(StorageError):
    """The schema of an older version of outreply is no longer supported."""

    code = "OLDER_VERSION"


class NewerVersionError(StorageError):
    """The schema belongs to a newer version of outreply."""

    code = "NEWER_VERSION"


class FileSchema(NamedTuple):
    """The schema of tables in a file.

    Attributes:
        title: Name of the file in error messages.
        statements: Statements that create all tables.
        version: Version of the schema.
        durable: Whether commits are synced to disk.
        upgrades: Statements that upgrade a version to the next one.
        is_checked: Whether to look for damage when the file is opened.
        hint: The next step if the file cannot be used.
    """

    title: str
    statements: str
    version: int
    durable: bool
    upgrades: Mapping[int, str] = MappingProxyType({})
    is_checked: bool = False
    hint: str = "Fix its permissions, or set OUTREPLY_STATE_DIR to another directory."


def open_database(
    path: Path, schema: FileSchema, *, allow_readonly: bool = False
) -> sqlite3.Connection:
    """Open the database at `path` in autocommit mode, and create or upgrade it if needed.

    Args:
        path: Path of the file, created with mode 0600.
        schema: The schema; files with a higher version are rejected.
        allow_readonly: Whether a file that cannot be written is opened for reading; a missing one
            that cannot be created is then empty.

    Raises:
        NewerVersionError: The version of the file is higher than that of `schema`.
        OlderVersionError: The version of the file is lower and cannot be upgraded.
        OSError, sqlite3.Error: The file cannot be opened.
    """
    try:
        return _open_writable(path, schema)
    except (OSError, sqlite3.OperationalError) as error:
        if not allow_readonly or not _is_readonly(error):
            raise
        database = _open_for_reading(path, schema)
        if database is None:
            raise
        return database


def is_readonly(database: sqlite3.Connection) -> bool:
    """Whether `open_database` opened the database for reading."""
    return bool(database.execute("PRAGMA query_only").fetchone()[0])


def _open_writable(path: Path, schema: FileSchema) -> sqlite3.Connection:
    make_private_dir(path.parent)
    ensure_private(path)
    database = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        database.row_factory = sqlite3.Row
        setup_lock = path.with_name(f"{path.name}.setup")
        with wrap_corruption(), file_lock(setup_lock, wait=_BUSY_SECONDS):
            _set_up(database, path, schema)
        with wrap_corruption():
            database.execute(f"PRAGMA synchronous = {'FULL' if schema.durable else 'NORMAL'}")
            if schema.is_checked:
                _check(database, "quick_check")
        if schema.durable:
            # The file and its log must survive a power loss, like what is committed to them.
            sync_directory(path.parent)
    except BaseException:
        database.close()
        raise
    return database


def _is_readonly(error: OSError | sqlite3.OperationalError) -> bool:
    """Whether a file or directory cannot be written, for a reason other than shared access."""
    if isinstance(error, OSError):
        # Refusals of `private_files` have no file name.
        return error.errno in _READONLY_ERRORS and error.filename is not None
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


def _open_for_reading(path: Path, schema: FileSchema) -> sqlite3.Connection | None:
    """Open an existing database of this version, or an empty one; None if neither is possible."""
    if path.exists():
        database = _connect_readonly(path)
        if database.execute("PRAGMA user_version").fetchone()[0] != schema.version:
            database.close()
            return None
    else:
        database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        database.executescript(schema.statements)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA query_only = ON")
    return database


def _connect_readonly(path: Path) -> sqlite3.Connection:
    """Connect without writing, even where the files beside a database cannot be created.

    Raises:
        sqlite3.Error: The file is damaged, or cannot be read without writing.
    """
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=1, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
        try:
            database.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            database.close()
            if not isinstance(error, sqlite3.OperationalError) or not _is_readonly(error):
                raise
            log = path.with_name(f"{path.name}-wal")
            if log.exists() and log.stat().st_size > 0:
                # An immutable database is read without its log: what was written last is missing.
                raise sqlite3.OperationalError(
                    "its write-ahead log cannot be read in a read-only directory"
                ) from None
        else:
            return database
    raise sqlite3.OperationalError(f"unable to open {path}")


@contextmanager
def open_readonly(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database at `path` for reading and check its integrity.

    Raises:
        sqlite3.Error: The file is unreadable or damaged.
    """
    with closing(_connect_readonly(path)) as database, wrap_corruption():
        database.row_factory = sqlite3.Row
        _check(database, "integrity_check")
        yield database


@contextmanager
def file_lock(path: Path, *, wait: float) -> Iterator[None]:
    """Hold the lock file at `path`, an SQLite lock, released when the process dies.

    Raises:
        OSError, sqlite3.Error: The lock cannot be used; sqlite3.OperationalError with `locked` in
            its text if another process held it for longer than `wait` seconds.
    """
    ensure_private(path)
    with closing(
        sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    ) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def read_tables(
    database: Any, columns: Mapping[str, Sequence[str]]
) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows by table, with the columns that `columns` names; also from PostgreSQL."""
    return {
        table: [
            tuple(row[name] for name in names)
            for row in database.execute(f"SELECT {', '.join(names)} FROM {table}")  # noqa: S608
        ]
        for table, names in columns.items()
    }


def insert_missing(
    database: Any, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Insert the rows whose keys a table does not have; also into PostgreSQL."""
    database.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - constants
        f"VALUES ({', '.join('?' * len(columns))}) ON CONFLICT DO NOTHING",
        rows,
    )


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit all writes of the block, or roll them back if it raises; raises sqlite3.Error."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


@contextmanager
def wrap_storage_errors(name: str, *, hint: str, locked_hint: str = "") -> Iterator[None]:
    """Raise StorageError, with the file's `name`, if the block cannot use a file.

    `locked_hint` is the next step if another process has locked it; `hint` by default.
    """
    try:
        yield
    # A damaged file, and SQLite's messages about it, may contain invalid UTF-8.
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        reason = describe_error(error)
        if locked_hint and isinstance(error, sqlite3.OperationalError) and "is locked" in reason:
            hint = locked_hint
        raise StorageError(f"{name} cannot be used: {reason}", hint=hint) from None


def describe_error(error: Exception) -> str:
    """The reason why a file cannot be used, without the number and the name of the file."""
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def wrap_corruption() -> Iterator[None]:
    """Raise sqlite3.DatabaseError if the block meets an invalid stored value."""
    try:
        yield
    except UnicodeEncodeError:
        # A value that cannot be stored, not a stored one.
        raise
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise sqlite3.DatabaseError("a stored value is invalid") from None


def check_types(row: Mapping[str, Any] | sqlite3.Row, types: Mapping[str, Any]) -> None:
    """Raise TypeError if a value of `row` has the wrong type; SQLite does not enforce types."""
    for name, expected in types.items():
        if not isinstance(row[name], expected):
            raise TypeError(name)


def _check(database: sqlite3.Connection, pragma: str) -> None:
    result = database.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
    if result != "ok":
        raise sqlite3.DatabaseError(str(result))


def _set_up(database: sqlite3.Connection, path: Path, schema: FileSchema) -> None:
    current = database.execute("PRAGMA user_version").fetchone()[0]
    if current > schema.version:
        raise NewerVersionError(
            f"{path} was written by a newer version of outreply",
            hint="Update outreply.",
        )
    steps = range(current, schema.version) if current else range(0)
    if not all(step in schema.upgrades for step in steps):
        raise OlderVersionError(
            f"{path} was written by an older version of outreply and cannot be read",
            # A new file would be empty, so that data queued in this one would not be sent.
            hint="Use the version of outreply that wrote it. If you no longer need its contents, "
            "move the file away.",
        )
    if current == 0:
        # Outside a transaction; two processes that change it concurrently would fail.
        database.execute("PRAGMA journal_mode = WAL")
        statements = schema.statements
    elif steps:
        statements = ";".join(schema.upgrades[step] for step in steps)
    else:
        return
    database.executescript(
        f"BEGIN IMMEDIATE; {statements}; PRAGMA user_version = {schema.version}; COMMIT;"
    )
