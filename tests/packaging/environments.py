"""Clean places to install into, and running things there."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SECONDS = 600
# Without a compiled path of its own: nothing of this interpreter's environment shows through.
_KEPT = ("PATH", "LANG", "TMPDIR")
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)\s*>=\s*(?P<version>[0-9][0-9.]*)")


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a directory of its own, used with an empty home.

    Attributes:
        directory: Where it is.
        home: What its programs find as HOME; they start in there.
    """

    directory: Path
    home: Path

    @classmethod
    def create(cls, directory: Path, python: Path = Path(sys.executable)) -> "Environment":
        """Make one with the interpreter `python`."""
        made = cls(directory / "venv", directory / "home")
        made.home.mkdir(parents=True)
        made.run(python, "-m", "venv", str(made.directory))
        return made

    def program(self, name: str) -> Path:
        """The absolute path of one of its programs."""
        return self.directory / "bin" / name

    def install(self, *words: str) -> None:
        """Have its pip install something."""
        self.run(self.program("python"), "-m", "pip", "install", "--quiet", *words)

    def install_offline(self, wheelhouse: Path, *words: str) -> None:
        """The same from a directory of wheels alone: no index, and no configuration of one."""
        self.run(
            self.program("python"), "-m", "pip", "--isolated", "install", "--quiet", "--no-index",
            "--find-links", str(wheelhouse), *words, PIP_CONFIG_FILE=os.devnull,
        )  # fmt: skip

    def run(self, program: Path, *words: str, cwd: Path | None = None, **environ: str) -> str:
        """Run a program; returns what it printed, and fails with it where it failed."""
        kept = {name: os.environ[name] for name in (*_KEPT, *_pip_names()) if name in os.environ}
        done = subprocess.run(
            [program, *words], cwd=cwd or self.home, timeout=_SECONDS, check=False,
            env={**kept, "HOME": str(self.home), **environ}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {' '.join(words)}:\n{done.stdout}"
        return done.stdout


def lower_bounds() -> list[str]:
    """The oldest version of each dependency that `pyproject.toml` allows, as requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = []
    for requirement in project["dependencies"]:
        bound = _BOUND.match(requirement)
        assert bound is not None, f"{requirement} has no lower bound"
        oldest.append(f"{bound['name']}=={bound['version']}")
    return oldest


def interpreter(version: str) -> Path | None:
    """A Python of that version on this machine, or None; a shim that leads nowhere is none."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    found = [shutil.which(f"python{version}")]
    found += sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")))
    for candidate in filter(None, found):
        if _works(candidate):
            return Path(candidate)
    return None


def _works(candidate: str) -> bool:
    words: Sequence[str] = [candidate, "-c", "import venv, ensurepip, sqlite3, ssl"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _pip_names() -> list[str]:
    # Where a machine's packages come from is told to pip this way at times.
    return [name for name in os.environ if name.startswith("PIP_") or name.endswith("_CERT_FILE")]
