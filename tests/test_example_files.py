"""The workflows, the crontab and the script of `.examples/`, run as their hosts would run them."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result
from tests.scripted_server import ScriptedServer, answer

EXAMPLES = Path(__file__).parent.parent / ".examples"
INSTALL = "python -m pip install outreply-cli"
ACTIONS = {"checkout@v4", "setup-python@v5", "cache/restore@v4", "cache/save@v4"}
GOOD = "key,page,scheduled_at,message\na,instagram:acme,2026-12-01 09:00,Hello ☕\n"
BROKEN = "key,page,scheduled_at,message\na,instagram:acme,2026-12-01 09:00,Hi\nb,x:nobody,soon,Hi\n"


@dataclass
class Host:
    """A machine with the command installed, and a repository checked out."""

    home: Path
    emulator: EmulatorServer
    client: Client

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
        """What the account holds, as page and text."""
        listed = [*self.client.scheduled_posts().items, *self.client.published_posts().items]
        return sorted((str(post["page_id"]), str(post["message"])) for post in listed)

    def run(self, script: str, shell: str, environ: Mapping[str, str]) -> Result:
        """Run a script in the repository, with what a host gives and nothing else."""
        done = subprocess.run(
            [*shell.split(), script], cwd=self.home / "repository",
            env={
                "HOME": str(self.home), "PATH": f"{self.home / 'bin'}:/usr/bin:/bin",
                "PYTHONPATH": str(EXAMPLES.parent), "OUTREPLY_BASE_URL": self.emulator.base_url,
                **environ,
            },
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert self.emulator.token not in done.stdout + done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def workflow(self, name: str, event: str, ref: str) -> Result:
        """Run the steps of a GitHub workflow's job, but for the one that installs."""
        summary = self.home / "summary.md"
        variables = {
            "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": event,
            "GITHUB_REF_NAME": ref, "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKSPACE": str(self.home / "repository"),
        }  # fmt: skip
        (job,) = loaded(name)["jobs"].values()
        out, err = "", ""
        for step in job["steps"]:
            wanted = re.search(r"github\.event_name == '(\w+)'", step.get("if", ""))
            if "run" not in step or step["name"] == "Install" or (wanted and wanted[1] != event):
                continue
            given = {
                variable: text.replace("${{ secrets.OUTREPLY_API_KEY }}", self.emulator.token)
                for variable, text in {**job.get("env", {}), **step.get("env", {})}.items()
            }
            ran = self.run(step["run"], "bash -euo pipefail -c", {**variables, **given})
            out, err = out + ran.out, err + ran.err
            if ran.code:
                return Result(ran.code, out, err)
        assert not summary.exists() or self.emulator.token not in summary.read_text()
        return Result(0, out, err)

    def pipeline(self, **variables: str) -> list[Result]:
        """Run the jobs of the GitLab pipeline whose rules hold."""
        given = {
            "CI": "true", "CI_PROJECT_DIR": str(self.home / "repository"),
            "CI_PROJECT_TITLE": "Shop", "CI_PROJECT_URL": "https://gitlab.com/acme/shop",
            "CI_DEFAULT_BRANCH": "main", "OUTREPLY_API_KEY": self.emulator.token, **variables,
        }  # fmt: skip
        read = loaded("gitlab-ci.yml")
        for name, text in read["variables"].items():
            given[name] = text.replace("$CI_PROJECT_DIR", given["CI_PROJECT_DIR"])
        return [
            self.run("\n".join(job["script"]), "bash -eo pipefail -c", given)
            for job in read.values()
            if "script" in job and any(holds(rule["if"], given) for rule in job["rules"])
        ]


