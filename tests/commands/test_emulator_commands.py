"""The `emulator` commands."""

import json
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.clocks import HurriedClock
from tests.command_line import CommandLine

ROOMY = Path(__file__).parent.parent / "emulator" / "roomy.yaml"


@pytest.fixture
def emulator_clock() -> HurriedClock:
    """The machine's clock: an emulator in another process uses it too."""
    return HurriedClock(speed=1)


def get_published_id(cli_with_emulator: CommandLine) -> str:
    posts = cli_with_emulator.run(
        "posts", "list", "-p", "emulator", "--published", "-q", "--limit", "1"
    )
    return posts.out.strip()


def test_exec_seed_is_reproducible(cli_logged_out: CommandLine) -> None:
    words = ("-c", "import os; print(os.environ['OUTREPLY_API_KEY'])")
    keys = {
        cli_logged_out.spawn("emulator", "exec", "--seed", "7", "--", sys.executable, *words).out
        for _ in range(2)
    }
    assert len(keys) == 1
    other = cli_logged_out.spawn(
        "emulator", "exec", "--seed", "8", "--", sys.executable, *words
    ).out
    assert other not in keys


def test_exec_sets_the_environment_and_returns_the_exit_code(
    cli_logged_out: CommandLine,
) -> None:
    script = (
        "import os, subprocess, sys\n"
        "result = subprocess.run([sys.executable, '-m', 'outreply_cli', 'pages', 'list', '-q'])\n"
        "sys.exit(result.returncode or 42)\n"
    )
    result = cli_logged_out.spawn("emulator", "exec", "--", sys.executable, "-c", script)
    assert result.code == 42, result.err
    assert len(result.out.split()) == 6
    seeded = cli_logged_out.spawn(
        "emulator", "exec", "--seed-file", str(ROOMY), "--", sys.executable, "-c", script
    )
    assert "page1" in seeded.out.split()
    missing = cli_logged_out.spawn("emulator", "exec", "--", "no-such-command-here")
    assert missing.code == 2
    assert "no-such-command-here" in missing.err


@pytest.mark.parametrize("change", [("reset",), ("seed", str(ROOMY))], ids=["reset", "seed"])
def test_exec_keeps_the_profile(cli_with_emulator: CommandLine, change: tuple[str, ...]) -> None:
    before = cli_with_emulator.run("auth", "list", "--json").out
    words = [sys.executable, "-m", "outreply_cli", "emulator", *change, "--yes"]
    assert cli_with_emulator.run("emulator", "exec", "--", *words).code == 0
    assert cli_with_emulator.run("auth", "list", "--json").out == before
    assert cli_with_emulator.run("pages", "list", "-p", "emulator").code == 0


def test_emulator_that_is_started_within_exec_has_the_profile(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    command, state = f"{sys.executable} -m outreply_cli", f"--state {tmp_path / 'other'}"
    script = (
        f"{command} emulator start {state} --port 0 && {command} pages list -p emulator -q; "
        f"{command} emulator stop {state}"
    )
    result = cli_logged_out.spawn("emulator", "exec", "--", "sh", "-c", script)
    assert result.code == 0, result.err
    assert "Profile not found" not in result.err


def test_exec_is_not_stopped_by_its_command(cli_logged_out: CommandLine) -> None:
    words = [sys.executable, "-m", "outreply_cli", "emulator", "stop"]
    result = cli_logged_out.spawn("emulator", "exec", "--", *words)
    assert result.code == 2
    assert (
        "An emulator started by `emulator exec` stops by itself when its command exits"
        in result.err
    )


def test_stop_without_an_emulator_does_not_suggest_a_start(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    result = cli_logged_out.run("emulator", "stop", "--state", str(tmp_path / "other"))
    assert result.code != 0
    assert f"Nothing to stop for {tmp_path / 'other'}. For another emulator, use" in result.err
    assert "emulator start" not in result.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("emulator", "status"), "emulator start. For another state directory, use --state DIR.\n"),
        (("emulator", "freeze", "--state", "/nowhere"), "emulator start --state /nowhere\n"),
        # It has no option for the state directory.
        (("serve-webhook", "--emulator", "--port", "0"), "Run: outreply emulator start\n"),
    ],
)
def test_hint_without_an_emulator_has_only_options_of_the_command(
    cli_logged_out: CommandLine, words: tuple[str, ...], hint: str
) -> None:
    result = cli_logged_out.run(*words)
    assert result.code != 0
    assert result.err.endswith(hint)


