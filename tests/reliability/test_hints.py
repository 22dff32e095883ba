"""Some of the damaged journals; `python -m tests.reliability hints` runs 200 of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.hint_cases import DAMAGES
from tests.reliability.hints import Outcome, Server, run_case, scratch_directory

# Damages that differ in what they leave of the journal.
_SEEDS = {name: 100 * len(DAMAGES) + number for number, name in enumerate(DAMAGES)}
_MAX_COMMANDS = 6
_SKIPPED = {"log lost", "log cut off", "calendars deleted", "cut off"}


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with scratch_directory() as path:
        yield path


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Server]:
    with Server(directory) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("damage", [name for name in DAMAGES if name not in _SKIPPED])
def test_following_hints_neither_duplicates_nor_loses_posts(
    server: Server, directory: Path, damage: str
) -> None:
    outcome = run_case(server, directory, _SEEDS[damage], _MAX_COMMANDS)
    assert outcome.damage == damage
    assert outcome.is_success, "\n\n".join(outcome.notes)


def test_doubled_and_lost_posts_fail() -> None:
    assert Outcome(0, "").is_success
    for name in ("doubled", "lost", "cancelled", "stuck", "faults"):
        outcome = Outcome(0, "")
        setattr(outcome, name, 1)
        assert not outcome.is_success