def loaded(name: str) -> dict[str, Any]:
    # As the hosts read it: `on` is no truth value.
    read = yaml.load((EXAMPLES / name).read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506
    return dict(read)


def holds(rule: str, variables: Mapping[str, str]) -> bool:
    def value(word: str) -> str:
        return variables.get(word[1:], "") if word.startswith("$") else word.strip('"')

    parts = [part.split(" == ") for part in rule.split(" && ")]
    return all(value(part[0]) == value(part[1]) if part[1:] else value(part[0]) for part in parts)


@pytest.fixture
def host(tmp_path: Path, emulator: EmulatorServer, client: Client) -> Host:
    return Host(tmp_path / "runner", emulator, client)


@pytest.mark.parametrize("name", ["github-calendar.yml", "github-release.yml"])
def test_a_workflow_is_sound_and_gives_the_token_to_the_step_that_needs_it(name: str) -> None:
    workflow = loaded(name)
    assert {"name", "on", "permissions", "jobs"} <= set(workflow)
    assert "write" not in str(workflow["permissions"])
    (job,) = workflow["jobs"].values()
    assert "OUTREPLY_API_KEY" not in job.get("env", {})
    assert [step["run"] for step in job["steps"] if step.get("name") == "Install"] == [INSTALL]
    for step in job["steps"]:
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert step["uses"].removeprefix("actions/") in ACTIONS
        else:
            # What a branch is called must not become a part of the script.
            assert "${{" not in step["run"]
            has_token = "OUTREPLY_API_KEY" in step.get("env", {})
            assert has_token == ("outreply " in step["run"])


def test_a_calendar_is_checked_on_its_pull_request_and_scheduled_once_on_merge(host: Host) -> None:
    before = host.posts
    host.calendar.write_text(GOOD)
    checked = host.workflow("github-calendar.yml", "pull_request", "7/merge")
    assert (checked.code, host.posts) == (0, before)
    assert "1 to create" in checked.out
    merged = host.workflow("github-calendar.yml", "push", "main")
    assert merged.code == 0, merged.err
    assert len(host.posts) == len(before) + 1
    assert "| 2 | a | 2026-12-01T08:00:00Z | create | done |" in (
        (host.home / "summary.md").read_text()
    )
    once = host.posts
    assert "1 unchanged" in host.workflow("github-calendar.yml", "push", "main").out
    assert host.posts == once
    (host.home / ".local").rename(host.home / "lost")
    lost = host.workflow("github-calendar.yml", "push", "main")
    assert (lost.code, host.posts) == (0, once), lost.err
    host.calendar.write_text(GOOD.replace("Hello", "Good morning"))
    assert host.workflow("github-calendar.yml", "push", "main").code == 0
    assert len(host.posts) == len(once)
    assert any(text == "Good morning ☕" for _, text in host.posts)


def test_a_broken_calendar_has_annotations_on_its_lines_and_nothing_is_sent(host: Host) -> None:
    before = host.posts
    host.calendar.write_text(BROKEN)
    for event in ("pull_request", "push"):
        ran = host.workflow("github-calendar.yml", event, "main")
        assert ran.code == 2
        found = re.findall(
            r"^::(\w+) file=(.*?),line=(\d+),title=\w+::(\w+): ", ran.err, re.MULTILINE
        )
        assert found == [
            ("error", "social/calendar.csv", "3", "page"),
            ("error", "social/calendar.csv", "3", "scheduled_at"),
        ]
    assert host.posts == before


def test_a_release_is_announced_once(host: Host) -> None:
    before = host.posts
    ran = host.workflow("github-release.yml", "release", "v1.2.0")
    assert ran.code == 0, ran.err
    announced = host.posts
    assert len(announced) == len(before) + 2
    text = "shop v1.2.0 is out: https://github.com/acme/shop/releases/tag/v1.2.0"
    assert [message for _, message in announced].count(text) == 2
    again = host.workflow("github-release.yml", "release", "v1.2.0")
    assert again.err.count("was there already; nothing was sent") == 2
    (host.home / ".local").rename(host.home / "lost")
    assert host.workflow("github-release.yml", "release", "v1.2.0").code == 0
    assert host.posts == announced
    assert host.workflow("github-release.yml", "release", "v1.3.0").code == 0
    assert len(host.posts) == len(announced) + 2


def test_the_pipeline_of_gitlab_does_the_same(host: Host) -> None:
    assert loaded("gitlab-ci.yml")["default"]["before_script"] == [INSTALL]
    before = host.posts
    host.calendar.write_text(BROKEN)
    (ran,) = host.pipeline(CI_PIPELINE_SOURCE="merge_request_event")
    assert ran.code == 2
    assert "social/calendar.csv:3: page: " in ran.err
    host.calendar.write_text(GOOD)
    (ran,) = host.pipeline(CI_PIPELINE_SOURCE="merge_request_event")
    assert (ran.code, host.posts) == (0, before)
    merge = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
    counts = []
    for variables in (merge, merge, {"CI_COMMIT_TAG": "v1"}, {"CI_COMMIT_TAG": "v1"}):
        (ran,) = host.pipeline(**variables)
        assert ran.code == 0, ran.err
        counts.append(len(host.posts) - len(before))
    assert counts == [1, 1, 2, 2]
    assert any(text == "Shop v1 is out: https://gitlab.com/acme/shop/-/releases/v1"
               for _, text in host.posts)  # fmt: skip
    assert host.pipeline(CI_PIPELINE_SOURCE="push", CI_COMMIT_BRANCH="topic") == []


def test_the_crontab_is_silent_while_all_is_well(host: Host) -> None:
    (host.home / "social").mkdir()
    (host.home / "social" / "calendar.csv").write_text(GOOD)
    (host.home / "social" / "tip.txt").write_text("Grind late ☕\n")
    (host.home / ".outreply-token").write_text(f"{host.emulator.token}\n")
    text = (EXAMPLES / "crontab").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    given["PATH"] = given["PATH"].replace("/usr/local/bin", str(host.home / "bin"))
    given |= {"SHELL": "/bin/sh", "LOGNAME": "alex"}
    entries = re.findall(r"^(?:[\d*/,-]+ +){5}(\S.*)$", text, re.MULTILINE)
    before = len(host.posts)
    counts = []
    for entry in [*entries, *entries]:
        # Cron takes a bare percent sign for the end of the command.
        assert not re.search(r"(?<!\\)%", entry)
        ran = host.run(entry.replace("\\%", "%"), "/bin/sh -c", given)
        assert (ran.code, ran.out, ran.err) == (0, "", ""), entry
        counts.append(len(host.posts) - before)
    assert counts == [1, 2, 2, 2, 2, 2]
    (host.home / "social" / "calendar.csv").write_text(BROKEN)
    ran = host.run(entries[0], "/bin/sh -c", given)
    assert ran.code == 2
    assert "calendar.csv:3: page: " in ran.err


def test_the_script_announces_once_and_tells_what_to_do(host: Host) -> None:
    assert os.access(EXAMPLES / "announce.sh", os.X_OK)
    (host.home / "repository" / "NOTES.md").write_text("Version 2 is out\n")
    line = f"{EXAMPLES / 'announce.sh'} v2 NOTES.md"
    before = len(host.posts)
    for _ in range(2):
        ran = host.run(line, "/bin/sh -c", {"OUTREPLY_API_KEY": host.emulator.token})
        assert ran.code == 0, ran.err
        assert ran.out.startswith("v2 is announced.\n")
        assert len(host.posts) == before + 2
    used_up = answer(402, {"error": "Used up", "code": "SANDBOX_EXHAUSTED"})
    with ScriptedServer([used_up]) as server:
        elsewhere = {"OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url}
        ran = host.run(line, "/bin/sh -c", elsewhere)
    assert ran.code == 6
    assert "run it again later" in ran.err
