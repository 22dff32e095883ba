"""Snapshots: whole or not at all, from any version that was, and no door for other files."""

import sqlite3
from pathlib import Path

import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.emulator.state import State
from tests.clocks import ManualClock


def make_older(path: Path) -> None:
    """Make a state's file one of version 2, which had no such index."""
    with sqlite3.connect(path) as db:
        db.executescript("DROP INDEX posts_published_of_page; PRAGMA user_version = 2")
    db.close()


def has_index(path: Path) -> bool:
    with sqlite3.connect(path) as db:
        row = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'posts_published_of_page'")
        found = row.fetchone()
    db.close()
    return found is not None


def test_a_running_clock_goes_on_from_the_snapshots_time(
    emulator: EmulatorServer, steer: EmulatorHandle, emulator_clock: ManualClock, tmp_path: Path
) -> None:
    path = str(tmp_path / "s.db")
    steer.request("advance", seconds=3600)
    then = steer.request("snapshot", save=path)["now"]
    emulator_clock.advance(86_400)
    assert steer.request("snapshot", load=path)["now"] == then
    assert not steer.request("status")["frozen"]
    assert sorted(one.name for one in tmp_path.glob("s.db*")) == ["s.db"]
    assert list(tmp_path.glob(".s.db*")) == []


def test_what_is_no_snapshot_changes_nothing(
    emulator: EmulatorServer, steer: EmulatorHandle, tmp_path: Path
) -> None:
    steer.request("freeze")
    good = tmp_path / "good.db"
    steer.request("snapshot", save=str(good))
    before = steer.request("export")["seed"]
    whole = good.read_bytes()
    files = {"text": b"accounts: []", "empty": b"", "torn": whole[:60_000],
             "bent": whole[:5000] + b"x" * 9000 + whole[14_000:]}  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with sqlite3.connect(tmp_path / "other") as db:
        db.executescript("CREATE TABLE a (b); PRAGMA user_version = 3")
    db.close()
    with sqlite3.connect(tmp_path / "lame") as db:
        db.executescript(
            "CREATE TABLE meta (a); CREATE TABLE users (a); CREATE TABLE posts (a); "
            "CREATE TABLE hooks (a); CREATE TABLE usage (a); PRAGMA user_version = 3"
        )
    db.close()
    good_db = sqlite3.connect(tmp_path / "orphan")
    source = sqlite3.connect(good)
    source.backup(good_db)
    source.close()
    good_db.executescript("PRAGMA foreign_keys = OFF; DELETE FROM users;")
    good_db.close()
    with sqlite3.connect(tmp_path / "newer") as db:
        db.executescript("CREATE TABLE meta (a); PRAGMA user_version = 99")
    db.close()
    for name in (*files, "other", "lame", "orphan", "newer", "nowhere", "."):
        with pytest.raises(EmulatorError, match="can't be"):
            steer.request("snapshot", load=str(tmp_path / name))
        assert steer.request("export")["seed"] == before, name
    with pytest.raises(EmulatorError, match="can't be written"):
        steer.request("snapshot", save=str(tmp_path / "no" / "such" / "place"))


def test_an_older_states_file_and_snapshot_are_brought_up_to_date(
    emulator: EmulatorServer, steer: EmulatorHandle, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    steer.request("freeze")
    before = steer.request("export")["seed"]
    steer.request("snapshot", save=str(old))
    make_older(old)
    steer.request("reset")
    steer.request("snapshot", load=str(old))
    assert steer.request("export")["seed"] == before
    assert not has_index(old), "the file itself stays as it was"
    state = State(old, ManualClock())
    state.close()
    assert has_index(old)
