"""SIGTERM ends every command as Ctrl-C does, also in process 1."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from outreply_cli import __main__ as entry_point
from tests.command_line import CommandLine, wait_for_line
from tests.scripted_server import ScriptedServer, response

TOKEN = "outreply_live_" + "a" * 48
# A wait that is announced, so that the test knows when the command sleeps.
BUSY = response(429, {"error": "busy", "code": "RATE_LIMITED"}, retry_after="50")
COMMANDS = ["comments watch", "quota watch", "posts wait 1", "pages list", "posts list --json"]


def environment(server: ScriptedServer) -> dict[str, str]:
    return {"OUTREPLY_API_KEY": TOKEN, "OUTREPLY_BASE_URL": server.url}


def can_unshare() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and (
        subprocess.run(
            [unshare, "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False
        ).returncode
        == 0
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM between processes")
@pytest.mark.parametrize("words", COMMANDS)
def test_sigterm_ends_a_wait(cli_logged_out: CommandLine, words: str) -> None:
    with ScriptedServer([BUSY]) as server:
        process = cli_logged_out.start(*words.split(), "-v", env=environment(server))
        wait_for_line(process, "retrying in")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err


@pytest.mark.skipif(not can_unshare(), reason="requires root and unshare, for a process 1")
@pytest.mark.parametrize("words", COMMANDS[:3])
def test_sigterm_ends_process_1(cli_logged_out: CommandLine, words: str) -> None:
    with ScriptedServer([BUSY]) as server:
        process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
             *cli_logged_out.words(*words.split(), "-v")],
            env={**cli_logged_out.environ, **environment(server)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for_line(process, "retrying in")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        os.kill(int(children), signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no ignored signals")
def test_sigterm_ends_a_job_that_ignores_ctrl_c(cli_logged_out: CommandLine) -> None:
    with ScriptedServer([BUSY]) as server:
        process = subprocess.Popen(
            ["sh", "-c", 'trap "" INT; exec "$@"', "sh",
             *cli_logged_out.words("pages", "list", "-v")],
            env={**cli_logged_out.environ, **environment(server)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for_line(process, "retrying in")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err


def test_handler_of_the_parent_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        entry_point._end_on_sigterm()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, previous)
