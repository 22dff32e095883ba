"""Snapshots: saving, loading, and invalid files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock


def test_load_resumes_clock(
    emulator: EmulatorServer, handle: EmulatorHandle, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    path = str(tmp_path / "s.db")
    handle.request("advance", seconds=3600)
    saved_at = handle.request("snapshot", save=path)["now"]
    content = Path(path).read_bytes()
    emulator_clock.advance(86_400)
    assert handle.request("snapshot", load=path)["now"] == saved_at
    assert Path(path).read_bytes() == content
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
            "CREATE TABLE hooks (a); CREATE TABLE usage (a); PRAGMA user_version = 5"
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
