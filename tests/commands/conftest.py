"""A calendar for the tests of commands."""

from pathlib import Path

import pytest

from tests.commands.team_machines import CALENDAR


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / "plan.csv"
    path.write_text(CALENDAR)
    return path
