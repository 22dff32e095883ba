"""Crontabs and services: next to no environment, no terminal, no home."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result

# The user has no home directory either, as in a container with a user of no name.
HOMELESS = """
import sys
sys.modules["pwd"] = None
from outreply_cli.__main__ import main
main()
"""
POST = ("posts", "schedule", "--page", "x:bluebird", "--at", "+2d", "-m", "Beans ☕ für alle")


@dataclass
class Bare:
    """The command with nothing around it but what is given."""

    environ: dict[str, str]
    home: Path

    def run(self, *words: str, program: str | None = None, **given: str) -> Result:
        python, *module = CommandLine.words()
        start = [python, "-c", program] if program else [python, *module]
        done = subprocess.run(
            ["env", "-i", *(f"{name}={value}" for name, value in {**self.environ, **given}.items()),
             *start, *words],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=self.home, check=False,
        )  # fmt: skip
        ran = Result(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))
        for text in (ran.out, ran.err):
            assert "Traceback" not in text
            assert "\x1b" not in text
        return ran


@pytest.fixture
def cron(tmp_path: Path, emulator: EmulatorServer) -> Bare:
    home = tmp_path / "alex"
    home.mkdir()
    given = {
        "HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "alex",
        "OUTREPLY_BASE_URL": emulator.base_url, "OUTREPLY_API_KEY": emulator.token,
    }  # fmt: skip
    return Bare(given, home)


def test_cron_schedules_a_post_with_emoji_once(cron: Bare) -> None:
    first = cron.run(*POST, "--key", "today")
    assert (first.code, first.err) == (0, "")
    assert "Beans ☕ für alle" in first.out
    again = cron.run(*POST, "--key", "today", "--json")
    assert again.code == 0
    assert json.loads(again.out)["message"] == "Beans ☕ für alle"
    assert "was there already; nothing was sent" in again.err
    assert json.loads(again.out)["id"] == first.out.split()[0]


def test_cron_reads_local_times_in_the_machine_s_zone_or_in_the_one_that_is_given(
    cron: Bare,
) -> None:
    at = ("--at", "2026-12-01 09:00", "--page", "instagram:acme", "-m", "Hi", "--dry-run", "--json")
    for given, hour in (
        ({"TZ": "Asia/Tokyo"}, "00"),
        ({"OUTREPLY_TIMEZONE": "Europe/Paris"}, "08"),
    ):
        ran = cron.run("posts", "schedule", *at, **given)
        assert f"2026-12-01T{hour}:00:00Z" in ran.out, ran.err
    assert cron.run("posts", "schedule", *at).code == 0


def test_cron_is_silent_while_enough_is_left_and_told_when_it_is_not(cron: Bare) -> None:
    check = ("quota", "check", "--warn-at", "80%", "--min-publishes")
    enough, short = cron.run(*check, "20"), cron.run(*check, "20000")
    assert (enough.code, enough.out, enough.err) == (0, "", "")
    assert (short.code, short.out) == (6, "")
    assert "20000 needed" in short.err


def test_cron_carries_a_calendar_out(cron: Bare) -> None:
    calendar = cron.home / "launch.csv"
    calendar.write_text(
        "page,scheduled_at,message\nx:bluebird,2026-12-01 09:00,Grüße 🚀\n", encoding="utf-8"
    )
    assert cron.run("bulk", "schedule", "launch.csv").code == 0
    again = cron.run("bulk", "schedule", "launch.csv", "--json")
    assert json.loads(again.out)["summary"]["unchanged"] == 1


def test_a_token_comes_from_stdin_once_and_is_found_by_cron_in_a_file_of_the_user_s(
    cron: Bare, emulator: EmulatorServer
) -> None:
    del cron.environ["OUTREPLY_API_KEY"]
    assert cron.run("quota", "check").code == 4
    login = subprocess.run(
        [*CommandLine.words("auth", "login", "--with-token", "--insecure-storage")],
        input=emulator.token, env=cron.environ, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert login.returncode == 0, login.stderr
    assert cron.run("quota", "check").code == 0


def test_nothing_at_all_but_a_token_is_enough(cron: Bare, tmp_path: Path) -> None:
    state = {"OUTREPLY_STATE_DIR": str(tmp_path / "s"), "OUTREPLY_CONFIG_DIR": str(tmp_path / "c")}
    for name in ("HOME", "PATH", "SHELL", "LOGNAME"):
        del cron.environ[name]
    ran = cron.run(*POST, program=HOMELESS, **state)
    assert (ran.code, ran.err) == (0, "")
    assert "☕" in ran.out


def test_a_user_with_no_home_is_told_what_to_set(cron: Bare) -> None:
    del cron.environ["HOME"]
    ran = cron.run(*POST, program=HOMELESS)
    assert (ran.code, ran.out) == (1, "")
    assert "no home directory" in ran.err
    assert "OUTREPLY_CONFIG_DIR" in ran.err
    for line in ("", "bulk template"):
        assert cron.run(*line.split(), program=HOMELESS).code == 0, line
    assert list(cron.home.iterdir()) == []
