"""The workflows, the action, the image and the hook, by their schemas and linters."""

import re
from pathlib import Path

import pytest

from tests.packaging.environments import ROOT, Environment, read_project
from tests.packaging.steps import ACTION, RELEASE, load_workflow, named_steps

EXAMPLES = sorted((ROOT / "outreply_cli" / "examples").glob("github-*.yml"))
# A release, by its tag and its commit.
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n")


def run(validators: Environment, name: str, *words: str | Path, cwd: Path = ROOT) -> None:
    """Run a validator, which must find nothing."""
    search_path = f"{validators.program(name).parent}:/usr/bin:/bin"
    validators.run(validators.program(name), *map(str, words), cwd=cwd, PATH=search_path)


@pytest.mark.parametrize(
    ("schema", "paths"), [("workflows", [RELEASE, *EXAMPLES]), ("actions", [ACTION])]
)
def test_files_match_schemas(validators: Environment, schema: str, paths: list[Path]) -> None:
    run(validators, "check-jsonschema", "--builtin-schema", f"vendor.github-{schema}", *paths)


def test_scripts_of_steps_pass_shellcheck(validators: Environment, tmp_path: Path) -> None:
    jobs = load_workflow(RELEASE)["jobs"].values()
    for steps in (load_workflow(ACTION)["runs"]["steps"], *(job["steps"] for job in jobs)):
        for name, step in named_steps(steps):
            script = tmp_path / name
            script.write_text(step["run"])
            run(validators, "shellcheck", "--shell", "bash", script)


def test_actions_are_pinned() -> None:
    for path in (RELEASE, ACTION):
        text = path.read_text()
        assert text.count("uses: ") == len(PINNED.findall(text)) > 0


def test_release_has_least_privileges() -> None:
    workflow = load_workflow(RELEASE)
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "build": {"contents": "read"},
        "test": {},
        "attest": {"id-token": "write", "attestations": "write"},
        "publish": {"id-token": "write"},
        "release": {"contents": "write"},
    }


def test_release_uses_same_tools() -> None:
    """The version that these checks ran with."""
    validation = read_project()["optional-dependencies"]["validation"]
    assert re.findall(r"pipx install (cyclonedx\S+)", RELEASE.read_text())[0] in validation


def test_hook_manifest_is_valid(validators: Environment) -> None:
    run(validators, "pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml")


def test_dockerfile_passes_hadolint(validators: Environment) -> None:
    run(validators, "hadolint", ROOT / ".github" / "Dockerfile")
