"""The instructions of the Dockerfile, carried out without a container."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copy, copytree

import pytest

from outreply_cli import __version__
from tests.packaging.environments import ROOT
from tests.packaging.steps import offline

_TARGET = "/opt/outreply"


def instructions() -> list[tuple[str, str]]:
    """Names and arguments of all instructions."""
    text = (ROOT / ".github" / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).split("\n")
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines) if name]


def find(name: str) -> str:
    """The arguments of the last instruction of that name."""
    return [arguments for found, arguments in instructions() if found == name][-1]


@dataclass(frozen=True)
class Image:
    """The content of the image, below another directory than `/`."""

    environ: dict[str, str]
    home: Path

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a container."""
        return subprocess.run(
            words, cwd=self.home, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip

    @contextmanager
    def start(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """A running container."""
        with subprocess.Popen(
            words, cwd=self.home, env=self.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture(scope="module")
def image(source: Path, wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The result of the instructions, with this Python."""
    root = tmp_path_factory.mktemp("image")
    (root / "source").mkdir()
    (root / "bin").mkdir()
    for program, words in {"python": "", "pip": "-m pip"}.items():
        (root / "bin" / program).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (root / "bin" / program).chmod(0o755)
    variables = offline(wheelhouse, root)
    variables["PATH"] = f"{root / 'bin'}:{variables['PATH']}"
    target = str(root / "outreply")
    for name, arguments in instructions():
        if name == "COPY" and not arguments.startswith("--from"):
            *names, to = arguments.split()
            for path in map(source.joinpath, names):
                if path.is_dir():
                    copytree(path, root / "source" / to)
                else:
                    copy(path, root / "source" / to)
        elif name == "RUN" and _TARGET in arguments:
            subprocess.run(
                ["sh", "-c", arguments.replace(_TARGET, target)], cwd=root / "source",
                env=variables, check=True,
            )  # fmt: skip
    variable, _, value = find("ENV").partition("=")
    search_path = value.replace(_TARGET, target).replace("$PATH", os.defpath)
    home = root / "home"
    home.mkdir()
    return Image({variable: search_path, "HOME": str(home)}, home)


def test_health_check_passes_only_while_the_emulator_runs(image: Image) -> None:
    entry_point, command = json.loads(find("ENTRYPOINT")), json.loads(find("CMD"))
    check = json.loads(find("HEALTHCHECK").partition(" CMD ")[2])
    assert image.run(*check).returncode == 1
    # The image's port may be in use on this machine.
    with image.start(*entry_point, *command, "--port", "0") as process:
        assert process.stdout is not None
        assert "outreply_live_" in "".join(process.stdout.readline() for _ in range(2))
        healthy = image.run(*check)
        assert (healthy.returncode, healthy.stderr) == (0, "")
        # Docker keeps this output.
        assert "outreply_live_" not in healthy.stdout
        # `docker stop` sends it.
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert image.run(*check).returncode == 1


def test_image_runs_other_commands_with_the_extras(image: Image) -> None:
    (entry_point,) = json.loads(find("ENTRYPOINT"))
    assert image.run(entry_point, "--version").stdout == f"outreply {__version__}\n"
    calendar = image.home / "calendar.csv"
    calendar.write_text("key,page,scheduled_at,message\na,x:acme,2099-12-01 09:00,Hi\n")
    assert image.run(entry_point, "bulk", "check", calendar.name).returncode == 0
    # The extras are there.
    template = image.run(entry_point, "bulk", "template", "xlsx", "--file", "calendar.xlsx")
    assert template.returncode == 0, template.stderr


def test_user_is_not_root() -> None:
    # By its number, so that orchestrators can verify it.
    assert find("USER") == "1000:1000"
    assert "--uid 1000" in find("RUN")
    # The port that the emulator listens on by default.
    assert find("EXPOSE") == "8787"
