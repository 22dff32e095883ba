"""Two hours of activity with faults; `python -m tests.endurance` runs a day."""

from pathlib import Path

import pytest

from tests.endurance.day import Day


@pytest.mark.slow
def test_two_hours_with_faults_lose_and_duplicate_nothing(tmp_path: Path) -> None:
    outcome = Day(tmp_path, hours=2.0, early=1.0, seed=7).run()
    for comparison in outcome.comparisons:
        assert (comparison.duplicated, comparison.lost) == (0, 0), comparison
        assert comparison.count > 0, comparison
    assert outcome.faults > 0
    assert outcome.is_success, outcome.resources
