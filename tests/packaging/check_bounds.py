"""The oldest dependencies that are allowed work, and the newest, on each Python there is."""

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.packaging.conftest import Packages
from tests.packaging.environments import ROOT, Environment, interpreter, lower_bounds

# Each dependency is used by one of them at least, and none takes long.
_SUBSET = (
    "tests/accounts", "tests/api/test_client.py", "tests/bulk/test_reading.py",
    "tests/commands/test_exit_codes.py", "tests/emulator/test_reference.py", "tests/terminal",
    "tests/test_help.py", "tests/test_times.py", "tests/webhooks/test_receiver.py",
)  # fmt: skip


def try_out(place: Environment, directory: Path) -> str:
    """Run a part of the suite against what is installed, not against the tree."""
    for name in ("tests", "completions"):
        copytree(ROOT / name, directory / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        (directory / name).write_bytes((ROOT / name).read_bytes())
    return place.run(
        place.program("python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *_SUBSET,
        cwd=directory,
    )  # fmt: skip


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_the_suite_passes_with(version: str, age: str, packages: Packages, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    place = Environment.create(tmp_path / "place", python)
    place.install(f"{packages.wheel}[test]", *(lower_bounds() if age == "oldest" else ()))
    assert " passed" in try_out(place, tmp_path)
