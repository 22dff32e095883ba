"""The hook in `.pre-commit-hooks.yaml`, run by pre-commit."""

import subprocess
from pathlib import Path
from shutil import copytree

import pytest

from tests.packaging.environments import Environment
from tests.packaging.steps import offline

HEADER = "key,page,scheduled_at,message\n"


def git(directory: Path, *words: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *identity, *words], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def hook(source: Path, tmp_path: Path) -> Path:
    """A repository with the hook."""
    repository = tmp_path / "hook"
    copytree(source, repository)
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "Add the hook")
    git(repository, "tag", "v1")
    return repository


def test_hook_passes_valid_calendars_and_fails_invalid_ones(
    validators: Environment, wheelhouse: Path, hook: Path, tmp_path: Path
) -> None:
    calendars = tmp_path / "calendars"
    calendars.mkdir()
    git(calendars, "init", "--quiet")
    (calendars / "calendar.csv").write_text(f"{HEADER}a,x:acme,2099-12-01 09:00,Hi\n")
    (calendars / "data.csv").write_text("no,calendar\n")
    (calendars / ".pre-commit-config.yaml").write_text(
        f"repos: [{{repo: '{hook}', rev: v1, hooks: [{{id: outreply-bulk-check}}]}}]\n"
    )
    variables = offline(wheelhouse, tmp_path) | {"PRE_COMMIT_HOME": str(tmp_path / "cache")}

    def commit() -> tuple[int, str]:
        git(calendars, "add", ".")
        done = subprocess.run(
            [validators.program("pre-commit"), "run"], cwd=calendars, env=variables,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    code, output = commit()
    assert (code, "Passed" in output) == (0, True), output
    (calendars / "calendar 2.csv").write_text(f"{HEADER}a,x:acme,soon,Hi\n")
    (calendars / "calendar.xlsx").write_bytes(b"\0 no workbook")
    code, output = commit()
    assert code == 1
    assert "calendar 2.csv:2: scheduled_at: invalid time 'soon'" in output
    assert "calendar.xlsx" in output
