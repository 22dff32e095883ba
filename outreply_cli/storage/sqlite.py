"""SQLite files of ours: private, write-ahead logged, set up by one process at a time."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from outreply_cli.errors import StorageError
from outreply_cli.storage.private_files import ensure_private, make_private_dir

_BUSY_SECONDS = 30.0


class OlderVersionError(StorageError):
    """The file was written by a version of outreply whose layout is no longer read."""

    code = "OLDER_VERSION"


class NewerVersionError(StorageError):
    """The file was written by a newer version of outreply."""

    code = "NEWER_VERSION"


def open_database(
    path: Path,
    schema: str,
    *,
    version: int,
    durable: bool,
    upgrades: Mapping[int, str] = MappingProxyType({}),
) -> sqlite3.Connection:
    """A connection in autocommit mode to the database at `path`, made where there is none.

    Args:
        path: Made with mode 0600.
        schema: Statements that make every table.
        version: Kept in the file; a file with a higher one is refused.
        durable: Whether what is committed is on the disk before the commit returns.
        upgrades: Statements that make a file of a version into one of the next.

    Raises:
        NewerVersionError: The file's version is higher than `version`.
        OlderVersionError: It is lower, and no upgrade leads from it.
        OSError, sqlite3.Error: It can't be used.
    """
    make_private_dir(path.parent)
    ensure_private(path)
    database = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        database.row_factory = sqlite3.Row
        with wrap_corruption(), file_lock(path.with_name(f"{path.name}.setup"), wait=_BUSY_SECONDS):
            _set_up(database, path, schema, version, upgrades)
        with wrap_corruption():
            database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def open_readonly(path: Path) -> Iterator[sqlite3.Connection]:
    """The database at `path`, whole and only to be read, while the block runs.

    Raises:
        sqlite3.Error: It can't be read, or is damaged.
    """
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
    try:
        database.row_factory = sqlite3.Row
        with wrap_corruption():
            verdict = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(str(verdict))
            yield database
    finally:
        database.close()


@contextmanager
def file_lock(path: Path, *, wait: float) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs.

    It is SQLite's own lock: the operating system drops it when a process dies, on every platform.

    Raises:
        OSError, sqlite3.Error: It can't be used; sqlite3.OperationalError with `locked` in its
            text when another process held it for longer than `wait` seconds.
    """
    ensure_private(path)
    lock = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        lock.close()


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Keep all that the block writes, or nothing of it when it raises.

    Raises:
        sqlite3.Error: It can't be kept.
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


@contextmanager
def wrap_storage_errors(what: str, *, hint: str) -> Iterator[None]:
    """Tell of a file that the block can't use by `what` it is, with its path.

    Raises:
        StorageError: It can't be read or written, or is damaged.
    """
    try:
        yield
    # A damaged file's texts, and what SQLite says of it, need not be UTF-8.
    except (OSError, sqlite3.Error, UnicodeDecodeError) as failure:
        raise StorageError(f"{what} can't be used: {failure}", hint=hint) from None


@contextmanager
def wrap_corruption() -> Iterator[None]:
    """Tell of a stored value that can't be what was written as of a damaged file.

    Raises:
        sqlite3.DatabaseError: The block met such a value.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise sqlite3.DatabaseError("a value in it is damaged") from None


def check_types(row: Mapping[str, Any] | sqlite3.Row, kinds: Mapping[str, Any]) -> None:
    """See that the values of `row` are of their `kinds`; raises TypeError for one that is not.

    SQLite keeps whatever it is given, and a damaged file gives whatever it likes.
    """
    for name, kind in kinds.items():
        if not isinstance(row[name], kind):
            raise TypeError(name)


def _set_up(
    database: sqlite3.Connection,
    path: Path,
    schema: str,
    version: int,
    upgrades: Mapping[int, str],
) -> None:
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found > version:
        raise NewerVersionError(
            f"{path} was written by a newer version of outreply",
            hint="Update outreply, or choose another place with OUTREPLY_STATE_DIR.",
        )
    steps = range(found, version) if found else range(0)
    if not all(step in upgrades for step in steps):
        raise OlderVersionError(
            f"{path} was written by an older version of outreply, and can't be read",
            hint="Delete it, or choose another place with OUTREPLY_STATE_DIR.",
        )
    if found == 0:
        # Two processes that switch to the log at once would fail instead of waiting.
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(
            f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT;"
        )
    elif steps:
        changes = ";".join(upgrades[step] for step in steps)
        database.executescript(
            f"BEGIN IMMEDIATE; {changes}; PRAGMA user_version = {version}; COMMIT;"
        )
