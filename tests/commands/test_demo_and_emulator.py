"""The demonstration leaves nothing behind; the emulator runs in the background until it is told."""

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine


def test_the_demo_shows_the_main_job_and_leaves_nothing(cli_logged_out: CommandLine) -> None:
    cli_logged_out.home.mkdir()
    before = set(Path("/tmp").glob("outreply-demo-*"))  # noqa: S108 - where it would leave it
    ran = cli_logged_out.spawn("demo", env={"TMPDIR": "/tmp"})  # noqa: S108
    assert ran.code == 0, ran.err
    assert "12 to create" in ran.out
    assert "Scheduled over HTTP: 12 of 12" in ran.out
    assert "12 unchanged; nothing is sent twice" in ran.out
    assert "7 posts are out" in ran.out
    assert "7 of 7 webhooks verified" in ran.out
    assert 'post.published  @acme on Instagram: "Spring is in the workshop 🌱" published' in ran.out
    assert "Publishes left this month" in ran.out
    assert ran.out.count("\n  outreply ") == 3
    assert max(map(len, ran.out.splitlines())) <= 80
    assert list(cli_logged_out.home.iterdir()) == []
    assert set(Path("/tmp").glob("outreply-demo-*")) == before  # noqa: S108


@pytest.fixture
def running(cli_logged_out: CommandLine) -> Iterator[CommandLine]:
    del cli_logged_out.environ["OUTREPLY_TIMEZONE"]
    started = cli_logged_out.spawn("emulator", "start", "--port", "0", "--json")
    assert started.code == 0, started.err
    yield cli_logged_out
    cli_logged_out.spawn("emulator", "stop")


def test_it_makes_a_profile_and_answers_until_it_is_stopped(running: CommandLine) -> None:
    assert len(json.loads(running.spawn("pages", "list", "-p", "emulator", "--json").out)) == 6
    status = json.loads(running.spawn("emulator", "status", "--json").out)
    assert status["posts"] == {"scheduled": 0, "published": 4, "failed": 0}
    token = running.home / "config" / "tokens" / "emulator"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert "control_key" not in status
    second = running.spawn("emulator", "start", "--port", "0")
    assert second.code == 1
    assert "running there already" in second.err
    assert running.spawn("emulator", "stop").code == 0
    stopped = running.spawn("emulator", "status", "--json")
    assert stopped.code == 1
    assert json.loads(stopped.err)["error"]["code"] == "EMULATOR_NOT_RUNNING"
    assert running.spawn("emulator", "stop").code == 1


def test_its_clock_moves_and_what_falls_due_is_published(running: CommandLine) -> None:
    words = ("posts", "schedule", "-p", "emulator", "--page", "x:bluebird", "-m", "Soon", "-q")
    post = running.spawn(*words, "--at", "in 1h").out.strip()
    moved = json.loads(running.spawn("emulator", "advance", "2h", "--json").out)
    assert moved["published"] == 1
    shown = json.loads(running.spawn("posts", "show", post, "-p", "emulator", "--json").out)
    assert shown["status"] == "published"
    assert running.spawn("emulator", "advance", "until", "2099-01-01 00:00").code == 0
    assert running.spawn("emulator", "advance", "until", "2001-01-01 00:00").code == 2
    assert running.spawn("emulator", "advance", "nonsense").code == 2


def test_tokens_of_it_have_the_scopes_that_were_asked_for(running: CommandLine) -> None:
    full = running.spawn("emulator", "token").out.strip()
    made = json.loads(running.spawn("emulator", "token", "--scopes", "read:account", "--json").out)
    assert full != made["token"]
    assert made["scopes"] == ["read:account"]
    env = {"OUTREPLY_API_KEY": made["token"], "OUTREPLY_BASE_URL": made["base_url"]}
    assert running.spawn("quota", "show", env=env).code == 0
    assert running.spawn("pages", "list", env=env).code == 4
    assert running.spawn("emulator", "token", "--scopes", "read:everything").code == 2


def test_reset_begins_anew_and_state_survives_a_kill(running: CommandLine) -> None:
    words = ("posts", "schedule", "-p", "emulator", "--page", "x:bluebird", "-m", "Kept", "-q")
    running.spawn(*words, "--at", "in 1h")
    pid = json.loads(running.spawn("emulator", "status", "--json").out)["pid"]
    os.kill(pid, signal.SIGKILL)
    assert running.spawn("emulator", "start", "--port", "0", "-q").code == 0
    kept = running.spawn("posts", "list", "-p", "emulator", "--json")
    assert [post["message"] for post in json.loads(kept.out)] == ["Kept"]
    assert running.spawn("emulator", "reset").code == 2, "it asks first"
    assert running.spawn("emulator", "reset", "--yes").code == 0
    assert json.loads(running.spawn("posts", "list", "-p", "emulator", "--json").out) == []
    assert running.spawn("emulator", "seed").code == 0


def test_several_run_side_by_side(running: CommandLine, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    assert running.spawn("emulator", "start", "--port", "0", "--state", other).code == 0
    one = json.loads(running.spawn("emulator", "status", "--json").out)
    two = json.loads(running.spawn("emulator", "status", "--state", other, "--json").out)
    assert one["port"] != two["port"]
    assert running.spawn("emulator", "stop", "--state", other).code == 0


def test_a_port_that_is_taken_is_told(running: CommandLine, tmp_path: Path) -> None:
    port = json.loads(running.spawn("emulator", "status", "--json").out)["port"]
    ran = running.spawn("emulator", "start", "--port", str(port), "--state", str(tmp_path / "x"))
    assert ran.code == 1
    assert "--port" in ran.err
    assert "Traceback" not in ran.err
