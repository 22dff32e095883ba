"""Windows: no POSIX-only modules are needed, and its paths are understood."""

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
    ["__complete", "pages", "show", ""],
):
    sys.argv = ["outreply", *words]
    # The previous run removed secrets from it.
    os.environ.update(environ)
    code = run()
    assert code == 0, (words, code)
"""


def test_imports_without_posix_modules(cli: CommandLine, tmp_path: Path) -> None:
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
def test_split_command_keeps_backslashes_on_windows(line: str, words: list[str]) -> None:
    assert split_command(line, "--exec", is_windows=True) == words
    assert split_command(r"a\ b 'c d'", "--exec", is_windows=False) == ["a b", "c d"]


@pytest.mark.parametrize("ending", ["csv", "yaml"])
def test_calendar_with_windows_paths_is_scheduled(
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
    result = cli.run("bulk", "schedule", str(calendar))
    assert result.code == 0, result.err
    posts = cli.run("posts", "list", "--json").out
    assert '"message": "Hello"' in posts
    assert "upload.jpg" in posts or "/media/" in posts


@pytest.mark.parametrize("name", [r"C:\pics\no.png", "C:/pics/no.png", r"\\server\pics\no.png"])
def test_drive_letter_is_not_url_scheme(cli: CommandLine, name: str) -> None:
    at = ("--page", "instagram:acme", "--at", "+2d", "-m", "Hi")
    result = cli.run("posts", "schedule", *at, "--media", name)
    assert result.code == 2
    assert f"--media: cannot read {name}: " in result.err
    result = cli.run("media", "upload", name)
    assert f"Cannot read {name}: " in result.err


def test_file_name_with_backslash_is_found(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "odd\\name.jpg").write_bytes(jpeg())
    calendar = tmp_path / "launch.csv"
    calendar.write_text(
        "page,scheduled_at,media_files\ninstagram:acme,2026-12-01 09:00,odd\\name.jpg\n"
    )
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
