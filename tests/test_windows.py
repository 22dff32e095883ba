"""What Windows lacks is not needed, and its paths are read as what they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from outreply_cli.subprocesses import split_command
from tests.command_line import CommandLine
from tests.media.sample_files import jpeg

PROGRAM = """
import importlib, pkgutil, signal, sys
for name in ("fcntl", "grp", "posix_ipc", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "setitimer", "alarm"):
    delattr(signal, name)
import os
for name in ("fork", "getuid", "geteuid", "killpg", "setsid", "O_NONBLOCK", "O_NOFOLLOW"):
    delattr(os, name)
import outreply_cli
for module in pkgutil.walk_packages(outreply_cli.__path__, "outreply_cli."):
    importlib.import_module(module.name)
from outreply_cli.__main__ import run
environ = dict(os.environ)
for words in (
    ["--version"], ["--help"], [], ["auth", "list"], ["posts", "list", "--help"], ["help", "times"],
    ["posts", "list"], ["pages", "list", "--json"], ["bulk", "schedule", "launch.csv"],
    ["__complete", "page", ""],
):
    sys.argv = ["outreply", *words]
    # The secrets in it were taken out by the run before.
    os.environ.update(environ)
    code = run()
    assert code == 0, (words, code)
"""


def test_nothing_that_windows_lacks_is_needed(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "launch.csv").write_text("page,scheduled_at,message\ninstagram:acme,+2d,Hi\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**cli.environ, "PYTHONPATH": ":".join(sys.path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"C:\tools\handle.exe --fast", [r"C:\tools\handle.exe", "--fast"]),
        (r'"C:\Program Files\np.exe" "a b"', [r"C:\Program Files\np.exe", "a b"]),
        (r"'D:\x y\z' # no", [r"D:\x y\z", "#", "no"]),
    ],
)
def test_a_command_line_of_windows_keeps_its_backslashes(line: str, words: list[str]) -> None:
    assert split_command(line, "--exec", is_windows=True) == words
    assert split_command(r"a\ b 'c d'", "--exec", is_windows=False) == ["a b", "c d"]


@pytest.mark.parametrize("ending", ["csv", "yaml"])
def test_a_calendar_written_on_windows_is_carried_out_elsewhere(
    cli: CommandLine, tmp_path: Path, ending: str
) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "hero.jpg").write_bytes(jpeg())
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_bytes(b"\xef\xbb\xbfHello\r\n")
    calendar = tmp_path / f"launch.{ending}"
    calendar.write_bytes(
        b"page,scheduled_at,message_file,media_files\r\n"
        b"instagram:acme,2026-12-01 09:00,texts\\one.txt,.\\pictures\\hero.jpg\r\n"
        if ending == "csv"
        else b"posts:\r\n- page: instagram:acme\r\n  scheduled_at: 2026-12-01 09:00\r\n"
        b"  message_file: texts\\one.txt\r\n  media_files: .\\pictures\\hero.jpg\r\n"
    )
    ran = cli.run("bulk", "schedule", str(calendar))
    assert ran.code == 0, ran.err
    shown = cli.run("posts", "list", "--json").out
    assert '"message": "Hello"' in shown
    assert "upload.jpg" in shown or "/media/" in shown


@pytest.mark.parametrize("name", [r"C:\pics\no.png", "C:/pics/no.png", r"\\server\pics\no.png"])
def test_a_drive_is_no_scheme(cli: CommandLine, name: str) -> None:
    at = ("--page", "instagram:acme", "--at", "+2d", "-m", "Hi")
    ran = cli.run("posts", "schedule", *at, "--media", name)
    assert ran.code == 2
    assert f"--media {name}: it can't be read" in ran.err
    ran = cli.run("media", "upload", name)
    assert f"{name}: it can't be read" in ran.err


def test_a_path_with_backslashes_is_a_file_s_name_where_there_is_such_a_file(
    cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "odd\\name.jpg").write_bytes(jpeg())
    calendar = tmp_path / "launch.csv"
    calendar.write_text(
        "page,scheduled_at,media_files\ninstagram:acme,2026-12-01 09:00,odd\\name.jpg\n"
    )
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
