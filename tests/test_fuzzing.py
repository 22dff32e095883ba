"""Every input that once was a finding, and a few hundred new ones of each kind."""

import re
from pathlib import Path

import pytest

from tests.fuzzing.runner import run
from tests.fuzzing.target import REGRESSIONS, Target
from tests.fuzzing.targets import TARGETS

_NAME = re.compile(r"[a-z0-9-]+")


def cases() -> list[tuple[Target, Path]]:
    return [(target, path) for target in TARGETS.values() for path in target.corpus]


@pytest.mark.parametrize(
    ("target", "path"), cases(), ids=lambda value: getattr(value, "name", str(value))
)
def test_what_was_found_once_is_not_found_again(target: Target, path: Path) -> None:
    target(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_nothing_is_found_in_a_few_new_inputs(target: Target) -> None:
    ran = run(target, seed=7, executions=target.smoke)
    assert [finding.text for finding in ran.findings.values()] == []
    assert ran.executions == target.smoke


def test_every_regression_has_a_target_and_a_name() -> None:
    for directory in REGRESSIONS.iterdir():
        assert directory.name in TARGETS
        for path in directory.iterdir():
            assert _NAME.fullmatch(path.name), path
