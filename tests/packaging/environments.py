"""Clean virtual environments."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_SECONDS = 600
# Only these environment variables are passed to programs.
_PASSED_VARIABLES = ("PATH", "LANG", "TMPDIR")
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)\s*>=\s*(?P<version>[0-9][0-9.]*)")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with an empty home directory.

    Attributes:
        directory: Directory of the environment.
        home: HOME and default working directory of its programs.
    """

    directory: Path
    home: Path

    @classmethod
    def create(cls, directory: Path, python: Path = Path(sys.executable)) -> "Environment":
        """Create an environment with the interpreter `python`."""
        environment = cls(directory / "venv", directory / "home")
        environment.home.mkdir(parents=True)
        environment.run(python, "-m", "venv", "--without-pip", str(environment.directory))
        return environment

    def program(self, name: str) -> Path:
        """Absolute path of an installed program."""
        return self.directory / "bin" / name

    def pip(self, *words: str, **environ: str) -> str:
        """Run the pip of this process for the environment, which has none; return its output."""
        program = ("-m", "pip", "--python", str(self.program("python")))
        return self.run(Path(sys.executable), *program, *words, cwd=None, **environ)

    def install(self, *words: str) -> None:
        """Install packages."""
        self.pip("install", "--quiet", "--no-compile", *words)

    def install_offline(self, wheelhouse: Path, *words: str) -> None:
        """Install packages from a directory of wheels, without an index."""
        self.pip(
            "--isolated", "install", "--quiet", "--no-compile", "--no-index", "--find-links",
            str(wheelhouse), *words, PIP_CONFIG_FILE=os.devnull,
        )  # fmt: skip

    def run(self, program: Path, *words: str, cwd: Path | None = None, **environ: str) -> str:
        """Run a program, which must succeed; return its output."""
        passed = {
            name: os.environ[name]
            for name in (*_PASSED_VARIABLES, *_pip_variables())
            if name in os.environ
        }
        done = subprocess.run(
            [program, *words], cwd=cwd or self.home, timeout=_SECONDS, check=False,
            env={**passed, "HOME": str(self.home), **environ}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {' '.join(words)}:\n{done.stdout}"
        return done.stdout


def read_project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def lower_bounds() -> list[str]:
    """Requirements for the oldest version of each dependency that is allowed."""
    requirements = []
    for requirement in read_project()["dependencies"]:
        bound = _BOUND.match(requirement)
        assert bound is not None, f"{requirement} has no lower bound"
        requirements.append(f"{bound['name']}=={bound['version']}")
    return requirements


def find_interpreter(version: str) -> Path | None:
    """Path of a working Python of that version, if there is one."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    candidates = [shutil.which(f"python{version}")]
    candidates += sorted(
        map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    )
    for candidate in filter(None, candidates):
        if _works(candidate):
            return Path(candidate)
    return None


def _works(candidate: str) -> bool:
    words: Sequence[str] = [candidate, "-c", "import venv, ensurepip, sqlite3, ssl"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _pip_variables() -> list[str]:
    # These variables may configure the package index.
    return [name for name in os.environ if name.startswith("PIP_") or name.endswith("_CERT_FILE")]
