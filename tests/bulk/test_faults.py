"""Every way an answer can go wrong, on every second write: the end is exactly once all the same."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from tests.bulk.calendars import Snapshot, edited, held, lines, wanted, write
from tests.bulk.killable_run import Run, carry_out, start
from tests.clocks import ManualClock
from tests.faulty_proxy import FAULTS, Fault, FaultyProxy

ROWS = lines(12, datetime(2026, 12, 1, 9, tzinfo=UTC))


@pytest.fixture
def run(emulator: EmulatorServer, tmp_path: Path, emulator_clock: ManualClock) -> Run:
    snapshot = Snapshot(emulator)
    snapshot.close()
    return Run(
        emulator.base_url,
        emulator.token,
        emulator_clock.now(),
        tmp_path / "calendar.csv",
        tmp_path / "state",
        answer_seconds=0.5,
    )


def carry_out_until_done(run: Run) -> None:
    """As a person would: run again while something is left to do."""
    for _ in range(6):
        report = carry_out(run)
        if report.stopped_by is None and {r.status for r in report.results} == {"done"}:
            return
    raise AssertionError([(r.status, r.error) for r in report.results])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("every", [2, 3])
def test_a_fault_ends_exactly_once(
    run: Run, emulator: EmulatorServer, fault: Fault, every: int
) -> None:
    with FaultyProxy(emulator.port, fault, every) as proxy:
        through = replace(run, base_url=proxy.url, concurrency=2)
        write(run.calendar, ROWS)
        carry_out_until_done(through)
        assert held(emulator) == wanted(ROWS)
        write(run.calendar, edited(ROWS))
        carry_out_until_done(through)
        assert held(emulator) == wanted(edited(ROWS))
        assert proxy.writes > 12


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_wrong_by_an_hour_changes_nothing(
    run: Run, emulator: EmulatorServer, hours: int
) -> None:
    wrong = replace(run, now=run.now + timedelta(hours=hours))
    write(run.calendar, ROWS)
    carry_out(wrong)
    assert held(emulator) == wanted(ROWS)
    write(run.calendar, edited(ROWS))
    carry_out(wrong)
    assert held(emulator) == wanted(edited(ROWS))


def test_the_ten_minutes_are_counted_by_the_servers_clock(
    run: Run, emulator: EmulatorServer
) -> None:
    soon = replace(ROWS[0], instant=run.now + timedelta(minutes=30))
    write(run.calendar, [soon])
    carry_out(replace(run, now=run.now + timedelta(hours=1)))
    assert held(emulator) == wanted([soon])


def test_a_date_that_lies_is_no_harm(run: Run, emulator: EmulatorServer) -> None:
    with FaultyProxy(emulator.port, date="not a date") as proxy:
        write(run.calendar, ROWS)
        carry_out(replace(run, base_url=proxy.url))
    assert held(emulator) == wanted(ROWS)


def test_many_processes_may_make_the_same_journal_at_once(tmp_path: Path) -> None:
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
def test_runners_at_once_on_one_file_post_once(
    run: Run, emulator: EmulatorServer, runners: int
) -> None:
    write(run.calendar, ROWS)
    processes = [start(run) for _ in range(runners)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * runners
    assert held(emulator) == wanted(ROWS)


@pytest.mark.parametrize("runners", [2, 8])
def test_runners_at_once_on_different_files_post_once(
    run: Run, emulator: EmulatorServer, tmp_path: Path, runners: int
) -> None:
    shares = [ROWS[n::runners] for n in range(runners)]
    processes = []
    for n, share in enumerate(shares):
        calendar = tmp_path / f"calendar-{n}.csv"
        write(calendar, share)
        processes.append(start(replace(run, calendar=calendar)))
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * runners
    assert held(emulator) == wanted(ROWS)
