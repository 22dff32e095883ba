"""Edited rows of a calendar: each post is replaced on its own, and restored if refused."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result

HEADER = "key,page,scheduled_at,message\n"


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    return tmp_path / "calendar.csv"


def write(calendar: Path, *rows: str) -> None:
    calendar.write_text(HEADER + "".join(f"{row}\n" for row in rows))


def schedule(cli: CommandLine, calendar: Path, *words: str, code: int = 0) -> Result:
    ran = cli.run("bulk", "schedule", str(calendar), *words)
    assert ran.code == code, ran.err
    return ran


def summary(ran: Result) -> dict[str, Any]:
    return {name: count for name, count in json.loads(ran.out)["summary"].items() if count}


def texts(client: Client) -> list[str | None]:
    posts = client.scheduled_posts().items
    return [post["message"] for post in sorted(posts, key=lambda post: str(post["scheduled_at"]))]


def fault(emulator: EmulatorServer, name: str, method: str, *, times: int) -> None:
    options = {"method": method, "path": "/posts/scheduled*", "times": times}
    if method == "POST":
        options["path"] = "/posts/schedule"
    emulator.handle.request("fault", add=name, options=options)


def rows(text: str) -> list[str]:
    return [f"k{day},facebook:acme,2026-12-{day:02}T10:00Z,{text} {day}" for day in (1, 2, 3)]


def schedule_and_edit(cli: CommandLine, calendar: Path) -> None:
    """Schedule three rows, and edit their texts in the file."""
    write(calendar, *rows("Old"))
    schedule(cli, calendar)
    write(calendar, *rows("New"))


def schedule_and_swap(cli: CommandLine, calendar: Path) -> None:
    """Schedule two rows, and swap their times in the file."""
    write(calendar, "a,facebook:acme,2026-12-01T10:00Z,A", "b,facebook:acme,2026-12-02T10:00Z,B")
    schedule(cli, calendar)
    write(calendar, "a,facebook:acme,2026-12-02T10:00Z,A", "b,facebook:acme,2026-12-01T10:00Z,B")


def test_refused_edit_keeps_its_post(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer
) -> None:
    schedule_and_edit(cli, calendar)
    fault(emulator, "status:400", "POST", times=1)
    ran = schedule(cli, calendar, "--json", "--concurrency", "1", code=3)
    assert summary(ran) == {"changed": 2, "failed": 1}
    assert "scheduled again unchanged" in ran.out
    assert texts(client) == ["Old 1", "New 2", "New 3"]
    assert summary(schedule(cli, calendar, "--json")) == {"changed": 1, "unchanged": 2}
    assert texts(client) == ["New 1", "New 2", "New 3"]


def test_exhausted_limit_costs_one_post_that_the_next_run_creates(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer
) -> None:
    schedule_and_edit(cli, calendar)
    fault(emulator, "status:402", "POST", times=9)
    schedule(cli, calendar, "--concurrency", "1", code=6)
    assert texts(client) == ["Old 2", "Old 3"]
    assert "k1" in cli.run("store", "status", "--json").out
    emulator.handle.request("fault", clear=None)
    schedule(cli, calendar)
    assert texts(client) == ["New 1", "New 2", "New 3"]


def test_another_command_finishes_an_interrupted_edit(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer
) -> None:
    schedule_and_edit(cli, calendar)
    fault(emulator, "status:402", "POST", times=9)
    schedule(cli, calendar, "--concurrency", "1", code=6)
    emulator.handle.request("fault", clear=None)
    new = ("--page", "linkedin:acme-co", "--at", "2026-12-05 10:00", "-m", "Else")
    assert cli.run("posts", "schedule", *new).code == 0
    assert texts(client) == ["New 1", "Old 2", "Old 3", "Else"]


def test_swapped_times_are_finished_after_an_interruption(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer
) -> None:
    """Both old posts must be cancelled before either new one is created."""
    schedule_and_swap(cli, calendar)
    fault(emulator, "status:402", "POST", times=9)
    schedule(cli, calendar, "--concurrency", "1", code=6)
    assert texts(client) == []
    emulator.handle.request("fault", clear=None)
    new = ("--page", "linkedin:acme-co", "--at", "2026-12-05 10:00", "-m", "Else")
    assert cli.run("posts", "schedule", *new).code == 0
    assert texts(client) == ["B", "A", "Else"]
    assert summary(schedule(cli, calendar, "--json")) == {"unchanged": 2}


def test_rows_that_swap_times_change_both_posts(
    cli: CommandLine, client: Client, calendar: Path
) -> None:
    schedule_and_swap(cli, calendar)
    assert summary(schedule(cli, calendar, "--json")) == {"changed": 2}
    assert texts(client) == ["B", "A"]


def test_refused_cancellation_changes_nothing(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer
) -> None:
    schedule_and_edit(cli, calendar)
    fault(emulator, "status:400", "DELETE", times=1)
    schedule(cli, calendar, "--concurrency", "1", code=3)
    assert texts(client) == ["Old 1", "New 2", "New 3"]
    assert summary(schedule(cli, calendar, "--json")) == {"changed": 1, "unchanged": 2}


@pytest.mark.parametrize(("minutes", "code"), [(11, 2), (13, 0)])
def test_post_that_is_due_soon_is_not_cancelled(
    cli: CommandLine, client: Client, calendar: Path, minutes: int, code: int
) -> None:
    at = datetime.fromisoformat("2026-12-01T10:00Z")
    write(calendar, *rows("Old"))
    schedule(cli, calendar)
    cli.clock.advance((at - cli.clock.now()).total_seconds() - minutes * 60)
    write(calendar, *rows("New"))
    ran = schedule(cli, calendar, code=code)
    assert ("needs at least 12m" in ran.err) == (code == 2)
    assert texts(client) == [f"{'Old' if code else 'New'} {day}" for day in (1, 2, 3)]


@pytest.mark.parametrize("words", [("schedule",), ("reconcile", "--yes")])
def test_post_that_is_still_scheduled_is_kept(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer,
    words: tuple[str, ...],
) -> None:  # fmt: skip
    """The outcome of its cancellation is unknown; another row has an error, or none is run."""
    schedule_and_edit(cli, calendar)
    fault(emulator, "status:503", "DELETE", times=9)
    schedule(cli, calendar, "--concurrency", "1", "--max-wait", "1s", code=3)
    emulator.handle.request("fault", clear=None)
    write(calendar, *rows("New"), "bad,facebook:acme,2020-01-01T10:00Z,Past")
    command, *options = words
    cli.run("bulk", command, str(calendar), *options)
    assert texts(client) == ["Old 1", "Old 2", "Old 3"]
    write(calendar, *rows("New"))
    assert summary(schedule(cli, calendar, "--json")) == {"changed": 3}
    assert texts(client) == ["New 1", "New 2", "New 3"]


@pytest.mark.parametrize("status", [403, 408, 500, 503])
def test_post_that_cannot_be_read_is_kept(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer, status: int
) -> None:
    """Nothing is cancelled before the outcome of the first cancellation is known."""
    write(calendar, *rows("Old"))
    schedule(cli, calendar)
    write(calendar, *rows("New"))
    fault(emulator, "status:503", "DELETE", times=9)
    schedule(cli, calendar, "--concurrency", "1", "--max-wait", "1s", code=3)
    emulator.handle.request("fault", clear=None)
    options = {"method": "GET", "path": "/posts/scheduled/*", "times": 99}
    emulator.handle.request("fault", add=f"status:{status}", options=options)
    cli.run("bulk", "schedule", str(calendar), "--max-wait", "1s")
    assert texts(client) == ["Old 1", "Old 2", "Old 3"]
    emulator.handle.request("fault", clear=None)
    assert summary(schedule(cli, calendar, "--json")) == {"changed": 3}
    assert texts(client) == ["New 1", "New 2", "New 3"]


def test_interrupted_restoration_is_finished(
    cli: CommandLine, client: Client, calendar: Path, emulator: EmulatorServer
) -> None:
    schedule_and_edit(cli, calendar)
    fault(emulator, "status:400", "POST", times=1)
    # The next request is that which schedules the old post again.
    emulator.handle.request(
        "fault", add="status:402", options={"method": "POST", "path": "/posts/schedule"}
    )
    schedule(cli, calendar, "--concurrency", "1", code=6)
    emulator.handle.request("fault", clear=None)
    schedule(cli, calendar)
    assert texts(client) == ["New 1", "New 2", "New 3"]


def test_series_post_that_is_due_soon_does_not_stop_others(
    cli: CommandLine, client: Client, calendar: Path
) -> None:
    header = "key,page,scheduled_at,timezone,repeat,message\n"
    series = "s,facebook:acme,2026-11-24 10:00,UTC,daily for 3 times"
    calendar.write_text(f"{header}{series},Old\n")
    schedule(cli, calendar)
    at = datetime.fromisoformat("2026-11-25T10:00Z")
    cli.clock.advance((at - cli.clock.now()).total_seconds() - 11 * 60)
    calendar.write_text(f"{header}{series},New\nb,facebook:acme,2026-12-01 10:00,UTC,,Other\n")
    ran = schedule(cli, calendar)
    assert "stays: due in 11m" in ran.err
    assert texts(client) == ["Old", "New", "Other"]
