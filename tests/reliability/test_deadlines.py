"""`--max-wait` bounds a command, whatever the server does: silence and trickling responses."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.reliability.machines import World, make_rows_on_pages, schedule, settle
from tests.reliability.proxy import Action, stay_silent, trickle

# A command that waits for the server takes longer than it may; starting one takes seconds, on a
# busy machine many.
_FAULT_SECONDS = 120.0
_SECONDS = 50.0

PUBLISH = ("posts", "publish", "--page", "x:bluebird", "-m", "Row 0", "--yes", "--json")
LIST = ("posts", "list", "--json")
FAULTS = pytest.mark.parametrize(
    "fault",
    [stay_silent(_FAULT_SECONDS), trickle(_FAULT_SECONDS)],
    ids=["silent server", "trickling server"],
)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    started_at = time.monotonic()
    yield
    assert time.monotonic() - started_at < seconds


@FAULTS
def test_list_ends_in_time(world: World, machine: CommandLine, fault: Action) -> None:
    world.proxy.on("GET", "/posts/*", fault)
    with time_limit(_SECONDS):
        ran = machine.spawn(*LIST, "--max-wait", "1s", seconds=_SECONDS)
    assert ran.code == 7, ran.err
    assert "Traceback" not in ran.err


@FAULTS
def test_publish_ends_in_time_and_reports_unknown_outcome(
    world: World, machine: CommandLine, fault: Action
) -> None:
    publish = world.proxy.on("POST", "/posts/publish", fault)
    with time_limit(_SECONDS):
        ran = machine.spawn(*PUBLISH, "--max-wait", "1s", seconds=_SECONDS)
    assert ran.code in {0, 7}, ran.err
    # On a loaded machine, the time may be over before the post is sent.
    if ran.code != 0 and publish.seen:
        assert "may have been" in ran.err
    world.assert_none_twice()


@FAULTS
def test_publish_with_key_ends_in_time_and_is_settled(
    world: World, machine: CommandLine, fault: Action
) -> None:
    world.proxy.on("POST", "/posts/publish", fault)
    with time_limit(_SECONDS):
        machine.spawn(*PUBLISH, "--key", "launch", "--max-wait", "1s", seconds=_SECONDS)
    world.proxy.recover()
    again = machine.run(*PUBLISH, "--key", "launch")
    assert again.code == 0, again.err
    assert world.texts() == {"Row 0": 1}


@FAULTS
def test_bulk_ends_in_time_and_is_settled(
    world: World, machine: CommandLine, fault: Action
) -> None:
    rows = make_rows_on_pages(6)
    calendar = world.calendar(rows)
    world.proxy.on("POST", "/posts/schedule", fault)
    words = ("bulk", "schedule", str(calendar), "--json", "--max-wait", "1s")
    with time_limit(_SECONDS):
        ran = machine.spawn(*words, seconds=_SECONDS)
    assert ran.code != 0
    assert "Traceback" not in ran.err
    world.proxy.recover()
    settle(machine, calendar)
    world.assert_each_once(rows)


@FAULTS
def test_bulk_waits_for_lists_in_time(world: World, machine: CommandLine, fault: Action) -> None:
    calendar = world.calendar(make_rows_on_pages(6))
    world.proxy.on("GET", "/posts/*", fault)
    words = ("bulk", "schedule", str(calendar), "--json", "--max-wait", "1s")
    with time_limit(_SECONDS):
        ran = machine.spawn(*words, seconds=_SECONDS)
    assert ran.code == 7, ran.err
    assert not world.live()


def test_bulk_attempt_with_trickling_response_is_bounded(
    world: World, machine: CommandLine, emulator_clock: ManualClock
) -> None:
    """Without `--max-wait`, an attempt is given up, and its post is found."""
    rows = make_rows_on_pages(6)
    calendar = world.calendar(rows)
    fault = trickle(_FAULT_SECONDS, lambda: emulator_clock.advance(30))
    world.proxy.on("POST", "/posts/schedule", fault, numbers=[1])
    with time_limit(_SECONDS):
        ran = schedule(machine, calendar)
    assert ran.code == 0, ran.err
    world.assert_each_once(rows)
