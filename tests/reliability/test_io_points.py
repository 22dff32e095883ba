"""Some of the I/O points; `python -m tests.reliability io-points` runs all of them."""

from collections.abc import Iterator

import pytest

from tests.reliability.io_points import (
    SCENARIOS,
    Case,
    Report,
    Worlds,
    list_cases,
    open_worlds,
    spread,
)
from tests.reliability.outcomes import Outcome
from tests.reliability.shim import Fault, missing_requirement

pytestmark = pytest.mark.slow
_CASES = 30
# A planted bug shows at some points only.
_SEARCHED = 60


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    reason = missing_requirement()
    if reason is not None:
        pytest.skip(reason)
    with open_worlds() as opened:
        yield opened


@pytest.fixture(scope="module")
def cases(worlds: Worlds) -> list[Case]:
    return list_cases(worlds, Report())


def failures(worlds: Worlds, cases: list[Case]) -> list[tuple[Case, Outcome]]:
    outcomes = [(case, worlds.run(case)) for case in cases]
    return [(case, outcome) for case, outcome in outcomes if not outcome.is_success]


def test_at_least_1000_cases_cover_every_scenario(cases: list[Case]) -> None:
    assert len(cases) >= 1_000
    assert {case.scenario for case in cases} == set(SCENARIOS)


def test_nothing_is_posted_twice_or_lost(worlds: Worlds, cases: list[Case]) -> None:
    assert failures(worlds, spread(cases, _CASES)) == []


@pytest.mark.parametrize("scenario", ["first run", "receiver, first start"])
def test_new_directory_survives_a_power_loss(
    scenario: str, worlds: Worlds, cases: list[Case]
) -> None:
    fitting = [c for c in cases if (c.scenario, c.fault) == (scenario, Fault.POWER_LOSS)]
    outcome = worlds.run(fitting[len(fitting) * 3 // 4])
    assert outcome.is_success, outcome.notes
    assert outcome.refused == 0, outcome.notes


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_failed_sync_of_a_directory_is_an_error(
    scenario: str, worlds: Worlds, cases: list[Case]
) -> None:
    points = [
        case.point
        for case in cases
        if (case.scenario, case.fault) == (scenario, Fault.EIO_ONCE)
        and case.point.call == "sync of directory"
    ]
    # SQLite ignores it.
    outcomes = [worlds.run(Case(scenario, Fault.EIO_BEFORE_POWER_LOSS, point)) for point in points]
    assert [outcome for outcome in outcomes if not outcome.is_success] == []


@pytest.mark.parametrize(
    ("bug", "scenario", "fault", "count"),
    [
        ("no intent and no lookups", "first run", Fault.TORN_POWER_LOSS, "twice"),
        ("no syncs", "receiver, next start", Fault.POWER_LOSS, "acknowledged_lost"),
    ],
)
def test_planted_bug_is_found(
    bug: str, scenario: str, fault: Fault, count: str, cases: list[Case]
) -> None:
    fitting = [case for case in cases if (case.scenario, case.fault) == (scenario, fault)]
    # Requests are sent in the second half.
    start = len(fitting) // 2
    with open_worlds(bug) as worlds:
        outcomes = (worlds.run(case) for case in fitting[start : start + _SEARCHED])
        assert any(getattr(outcome, count) for outcome in outcomes)
