"""Snapshots: saving, loading, invalid files and migration of older versions."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.emulator.state import State
from tests.clocks import ManualClock


def make_older(path: Path) -> None:
    """Downgrade a state file to version 2, which lacks an index, two tables and four columns."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            "DROP INDEX posts_published_of_page; DROP TABLE audit; DROP TABLE attempts; "
            "ALTER TABLE hooks DROP COLUMN brand_ids; ALTER TABLE media DROP COLUMN width; "
            "ALTER TABLE media DROP COLUMN height; ALTER TABLE media DROP COLUMN seconds; "
            "PRAGMA user_version = 2"
        )


def has_index(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db, db:
        row = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'posts_published_of_page'")
        return row.fetchone() is not None


def test_load_resumes_clock(
    emulator: EmulatorServer, handle: EmulatorHandle, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    path = str(tmp_path / "s.db")
    handle.request("advance", seconds=3600)
    saved_at = handle.request("snapshot", save=path)["now"]
    emulator_clock.advance(86_400)
    assert handle.request("snapshot", load=path)["now"] == saved_at
    assert not handle.request("status")["frozen"]
    assert sorted(path.name for path in tmp_path.glob("s.db*")) == ["s.db"]
    assert list(tmp_path.glob(".s.db*")) == []


def test_load_invalid_snapshot_changes_nothing(
    emulator: EmulatorServer, handle: EmulatorHandle, tmp_path: Path
) -> None:
    handle.request("freeze")
    good = tmp_path / "good.db"
    handle.request("snapshot", save=str(good))
    before = handle.request("export")["seed"]
    content = good.read_bytes()
    files = {"text": b"accounts: []", "empty": b"", "truncated": content[:60_000],
             "corrupted": content[:5000] + b"x" * 9000 + content[14_000:]}  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with closing(sqlite3.connect(tmp_path / "other")) as db, db:
        db.executescript("CREATE TABLE a (b); PRAGMA user_version = 3")
    with closing(sqlite3.connect(tmp_path / "wrong_columns")) as db, db:
        db.executescript(
            "CREATE TABLE meta (a); CREATE TABLE users (a); CREATE TABLE posts (a); "
            "CREATE TABLE hooks (a); CREATE TABLE usage (a); PRAGMA user_version = 3"
        )
    orphan = sqlite3.connect(tmp_path / "orphan")
    source = sqlite3.connect(good)
    source.backup(orphan)
    source.close()
    orphan.executescript("PRAGMA foreign_keys = OFF; DELETE FROM users;")
    orphan.close()
    with closing(sqlite3.connect(tmp_path / "newer")) as db, db:
        db.executescript("CREATE TABLE meta (a); PRAGMA user_version = 99")
    for name in (*files, "other", "wrong_columns", "orphan", "newer", "missing", "."):
        with pytest.raises(EmulatorError, match="cannot load"):
            handle.request("snapshot", load=str(tmp_path / name))
        assert handle.request("export")["seed"] == before, name
    with pytest.raises(EmulatorError, match="cannot write"):
        handle.request("snapshot", save=str(tmp_path / "no" / "such" / "directory"))


@pytest.mark.parametrize(("version", "reason"), [(99, "a newer version"), (1, "an older version")])
def test_snapshot_of_another_version_is_named(
    handle: EmulatorHandle, tmp_path: Path, version: int, reason: str
) -> None:
    path = tmp_path / "s.db"
    handle.request("snapshot", save=str(path))
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(f"PRAGMA user_version = {version}")
    with pytest.raises(EmulatorError) as error:
        handle.request("snapshot", load=str(path))
    assert f"cannot load the snapshot {path}: the file was written by {reason}" in str(error.value)


def test_older_state_and_snapshot_are_migrated(
    emulator: EmulatorServer, handle: EmulatorHandle, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    handle.request("freeze")
    before = handle.request("export")["seed"]
    handle.request("snapshot", save=str(old))
    make_older(old)
    handle.request("reset")
    handle.request("snapshot", load=str(old))
    assert handle.request("export")["seed"] == before
    assert not has_index(old), "the file is not modified"
    state = State(old, ManualClock())
    state.close()
    assert has_index(old)
