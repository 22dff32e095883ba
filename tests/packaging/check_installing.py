"""Offline installation, and running the installed command from anywhere."""

import sys
from pathlib import Path

import pytest

from outreply_cli import __version__
from tests.packaging.conftest import Packages
from tests.packaging.environments import Environment


@pytest.fixture(scope="module")
def installation(
    packages: Packages, wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    environment = Environment.create(tmp_path_factory.mktemp("from-wheel"))
    environment.install_offline(wheelhouse, str(packages.wheel))
    return environment


def test_wheel_installs_offline(
    installation: Environment,
) -> None:
    installation.pip("check")


def test_sdist_installs_offline(packages: Packages, wheelhouse: Path, tmp_path: Path) -> None:
    environment = Environment.create(tmp_path)
    environment.install_offline(wheelhouse, str(packages.sdist))
    assert (
        environment.run(environment.program("outreply"), "--version") == f"outreply {__version__}\n"
    )


def test_command_run_by_path_writes_no_files(installation: Environment, tmp_path: Path) -> None:
    """Run it as pipx does, without an activated environment."""
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    elsewhere.mkdir()
    home.mkdir()

    def outreply(*words: str) -> str:
        return installation.run(
            installation.program("outreply"), *words, cwd=elsewhere, HOME=str(home)
        )  # fmt: skip

    assert outreply("--version") == f"outreply {__version__}\n"
    assert "serve-webhook" in outreply("--help")
    assert "key,page" in outreply("bulk", "template", "csv")
    assert "crontab" in outreply("examples")
    assert list(elsewhere.iterdir()) == list(home.iterdir()) == []


def test_installed_demo_runs_without_an_error(installation: Environment, tmp_path: Path) -> None:
    assert "outreply" in installation.run(installation.program("outreply"), "demo", cwd=tmp_path)


def test_command_runs_through_a_symlink(installation: Environment, tmp_path: Path) -> None:
    link = tmp_path / "outreply"
    link.symlink_to(installation.program("outreply"))
    assert installation.run(link, "--version") == f"outreply {__version__}\n"


def test_completions_and_man_pages_are_installed(installation: Environment) -> None:
    share = installation.directory / "share"
    assert (share / "bash-completion" / "completions" / "outreply").is_file()
    assert (share / "zsh" / "site-functions" / "_outreply").is_file()
    assert (share / "fish" / "vendor_completions.d" / "outreply.fish").is_file()
    assert (share / "man" / "man1" / "outreply-bulk.1").is_file()


def test_type_hints_are_exported(installation: Environment, tmp_path: Path) -> None:
    """Type checkers report a wrong argument; without `py.typed` everything would be Any."""
    (tmp_path / "right.py").write_text(
        "from outreply_cli.webhooks import verify\nfits: bool = verify(b'', '', 'secret')\n"
    )
    (tmp_path / "wrong.py").write_text(
        "from outreply_cli.webhooks import verify\nverify(1, '', 'secret')\n"
    )
    check = ["-m", "mypy", "--python-executable", str(installation.program("python")),
             "--cache-dir", str(tmp_path / "cache")]  # fmt: skip
    python = Path(sys.executable)
    installation.run(python, *check, "right.py", cwd=tmp_path)
    with pytest.raises(AssertionError, match=r"Argument 1 to .verify. has incompatible type"):
        installation.run(python, *check, "wrong.py", cwd=tmp_path)
