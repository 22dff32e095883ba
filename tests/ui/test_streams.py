"""Closed pipes, full disks, and streams that are closed from the start."""

import json
import subprocess
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.commands.receiver_process import run_receiver, send
from tests.webhooks.receiver_fixture import event_body

FULL = Path("/dev/full")
# Short output, output larger than a buffer, help with and without Typer, and early exits.
LINES = (
    "posts list --published",
    "posts list --published --json",
    "api GET /posts/published --paginate -o jsonl",
    "posts schedule --help",
    "help times",
    "completion bash",
    "--help",
    "--version",
    "",
)


def in_bash(cli: CommandLine, script: str, **env: str) -> tuple[str, str]:
    """stdout and stderr of a bash script that can call `outreply`."""
    done = subprocess.run(
        ["bash", "-c", f'outreply() {{ {" ".join(cli.words())} "$@"; }}\n{script}'],
        env={**cli.environ, **env}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout, done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_closed_pipe_is_not_an_error(cli: CommandLine, unbuffered: str) -> None:
    # `true` closes the pipe before anything is written, `head` after one byte.
    script = "".join(
        f"outreply {line} | {reader} >/dev/null; echo ${{PIPESTATUS[0]}} {line}\n"
        for line in LINES
        for reader in (["true"] if unbuffered else ["head -c 1"])
    )
    out, err = in_bash(cli, script, PYTHONUNBUFFERED=unbuffered)
    assert err == ""
    assert out.splitlines() == [f"0 {line}".strip() for line in LINES]


def test_unwritable_stderr_does_not_change_the_exit_code(cli: CommandLine) -> None:
    script = """
    outreply posts show 68a100000000000000000001 2>&1 | true; echo ${PIPESTATUS[0]}
    outreply posts show 68a100000000000000000001 2>/dev/full; echo $?
    outreply posts shw 2>&-; echo $?
    """
    out, err = in_bash(cli, script, PYTHONUNBUFFERED="1")
    assert (out.split(), err) == (["5", "5", "2"], "")


def test_bulk_schedule_finishes_with_closed_pipe(
    cli: CommandLine, tmp_path: Path, emulator: EmulatorServer
) -> None:
    calendar = tmp_path / "launch.csv"
    calendar.write_text(
        "page,scheduled_at,message\ninstagram:acme,2026-12-01 09:00,One\n"
        "x:bluebird,2026-12-01 09:00,Two\n"
    )
    line = f"outreply bulk schedule {calendar} 2>&1 | true; echo ${{PIPESTATUS[0]}}"
    assert in_bash(cli, line, PYTHONUNBUFFERED="1") == ("0\n", "")
    assert len(cli.run("posts", "list", "-q").out.splitlines()) == 2


@pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")
@pytest.mark.parametrize(("stdout", "why"), [(">/dev/full", "No space left"), (">&-", "is closed")])
def test_unwritable_stdout_is_an_error(cli: CommandLine, stdout: str, why: str) -> None:
    script = "".join(f"outreply {line} {stdout}; echo $? >&2\n" for line in LINES)
    out, err = in_bash(cli, script)
    assert out == ""
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    messages = err.splitlines()
    assert [line for line in messages if line.isdecimal()] == ["1"] * len(LINES)
    problems = [line for line in messages if "annot write the output" in line and why in line]
    assert len(problems) == len(LINES)
    assert json.loads(problems[1])["error"]["code"] == "OUTPUT_WRITE_FAILED"
    assert "bug in outreply" not in err


def test_post_scheduled_once_after_lost_output(cli: CommandLine) -> None:
    post = "outreply posts schedule --page x:bluebird --at +2d -m Hi --key k -q"
    out, err = in_bash(cli, f"{post} >/dev/full; echo $?; {post}; echo $?")
    first, post_id, second = out.split()
    assert (first, second) == ("1", "0")
    assert "The command finished, but its result is lost" in err
    assert cli.run("posts", "list", "-q").out.split() == [post_id]


@pytest.mark.parametrize("redirection", ["</dev/null", "<&-", "2>&-", "2>/dev/full"])
def test_missing_unused_stream_is_ignored(cli: CommandLine, redirection: str) -> None:
    out, err = in_bash(cli, f"outreply posts list --published --json -v {redirection}; echo $?")
    assert out.splitlines()[-1] == "0"
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_receiver_stops_when_stdout_is_closed(cli_logged_out: CommandLine) -> None:
    with run_receiver(cli_logged_out, "-o", "jsonl") as receiver:
        assert send(receiver.url, event_body()) == 200
        reader = receiver.process.stdout
        assert reader is not None
        assert json.loads(reader.readline())["verified"]
        reader.close()
        assert send(receiver.url, event_body()) == 200
        _, err = receiver.process.communicate(timeout=60)
    assert receiver.process.returncode == 0
    assert "Received: 2 verified" in err
    assert "Traceback" not in err
