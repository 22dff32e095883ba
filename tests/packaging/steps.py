"""Steps of workflows and actions, run as a GitHub runner runs them."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.packaging.environments import ROOT

RELEASE = ROOT / ".github" / "workflows" / "release.yml"
ACTION = ROOT / ".github" / "actions" / "bulk-check" / "action.yml"
_SECONDS = 300
_EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")


def load_workflow(path: Path) -> dict[str, Any]:
    """A parsed workflow or action."""
    # BaseLoader, because `on` and "false" are texts for GitHub.
    return dict(yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader))  # noqa: S506


def named_steps(steps: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and definitions of the steps that run a script."""
    return ((step["name"], step) for step in steps if "run" in step)


@dataclass
class Runner:
    """A machine that runs steps in `directory`.

    Attributes:
        directory: The workspace.
        variables: Environment of the steps, which is otherwise empty.
        context: Values of expressions, such as `inputs.files`.
    """

    directory: Path
    variables: Mapping[str, str]
    context: Mapping[str, str] = field(default_factory=dict)

    def run(self, step: Mapping[str, Any]) -> tuple[int, str]:
        """Run a script; return its exit code and its output."""
        assert "${{" not in step["run"], "a value could contain shell syntax"
        env = {
            name: _EXPRESSION.sub(lambda match: self.context[match[1]], value)
            for name, value in step.get("env", {}).items()
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.directory, env={**self.variables, **env}, timeout=_SECONDS,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout


def offline(wheelhouse: Path, home: Path) -> dict[str, str]:
    """The environment of a program whose pip installs from `wheelhouse` alone."""
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse), "PIP_CONFIG_FILE": os.devnull,
        # Zero is right: pip inverts the options that are called `no`.
        "PIP_NO_COMPILE": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }  # fmt: skip
