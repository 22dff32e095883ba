"""Ctrl-C while the server is slow."""

import csv
import io
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bulk.calendars import CalendarRow
from tests.command_line import CommandLine
from tests.reliability.machines import World, make_rows_on_pages, settle
from tests.reliability.proxy import Action, delay, refuse, stay_silent, trickle

# "Within seconds", on a busy machine.
_SECONDS = 10.0
_PAUSE = 0.3

SLOW = pytest.mark.parametrize(
    "fault",
    [delay(1), stay_silent(60), trickle(60)],
    ids=["slow server", "silent server", "trickling server"],
)


@pytest.fixture
def rows() -> list[CalendarRow]:
    return make_rows_on_pages(12)


@pytest.fixture
def calendar(world: World, rows: list[CalendarRow]) -> Path:
    return world.calendar(rows)


def start(machine: CommandLine, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        machine.words(*words),
        env=machine.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def interrupt(process: subprocess.Popen[str], times: int = 1) -> tuple[str, str]:
    """Send Ctrl-C, and return stdout and stderr; fails if the process does not end in time."""
    for number in range(times):
        if number:
            time.sleep(_PAUSE)
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


def schedule_words(calendar: Path, report: Path) -> tuple[str, ...]:
    return ("bulk", "schedule", str(calendar), "--json", "--report", str(report))


@SLOW
@pytest.mark.slow
def test_bulk_interrupted_once_reports_every_row(
    world: World, machine: CommandLine, calendar: Path, rows: list[CalendarRow], fault: Action
) -> None:
    report = world.directory / "report.csv"
    world.proxy.on("POST", "/posts/schedule", fault)
    process = start(machine, *schedule_words(calendar, report))
    wait_until(lambda: world.proxy.writes("/posts/schedule"))
    out, err = interrupt(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Done: " in err
    document = json.loads(out)
    assert len(document["rows"]) == 12
    assert sum(document["summary"].values()) == 12
    assert document["summary"]["pending"] > 0
    lines = list(csv.DictReader(io.StringIO(report.read_text(encoding="utf-8-sig"))))
    assert Counter(line["outreply status"] for line in lines) == Counter(
        row["status"] for row in document["rows"]
    )
    # The lock is free.
    world.proxy.recover()
    ran = machine.run("bulk", "schedule", str(calendar), "--json", "--wait-lock", "0s")
    assert ran.code != 1, ran.err
    settle(machine, calendar)
    world.assert_each_once(rows)


@SLOW
@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.slow
def test_bulk_interrupted_again_ends_immediately(
    *,
    world: World,
    machine: CommandLine,
    calendar: Path,
    rows: list[CalendarRow],
    fault: Action,
    times: int,
) -> None:
    report = world.directory / "report.csv"
    world.proxy.on("POST", "/posts/schedule", fault)
    process = start(machine, *schedule_words(calendar, report))
    wait_until(lambda: world.proxy.writes("/posts/schedule"))
    started_at = time.monotonic()
    out, err = interrupt(process, times)
    assert time.monotonic() - started_at < 4 + times * _PAUSE
    assert process.returncode in {130, -signal.SIGINT}, err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    # The printed JSON is complete.
    if out:
        assert len(json.loads(out)["rows"]) == 12
    if report.exists():
        text = report.read_text(encoding="utf-8-sig")
        assert len(list(csv.DictReader(io.StringIO(text)))) == 12
    world.proxy.recover()
    settle(machine, calendar)
    world.assert_each_once(rows)


@pytest.mark.slow
def test_bulk_interrupted_during_wait_ends_soon(
    world: World, machine: CommandLine, calendar: Path, rows: list[CalendarRow]
) -> None:
    busy = refuse(429, {"error": "Slow down", "code": "RATE_LIMITED"}, retry_after="3600")
    world.proxy.on("POST", "/posts/schedule", busy)
    process = start(machine, *schedule_words(calendar, world.directory / "report.csv"))
    wait_until(lambda: world.proxy.writes("/posts/schedule"))
    time.sleep(_PAUSE)
    out, err = interrupt(process)
    assert process.returncode == 130, err
    assert len(json.loads(out)["rows"]) == 12
    assert "Traceback" not in err
    assert not world.live()


@pytest.mark.slow
def test_bulk_interrupted_while_planning_ends_soon(
    world: World, machine: CommandLine, calendar: Path
) -> None:
    world.proxy.on("GET", "/posts/*", stay_silent(60))
    process = start(machine, *schedule_words(calendar, world.directory / "report.csv"))
    wait_until(
        lambda: [request for request in world.proxy.received if request.path.startswith("/posts/")]
    )
    _, err = interrupt(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    world.proxy.recover()
    ran = machine.run("bulk", "schedule", str(calendar), "--json", "--wait-lock", "0s")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/posts/publish", ("posts", "publish", "--page", "x:bluebird", "-m", "Row 0", "--yes")),
        (
            "/posts/schedule",
            ("posts", "schedule", "--page", "x:bluebird", "-m", "Row 0", "--at",
             "2026-12-01T09:00:00Z", "--key", "launch"),
        ),
    ],
    ids=["publish", "schedule with key"],
)  # fmt: skip
@pytest.mark.slow
def test_post_interrupted_ends_soon(
    world: World, machine: CommandLine, path: str, words: tuple[str, ...]
) -> None:
    world.proxy.on("POST", path, stay_silent(60))
    process = start(machine, *words)
    wait_until(lambda: world.proxy.writes(path))
    _, err = interrupt(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err


@pytest.mark.parametrize("key", [(), ("--key", "launch")], ids=["no key", "key"])
@pytest.mark.parametrize("group", ["publish", "schedule"])
@pytest.mark.slow
def test_interrupted_post_on_several_pages_says_what_was_sent(
    world: World, machine: CommandLine, group: str, key: tuple[str, ...]
) -> None:
    path = f"/posts/{group}"
    options = ("--yes",) if group == "publish" else ("--at", "2026-12-01T09:00:00Z")
    pages = ("--page", "facebook:acme", "--page", "x:bluebird", "--page", "instagram:acme")
    words = ("posts", group, *pages, "-m", "Row 0", *options, *key, "--json")
    world.proxy.on("POST", path, stay_silent(60), numbers=[2])
    process = start(machine, *words)
    wait_until(lambda: len(world.proxy.writes(path)) == 2)
    out, err = interrupt(process)
    assert process.returncode == 130, err
    assert [post["page_id"] for post in json.loads(out)] == [world.page_id("facebook")]
    error = json.loads(err.splitlines()[-1])["error"]
    assert "may be on twitter:bluebird" in error["message"]
    assert ("again" if key else "posts list --all") in error["hint"]
    assert world.texts() == {"Row 0": 1}
    if key or group == "schedule":
        ran = machine.run(*words)
        assert ran.code == 0, ran.err
        assert len(json.loads(ran.out)) == 3
        assert world.texts() == {"Row 0": 3}


def test_guardrail_of_other_post_is_an_error(world: World, machine: CommandLine) -> None:
    words = ("posts", "schedule", "--page", "facebook:acme", "--at", "2026-12-01T09:00:00Z")
    assert machine.run(*words, "-m", "Row 0").code == 0
    again = machine.run(*words, "-m", "Row 0", "--json")
    assert (again.code, world.texts()) == (0, {"Row 0": 1}), again.err
    assert "already exists" in again.err
    for options in (("-m", "Row 1"), ("-m", "Row 0", "--first-comment", "Hi")):
        ran = machine.run(*words, *options)
        assert (ran.code, world.texts()) == (6, {"Row 0": 1}), ran.err
