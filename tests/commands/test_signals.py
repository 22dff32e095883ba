"""SIGTERM ends every command as Ctrl-C does, also in process 1."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from outreply_cli import __main__ as entry_point
from tests.command_line import CommandLine, Result, wait_for_line
from tests.media.sample_files import png
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
        _, err = process.communicate(timeout=50)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    # The line before it may have been read already.
    objects = [line for line in err.splitlines() if line.startswith('{"error": ')]
    assert [json.loads(line)["error"]["code"] for line in objects] == (
        ["INTERRUPTED"] if "--json" in words else []
    )


def test_interrupt_while_the_program_starts_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    previous = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(entry_point, "_disable_core_files", interrupt)
    monkeypatch.setattr(sys, "argv", ["outreply", "pages", "list"])
    try:
        assert entry_point.run() == 130
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_interrupt_before_the_command_is_one_json_object(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # While modules are imported.
    monkeypatch.setattr("outreply_cli.cli.typer_adapter.root_group", interrupt)
    result = cli.run("pages", "list", "--json")
    assert (result.code, result.out) == (130, "")
    assert json.loads(result.err)["error"]["code"] == "INTERRUPTED"
    assert cli.run("pages", "list") == Result(130, "", "")


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
        _, err = process.communicate(timeout=50)
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
        _, err = process.communicate(timeout=50)
    assert process.returncode == 130, err


def test_handler_of_the_parent_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        entry_point._interrupt_on_sigterm()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, previous)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_upload_without_a_response_ends(
    cli_logged_out: CommandLine, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "image.png").write_bytes(png())
    is_uploaded, held = threading.Event(), []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                if sock.recv(65536).startswith(b"POST"):
                    held.append(sock)
                    is_uploaded.set()
                else:
                    sock.sendall(response(200, {"media": []}))
                    sock.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        env = {
            "OUTREPLY_API_KEY": TOKEN,
            "OUTREPLY_BASE_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
        }
        process = cli_logged_out.start("media", "upload", str(tmp_path / "image.png"), env=env)
        assert is_uploaded.wait(60)
        process.send_signal(number)
        # Without the signal, a response is waited for for a minute.
        _, err = process.communicate(timeout=50)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    for sock in held:
        sock.close()
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "retrying" not in err
