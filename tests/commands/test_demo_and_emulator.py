"""The demo, and the emulator in the background."""

import json
import os
import shlex
import signal
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clocks import HurriedClock
from tests.command_line import CommandLine, wait_until_suspended


def test_demo_runs_every_step_and_leaves_no_files(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    cli_logged_out.home.mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    result = cli_logged_out.spawn("demo", env={"TMPDIR": str(temporary)})
    assert result.code == 0, result.err
    assert "12 to create" in result.out
    assert "Scheduled over HTTP: 12 of 12" in result.out
    assert "12 unchanged; nothing is sent twice" in result.out
    assert "7 posts are published" in result.out
    assert "verified 7 of 7 deliveries" in result.out
    assert (
        'post.published  @acme on Instagram: "Spring is in the workshop 🌱" published' in result.out
    )
    assert "Publishes remaining in " in result.out
    assert result.out.count("\n  outreply ") == 3
    assert max(map(len, result.out.splitlines())) <= 80
    assert list(cli_logged_out.home.iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.fixture
def emulator_clock() -> HurriedClock:
    """The machine's clock: an emulator in another process uses it too."""
    return HurriedClock(speed=1)


@pytest.fixture
def cli_with_daemon(cli_logged_out: CommandLine) -> Iterator[CommandLine]:
    """A command line with an emulator in a separate process."""
    started = cli_logged_out.spawn("emulator", "start", "--port", "0", "--json")
    assert started.code == 0, started.err
    yield cli_logged_out
    cli_logged_out.run("emulator", "stop")


def test_emulator_starts_reports_its_status_and_stops(cli_with_daemon: CommandLine) -> None:
    assert (
        len(json.loads(cli_with_daemon.run("pages", "list", "-p", "emulator", "--json").out)) == 6
    )
    status = json.loads(cli_with_daemon.run("emulator", "status", "--json").out)
    assert status["posts"] == {"scheduled": 0, "published": 4, "failed": 0}
    token = cli_with_daemon.home / "config" / "tokens" / "emulator"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert "admin_key" not in status
    second = cli_with_daemon.run("emulator", "start", "--port", "0")
    assert second.code == 1
    assert "emulator is already running" in second.err
    stopped = cli_with_daemon.run("emulator", "stop", "--json")
    assert (stopped.code, json.loads(stopped.out)["stopped"]) == (0, True)
    assert json.loads(stopped.out)["port"] == status["port"]
    not_running = cli_with_daemon.run("emulator", "status", "--json")
    assert not_running.code == 1
    assert json.loads(not_running.err)["error"]["code"] == "EMULATOR_NOT_RUNNING"
    assert cli_with_daemon.run("emulator", "stop").code == 1


def test_each_state_directory_has_at_most_one_emulator(cli_logged_out: CommandLine) -> None:
    words = ("emulator", "start", "--port", "0", "--json")
    with ThreadPoolExecutor(4) as pool:
        results = [*pool.map(lambda _: cli_logged_out.spawn(*words), range(4))]
    try:
        assert sorted(result.code for result in results) == [0, 1, 1, 1]
        for result in results:
            if result.code:
                message = json.loads(result.err)["error"]["message"]
                assert "emulator is already running" in message
                assert "outreply_live_" not in message
    finally:
        assert cli_logged_out.run("emulator", "stop").code == 0
    assert cli_logged_out.run("emulator", "stop").code == 1


def test_unresponsive_emulator_is_not_called_stopped(cli_with_daemon: CommandLine) -> None:
    pid = json.loads(cli_with_daemon.run("emulator", "status", "--json").out)["pid"]
    os.kill(pid, signal.SIGSTOP)
    wait_until_suspended(pid)
    try:
        for words in (("start", "--port", "0"), ("stop",)):
            result = cli_with_daemon.run("emulator", *words)
            assert result.code == 1
            assert f"The emulator is running (pid {pid}), but did not respond" in result.err
            assert f"resume it: kill -CONT {pid}" in result.err
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("content", [b"\xff\xfe{", b"garbage", b'{"pid": 1}'])
def test_start_replaces_a_damaged_handle(cli_logged_out: CommandLine, content: bytes) -> None:
    directory = cli_logged_out.home / "state" / "emulator"
    directory.mkdir(mode=0o700, parents=True)
    (directory / "running.json").write_bytes(content)
    started = cli_logged_out.run("emulator", "start", "--port", "0")
    assert cli_logged_out.run("emulator", "stop").code == 0
    assert started.code == 0, started.err


def test_start_reports_an_unusable_directory(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "file"
    config.touch()
    cli_logged_out.environ["OUTREPLY_CONFIG_DIR"] = str(config)
    started = cli_logged_out.run("emulator", "start", "--port", "0")
    assert started.code == 1
    assert f"failed to start: {config}" in started.err
    assert "cannot be used: Not a directory" in started.err
    assert cli_logged_out.run("emulator", "stop").code == 1


def test_emulator_can_start_again_as_soon_as_it_is_stopped(cli_with_daemon: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        url = f"http://127.0.0.1:{receiver.getsockname()[1]}/"
        api = ("-p", "emulator", "-q")
        events = ("--events", "comment.received")
        assert cli_with_daemon.run("webhooks", "create", "--url", url, *events, *api).code == 0
        posts = cli_with_daemon.run("posts", "list", "--published", *api).out.split()
        assert cli_with_daemon.run("emulator", "add-comment", posts[0], "-m", "Hi").code == 0
        connection, _ = receiver.accept()
        # The last delivery gets no response.
        with connection:
            assert cli_with_daemon.run("emulator", "stop").code == 0
            again = cli_with_daemon.run("emulator", "start", "--port", "0")
    assert again.code == 0, again.err


def test_advice_names_the_state_directory(cli_with_daemon: CommandLine, tmp_path: Path) -> None:
    other = str(tmp_path / "a directory")
    missing = cli_with_daemon.run("emulator", "status", "--state", other)
    assert f"Run: outreply emulator start --state '{other}'" in missing.err
    assert cli_with_daemon.run("emulator", "start", "--port", "0", "--state", other).code == 0
    second = cli_with_daemon.run("emulator", "start", "--port", "0", "--state", other)
    advice = f"outreply emulator stop --state '{other}'"
    assert f"Run: {advice}, or" in second.err
    assert cli_with_daemon.run(*shlex.split(advice)[1:]).code == 0
    # The first one still runs.
    assert cli_with_daemon.run("emulator", "status").code == 0


@pytest.mark.parametrize("change", ["rotate-token", "revoke-token"])
def test_profile_gets_a_working_token_again(cli_with_emulator: CommandLine, change: str) -> None:
    listed = ("pages", "list", "-p", "emulator")
    assert cli_with_emulator.run("emulator", change, "emulator").code == 0
    refused = cli_with_emulator.run(*listed)
    assert refused.code == 4
    assert "outreply auth login --profile emulator" in refused.err
    if change == "revoke-token":
        assert cli_with_emulator.run("emulator", "token", "--name", "new").code == 0
    status = cli_with_emulator.run("emulator", "status")
    assert status.code == 0
    assert cli_with_emulator.run(*listed).code == 0
    # Nothing is stored again.
    assert "Stored" not in cli_with_emulator.run("emulator", "status").err


def test_profile_keeps_its_time_zone(cli_with_emulator: CommandLine) -> None:
    token = cli_with_emulator.run("auth", "token", "-p", "emulator").out
    login = ("auth", "login", "-p", "emulator", "--with-token", "--insecure-storage")
    assert cli_with_emulator.run(*login, "--tz", "Asia/Tokyo", stdin=token).code == 0
    assert cli_with_emulator.run("emulator", "reset", "--yes").code == 0
    listed = cli_with_emulator.run("auth", "list", "--fields", "name,timezone", "-o", "csv")
    assert "emulator,Asia/Tokyo" in listed.out


def test_profile_token_works_from_this_machine(
    cli_with_emulator: CommandLine, tmp_path: Path
) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(
        "accounts: [{brands: [{name: B}], tokens: ["
        "{name: elsewhere, ip_allowlist: [192.0.2.1]}, "
        "{name: downgraded, collaborator: sam, on_behalf_of: B, full_access: false}, "
        "{name: reader, scopes: ['read:pages']}]}]"
    )
    assert cli_with_emulator.run("emulator", "seed", str(seed), "--yes").code == 0
    assert cli_with_emulator.run("pages", "list", "-p", "emulator").code == 0


def test_advance_publishes_due_posts(cli_with_emulator: CommandLine) -> None:
    words = ("posts", "schedule", "-p", "emulator", "--page", "x:bluebird", "-m", "Soon", "-q")
    post = cli_with_emulator.run(*words, "--at", "in 1h").out.strip()
    advanced = json.loads(cli_with_emulator.run("emulator", "advance", "2h", "--json").out)
    assert advanced["published"] == 1
    shown = json.loads(cli_with_emulator.run("posts", "show", post, "-p", "emulator", "--json").out)
    assert shown["status"] == "published"
    assert cli_with_emulator.run("emulator", "advance", "--to", "2099-01-01 00:00").code == 0
    assert cli_with_emulator.run("emulator", "advance", "--to", "2001-01-01 00:00").code == 2
    assert cli_with_emulator.run("emulator", "advance", "nonsense").code == 2


def test_token_has_only_the_requested_scopes(cli_with_emulator: CommandLine) -> None:
    full = cli_with_emulator.run("emulator", "token").out.strip()
    created = json.loads(
        cli_with_emulator.run("emulator", "token", "--scopes", "read:account", "--json").out
    )
    assert full != created["token"]
    assert created["scopes"] == ["read:account"]
    env = {"OUTREPLY_API_KEY": created["token"], "OUTREPLY_BASE_URL": created["base_url"]}
    assert cli_with_emulator.run("quota", "show", env=env).code == 0
    assert cli_with_emulator.run("pages", "list", env=env).code == 4
    assert cli_with_emulator.run("emulator", "token", "--scopes", "read:everything").code == 2


def test_state_survives_kill_and_reset_clears_it(cli_with_daemon: CommandLine) -> None:
    words = ("posts", "schedule", "-p", "emulator", "--page", "x:bluebird", "-m", "Kept", "-q")
    cli_with_daemon.run(*words, "--at", "in 1h")
    pid = json.loads(cli_with_daemon.run("emulator", "status", "--json").out)["pid"]
    os.kill(pid, signal.SIGKILL)
    assert cli_with_daemon.spawn("emulator", "start", "--port", "0", "-q").code == 0
    kept = cli_with_daemon.run("posts", "list", "-p", "emulator", "--json")
    assert [post["message"] for post in json.loads(kept.out)] == ["Kept"]
    assert cli_with_daemon.run("emulator", "reset").code == 2, "requires confirmation"
    assert cli_with_daemon.run("emulator", "reset", "--yes").code == 0
    assert json.loads(cli_with_daemon.run("posts", "list", "-p", "emulator", "--json").out) == []
    unnamed = cli_with_daemon.run("emulator", "seed")
    assert unnamed.code == 2
    assert "outreply emulator reset" in unnamed.err


def test_emulators_in_two_state_directories_are_independent(
    cli_with_daemon: CommandLine, tmp_path: Path
) -> None:
    other = str(tmp_path / "other")
    assert cli_with_daemon.run("emulator", "start", "--port", "0", "--state", other).code == 0
    first = json.loads(cli_with_daemon.run("emulator", "status", "--json").out)
    second = json.loads(cli_with_daemon.run("emulator", "status", "--state", other, "--json").out)
    assert first["port"] != second["port"]
    assert cli_with_daemon.run("emulator", "stop", "--state", other).code == 0


# Other addresses are warned of.
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - in use
def test_start_on_a_port_in_use_is_an_error(cli_logged_out: CommandLine, host: str) -> None:
    with socket.create_server((host, 0)) as server:
        port = str(server.getsockname()[1])
        result = cli_logged_out.run("emulator", "start", "--port", port, "--host", host, "--json")
    assert result.code == 1
    error = json.loads(result.err.splitlines()[-1])["error"]
    assert f"failed to start: Cannot listen on {host}:{port}" in error["message"]
    assert error["hint"].startswith("The port is in use")
    assert "--port" in error["hint"]
