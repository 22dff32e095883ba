"""The files of a release, built and tested by the steps of its workflow, and `outreply.pyz`."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from outreply_cli import __version__
from tests.packaging.conftest import Packages
from tests.packaging.environments import ROOT, Environment, find_interpreter
from tests.packaging.steps import RELEASE, Runner, load_workflow, named_steps

# Fixtures build the packages and install the tools.
_BUILD = ["Install the wheel", "Build outreply.pyz", "Write the bill of materials",
          "Write the checksums"]  # fmt: skip
# The third step installs the wheel, which other checks do.
_TEST = ["Compare the checksums", "Run outreply.pyz"]
_PYTHON = "3.11"


@pytest.fixture(scope="module")
def release(
    packages: Packages, validators: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Runner:
    """A runner after the job `build`."""
    python = find_interpreter(_PYTHON)
    if python is None:
        pytest.skip(f"Python {_PYTHON} is not installed")
    home = tmp_path_factory.mktemp("runner")
    programs, checkout = home / "bin", home / "checkout"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (programs / "python").chmod(0o755)
    (programs / "cyclonedx-py").symlink_to(validators.program("cyclonedx-py"))
    (checkout / "dist").mkdir(parents=True)
    copytree(ROOT / ".github", checkout / ".github")
    for package in (packages.wheel, packages.sdist):
        (checkout / "dist" / package.name).write_bytes(package.read_bytes())
    (checkout / "outreply_cli").mkdir()
    source = Path("outreply_cli", "__init__.py")
    (checkout / source).write_bytes((ROOT / source).read_bytes())
    passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    search_path = f"{programs}:/usr/bin:/bin"
    runner = Runner(checkout, {**passed, "PATH": search_path, "HOME": str(home)})
    steps = dict(named_steps(load_workflow(RELEASE)["jobs"]["build"]["steps"]))
    for name in _BUILD:
        code, output = runner.run(steps[name])
        assert code == 0, output
    return runner


@pytest.fixture
def dist(release: Runner) -> Path:
    return release.directory / "dist"


def bare_python(directory: Path, version: str) -> Path:
    """A Python without any package, also without pip."""
    python = find_interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    subprocess.run([python, "-m", "venv", "--without-pip", directory / "bare"], check=True)
    return directory / "bare" / "bin" / "python"


def start(*words: str | Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command without any inherited variable."""
    return subprocess.run(
        words, env=environ, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("tag", "code"), [(f"v{__version__}", 0), ("v99.0", 1), ("vtest", 1)])
def test_tag_names_version(release: Runner, tag: str, code: int) -> None:
    steps = dict(named_steps(load_workflow(RELEASE)["jobs"]["build"]["steps"]))
    variables = {**release.variables, "GITHUB_REF_NAME": tag}
    result = Runner(release.directory, variables).run(steps["Compare the tag with the version"])
    assert result[0] == code
    assert (f"The version is {__version__}, the tag {tag}." in result[1]) == bool(code)


def test_release_files_pass_job(release: Runner, dist: Path) -> None:
    assert {path.name for path in dist.iterdir()} == {
        f"outreply_cli-{__version__}-py3-none-any.whl", f"outreply_cli-{__version__}.tar.gz",
        "outreply.pyz", "outreply-cli.cdx.json", "SHA256SUMS",
    }  # fmt: skip
    steps = dict(named_steps(load_workflow(RELEASE)["jobs"]["test"]["steps"]))
    outputs = []
    for name in _TEST:
        code, output = release.run(steps[name])
        assert code == 0, output
        outputs.append(output)
    assert outputs[0].count(": OK\n") == len(list(dist.iterdir())) - 1
    assert outputs[1].startswith(f"outreply {__version__}\n")


def test_bill_of_materials_lists_only_runtime_dependencies(dist: Path) -> None:
    bill = json.loads((dist / "outreply-cli.cdx.json").read_text(encoding="utf-8"))
    versions = {entry["name"].lower(): entry["version"] for entry in bill["components"]}
    assert versions["outreply-cli"] == __version__
    # Direct and indirect dependencies, but nothing that only tests or builds need.
    assert {"httpx", "httpcore", "typer", "pyyaml", "cryptography"} <= versions.keys()
    assert not {"pip", "setuptools", "pytest", "hatchling", "cyclonedx-bom"} & versions.keys()


