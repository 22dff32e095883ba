"""A short form of the simulation; `python -m tests.reliability simulation` runs 10,000 seeds."""

import pytest

from tests.reliability.simulation import find_bug, simulate

# The first one shows the rarest of the planted bugs.
SEEDS = (46, *range(31, 42))


@pytest.mark.slow
def test_nothing_is_posted_twice_or_lost() -> None:
    outcomes = [simulate(seed) for seed in SEEDS]
    assert {outcome.seed: outcome.violations for outcome in outcomes if outcome.violations} == {}
    assert min(outcome.events for outcome in outcomes) >= 100
    assert sum(outcome.is_settled for outcome in outcomes) >= len(SEEDS) - 2


def test_simulation_is_deterministic() -> None:
    assert [simulate(seed).log for seed in (1, 2)] == [simulate(seed).log for seed in (1, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "bug", ["keys_without_revision", "cancel_before_create", "create_beside_similar_posts"]
)
def test_planted_bug_is_found(bug: str) -> None:
    assert find_bug(bug, SEEDS) is not None
