"""The action `bulk-check`, whose steps run as on a GitHub runner."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.environments import ROOT
from tests.packaging.steps import ACTION, Runner, load_workflow, named_steps, offline

HEADER = "key,page,scheduled_at,message\n"
GOOD = f"{HEADER}a,x:acme,2099-12-01 09:00,Hi\n"
BAD = f"{HEADER}a,x:acme,soon,Hi\n"
# Too long for X, which is a warning.
LONG = f"{HEADER}a,x:acme,2099-12-01 09:00,{'Hi ' * 150}\n"


@dataclass(frozen=True)
class CalendarAction:
    """A runner with the package installed, and a repository of calendars."""

    repository: Path
    variables: dict[str, str]

    def check(self, files: str, **inputs: str) -> tuple[int, str]:
        """The exit code and the output of the step `Check`."""
        action = load_workflow(ACTION)
        values = {name: field.get("default", "") for name, field in action["inputs"].items()}
        values |= {"files": files, **inputs}
        context = {f"inputs.{name}": value for name, value in values.items()}
        context["steps.python.outputs.python-path"] = sys.executable
        steps = dict(named_steps(action["runs"]["steps"]))
        variables = {**self.variables, "GITHUB_WORKSPACE": str(self.repository)}
        return Runner(self.repository, variables, context).run(steps["Check"])


@pytest.fixture(scope="module")
def installed(
    source: Path, wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Variables of a runner after the step `Install`."""
    home = tmp_path_factory.mktemp("runner")
    # Modules of the repository, which a pull request may bring, are not run.
    (home / "pip").mkdir()
    (home / "pip" / "__init__.py").write_text("raise SystemExit(99)\n")
    variables = {
        **offline(wheelhouse, home), "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(source / ACTION.relative_to(ROOT).parent),
        "RUNNER_TEMP": str(home / "temporary"),
    }  # fmt: skip
    step = dict(named_steps(load_workflow(ACTION)["runs"]["steps"]))["Install"]
    runner = Runner(home, variables, {"steps.python.outputs.python-path": sys.executable})
    # Twice, as in a job with two checks.
    for _ in range(2):
        code, output = runner.run(step)
        assert code == 0, output
    return variables


@pytest.fixture
def action(installed: dict[str, str], tmp_path: Path) -> CalendarAction:
    (tmp_path / "social").mkdir()
    for name, text in {"good": GOOD, "good too": GOOD, "long": LONG, "bad": BAD}.items():
        (tmp_path / "social" / f"{name}.csv").write_text(text)
    # Modules of the repository are not imported.
    (tmp_path / "yaml.py").write_text("raise SystemExit(99)\n")
    return CalendarAction(tmp_path, installed)


def test_action_accepts_calendars(action: CalendarAction) -> None:
    code, output = action.check("social/good*.csv\n\nsocial/long.csv\n")
    assert code == 0, output
    assert "::warning file=social/long.csv,line=2," in output
    assert "::error" not in output


def test_action_annotates_problems(action: CalendarAction) -> None:
    code, output = action.check("social/*.csv")
    assert code == 2
    assert "::error file=social/bad.csv,line=2,title=outreply::scheduled_at: " in output


def test_action_passes_its_inputs_to_the_check(action: CalendarAction) -> None:
    code, output = action.check("social/long.csv", strict="true", timezone="Europe/Paris")
    assert code == 2
    assert "::error file=social/long.csv,line=2," in output
    code, output = action.check("social/good.csv", timezone="Mars/Olympus")
    assert code == 2
    assert "Mars/Olympus" in output


def test_action_needs_files(action: CalendarAction) -> None:
    assert action.check("other/*.csv") == (2, "::error::No calendar matches: other/*.csv\n")
    code, output = action.check("social/missing.csv")
    assert code == 2
    assert "social/missing.csv" in output
    code, _ = action.check("social/$(touch made).csv; touch made")
    assert code == 2
    assert not (action.repository / "made").exists()
