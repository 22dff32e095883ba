"""Snapshots: an emulator's whole state in one file, and back; whole or not at all."""

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

_HINT = "Make one with: outreply emulator snapshot save FILE"


def save_snapshot(state: State, path: Path) -> None:
    """Write everything in `state`, as of this instant, to the file at `path`, with mode 0600.

    A file that is there is replaced once the new one is whole; raises StorageError.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        os.close(create_private(draft))
        try:
            with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
                state.copy_to(copy)
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as failure:
        raise StorageError(f"the snapshot {path} can't be written: {failure}") from None


def load_snapshot(state: State, path: Path) -> None:
    """Put what `save_snapshot` wrote in place of everything in `state`; its time goes on from then.

    Raises:
        StorageError: The file is no snapshot, or a damaged one; the state is as it was.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="outreply-snapshot-") as directory:
            # A copy of it is judged and brought up to date: the file itself stays as it is.
            copy = Path(directory) / "snapshot.db"
            shutil.copyfile(path, copy)
            _check(copy)
            open_state(copy).close()
            state.restore_from(copy)
    except (OSError, sqlite3.Error, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise StorageError(f"the snapshot {path} can't be loaded: {reason}", hint=_HINT) from None


def _check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        tables = database.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' "
            "AND name IN ('meta', 'users', 'posts', 'hooks', 'usage')"
        ).fetchone()[0]
        if version == 0 or tables != 5:
            raise ValueError("it is not a snapshot of an emulator")
        if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise ValueError("it is damaged")
        if database.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise ValueError("it is damaged: parts of it are missing")
