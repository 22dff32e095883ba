"""Commands in crontabs and services: minimal environment, no terminal, no home directory."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result

# Without `pwd`, the home directory is unknown, as for an unnamed user in a container.
HOMELESS = """
import sys
sys.modules["pwd"] = None
from outreply_cli.__main__ import main
main()
"""
POST = ("posts", "schedule", "--page", "x:bluebird", "--at", "+2d", "-m", "Beans ☕ für alle")


@dataclass
class MinimalEnvironment:
    """Runs commands with only the given environment variables."""

    environ: dict[str, str]
    home: Path

    def run(self, *words: str, program: str | None = None, **env: str) -> Result:
        python, *module = CommandLine.words()
        prefix = [python, "-c", program] if program else [python, *module]
        done = subprocess.run(
            ["env", "-i", *(f"{name}={value}" for name, value in {**self.environ, **env}.items()),
             *prefix, *words],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=self.home, check=False,
        )  # fmt: skip
        result = Result(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))
        for text in (result.out, result.err):
            assert "Traceback" not in text
            assert "\x1b" not in text
        return result


@pytest.fixture
def cron(tmp_path: Path, emulator: EmulatorServer) -> MinimalEnvironment:
    home = tmp_path / "alex"
    home.mkdir()
    environ = {
        "HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "alex",
        "OUTREPLY_BASE_URL": emulator.base_url, "OUTREPLY_API_KEY": emulator.token,
    }  # fmt: skip
    return MinimalEnvironment(environ, home)


def test_cron_schedules_post_once(cron: MinimalEnvironment) -> None:
    first = cron.run(*POST, "--key", "today")
    assert (first.code, first.err) == (0, "")
    assert "Beans ☕ für alle" in first.out
    repeated = cron.run(*POST, "--key", "today", "--json")
    assert repeated.code == 0
    (post,) = json.loads(repeated.out)
    assert post["message"] == "Beans ☕ für alle"
    assert "already exists; nothing was sent" in repeated.err
    assert post["id"] == first.out.split()[0]


def test_cron_job_uses_tz_and_needs_a_known_zone_for_local_times(
    cron: MinimalEnvironment,
) -> None:
    at = ("--at", "2026-12-01 09:00", "--page", "instagram:acme", "-m", "Hi", "--dry-run", "--json")
    for env, hour in (
        ({"TZ": "Asia/Tokyo"}, "00"),
        ({"TZ": "XYZ0"}, "09"),
        ({"TZ": "EST5EDT", "OUTREPLY_TIMEZONE": "America/New_York"}, "14"),
        ({"OUTREPLY_TIMEZONE": "Europe/Paris"}, "08"),
    ):
        result = cron.run("posts", "schedule", *at, **env)
        assert f"2026-12-01T{hour}:00:00Z" in result.out, result.err
    assert cron.run("posts", "schedule", *at).code == 0
    unknown = cron.run("posts", "schedule", *at, TZ="EST5EDT")
    assert (unknown.code, unknown.out) == (2, "")
    assert "time zone of this machine is unknown" in unknown.err
    # What has no local time needs no time zone.
    at = ("--at", "2026-12-01T09:00+01:00", *at[2:])
    assert "2026-12-01T08:00:00Z" in cron.run("posts", "schedule", *at, TZ="EST5EDT").out
    assert cron.run("quota", "check", "--min-publishes", "200000", TZ="EST5EDT").code == 6
    assert cron.run("posts", "list", TZ="EST5EDT").code == 0


def test_cron_quota_check_prints_only_when_quota_is_short(cron: MinimalEnvironment) -> None:
    check = ("quota", "check", "--warn-at", "80%", "--min-publishes")
    sufficient, short = cron.run(*check, "20"), cron.run(*check, "20000")
    assert (sufficient.code, sufficient.out, sufficient.err) == (0, "", "")
    assert (short.code, short.out) == (6, "")
    assert "20000 required" in short.err


def test_cron_bulk_schedule_sends_each_row_once(cron: MinimalEnvironment) -> None:
    calendar = cron.home / "launch.csv"
    calendar.write_text(
        "page,scheduled_at,message\nx:bluebird,2026-12-01 09:00,Grüße 🚀\n", encoding="utf-8"
    )
    assert cron.run("bulk", "schedule", "launch.csv").code == 0
    repeated = cron.run("bulk", "schedule", "launch.csv", "--json")
    assert json.loads(repeated.out)["summary"]["unchanged"] == 1


def test_cron_uses_stored_token(cron: MinimalEnvironment, emulator: EmulatorServer) -> None:
    del cron.environ["OUTREPLY_API_KEY"]
    assert cron.run("quota", "check").code == 4
    login = subprocess.run(
        [*CommandLine.words("auth", "login", "--with-token", "--insecure-storage")],
        input=emulator.token, env=cron.environ, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert login.returncode == 0, login.stderr
    assert cron.run("quota", "check").code == 0


def test_token_and_directories_are_enough(cron: MinimalEnvironment, tmp_path: Path) -> None:
    state = {"OUTREPLY_STATE_DIR": str(tmp_path / "s"), "OUTREPLY_CONFIG_DIR": str(tmp_path / "c")}
    for name in ("HOME", "PATH", "SHELL", "LOGNAME"):
        del cron.environ[name]
    result = cron.run(*POST, program=HOMELESS, **state)
    assert (result.code, result.err) == (0, "")
    assert "☕" in result.out


def test_missing_home_directory_is_an_error_that_names_the_variables(
    cron: MinimalEnvironment,
) -> None:
    del cron.environ["HOME"]
    result = cron.run(*POST, program=HOMELESS)
    assert (result.code, result.out) == (1, "")
    assert "No home directory" in result.err
    assert "OUTREPLY_CONFIG_DIR" in result.err
    for line in ("", "bulk template"):
        assert cron.run(*line.split(), program=HOMELESS).code == 0, line
    assert list(cron.home.iterdir()) == []
