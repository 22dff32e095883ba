"""Inputs of former findings, and a few hundred generated inputs per target."""

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
def test_regression_file_causes_no_error(target: Target, path: Path) -> None:
    target(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_short_fuzzing_run_has_no_findings(target: Target) -> None:
    result = run(target, seed=7, executions=target.smoke)
    assert [finding.text for finding in result.findings.values()] == []
    assert result.executions == target.smoke


def test_regression_files_are_named() -> None:
    for directory in REGRESSIONS.iterdir():
        assert directory.name in TARGETS
        for path in directory.iterdir():
            assert _NAME.fullmatch(path.name), path
