"""The files that `outreply examples` prints, run as their hosts run them."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import outreply_cli
from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.times import parse_duration
from tests.command_line import CommandLine, Result, command_tree
from tests.postgres import open_migrated
from tests.scripted_server import ScriptedServer, response

EXAMPLES = Path(outreply_cli.__file__).parent / "examples"
INSTALL = "python -m pip install outreply-cli"
INSTALL_FOR_A_TEAM = "python -m pip install 'outreply-cli[postgres]'"
GITHUB_CALENDARS = ["github-calendar.yml", "github-calendar-cache.yml"]
ACTIONS = {"checkout@v7", "setup-python@v7", "cache/restore@v5", "cache/save@v5"}
GOOD = "key,page,scheduled_at,message\na,facebook:acme,2026-12-01 09:00,Hello ☕\n"
BROKEN = "key,page,scheduled_at,message\na,instagram:acme,2026-12-01 09:00,Hi\nb,x:nobody,soon,Hi\n"


@dataclass
class Host:
    """A machine with the command installed and a repository checked out."""

    home: Path
    emulator: EmulatorServer
    client: Client
    store_url: str

    def __post_init__(self) -> None:
        (self.home / "bin").mkdir(parents=True)
        (self.home / "repository" / "social").mkdir(parents=True)
        python, *words = CommandLine.words()
        program = self.home / "bin" / "outreply"
        program.write_text(f'#!/bin/sh\nexec {python} {" ".join(words)} "$@"\n')
        program.chmod(0o755)

    @property
    def calendar(self) -> Path:
        return self.home / "repository" / "social" / "calendar.csv"

    @property
    def posts(self) -> list[tuple[str, str]]:
        """Page and text of all posts in the account."""
        posts = [*self.client.scheduled_posts().items, *self.client.published_posts().items]
        return sorted((str(post["page_id"]), str(post["message"])) for post in posts)

    def run(self, script: str, shell: str, environ: Mapping[str, str]) -> Result:
        """Run a script in the repository with a minimal environment."""
        done = subprocess.run(
            [*shell.split(), script], cwd=self.home / "repository",
            env={
                "HOME": str(self.home), "PATH": f"{self.home / 'bin'}:/usr/bin:/bin",
                "PYTHONPATH": str(EXAMPLES.parent.parent),
                "OUTREPLY_BASE_URL": self.emulator.base_url, **environ,
            },
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert self.emulator.token not in done.stdout + done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def workflow(self, name: str, event: str, ref: str) -> Result:
        """Run the steps of a GitHub workflow, except the installation."""
        summary = self.home / "summary.md"
        variables = {
            "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": event,
            "GITHUB_REF_NAME": ref, "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKSPACE": str(self.home / "repository"),
        }  # fmt: skip
        (job,) = load_yaml(name)["jobs"].values()
        out, err = "", ""
        for step in job["steps"]:
            condition = re.search(r"github\.event_name == '(\w+)'", step.get("if", ""))
            if (
                "run" not in step
                or step["name"] == "Install"
                or (condition and condition[1] != event)
            ):
                continue
            env = {
                variable: text.replace(
                    "${{ secrets.OUTREPLY_API_KEY }}", self.emulator.token
                ).replace("${{ secrets.OUTREPLY_STORE_URL }}", self.store_url)
                for variable, text in {**job.get("env", {}), **step.get("env", {})}.items()
            }
            result = self.run(step["run"], "bash -euo pipefail -c", {**variables, **env})
            out, err = out + result.out, err + result.err
            if result.code:
                return Result(result.code, out, err)
        assert not summary.exists() or self.emulator.token not in summary.read_text()
        return Result(0, out, err)

    def pipeline(self, file: str, **variables: str) -> list[Result]:
        """Run the jobs of a GitLab pipeline whose rules match."""
        env = {
            "CI": "true", "CI_PROJECT_DIR": str(self.home / "repository"),
            "CI_PROJECT_TITLE": "Shop", "CI_PROJECT_URL": "https://gitlab.com/acme/shop",
            "CI_DEFAULT_BRANCH": "main", "OUTREPLY_API_KEY": self.emulator.token, **variables,
        }  # fmt: skip
        if "cache" not in file:
            env["OUTREPLY_STORE_URL"] = self.store_url
        pipeline = load_yaml(file)
        for name, text in pipeline["variables"].items():
            env[name] = text.replace("$CI_PROJECT_DIR", env["CI_PROJECT_DIR"])
        return [
            self.run("\n".join(job["script"]), "bash -eo pipefail -c", env)
            for job in pipeline.values()
            if "script" in job and any(matches(rule["if"], env) for rule in job["rules"])
        ]


def load_yaml(name: str) -> dict[str, Any]:
    # BaseLoader, because `on` is not a boolean for GitHub.
    document = yaml.load((EXAMPLES / name).read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506
    return dict(document)


def matches(rule: str, variables: Mapping[str, str]) -> bool:
    def value(word: str) -> str:
        return variables.get(word[1:], "") if word.startswith("$") else word.strip('"')

    parts = [part.split(" == ") for part in rule.split(" && ")]
    return all(value(part[0]) == value(part[1]) if part[1:] else value(part[0]) for part in parts)


@pytest.fixture
def host(tmp_path: Path, emulator: EmulatorServer, client: Client, postgres_url: str) -> Host:
    with closing(open_migrated(postgres_url)):
        return Host(tmp_path / "runner", emulator, client, postgres_url)


@pytest.mark.parametrize("name", [*GITHUB_CALENDARS, "github-release.yml"])
def test_github_workflow_gives_the_token_only_to_outreply_steps(name: str) -> None:
    workflow = load_yaml(name)
    assert {"name", "on", "permissions", "jobs"} <= set(workflow)
    assert "write" not in str(workflow["permissions"])
    (job,) = workflow["jobs"].values()
    assert "OUTREPLY_API_KEY" not in job.get("env", {})
    install = INSTALL_FOR_A_TEAM if name == "github-calendar.yml" else INSTALL
    assert [step["run"] for step in job["steps"] if step.get("name") == "Install"] == [install]
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert step["uses"].removeprefix("actions/") in ACTIONS
        else:
            # Names of branches must not be inserted into scripts.
            assert "${{" not in step["run"]
            has_token = "OUTREPLY_API_KEY" in step.get("env", {})
            assert has_token == ("outreply " in step["run"])


@pytest.mark.parametrize("name", GITHUB_CALENDARS)
def test_github_calendar_is_checked_and_scheduled_once(host: Host, name: str) -> None:
    before = host.posts
    host.calendar.write_text(GOOD)
    check = host.workflow(name, "pull_request", "7/merge")
    assert (check.code, host.posts) == (0, before)
    assert "1 to create" in check.out
    push = host.workflow(name, "push", "main")
    assert push.code == 0, push.err
    assert len(host.posts) == len(before) + 1
    assert "| 2 | a | 2026-12-01T08:00:00Z | create | done |" in (
        (host.home / "summary.md").read_text()
    )
    after_push = host.posts
    assert "1 unchanged" in host.workflow(name, "push", "main").out
    assert host.posts == after_push
    (host.home / ".local").rename(host.home / "lost")
    rerun = host.workflow(name, "push", "main")
    assert (rerun.code, host.posts) == (0, after_push), rerun.err
    host.calendar.write_text(GOOD.replace("Hello", "Good morning"))
    assert host.workflow(name, "push", "main").code == 0
    assert len(host.posts) == len(after_push)
    assert any(text == "Good morning ☕" for _, text in host.posts)


@pytest.mark.parametrize("name", GITHUB_CALENDARS)
def test_broken_github_calendar_gets_annotations(host: Host, name: str) -> None:
    before = host.posts
    host.calendar.write_text(BROKEN)
    for event in ("pull_request", "push"):
        result = host.workflow(name, event, "main")
        assert result.code == 2
        annotations = re.findall(
            r"^::(\w+) file=(.*?),line=(\d+),title=\w+::(\w+): ", result.err, re.MULTILINE
        )
        assert annotations == [
            ("error", "social/calendar.csv", "3", "page"),
            ("error", "social/calendar.csv", "3", "scheduled_at"),
        ]
    assert host.posts == before


def test_github_release_announced_once(host: Host) -> None:
    before = host.posts
    result = host.workflow("github-release.yml", "release", "v1.2.0")
    assert result.code == 0, result.err
    announced = host.posts
    assert len(announced) == len(before) + 2
    text = "shop v1.2.0 is out: https://github.com/acme/shop/releases/tag/v1.2.0"
    assert [message for _, message in announced].count(text) == 2
    again = host.workflow("github-release.yml", "release", "v1.2.0")
    assert again.err.count("already exists; nothing was sent") == 2
    (host.home / ".local").rename(host.home / "lost")
    assert host.workflow("github-release.yml", "release", "v1.2.0").code == 0
    assert host.posts == announced
    assert host.workflow("github-release.yml", "release", "v1.3.0").code == 0
    assert len(host.posts) == len(announced) + 2


def test_examples_command_lists_and_prints(cli_logged_out: CommandLine) -> None:
    listed = cli_logged_out.run("examples", "--json")
    examples = json.loads(listed.out)
    assert {example["file"] for example in examples} == {path.name for path in EXAMPLES.iterdir()}
    for example in examples:
        assert example["description"]
        printed = cli_logged_out.run("examples", example["name"])
        assert printed.out == (EXAMPLES / example["file"]).read_text(encoding="utf-8")
    result = cli_logged_out.run("examples", "crontob")
    assert result.code == 2
    assert "outreply examples crontab" in result.err


def test_systemd_unit_has_valid_options_and_restarts(cli_logged_out: CommandLine) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(EXAMPLES / "systemd.service")
    program, name, *words = unit["Service"]["ExecStart"].split()
    assert (program, name) == ("/usr/bin/env", "outreply")
    # The options are valid: only the secret is missing.
    result = cli_logged_out.run(*words)
    assert result.code == 2
    assert "OUTREPLY_WEBHOOK_SECRET" in result.err
    # It is not started again without its secret, and otherwise always.
    assert unit["Service"]["RestartPreventExitStatus"] == str(result.code)
    assert unit["Service"]["Restart"] == "always"
    options = next(c.options for c in command_tree().walk() if c.path == ("serve-webhook",))
    timeout = next(option.default for option in options if "--exec-timeout" in option.flags)
    assert parse_duration(timeout).total_seconds() < int(unit["Service"]["TimeoutStopSec"])


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)
def test_systemd_accepts_unit(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", EXAMPLES / "systemd.service"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "install"),
    [("gitlab-ci.yml", INSTALL_FOR_A_TEAM), ("gitlab-ci-cache.yml", INSTALL)],
)
def test_gitlab_pipeline_checks_schedules_and_announces_once(
    host: Host, name: str, install: str
) -> None:
    assert load_yaml(name)["default"]["before_script"] == [install]
    before = host.posts
    host.calendar.write_text(BROKEN)
    (result,) = host.pipeline(name, CI_PIPELINE_SOURCE="merge_request_event")
    assert result.code == 2
    assert "social/calendar.csv:3: page: " in result.err
    host.calendar.write_text(GOOD)
    (result,) = host.pipeline(name, CI_PIPELINE_SOURCE="merge_request_event")
    assert (result.code, host.posts) == (0, before)
    merge = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
    counts = []
    for variables in (merge, merge, {"CI_COMMIT_TAG": "v1"}, {"CI_COMMIT_TAG": "v1"}):
        (result,) = host.pipeline(name, **variables)
        assert result.code == 0, result.err
        counts.append(len(host.posts) - len(before))
    assert counts == [1, 1, 2, 2]
    assert any(text == "Shop v1 is out: https://gitlab.com/acme/shop/-/releases/v1"
               for _, text in host.posts)  # fmt: skip
    assert host.pipeline(name, CI_PIPELINE_SOURCE="push", CI_COMMIT_BRANCH="topic") == []


def test_crontab_example_prints_nothing_on_success(host: Host) -> None:
    (host.home / "social").mkdir()
    (host.home / "social" / "calendar.csv").write_text(GOOD)
    (host.home / "social" / "tip.txt").write_text("Grind late ☕\n")
    (host.home / ".outreply-token").write_text(f"{host.emulator.token}\n")
    text = (EXAMPLES / "crontab").read_text()
    env = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    env["PATH"] = env["PATH"].replace("/usr/local/bin", str(host.home / "bin"))
    env |= {"SHELL": "/bin/sh", "LOGNAME": "alex"}
    entries = re.findall(r"^(?:[\d*/,-]+ +){5}(\S.*)$", text, re.MULTILINE)
    before = len(host.posts)
    counts = []
    for entry in [*entries, *entries]:
        # In a crontab, a bare percent sign ends the command.
        assert not re.search(r"(?<!\\)%", entry)
        result = host.run(entry.replace("\\%", "%"), "/bin/sh -c", env)
        assert (result.code, result.out, result.err) == (0, "", ""), entry
        counts.append(len(host.posts) - before)
    assert counts == [1, *[2] * 7]
    (host.home / "social" / "calendar.csv").write_text(BROKEN)
    result = host.run(entries[0], "/bin/sh -c", env)
    assert result.code == 2
    assert "calendar.csv:3: page: " in result.err


def test_announce_script_posts_a_release_once(host: Host) -> None:
    assert os.access(EXAMPLES / "announce.sh", os.X_OK)
    (host.home / "repository" / "NOTES.md").write_text("Version 2 is out\n")
    line = f"{EXAMPLES / 'announce.sh'} v2 NOTES.md"
    before = len(host.posts)
    for _ in range(2):
        result = host.run(line, "/bin/sh -c", {"OUTREPLY_API_KEY": host.emulator.token})
        assert result.code == 0, result.err
        assert result.out.startswith("Announced v2:\n")
        assert len(host.posts) == before + 2
    exhausted = response(402, {"error": "Used up", "code": "SANDBOX_EXHAUSTED"})
    with ScriptedServer([exhausted]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        result = host.run(line, "/bin/sh -c", env)
    assert result.code == 6
    assert "Run it again later" in result.err


@pytest.mark.parametrize(
    ("name", "program"),
    [("test_posts.py", sys.executable), ("test.sh", "curl"), ("posts.test.mjs", "node")],
)
def test_commands_of_the_testing_page_pass(host: Host, name: str, program: str) -> None:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    page = (EXAMPLES / "testing.md").read_text(encoding="utf-8")
    commands = {"test_posts.py": f"{sys.executable} -m pytest -q -p no:hypothesispytest"}
    for block in re.findall(r"^```\w+\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        file, command = re.findall(r"^(?:#|//) ([a-z_.]+)(?:: (.*))?", block)[0]
        (host.home / "repository" / file).write_text(block, encoding="utf-8")
        commands.setdefault(file, command)
    programs = f"{host.home / 'bin'}:{Path(path).parent}:/usr/bin:/bin"
    result = host.run(commands[name], "/bin/sh -c", {"PATH": programs})
    assert result.code == 0, result.out + result.err
