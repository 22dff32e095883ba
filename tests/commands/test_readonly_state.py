"""Commands whose state directory cannot be written."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import StorageError
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.storage.private_files import make_private_dir
from tests.command_line import CommandLine, Result
from tests.forks import forking_words, read_results

CALENDAR = "page,scheduled_at,message\ntwitter:bluebird,2026-12-24 18:00,Hello\n"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
READERS = [
    "bulk schedule {calendar} --dry-run --tz UTC",
    "bulk status {calendar} --tz UTC",
    "bulk reconcile {calendar} --dry-run --tz UTC",
    "comments inbox --days 60",
    "webhooks history",
    "store status",
    "posts list",
    "posts list --failed",
    "media list",
    "status",
    "pages list",
    "quota show",
]
WRITERS = [
    "bulk schedule {calendar} --tz UTC",
    "posts schedule --page twitter:bluebird --at 2027-01-01T09:00:00Z -m Hi --key k",
    "comments reply c_1 -m Hi",
    "webhooks replay --failed",
    "serve-webhook --no-verify --port 0",
]


WRITE_AFTER_READ = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from outreply_cli.errors import StorageError
from outreply_cli.journal.journal import Journal

journal = Journal(Path(sys.argv[1]), allow_readonly=True)
assert journal.list_unsettled() == []
try:
    journal.mark_upload("account", "digest", datetime.now(UTC))
except StorageError as error:
    assert "OUTREPLY_STATE_DIR" in error.hint
    print("refused")
"""


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and (
        subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode == 0
    )


# Root can write to every directory, except on a read-only file system.
pytestmark = pytest.mark.skipif(
    os.name == "nt" or (IS_ROOT and not can_mount()), reason="requires unshare, or another user"
)


@contextmanager
def make_readonly(directory: Path) -> Iterator[None]:
    modes = {path: path.stat().st_mode for path in [directory, *directory.rglob("*")]}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def run_readonly(directory: Path, command: Sequence[str], environ: Mapping[str, str]) -> Result:
    """Run a command while a directory is on a read-only file system."""
    if IS_ROOT:
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", script, str(directory), *command]
    with make_readonly(directory):
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, timeout=240, check=False
        )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / "calendar.csv"
    path.write_text(CALENDAR)
    return path


@pytest.fixture
def reader(cli: CommandLine, emulator: EmulatorServer) -> CommandLine:
    cli.home.mkdir(exist_ok=True)
    cli.environ |= {"OUTREPLY_API_KEY": emulator.token, "OUTREPLY_BASE_URL": emulator.base_url}
    return cli


def run_lines(cli: CommandLine, lines: Sequence[str], calendar: Path) -> list[Result]:
    """Run command lines while the home directory is on a read-only file system."""
    output = calendar.parent / "output"
    command_lines = [line.format(calendar=calendar).split() for line in lines]
    ran = run_readonly(cli.home, forking_words(command_lines, output), cli.environ)
    assert (ran.code, ran.err) == (0, "")
    return read_results(output)


@pytest.mark.parametrize("has_state", [False, True])
def test_reading_commands_work_with_a_readonly_state(
    reader: CommandLine, calendar: Path, has_state: bool
) -> None:
    state = reader.home / "state"
    if has_state:
        for name in ("bulk schedule", "comments inbox", "webhooks history"):
            extra = [str(calendar), "--tz", "UTC"] if name.startswith("bulk") else []
            assert reader.run(*name.split(), *extra).code == 0
        # Remove -wal and -shm, as another program would; SQLite cannot recreate them here.
        for path in [*state.glob("*-wal"), *state.glob("*-shm")]:
            path.unlink()
    else:
        shutil.rmtree(state, ignore_errors=True)
    for line, ran in zip(READERS, run_lines(reader, READERS, calendar), strict=True):
        assert ran.code == 0, (line, ran.err)
        assert "Traceback" not in ran.err, line
        if line.startswith("bulk status"):
            assert ("in sync" in ran.out) is has_state
        if line.startswith("comments"):
            assert "OUTREPLY_STATE_DIR" in ran.err


def test_writers_name_the_variable(reader: CommandLine, calendar: Path) -> None:
    shutil.rmtree(reader.home / "state", ignore_errors=True)
    for line, ran in zip(WRITERS, run_lines(reader, WRITERS, calendar), strict=True):
        assert ran.code == 1, (line, ran.out)
        assert ran.err.count("Error: ") == 1, line
        assert "OUTREPLY_STATE_DIR" in ran.err, line
        assert "[Errno" not in ran.err, line
    assert json.loads(reader.run("posts", "list", "--json").out) == []


def test_journal_opened_for_reading_refuses_writes(tmp_path: Path) -> None:
    path = tmp_path / "state" / JOURNAL_FILE
    with closing(Journal(path)):
        pass
    command = [sys.executable, "-c", WRITE_AFTER_READ, str(path)]
    ran = run_readonly(tmp_path, command, {**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert (ran.code, ran.out) == (0, "refused\n"), ran.err


def test_log_that_cannot_be_read_is_not_ignored(reader: CommandLine, tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "other" / JOURNAL_FILE)) as journal:
        pass
    state = reader.home / "state"
    make_private_dir(state)
    with closing(Journal(journal.path)) as journal:
        journal.record_calendar("account", "id", "calendar.csv")
        # Like a backup of a running machine: without -shm, SQLite must write to read the WAL.
        for name in (JOURNAL_FILE, f"{JOURNAL_FILE}-wal"):
            shutil.copy(journal.path.with_name(name), state / name)
    ran = run_readonly(reader.home, reader.words("store", "status"), reader.environ)
    assert ran.code == 1, ran.out
    assert "log" in ran.err
    assert "OUTREPLY_STATE_DIR" in ran.err


def test_world_writable_state_dir_is_rejected(tmp_path: Path) -> None:
    state = tmp_path / "state"
    make_private_dir(state)
    with closing(sqlite3.connect(state / JOURNAL_FILE)):
        pass
    state.chmod(0o777)
    with pytest.raises(StorageError, match="writable by other users"):
        Journal(state / JOURNAL_FILE, allow_readonly=True)