def test_archive_runs_on_any_platform(dist: Path) -> None:
    with zipfile.ZipFile(dist / "outreply.pyz") as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith((".so", ".pyd", ".pyc"))]
    assert {name.partition("/")[0] for name in names} == {"__main__.py", "release", "packages"}
    # Python 3.12 has its own.
    assert "packages/importlib_metadata/__init__.py" in names


def test_archive_is_reproducible(release: Runner, dist: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.pyz"
    builder = release.directory / ".github" / "release" / "build_pyz.py"
    done = start(
        sys.executable, builder, release.directory / ".venv-release", again, TZ="Asia/Tokyo"
    )
    assert done.returncode == 0, done.stderr
    assert again.read_bytes() == (dist / "outreply.pyz").read_bytes()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_archive_runs_on_bare_python(dist: Path, tmp_path: Path, version: str) -> None:
    python, archive = bare_python(tmp_path, version), dist / "outreply.pyz"

    def outreply(*words: str) -> str:
        done = start(python, archive, *words, HOME=str(tmp_path))
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert outreply("--version") == f"outreply {__version__}\n"
    assert "outreply" in outreply("demo")
    assert "crontab" in outreply("examples")
    assert "complete" in outreply("completion", "bash")
    # It starts itself again for the emulator.
    outreply("emulator", "start", "--port", "0")
    try:
        assert "acme" in outreply("pages", "list", "--profile", "emulator")
    finally:
        outreply("emulator", "stop")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".cache",
        ".config",
        ".local",
        "bare",
    ]


def test_archive_runs_as_a_command(release: Runner, dist: Path, tmp_path: Path) -> None:
    command = tmp_path / "outreply"
    command.symlink_to(dist / "outreply.pyz")
    # It begins with `#!/usr/bin/env python3`.
    (tmp_path / "python3").symlink_to(find_interpreter(_PYTHON) or sys.executable)
    environ = {**release.variables, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = start(command, "--version", **environ)
    assert done.stdout == f"outreply {__version__}\n"


def test_archive_unpacks_once(dist: Path, tmp_path: Path) -> None:
    """It is unpacked once even if it is started twice at once."""
    words = [sys.executable, str(dist / "outreply.pyz"), "--version"]
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    processes = [subprocess.Popen(words, env=environ, stdout=subprocess.PIPE) for _ in range(2)]
    assert {process.communicate()[0] for process in processes} == {
        f"outreply {__version__}\n".encode()
    }
    (unpacked,) = (tmp_path / "outreply").iterdir()
    changed_at = unpacked.stat().st_mtime_ns
    assert start(*words, **environ).returncode == 0
    assert [path.stat().st_mtime_ns for path in (tmp_path / "outreply").iterdir()] == [changed_at]


def test_archive_that_cannot_be_unpacked_is_an_error(dist: Path, tmp_path: Path) -> None:
    words = [sys.executable, str(dist / "outreply.pyz"), "--version"]
    not_a_directory = tmp_path / "file"
    not_a_directory.touch()
    done = start(*words, XDG_CACHE_HOME=str(not_a_directory))
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: Cannot unpack outreply to {not_a_directory}/outreply: Not a directory\n"
        "  Set XDG_CACHE_HOME to a directory that you can write to.\n"
    )
    done = start(*words, XDG_CACHE_HOME="relative")
    assert done.returncode == 1
    assert "'relative' is not a full path" in done.stderr


def give_away(directory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give directories away")
    directory.mkdir()
    os.chown(directory, 65534, 65534)


def open_to_all(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o777)


def link(directory: Path) -> None:
    directory.symlink_to(directory.parent)


@pytest.mark.parametrize("prepare", [give_away, open_to_all, link])
def test_archive_refuses_packages_that_others_can_change(
    dist: Path, tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    prepare(tmp_path / "outreply")
    done = start(sys.executable, dist / "outreply.pyz", "demo", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "Other users can change" in done.stderr


def test_archive_starts_with_an_open_umask(dist: Path, tmp_path: Path) -> None:
    words = (sys.executable, str(dist / "outreply.pyz"), "--version")
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-c", 'umask 0 && exec "$@"', "sh", *words],
            env={"XDG_CACHE_HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_archive_on_old_python_is_an_error(dist: Path, tmp_path: Path) -> None:
    python = find_interpreter("3.10") or find_interpreter("3.9")
    if python is None:
        pytest.skip("no older Python is installed")
    done = start(python, dist / "outreply.pyz", "demo", HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: This program needs Python 3.11 or later; this is 3.")