def test_start_without_an_active_token_names_the_state_directory(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    state = ("--state", str(tmp_path / "other"))
    start = ("emulator", "start", *state, "--port", "0")
    started = cli_logged_out.spawn(*start)
    assert "Use it with: outreply pages list --profile emulator" in started.err
    (token,) = json.loads(cli_logged_out.run("emulator", "tokens", *state, "--json").out)
    revoked = cli_logged_out.run("emulator", "revoke-token", str(token["id"]), *state)
    assert revoked.code == 0, revoked
    assert cli_logged_out.run("emulator", "stop", *state).code == 0
    started = cli_logged_out.spawn(*start)
    assert cli_logged_out.run("emulator", "stop", *state).code == 0
    assert f"run: outreply emulator token --name NAME --state {state[1]}" in started.err
    assert "Use it with" not in started.err


def test_exported_seed_restores_the_same_state(
    cli_with_emulator: CommandLine, tmp_path: Path
) -> None:
    unconfirmed = cli_with_emulator.run("emulator", "seed", str(ROOMY))
    assert unconfirmed.code == 2
    assert "--yes" in unconfirmed.err
    assert cli_with_emulator.run("emulator", "seed", str(ROOMY), "--yes").code == 0
    assert "page1" in cli_with_emulator.run("pages", "list", "-p", "emulator", "-q").out.split()
    exported = cli_with_emulator.run("emulator", "seed", "--export")
    seed = tmp_path / "seed.yaml"
    seed.write_text(exported.out)
    assert "accounts" in yaml.safe_load(exported.out)
    assert cli_with_emulator.run("emulator", "reset", "--yes").code == 0
    assert "page1" not in cli_with_emulator.run("pages", "list", "-p", "emulator", "-q").out.split()
    assert cli_with_emulator.run("emulator", "seed", str(seed), "--yes").code == 0
    assert cli_with_emulator.run("emulator", "seed", "--export").out == exported.out


def test_invalid_seed_file_changes_nothing(cli_with_emulator: CommandLine, tmp_path: Path) -> None:
    seed = tmp_path / "invalid.yaml"
    seed.write_text("accounts:\n  - email: a@b.c\n    tierr: pro\n")
    before = cli_with_emulator.run("emulator", "seed", "--export").out
    result = cli_with_emulator.run("emulator", "seed", str(seed), "--yes")
    assert result.code == 2
    assert "invalid.yaml:3" in result.err
    assert "tier" in result.err
    assert cli_with_emulator.run("emulator", "seed", "--export").out == before


def test_fault_hits_as_often_as_requested(cli_with_emulator: CommandLine) -> None:
    added = cli_with_emulator.run(
        "emulator", "fault", "add", "status:418", "--method", "get", "--path", "/pages",
        "--times", "1", "--json",
    )  # fmt: skip
    assert json.loads(added.out)["number"] == 1
    assert cli_with_emulator.run("pages", "list", "-p", "emulator").code != 0
    assert cli_with_emulator.run("pages", "list", "-p", "emulator").code == 0
    (listed,) = json.loads(cli_with_emulator.run("emulator", "fault", "list", "--json").out)
    assert listed["hits"] == 1
    cleared = cli_with_emulator.run("emulator", "fault", "clear", "--json")
    assert (cleared.code, json.loads(cleared.out)) == (0, {"removed": 1})
    assert cli_with_emulator.run("emulator", "fault", "clear").err == "Removed 0 faults.\n"
    assert json.loads(cli_with_emulator.run("emulator", "fault", "list", "--json").out) == []
    unknown = cli_with_emulator.run("emulator", "fault", "add", "explode")
    assert unknown.code == 2
    assert "drop-before" in unknown.err


def test_freeze_stops_the_clock_and_unfreeze_starts_it(cli_with_emulator: CommandLine) -> None:
    def now() -> str:
        return str(json.loads(cli_with_emulator.run("emulator", "status", "--json").out)["now"])

    assert now() == now()
    assert not json.loads(cli_with_emulator.run("emulator", "unfreeze", "--json").out)["frozen"]
    assert now() != now()
    assert json.loads(cli_with_emulator.run("emulator", "freeze", "--json").out)["frozen"]
    assert now() == now()


def test_added_comment_is_listed(cli_with_emulator: CommandLine) -> None:
    post = get_published_id(cli_with_emulator)
    added = cli_with_emulator.run(
        "emulator", "add-comment", post, "-m", "Open on Sunday?", "--json"
    )
    assert json.loads(added.out)["post_id"] == post
    listed = cli_with_emulator.run(
        "api", "GET", "/comments", "-f", f"post_id={post}", "-p", "emulator"
    )
    assert "Open on Sunday?" in listed.out
    assert cli_with_emulator.run("emulator", "add-comment", "nope", "-m", "Hi").code == 5


def test_failed_delivery_shows_next_attempt(cli_with_emulator: CommandLine) -> None:
    response = json.loads(
        cli_with_emulator.run(
            "api", "POST", "/webhooks", "-p", "emulator",
            "-f", "url=http://127.0.0.1:9/", "-F", 'events=["post.published"]',
        ).out
    )  # fmt: skip
    page = cli_with_emulator.run("pages", "list", "-p", "emulator", "-q").out.split()[0]
    words = ("posts", "schedule", "-p", "emulator", "--page", page, "--at", "in 1h", "-m", "Soon")
    assert cli_with_emulator.run(*words).code == 0
    cli_with_emulator.run("emulator", "advance", "2h")
    (delivery,) = json.loads(cli_with_emulator.run("emulator", "deliveries", "--json").out)
    assert delivery["event"] == "post.published"
    assert delivery["next_attempt_at"] is not None
    webhook = response.get("webhook", response)
    rotated = cli_with_emulator.run("emulator", "rotate-secret", webhook["id"], "--json")
    assert json.loads(rotated.out)["secret"] != webhook["secret"]


def test_openapi_needs_no_running_emulator(cli_logged_out: CommandLine) -> None:
    document = json.loads(cli_logged_out.run("emulator", "openapi", "--json").out)
    assert document["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("host", "base_url", "warns"),
    [("0.0.0.0", "http://127.0.0.1:", True), ("::1", "http://[::1]:", False),  # noqa: S104
     ("::", "http://[::1]:", True), ("[::1]", "http://[::1]:", False),
     ("*", "http://127.0.0.1:", True)],
)  # fmt: skip
def test_start_listens_on_the_given_host(
    cli_logged_out: CommandLine, host: str, base_url: str, warns: bool
) -> None:
    started = cli_logged_out.run("emulator", "start", "--port", "0", "--host", host, "--json")
    try:
        assert started.code == 0, started.err
        assert ("other machines" in started.err) is warns
        assert json.loads(started.out)["base_url"].startswith(base_url)
        pages = cli_logged_out.run("pages", "list", "-p", "emulator", "-q")
        assert (pages.code, len(pages.out.split())) == (0, 6), pages.err
    finally:
        cli_logged_out.run("emulator", "stop")


def test_start_ignores_modules_in_current_directory(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('imported from the current directory')\n")
    outreply = Path(sys.executable).with_name("outreply")
    started = subprocess.run(
        [outreply, "emulator", "start", "--port", "0", "-q"],
        env=cli_logged_out.environ, cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    try:
        assert started.returncode == 0, started.stderr
    finally:
        cli_logged_out.run("emulator", "stop")


NO_TOKEN = "accounts:\n  - brands: [{name: B}]\n    tokens: [{revoked: true}]\n"


def test_account_without_active_token_gives_commands_no_token(
    cli_with_emulator: CommandLine, tmp_path: Path
) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(NO_TOKEN)
    seeded = cli_with_emulator.run("emulator", "seed", str(seed), "--yes")
    assert seeded.code == 0, seeded.err
    assert "no active token" in seeded.err
    assert "none" in cli_with_emulator.run("emulator", "status").out
    assert cli_with_emulator.run("brands", "list", "-p", "emulator").code == 4
    result = cli_with_emulator.run("emulator", "token")
    assert result.code == 1
    assert "--name" in result.err
    assert cli_with_emulator.run("emulator", "token", "--name", "A").code == 0
    script = "import os; print(os.environ.get('OUTREPLY_API_KEY'))"
    words = ("emulator", "exec", "--seed-file", str(seed), "--", sys.executable, "-c", script)
    result = cli_with_emulator.spawn(*words, env={"OUTREPLY_API_KEY": "outreply_live_mine"})
    assert (result.code, result.out) == (0, "None\n"), result.err


@pytest.mark.parametrize("words", ["status", "token", "token --name ci"])
def test_signed_out_profile_stays_signed_out(cli_with_emulator: CommandLine, words: str) -> None:
    cli = cli_with_emulator
    assert cli.run("auth", "logout", "-p", "emulator").code == 0
    ran = cli.run("emulator", *words.split())
    assert (ran.code, ran.err) == (0, "")
    assert cli.run("brands", "list", "-p", "emulator").code == 4
    assert cli.run("emulator", "reset", "--yes").code == 0
    assert cli.run("brands", "list", "-p", "emulator").code == 0


def test_loaded_snapshot_restores_the_saved_state(
    cli_with_emulator: CommandLine, tmp_path: Path
) -> None:
    words = ("posts", "schedule", "-p", "emulator", "--page", "x:bluebird", "-q", "--at", "in 1h")
    post = cli_with_emulator.run(*words, "-m", "Kept").out.strip()
    before = cli_with_emulator.run("emulator", "seed", "--export").out
    snapshot = tmp_path / "a.db"
    saved = cli_with_emulator.run("emulator", "snapshot", "save", str(snapshot), "--json")
    assert saved.code == 0, saved.err
    assert json.loads(saved.out)["file"] == str(snapshot)
    assert json.loads(saved.out)["size_bytes"] == snapshot.stat().st_size
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert cli_with_emulator.run("emulator", "snapshot", "save", str(snapshot)).code == 2
    cli_with_emulator.run("emulator", "advance", "2h")
    assert cli_with_emulator.run("emulator", "seed", "--export").out != before
    assert cli_with_emulator.run("emulator", "snapshot", "load", str(snapshot)).code == 2, (
        "requires confirmation"
    )
    loaded = cli_with_emulator.run("emulator", "snapshot", "load", str(snapshot), "--yes")
    assert loaded.code == 0, loaded.err
    assert cli_with_emulator.run("emulator", "seed", "--export").out == before
    shown = cli_with_emulator.run("posts", "show", post, "-p", "emulator", "--json")
    assert json.loads(shown.out)["status"] == "scheduled"


@pytest.mark.parametrize("action", ["downgrade", "remove"])
def test_advice_for_an_unknown_collaborator_issues_a_token(
    cli_with_emulator: CommandLine, action: str
) -> None:
    words = ("emulator", "edit-collaborator", "sam d", action)
    refused = cli_with_emulator.run(*words)
    assert "No token was issued by the collaborator sam d" in refused.err
    (advice,) = re.findall(r"Issue one: outreply (.*)", refused.err)
    assert cli_with_emulator.run(*shlex.split(advice)).code == 0
    assert cli_with_emulator.run(*words).code == 0


def test_enabling_an_unknown_webhook_is_an_error(cli_with_emulator: CommandLine) -> None:
    result = cli_with_emulator.run("emulator", "enable-webhook", "nope")
    assert result.code == 5
    assert "Webhook not found" in result.err
    assert "outreply webhooks list" in result.err


@pytest.mark.parametrize("words", [("2030-01-01T10:00:00Z",), ("--to", "2030-01-01T10:00:00Z")])
def test_advance_moves_the_clock_to_a_date(
    cli_with_emulator: CommandLine, words: tuple[str, ...]
) -> None:
    advanced = cli_with_emulator.run("emulator", "advance", *words, "--json")
    assert json.loads(advanced.out)["now"].startswith("2030-01-01T10:00:0")


def test_advance_to_a_day_ends_at_its_start(cli_with_emulator: CommandLine) -> None:
    zone = {"OUTREPLY_TIMEZONE": "UTC"}
    advanced = cli_with_emulator.run("emulator", "advance", "2030-01-01", "--json", env=zone)
    assert json.loads(advanced.out)["now"].startswith("2030-01-01T00:00:0")


def test_invalid_input_is_an_error_that_says_why(
    cli_with_emulator: CommandLine, tmp_path: Path
) -> None:
    scope = cli_with_emulator.run("emulator", "token", "--scopes", "read:post")
    assert (scope.code, "read:posts" in scope.err) == (2, True)
    past = cli_with_emulator.run("emulator", "advance", "--to", "2020-01-01 10:00")
    assert (past.code, "only moves forward" in past.err) == (2, True)
    for options in ((), ("2h", "--to", "tomorrow 09:00")):
        ambiguous = cli_with_emulator.run("emulator", "advance", *options)
        assert (ambiguous.code, "of DURATION and --to is required" in ambiguous.err) == (2, True)
    for name, reason in (("missing", "No such file or directory"), (".", "Is a directory")):
        load = cli_with_emulator.run("emulator", "snapshot", "load", str(tmp_path / name), "--yes")
        assert f"annot load the snapshot {tmp_path / name}: {reason}\n" in load.err
        assert load.code == 2


def test_unknown_time_zone_does_not_hide_a_change(cli_with_emulator: CommandLine) -> None:
    cli = cli_with_emulator
    zone = {"OUTREPLY_TIMEZONE": "Mars/Olympus"}
    advanced = cli.run("emulator", "advance", "1h", env=zone)
    assert (advanced.code, "UTC" in advanced.out) == (0, True)
    assert cli.run("emulator", "status", env=zone).code == 0
    token = json.loads(
        cli.run("emulator", "token", "--name", "short", "--expires-in", "2d", "--json").out
    )
    login = ("auth", "login", "--with-token", "--insecure-storage", "--base-url")
    signed_in = cli.run(*login, token["base_url"], stdin=token["token"], env=zone)
    assert (signed_in.code, "The token expires" in signed_in.err) == (0, True)


def test_unknown_time_zone_is_reported_before_a_wait(cli_with_emulator: CommandLine) -> None:
    post = get_published_id(cli_with_emulator)
    for words in (["--tz", "Mars/Olympus"], []):
        result = cli_with_emulator.run(
            "posts", "wait", post, "-p", "emulator", "-v", *words,
            env={"OUTREPLY_TIMEZONE": "Mars/Olympus"},
        )  # fmt: skip
        assert (result.code, result.out, "GET" in result.err) == (2, "", False)
