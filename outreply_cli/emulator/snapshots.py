"""Snapshots: saving the state to a file and restoring it, atomically."""

import os
import secrets
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from outreply_cli.emulator.state import State, open_state
from outreply_cli.errors import StorageError
from outreply_cli.storage.private_files import create_private

_INVALID_JSON = tuple(
    f"SELECT 1 FROM {table} WHERE NOT json_valid({column}) LIMIT 1"  # noqa: S608
    for table, columns in {
        "users": ("limits",), "tokens": ("scopes", "brand_ids", "ip_allowlist"),
        "posts": ("media",), "hooks": ("events",),
    }.items()
    for column in columns
)  # fmt: skip
_HINT = "Use a file written by: outreply emulator snapshot save"


def save_snapshot(state: State, path: Path) -> None:
    """Write the state to a file with mode 0600; raises StorageError.

    An existing file is replaced once the new one is complete.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        os.close(create_private(temporary))
        try:
            with closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
                state.copy_to(copy)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"cannot write the snapshot {path}: {error}") from None


def load_snapshot(state: State, path: Path) -> None:
    """Replace the state with a snapshot; the clock resumes at the time of the snapshot.

    Raises:
        StorageError: The file is not a valid snapshot; the state is unchanged.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="outreply-snapshot-") as directory:
            # Checked as a copy: even opening the file would change it.
            copy = Path(directory) / "snapshot.db"
            shutil.copyfile(path, copy)
            _check(copy)
            open_state(copy).close()
            state.restore_from(copy)
    except (OSError, sqlite3.Error, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"cannot load the snapshot {path}: {reason}", hint=_HINT) from None
    except StorageError as error:
        # The message names the copy.
        raise StorageError(
            f"cannot load the snapshot {path}: {error.message.replace(str(copy), 'the file')}",
            hint=_HINT,
        ) from None


def _check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute(
            "SELECT count(*) FROM pragma_user_version, sqlite_master WHERE user_version != 0 "
            "AND type = 'table' AND name IN ('meta', 'users', 'posts', 'hooks', 'usage')"
        ).fetchone()[0]
        if tables != 5:
            raise ValueError("not an emulator snapshot")
        if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise ValueError("the file is corrupted")
        if any(database.execute(sql).fetchone() for sql in _INVALID_JSON):
            raise ValueError("the file is corrupted: a value is not JSON")
        if database.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise ValueError("the file is corrupted: rows are missing")
