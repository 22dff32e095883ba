"""Contents of the packages."""

import re
import subprocess
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from outreply_cli import __version__
from outreply_cli.completion.stubs import STUBS
from tests.packaging.conftest import Packages, build
from tests.packaging.environments import ROOT

_MAX_WHEEL_BYTES = 1_100_000
_MAX_SDIST_BYTES = 1_800_000
_COMPLETIONS = {
    "share/bash-completion/completions/outreply": "completions/outreply.bash",
    "share/zsh/site-functions/_outreply": "completions/_outreply",
    "share/fish/vendor_completions.d/outreply.fish": "completions/outreply.fish",
}


@pytest.fixture(scope="module")
def wheel(packages: Packages) -> dict[str, bytes]:
    with zipfile.ZipFile(packages.wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel: dict[str, bytes]) -> Message:
    name = next(name for name in wheel if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel[name].decode())


def test_packages_are_within_their_size_limits(packages: Packages) -> None:
    assert packages.wheel.stat().st_size <= _MAX_WHEEL_BYTES
    assert packages.sdist.stat().st_size <= _MAX_SDIST_BYTES


def test_wheel_is_platform_independent(packages: Packages) -> None:
    assert packages.wheel.name == f"outreply_cli-{__version__}-py3-none-any.whl"


def test_wheel_has_all_source_files(
    wheel: dict[str, bytes],
) -> None:
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "outreply_cli").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    stubs = {f"outreply_cli/completion/stubs/{name}": name for name in STUBS.values()}
    assert {name for name in wheel if name.startswith("outreply_cli/")} == expected | stubs.keys()
    for path, name in stubs.items():
        assert wheel[path] == (ROOT / "completions" / name).read_bytes()
    assert "outreply_cli/py.typed" in expected


def test_wheel_has_no_tests_or_hidden_files(wheel: dict[str, bytes]) -> None:
    for name in wheel:
        first, *rest = Path(name).parts
        assert first == "outreply_cli" or re.fullmatch(
            r"outreply_cli-[\d.]+\.(dist-info|data)", first
        )
        assert not any(part.startswith(".") or part == "tests" for part in (first, *rest)), name


def test_wheel_installs_completions_and_man_pages(
    wheel: dict[str, bytes],
) -> None:
    data = f"outreply_cli-{__version__}.data/data/"
    pages = {
        f"share/man/man1/{path.name}": f"completions/man/{path.name}"
        for path in (ROOT / "completions" / "man").iterdir()
    }
    assert len(pages) > 5
    expected = {
        data + path: (ROOT / source).read_bytes()
        for path, source in {**_COMPLETIONS, **pages}.items()
    }
    assert {name: wheel[name] for name in wheel if name.startswith(data)} == expected


def test_metadata_names_version_license_and_entry_points(
    metadata: Message, wheel: dict[str, bytes]
) -> None:
    assert metadata["Name"] == "outreply-cli"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    classifiers = metadata.get_all("Classifier", [])
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(
        classifiers
    )
    assert "Typing :: Typed" in classifiers
    urls = dict(url.split(", ", 1) for url in metadata.get_all("Project-URL", []))
    assert urls["Homepage"].startswith("https://")
    entry_points = wheel[f"outreply_cli-{__version__}.dist-info/entry_points.txt"].decode()
    assert entry_points == (
        "[console_scripts]\noutreply = outreply_cli.__main__:main\n"
        "\n[pytest11]\noutreply = outreply_cli.pytest_plugin\n"
    )


def test_sdist_has_all_tracked_files(packages: Packages) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    expected = set(tracked) - {".gitattributes", ".gitignore"}
    with tarfile.open(packages.sdist) as archive:
        actual = {name.partition("/")[2] for name in archive.getnames()}
    # The build adds these two files.
    assert actual - expected <= {"PKG-INFO", ".gitignore"}
    assert expected <= actual


def test_sdist_builds_identical_wheel(packages: Packages, tmp_path: Path) -> None:
    # Python 3.11.2 has no `filter` in `extractall`, and Python 3.13 warns without it.
    subprocess.run(["tar", "-xzf", packages.sdist, "-C", tmp_path], check=True)
    (source,) = tmp_path.iterdir()
    rebuilt = build("wheel", source, tmp_path / "again")
    assert rebuilt.read_bytes() == packages.wheel.read_bytes()
