"""Server faults, wrong clocks and concurrent runs: each row becomes exactly one post."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from tests.bulk.calendars import (
    Snapshot,
    edit_rows,
    expected_posts,
    make_rows,
    server_posts,
    write_calendar,
)
from tests.bulk.killable_run import RunConfig, run_here, start_process
from tests.clocks import ManualClock
from tests.faulty_proxy import FAULTS, Fault, FaultyProxy

ROWS = make_rows(12, datetime(2026, 12, 1, 9, tzinfo=UTC))


@pytest.fixture
def run(emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock) -> RunConfig:
    snapshot = Snapshot(emulator)
    snapshot.close()
    return RunConfig(
        emulator.base_url,
        emulator.token,
        emulator_clock.now(),
        tmp_path / "calendar.csv",
        tmp_path / "state",
        timeout=0.5,
    )


def carry_out_until_done(run: RunConfig) -> None:
    """Run again while rows are not done."""
    for _ in range(6):
        report = run_here(run)
        if report.stopped_by is None and {r.status for r in report.results} == {"done"}:
            return
    raise AssertionError([(r.status, r.error) for r in report.results])


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("every", [2, 3])
def test_each_post_is_made_once_despite_faults(
    run: RunConfig, emulator: EmulatorServer, fault: Fault, every: int
) -> None:
    with FaultyProxy(emulator.port, fault, every) as proxy:
        proxied = replace(run, base_url=proxy.url, concurrency=2)
        write_calendar(run.calendar, ROWS)
        carry_out_until_done(proxied)
        assert server_posts(emulator) == expected_posts(ROWS)
        write_calendar(run.calendar, edit_rows(ROWS))
        carry_out_until_done(proxied)
        assert server_posts(emulator) == expected_posts(edit_rows(ROWS))
        assert proxy.writes > 12


@pytest.mark.parametrize("hours", [-1, 1])
def test_posts_are_correct_with_a_local_clock_off_by_an_hour(
    run: RunConfig, emulator: EmulatorServer, hours: int
) -> None:
    wrong = replace(run, now=run.now + timedelta(hours=hours))
    write_calendar(run.calendar, ROWS)
    run_here(wrong)
    assert server_posts(emulator) == expected_posts(ROWS)
    write_calendar(run.calendar, edit_rows(ROWS))
    run_here(wrong)
    assert server_posts(emulator) == expected_posts(edit_rows(ROWS))


def test_earliest_time_uses_server_clock(run: RunConfig, emulator: EmulatorServer) -> None:
    soon = replace(ROWS[0], scheduled_at=run.now + timedelta(minutes=30))
    write_calendar(run.calendar, [soon])
    run_here(replace(run, now=run.now + timedelta(hours=1)))
    assert server_posts(emulator) == expected_posts([soon])


def test_invalid_date_header_is_ignored(run: RunConfig, emulator: EmulatorServer) -> None:
    with FaultyProxy(emulator.port, date="not a date") as proxy:
        write_calendar(run.calendar, ROWS)
        run_here(replace(run, base_url=proxy.url))
    assert server_posts(emulator) == expected_posts(ROWS)


def test_journal_can_be_created_by_many_processes_concurrently(tmp_path: Path) -> None:
    for attempt in range(10):
        journals = [tmp_path / f"{attempt}.db"] * 6
        with ProcessPoolExecutor(6) as pool:
            assert list(pool.map(open_journal, journals)) == [False] * 6


def open_journal(path: Path) -> bool:
    journal = Journal(path)
    try:
        return journal.has_unsettled
    finally:
        journal.close()


@pytest.mark.parametrize("runners", [2, 8])
def test_concurrent_runs_of_same_file(
    run: RunConfig, emulator: EmulatorServer, runners: int
) -> None:
    write_calendar(run.calendar, ROWS)
    processes = [start_process(run) for _ in range(runners)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * runners
    assert server_posts(emulator) == expected_posts(ROWS)


@pytest.mark.parametrize("runners", [2, 8])
def test_concurrent_runs_of_different_files(
    run: RunConfig, emulator: EmulatorServer, tmp_path: Path, runners: int
) -> None:
    shares = [ROWS[n::runners] for n in range(runners)]
    processes = []
    for n, share in enumerate(shares):
        calendar = tmp_path / f"calendar-{n}.csv"
        write_calendar(calendar, share)
        processes.append(start_process(replace(run, calendar=calendar)))
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * runners
    assert server_posts(emulator) == expected_posts(ROWS)
