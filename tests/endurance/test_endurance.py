"""Two hours of everything at once; the whole day is `python -m tests.endurance`."""

from pathlib import Path

from tests.endurance.day import Day


def test_after_two_hours_of_faults_nothing_is_twice_lost_or_growing(tmp_path: Path) -> None:
    outcome = Day(tmp_path, hours=2.0, early=1.0, seed=7).live()
    assert [(each.what, each.twice, each.lost) for each in outcome.matches] == [
        (each.what, 0, 0) for each in outcome.matches
    ]
    assert all(each.count > 0 for each in outcome.matches)
    assert outcome.struck > 0
    assert outcome.is_sound, outcome.flatness
