"""`bulk schedule` on a terminal, interrupted, and in the environment of cron."""

import json
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.bulk.calendars import Snapshot, expected_posts, make_rows, server_posts, write_calendar
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.faulty_proxy import Fault, FaultyProxy
from tests.scripted_server import response

ROWS = make_rows(
    24, datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
)


@pytest.fixture
def emulator_clock() -> ManualClock:
    return ManualClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def calendar(tmp_path: Path, emulator: EmulatorServer) -> Path:
    Snapshot(emulator).close()
    path = tmp_path / "calendar.csv"
    write_calendar(path, ROWS)
    return path


def test_terminal_shows_plan_bar_and_summary(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer
) -> None:
    child = cli.at_terminal("bulk", "schedule", str(calendar), env={"TERM": "xterm-256color"})
    child.expect("24 to create")
    child.expect("Scheduling")
    child.expect("Done: 24 created.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert server_posts(emulator) == expected_posts(ROWS)


def test_plan_fits_terminal_width(cli: CommandLine, calendar: Path) -> None:
    child = cli.at_terminal("bulk", "schedule", str(calendar), "--dry-run")
    child.expect(pexpect.EOF)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", str(child.before))
    child.close()
    assert max(len(line) for line in text.splitlines() if line.startswith("  +")) <= 80


def test_ctrl_c_reports_every_row_and_rerun_completes_them(
    cli: CommandLine, calendar: Path, emulator: EmulatorServer
) -> None:
    fifth_post = threading.Event()
    limited = response(429, {"error": "Slow", "code": "RATE_LIMITED"}, retry_after="1")
    fault = Fault("429", 0, lambda _: limited)

    class LimitedAfterFourPosts(FaultyProxy):
        def _next_fault(self, method: str) -> Fault | None:
            if method == "GET":
                return None
            with self._lock:
                self.writes += 1
                if self.writes <= 4:
                    return None
            fifth_post.set()
            return self.fault

    words = ("bulk", "schedule", str(calendar), "--concurrency", "2")
    # The run cannot finish before it handles the signal.
    with LimitedAfterFourPosts(emulator.port, fault) as proxy:
        process = cli.start(*words, "--json", env={"OUTREPLY_BASE_URL": proxy.url})
        assert fifth_post.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        summary = json.loads(out)["summary"]
        assert summary["created"] == sum(server_posts(emulator).values()) == 4
        assert summary["created"] + summary["pending"] == 24
        proxy.fault = None
        again = cli.spawn(*words, env={"OUTREPLY_BASE_URL": proxy.url})
    assert again.code == 0, again.err
    assert server_posts(emulator) == expected_posts(ROWS)


def test_run_in_an_empty_environment_schedules_the_calendar(
    calendar: Path, emulator: EmulatorServer, tmp_path: Path
) -> None:
    line = (
        f"OUTREPLY_API_KEY={emulator.token} OUTREPLY_BASE_URL={emulator.base_url} "
        f"OUTREPLY_STATE_DIR={tmp_path / 's'} OUTREPLY_CONFIG_DIR={tmp_path / 'c'} "
        f"{sys.executable} -m outreply_cli bulk schedule {calendar}"
    )
    done = subprocess.run(
        ["env", "-i", "/bin/sh", "-c", line], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert server_posts(emulator) == expected_posts(ROWS)
