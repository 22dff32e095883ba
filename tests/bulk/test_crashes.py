"""Killed anywhere, run again: every row is exactly one post.

The whole sweep (every step, and random instants) is `python -m tests.benchmarks.crash_sweep`; here
is a sample of it that fits the suite.
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
from outreply_cli.errors import CalendarError
from tests.bulk.calendars import Snapshot, edited, held, lines, wanted, write
from tests.bulk.killable_run import Run, carry_out, carry_out_apart
from tests.clocks import ManualClock
from tests.command_line import CommandLine

FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)
ROWS = lines(18, FIRST)


@pytest.fixture
def scheduled(
    emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock
) -> Iterator[Run]:
    """A calendar that is scheduled, and then edited: what is left to do is a run with changes."""
    calendar = tmp_path / "calendar.csv"
    write(calendar, ROWS)
    snapshot = Snapshot(emulator)
    snapshot.restore(emulator)
    run = Run(emulator.base_url, emulator.token, emulator_clock.now(), calendar, tmp_path / "state")
    assert carry_out(run).stopped_by is None
    assert held(emulator) == wanted(ROWS)
    write(calendar, edited(ROWS))
    yield run
    snapshot.close()


@pytest.mark.parametrize("steps", range(1, 60, 4))
def test_a_run_killed_at_any_step_is_finished_by_the_next(
    scheduled: Run, emulator: EmulatorServer, steps: int
) -> None:
    dying = Run(**{**vars(scheduled), "die_after_steps": steps})
    assert carry_out_apart(dying) == -signal.SIGKILL
    carry_out(scheduled)
    assert held(emulator) == wanted(edited(ROWS))
    again = carry_out(scheduled)
    assert {result.action.kind for result in again.results} == {"keep"}


def test_killed_twice_in_a_row_it_is_still_finished(
    scheduled: Run, emulator: EmulatorServer
) -> None:
    for steps in (7, 3, 11, 2, 19):
        carry_out_apart(Run(**{**vars(scheduled), "die_after_steps": steps}))
    carry_out(scheduled)
    assert held(emulator) == wanted(edited(ROWS))


@pytest.mark.parametrize("steps", [5, 14, 23, 37])
def test_after_a_day_what_was_sent_is_looked_for_instead_of_repeated(
    scheduled: Run, emulator: EmulatorServer, emulator_clock: ManualClock, steps: int
) -> None:
    carry_out_apart(Run(**{**vars(scheduled), "die_after_steps": steps}))
    emulator_clock.advance(timedelta(hours=25).total_seconds())
    carry_out(Run(**{**vars(scheduled), "now": emulator_clock.now()}))
    assert held(emulator) == wanted(edited(ROWS))


def test_a_journal_whose_last_page_is_torn_still_posts_once(
    scheduled: Run, emulator: EmulatorServer
) -> None:
    carry_out_apart(Run(**{**vars(scheduled), "die_after_steps": 30}))
    log = scheduled.state / "journal.db-wal"
    content = log.read_bytes()
    assert len(content) > 8192
    log.write_bytes(content[:-5000])
    (scheduled.state / "journal.db-shm").unlink(missing_ok=True)
    # What is lost may be known by the server alone: its posts stand in the way then.
    refused = False
    try:
        carry_out(scheduled)
    except CalendarError:
        refused = True
    there = held(emulator)
    assert refused or there == wanted(edited(ROWS))
    assert set(there.values()) == {1}


def test_a_lost_journal_does_not_post_twice_within_a_day(
    emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock
) -> None:
    calendar = tmp_path / "calendar.csv"
    write(calendar, ROWS)
    run = Run(emulator.base_url, emulator.token, emulator_clock.now(), calendar, tmp_path / "state")
    carry_out(run)
    shutil.rmtree(run.state)
    with pytest.raises(Exception, match="problem"):
        carry_out(run)
    assert held(emulator) == wanted(ROWS)


def test_what_can_not_be_told_from_a_list_that_is_cut_off_is_held_back(
    emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock
) -> None:
    calendar = tmp_path / "calendar.csv"
    row = replace(ROWS[5], instant=FIRST + timedelta(days=30))
    write(calendar, [row])
    run = Run(emulator.base_url, emulator.token, emulator_clock.now(), calendar, tmp_path / "state")
    for steps in range(1, 9):
        carry_out_apart(replace(run, die_after_steps=steps))
        if held(emulator):
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
    (result,) = carry_out(later).results
    assert (result.status, result.action.kind) == ("pending", "keep")
    assert held(emulator) == wanted([row])
    db.execute("DELETE FROM posts WHERE message = 'other'")
    (result,) = carry_out(later).results
    assert result.status == "done"
    assert held(emulator) == wanted([row])


def test_a_full_disk_stops_the_run_before_anything_is_sent(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    calendar = tmp_path / "calendar.csv"
    write(calendar, ROWS)
    words = " ".join(cli.words("bulk", "schedule", str(calendar)))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 4; exec {words}"], capture_output=True, text=True, check=False,
        # The interpreter's own caches would be cut short too, and stay so.
        env={**cli.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "journal" in done.stderr
    assert "Traceback" not in done.stderr
    assert not held(emulator)
