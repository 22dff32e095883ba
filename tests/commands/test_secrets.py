"""The token does not appear in output, errors, process lists or child environments."""

import subprocess
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result, wait_for_line
from tests.scripted_server import ScriptedServer, response


def all_output(result: Result) -> str:
    return result.out + result.err


@pytest.mark.parametrize(
    "words",
    [
        ("pages", "list", "-v"),
        ("auth", "status", "-v", "--json"),
        ("posts", "show", "nope", "-v"),
        ("api", "GET", "/nowhere", "-v", "--json"),
        ("api", "GET", "/me", "-H", "Authorization: x"),
        ("quota", "show", "-o", "yaml"),
        ("errors", "-v"),
        ("auth", "list"),
    ],
)
def test_output_has_no_token(
    cli: CommandLine, emulator: EmulatorServer, words: tuple[str, ...]
) -> None:
    assert emulator.token not in all_output(cli.run(*words))


def test_token_echoed_by_server_is_redacted(cli_logged_out: CommandLine) -> None:
    token = "outreply_live_0123456789abcdef0123"
    with ScriptedServer([response(400, {"error": f"bad token {token}", "code": "X"})]) as server:
        env = {"OUTREPLY_API_KEY": token, "OUTREPLY_BASE_URL": server.url}
        for words in (("pages", "list"), ("pages", "list", "--json"), ("pages", "list", "-v")):
            assert token not in all_output(cli_logged_out.run(*words, env=env))


def test_internal_error_has_no_token(cli: CommandLine, emulator: EmulatorServer) -> None:
    body: dict[str, object] = {"pages": [], "scheduled_posts": [], "published_posts": []}
    with ScriptedServer([response(200, body)]) as server:
        cli.environ["OUTREPLY_BASE_URL"] = server.url
        broken = cli.home / "broken"
        broken.mkdir(parents=True)
        (broken / "sitecustomize.py").write_text(
            "import outreply_cli.commands.quota.show as q\n"
            "def fail(*parts, token='x'):\n"
            "    import os\n"
            "    raise RuntimeError('failed near ' + os.environ['NEARBY'])\n"
            "q.quota_meters = fail\n"
        )
        for extra in ((), ("-v",)):
            env = {"PYTHONPATH": f"{broken}:{Path.cwd()}", "NEARBY": emulator.token}
            result = cli.spawn("quota", "show", *extra, env=env)
            assert result.code == 1
            assert "RuntimeError" in result.err
            assert emulator.token not in all_output(result)


def test_process_list_has_no_token(cli: CommandLine, emulator: EmulatorServer) -> None:
    slow = response(503, {"error": "Later"}, retry_after="30")
    with ScriptedServer([slow]) as server:
        process = cli.start("pages", "list", "--verbose", env={"OUTREPLY_BASE_URL": server.url})
        wait_for_line(process, "retrying in")
        processes = subprocess.run(
            ["ps", "-eo", "args"], capture_output=True, text=True, check=True
        )
        process.kill()
        process.communicate()
    assert "outreply_cli" in processes.stdout
    assert emulator.token not in processes.stdout


def test_emulator_daemon_inherits_no_token(cli_logged_out: CommandLine) -> None:
    secret = "outreply_live_only_for_the_parent_0123"
    cli_logged_out.environ["OUTREPLY_API_KEY"] = secret
    assert cli_logged_out.spawn("emulator", "start", "--port", "0").code == 0
    try:
        status = cli_logged_out.spawn("emulator", "status", "-o", "tsv", "--fields", "pid")
        pid = status.out.splitlines()[1]
        assert secret not in Path(f"/proc/{pid}/environ").read_text()
    finally:
        assert cli_logged_out.spawn("emulator", "stop").code == 0
