"""The packages, built once from a copy of the source tree."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.packaging.environments import ROOT, Environment, read_project

_NOT_SOURCE = ignore_patterns(".venv*", ".git", "__pycache__", ".*_cache", ".hypothesis", "dist")


@dataclass(frozen=True)
class Packages:
    """The built distribution files."""

    wheel: Path
    sdist: Path


def build(kind: str, source: Path, directory: Path) -> Path:
    """Build a `wheel` or an `sdist` of the project in `source`."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(directory)]
    subprocess.run(words, cwd=source, check=True, capture_output=True)
    (package,) = directory.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return package


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree."""
    directory = tmp_path_factory.mktemp("tree") / "source"
    copytree(ROOT, directory, ignore=_NOT_SOURCE)
    return directory


@pytest.fixture(scope="session")
def packages(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Packages:
    directory = tmp_path_factory.mktemp("packages")
    return Packages(build("wheel", source, directory), build("sdist", source, directory))


@pytest.fixture(scope="session")
def validators(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the linters of workflows and images, pre-commit and CycloneDX."""
    environment = Environment.create(tmp_path_factory.mktemp("validators"))
    requirements = read_project()["optional-dependencies"]["validation"]
    environment.install(*requirements)
    return environment


@pytest.fixture(scope="session")
def wheelhouse(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of the dependencies, of those for workbooks and a team, and of the build's."""
    directory = tmp_path_factory.mktemp("wheelhouse")
    environment = Environment.create(tmp_path_factory.mktemp("gathering"))
    environment.pip(
        "download", "--quiet", "--only-binary", ":all:", "--dest", str(directory),
        f"{packages.wheel}[postgres,xlsx]", "hatchling",
    )  # fmt: skip
    (directory / packages.wheel.name).unlink(missing_ok=True)
    return directory
