"""Waits of the system's clock."""

import time

import pytest

from outreply_cli.clock import SystemClock


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The durations given to `time.sleep`, which takes no time."""
    durations: list[float] = []
    monkeypatch.setattr(SystemClock, "monotonic", lambda _self: sum(durations))
    monkeypatch.setattr(time, "sleep", durations.append)
    return durations


@pytest.mark.parametrize("seconds", [0.0, 0.25, 1.0, 61.5])
def test_wait_is_made_of_short_sleeps_and_takes_its_time(
    sleeps: list[float], seconds: float
) -> None:
    SystemClock().sleep(seconds)
    assert sum(sleeps) == seconds
    assert max(sleeps) <= 1


def test_wait_that_is_over_does_not_fail(sleeps: list[float]) -> None:
    SystemClock().sleep(-0.5)
    assert sleeps == [0]
