"""Runs that are killed and run again: each row becomes exactly one post.

`python -m tests.benchmarks.crash_sweep` kills a run at every step and at random times; these tests
are a sample of it.
"""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import (
    Snapshot,
    edit_rows,
    expected_posts,
    make_rows,
    server_posts,
    write_calendar,
)
from tests.bulk.killable_run import RunConfig, run_here, run_in_process
from tests.clocks import ManualClock
from tests.command_line import CommandLine

FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)
ROWS = make_rows(18, FIRST)


@pytest.fixture
def scheduled(
    emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock
) -> Iterator[RunConfig]:
    """A calendar that was scheduled and then edited."""
    calendar = tmp_path / "calendar.csv"
    write_calendar(calendar, ROWS)
    snapshot = Snapshot(emulator)
    snapshot.restore(emulator)
    run = RunConfig(
        emulator.base_url, emulator.token, emulator_clock.now(), calendar, tmp_path / "state"
    )
    assert run_here(run).stopped_by is None
    assert server_posts(emulator) == expected_posts(ROWS)
    write_calendar(calendar, edit_rows(ROWS))
    yield run
    snapshot.close()


@pytest.mark.parametrize("steps", range(1, 60, 4))
def test_rerun_after_a_kill_at_any_step_completes_the_calendar(
    scheduled: RunConfig, emulator: EmulatorServer, steps: int
) -> None:
    dying = replace(scheduled, die_after_steps=steps)
    assert run_in_process(dying) == -signal.SIGKILL
    run_here(scheduled)
    assert server_posts(emulator) == expected_posts(edit_rows(ROWS))
    again = run_here(scheduled)
    assert {result.action.kind for result in again.results} == {"keep"}


def test_rerun_after_repeated_kills_completes_the_calendar(
    scheduled: RunConfig, emulator: EmulatorServer
) -> None:
    for steps in (7, 3, 11, 2, 19):
        run_in_process(replace(scheduled, die_after_steps=steps))
    run_here(scheduled)
    assert server_posts(emulator) == expected_posts(edit_rows(ROWS))


@pytest.mark.parametrize("steps", [5, 14, 23, 37])
def test_rerun_after_key_expiry_searches_lists(
    scheduled: RunConfig, emulator: EmulatorServer, emulator_clock: ManualClock, steps: int
) -> None:
    run_in_process(replace(scheduled, die_after_steps=steps))
    emulator_clock.advance(timedelta(hours=25).total_seconds())
    run_here(replace(scheduled, now=emulator_clock.now()))
    assert server_posts(emulator) == expected_posts(edit_rows(ROWS))


def test_torn_journal_creates_no_duplicates(scheduled: RunConfig, emulator: EmulatorServer) -> None:
    run_in_process(replace(scheduled, die_after_steps=30))
    log = scheduled.state / "journal.db-wal"
    content = log.read_bytes()
    assert len(content) > 8192
    log.write_bytes(content[:-5000])
    (scheduled.state / "journal.db-shm").unlink(missing_ok=True)
    # Rows whose posts only the server knows are held.
    report = run_here(scheduled)
    posts = server_posts(emulator)
    held = sum(result.status == "unknown" for result in report.results)
    assert held or posts == expected_posts(edit_rows(ROWS))
    assert set(posts.values()) == {1}


def test_lost_journal_creates_no_duplicates(
    emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock
) -> None:
    calendar = tmp_path / "calendar.csv"
    write_calendar(calendar, ROWS)
    run = RunConfig(
        emulator.base_url, emulator.token, emulator_clock.now(), calendar, tmp_path / "state"
    )
    run_here(run)
    shutil.rmtree(run.state)
    assert {result.action.kind for result in run_here(run).results} == {"keep"}
    assert server_posts(emulator) == expected_posts(ROWS)


def test_unknown_outcome_with_truncated_list_is_held(
    emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock
) -> None:
    calendar = tmp_path / "calendar.csv"
    row = replace(ROWS[5], scheduled_at=FIRST + timedelta(days=30))
    write_calendar(calendar, [row])
    run = RunConfig(
        emulator.base_url, emulator.token, emulator_clock.now(), calendar, tmp_path / "state"
    )
    for steps in range(1, 9):
        run_in_process(replace(run, die_after_steps=steps))
        if server_posts(emulator):
            break
    db = emulator.state.connection
    page = db.execute("SELECT id FROM pages WHERE platform = 'youtube'").fetchone()[0]
    early = emulator_clock.now().timestamp() + 3 * 86_400
    db.executemany(
        "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, message, media) "
        "VALUES (?, ?, 'scheduled', ?, 0, 'other', '[]')",
        [(f"other{n}", page, early + 600 * n) for n in range(120)],
    )
    emulator_clock.advance(25 * 3600)
    later = replace(run, now=emulator_clock.now())
    (result,) = run_here(later).results
    assert (result.status, result.action.kind) == ("unknown", "keep")
    assert server_posts(emulator) == expected_posts([row])
    db.execute("DELETE FROM posts WHERE message = 'other'")
    (result,) = run_here(later).results
    assert result.status == "done"
    assert server_posts(emulator) == expected_posts([row])


def test_full_disk_sends_nothing(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    calendar = tmp_path / "calendar.csv"
    write_calendar(calendar, ROWS)
    words = " ".join(cli.words("bulk", "schedule", str(calendar)))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 4; exec {words}"], capture_output=True, text=True, check=False,
        # Truncated bytecode caches would break later tests.
        env={**cli.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "journal" in done.stderr
    assert "Traceback" not in done.stderr
    assert not server_posts(emulator)
