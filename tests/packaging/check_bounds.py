"""The oldest and the newest allowed dependencies work, on every supported Python."""

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.packaging.conftest import Packages
from tests.packaging.environments import ROOT, Environment, find_interpreter, lower_bounds

# Fast tests that together use every dependency.
_SUBSET = (
    "tests/accounts", "tests/api/test_client.py", "tests/bulk/test_loader.py", "tests/cli",
    "tests/commands/test_exit_codes.py", "tests/emulator/test_admin.py",
    "tests/emulator/test_webhooks.py", "tests/test_times.py", "tests/ui/test_output.py",
    "tests/ui/test_screens.py", "tests/webhooks/test_receiver.py",
)  # fmt: skip


def run_tests(environment: Environment, directory: Path) -> str:
    """Run a part of the suite against the installed package, not the source tree."""
    for name in ("tests", "completions"):
        copytree(ROOT / name, directory / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        (directory / name).write_bytes((ROOT / name).read_bytes())
    return environment.run(
        environment.program("python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *_SUBSET,
        cwd=directory,
    )  # fmt: skip


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_suite_passes(version: str, age: str, packages: Packages, tmp_path: Path) -> None:
    python = find_interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    environment = Environment.create(tmp_path / "environment", python)
    environment.install(f"{packages.wheel}[test]", *(lower_bounds() if age == "oldest" else ()))
    assert " passed" in run_tests(environment, tmp_path)
