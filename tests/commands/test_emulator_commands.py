"""The emulator's own commands, typed as people type them."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.command_line import CommandLine

ROOMY = Path(__file__).parent.parent / "emulator" / "roomy.yaml"


@pytest.fixture
def running(cli_logged_out: CommandLine) -> Iterator[CommandLine]:
    started = cli_logged_out.spawn(
        "emulator", "start", "--port", "0", "--frozen", "--seed", "7", "-q"
    )
    assert started.code == 0, started.err
    yield cli_logged_out
    cli_logged_out.spawn("emulator", "stop")


def published(running: CommandLine) -> str:
    posts = running.spawn("posts", "list", "-p", "emulator", "--published", "-q", "--limit", "1")
    return posts.out.strip()


def test_the_same_seed_number_gives_the_same_ids(running: CommandLine, tmp_path: Path) -> None:
    words = ("-c", "import os; print(os.environ['OUTREPLY_API_KEY'])")
    twice = {
        running.spawn("emulator", "exec", "--seed", "7", "--", sys.executable, *words).out
        for _ in range(2)
    }
    assert len(twice) == 1
    other = running.spawn("emulator", "exec", "--seed", "8", "--", sys.executable, *words).out
    assert other not in twice


def test_exec_gives_an_account_to_the_command_and_its_exit_code_to_us(
    cli_logged_out: CommandLine,
) -> None:
    script = (
        "import os, subprocess, sys\n"
        "ran = subprocess.run([sys.executable, '-m', 'outreply_cli', 'pages', 'list', '-q'])\n"
        "sys.exit(ran.returncode or 42)\n"
    )
    ran = cli_logged_out.spawn("emulator", "exec", "--", sys.executable, "-c", script)
    assert ran.code == 42, ran.err
    assert len(ran.out.split()) == 6
    seeded = cli_logged_out.spawn(
        "emulator", "exec", "--seed-file", str(ROOMY), "--", sys.executable, "-c", script
    )
    assert "page1" in seeded.out.split()
    missing = cli_logged_out.spawn("emulator", "exec", "--", "no-such-command-here")
    assert missing.code == 2
    assert "no-such-command-here" in missing.err


def test_a_seed_file_replaces_the_account_and_an_export_brings_it_back(
    running: CommandLine, tmp_path: Path
) -> None:
    refused = running.spawn("emulator", "seed", str(ROOMY))
    assert refused.code == 2
    assert "--yes" in refused.err
    assert running.spawn("emulator", "seed", str(ROOMY), "--yes").code == 0
    assert "page1" in running.spawn("pages", "list", "-p", "emulator", "-q").out.split()
    exported = running.spawn("emulator", "seed", "--export")
    again = tmp_path / "again.yaml"
    again.write_text(exported.out)
    assert "accounts" in yaml.safe_load(exported.out)
    assert running.spawn("emulator", "reset", "--yes").code == 0
    assert "page1" not in running.spawn("pages", "list", "-p", "emulator", "-q").out.split()
    assert running.spawn("emulator", "seed", str(again), "--yes").code == 0
    assert running.spawn("emulator", "seed", "--export").out == exported.out


def test_a_wrong_seed_file_is_told_by_line_and_changes_nothing(
    running: CommandLine, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("accounts:\n  - email: a@b.c\n    tierr: pro\n")
    before = running.spawn("emulator", "seed", "--export").out
    refused = running.spawn("emulator", "seed", str(wrong), "--yes")
    assert refused.code == 2
    assert "wrong.yaml:3" in refused.err
    assert "tier" in refused.err
    assert running.spawn("emulator", "seed", "--export").out == before


def test_a_fault_strikes_as_often_as_it_was_asked_to(running: CommandLine) -> None:
    made = running.spawn(
        "emulator", "fault", "add", "status:418", "--method", "get", "--path", "/pages",
        "--times", "1", "--json",
    )  # fmt: skip
    assert json.loads(made.out)["number"] == 1
    assert running.spawn("pages", "list", "-p", "emulator").code != 0
    assert running.spawn("pages", "list", "-p", "emulator").code == 0
    (listed,) = json.loads(running.spawn("emulator", "fault", "list", "--json").out)
    assert listed["struck"] == 1
    assert running.spawn("emulator", "fault", "clear").code == 0
    assert json.loads(running.spawn("emulator", "fault", "list", "--json").out) == []
    nonsense = running.spawn("emulator", "fault", "add", "explode")
    assert nonsense.code == 2
    assert "drop-before" in nonsense.err


def test_a_frozen_clock_stands_until_it_is_let_go(running: CommandLine) -> None:
    def now() -> str:
        return str(json.loads(running.spawn("emulator", "status", "--json").out)["now"])

    assert now() == now()
    assert not json.loads(running.spawn("emulator", "unfreeze", "--json").out)["frozen"]
    assert now() != now()
    assert json.loads(running.spawn("emulator", "freeze", "--json").out)["frozen"]
    assert now() == now()


def test_a_comment_comes_in_when_it_is_asked_for(running: CommandLine) -> None:
    post = published(running)
    made = running.spawn("emulator", "comment", post, "-m", "Open on Sunday?", "--json")
    assert json.loads(made.out)["post_id"] == post
    listed = running.spawn("api", "GET", "/comments", "-f", f"post_id={post}", "-p", "emulator")
    assert "Open on Sunday?" in listed.out
    assert running.spawn("emulator", "comment", "nonsense", "-m", "Hi").code == 5


def test_deliveries_that_failed_say_when_they_are_tried_again(running: CommandLine) -> None:
    hook = json.loads(
        running.spawn(
            "api", "POST", "/webhooks", "-p", "emulator",
            "-f", "url=http://127.0.0.1:9/", "-F", 'events=["post.published"]',
        ).out
    )  # fmt: skip
    page = running.spawn("pages", "list", "-p", "emulator", "-q").out.split()[0]
    words = ("posts", "schedule", "-p", "emulator", "--page", page, "--at", "in 1h", "-m", "Soon")
    assert running.spawn(*words).code == 0
    running.spawn("emulator", "advance", "2h")
    (told,) = json.loads(running.spawn("emulator", "deliveries", "--json").out)
    assert told["event"] == "post.published"
    assert told["next_attempt_at"] is not None
    before = hook.get("webhook", hook)
    rotated = running.spawn("emulator", "rotate", before["id"], "--json")
    assert json.loads(rotated.out)["secret"] != before["secret"]


def test_the_description_needs_nothing_that_runs(cli_logged_out: CommandLine) -> None:
    told = json.loads(cli_logged_out.spawn("emulator", "openapi", "--json").out)
    assert told["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("host", "shown", "warned"),
    [("0.0.0.0", "http://127.0.0.1:", True), ("::1", "http://[::1]:", False),  # noqa: S104
     ("::", "http://[::1]:", True)],
)  # fmt: skip
def test_the_profile_reaches_it_wherever_it_listens(
    cli_logged_out: CommandLine, host: str, shown: str, warned: bool
) -> None:
    started = cli_logged_out.spawn("emulator", "start", "--port", "0", "--host", host, "--json")
    try:
        assert started.code == 0, started.err
        assert ("other machines" in started.err) is warned
        assert json.loads(started.out)["base_url"].startswith(shown)
        pages = cli_logged_out.spawn("pages", "list", "-p", "emulator", "-q")
        assert (pages.code, len(pages.out.split())) == (0, 6), pages.err
    finally:
        cli_logged_out.spawn("emulator", "stop")


def test_a_module_in_the_current_directory_is_not_run(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('a stranger was run')\n")
    outreply = Path(sys.executable).with_name("outreply")
    started = subprocess.run(
        [outreply, "emulator", "start", "--port", "0", "-q"],
        env=cli_logged_out.environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    try:
        assert started.returncode == 0, started.stderr
    finally:
        cli_logged_out.spawn("emulator", "stop")


NO_TOKEN = "accounts:\n  - brands: [{name: B}]\n    tokens: [{revoked: true}]\n"


def test_an_account_without_a_live_token_has_a_status_all_the_same(
    running: CommandLine, tmp_path: Path
) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(NO_TOKEN)
    seeded = running.spawn("emulator", "seed", str(seed), "--yes")
    assert seeded.code == 0, seeded.err
    assert "no token" in seeded.err
    assert "none" in running.spawn("emulator", "status").out
    assert running.spawn("brands", "list", "-p", "emulator").code == 4
    refused = running.spawn("emulator", "token")
    assert refused.code == 1
    assert "--name" in refused.err
    assert running.spawn("emulator", "token", "--name", "A").code == 0
    script = "import os; print(os.environ.get('OUTREPLY_API_KEY'))"
    words = ("emulator", "exec", "--seed-file", str(seed), "--", sys.executable, "-c", script)
    ran = running.spawn(*words, env={"OUTREPLY_API_KEY": "outreply_live_mine"})
    assert (ran.code, ran.out) == (0, "None\n"), ran.err


def test_a_snapshot_brings_everything_back_at_the_time_it_was_made(
    running: CommandLine, tmp_path: Path
) -> None:
    words = ("posts", "schedule", "-p", "emulator", "--page", "x:bluebird", "-q", "--at", "in 1h")
    post = running.spawn(*words, "-m", "Kept").out.strip()
    before = running.spawn("emulator", "seed", "--export").out
    snapshot = tmp_path / "a.db"
    assert running.spawn("emulator", "snapshot", "save", str(snapshot)).code == 0
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert running.spawn("emulator", "snapshot", "save", str(snapshot)).code == 2
    running.spawn("emulator", "advance", "2h")
    assert running.spawn("emulator", "seed", "--export").out != before
    assert running.spawn("emulator", "snapshot", "load", str(snapshot)).code == 2, "it asks first"
    loaded = running.spawn("emulator", "snapshot", "load", str(snapshot), "--yes")
    assert loaded.code == 0, loaded.err
    assert running.spawn("emulator", "seed", "--export").out == before
    shown = running.spawn("posts", "show", post, "-p", "emulator", "--json")
    assert json.loads(shown.out)["status"] == "scheduled"


def test_a_disabled_webhook_is_enabled_by_its_id(running: CommandLine) -> None:
    refused = running.spawn("emulator", "enable", "nobody")
    assert refused.code == 5
    assert "Webhook not found" in refused.err
    assert "outreply webhooks list" in refused.err


def test_what_can_not_be_meant_is_wrong_usage_with_what_can(
    running: CommandLine, tmp_path: Path
) -> None:
    scope = running.run("emulator", "token", "--scopes", "read:post")
    assert (scope.code, "read:posts" in scope.err) == (2, True)
    past = running.run("emulator", "advance", "2020-01-01 10:00")
    assert (past.code, "only moves forward" in past.err) == (2, True)
    for name, reason in (("nowhere", "No such file or directory"), (".", "Is a directory")):
        load = running.run("emulator", "snapshot", "load", str(tmp_path / name), "--yes")
        assert f"can't be loaded: {reason}\n" in load.err
        assert load.code == 1
