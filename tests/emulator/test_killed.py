"""kill -9 during writes: acknowledged posts exist, and the database is intact."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.command_line import CommandLine

SEED = Path(__file__).parent / "roomy.yaml"
WRITES = 1_000


def start(cli: CommandLine, directory: Path) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    words = ["emulator", "start", "--foreground", "--port", "0", "--state", str(directory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "outreply_cli", *words], env=cli.environ, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if cli.spawn("emulator", "status", "--json", "--state", str(directory)).code == 0:
            running = json.loads((directory / "running.json").read_text())
            if running["pid"] == process.pid:
                return process, running
    pytest.fail("the emulator did not start")


def test_acknowledged_writes_survive_kill(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    state = tmp_path / "state"
    process, running = start(cli_logged_out, state)
    seeded = cli_logged_out.spawn("emulator", "seed", str(SEED), "--yes", "--state", str(state))
    assert seeded.code == 0, seeded.err
    acknowledged: list[str] = []
    start_at = datetime.now(UTC) + timedelta(days=1)
    headers = {"Authorization": "Bearer outreply_live_roomyroomyroomyroomyroomyroomyroomyroomy"}

    def write(first: int) -> None:
        with httpx.Client(
            base_url=running["base_url"], headers=headers, trust_env=False, verify=False, timeout=60
        ) as http:
            for number in range(first, WRITES, 4):
                at = (start_at + timedelta(minutes=3 * number)).isoformat()
                body = {"page_id": "page1", "message": str(number), "scheduled_at": at}
                try:
                    response = http.post("/posts/schedule", json=body)
                except httpx.HTTPError:
                    return
                assert response.status_code == 201, response.text
                acknowledged.append(response.json()["scheduled_post"]["id"])
                if len(acknowledged) >= WRITES // 2 and process.poll() is None:
                    os.kill(process.pid, signal.SIGKILL)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    process.wait(60)
    assert WRITES // 2 <= len(acknowledged) < WRITES

    restarted, running = start(cli_logged_out, state)
    try:
        with closing(sqlite3.connect(state / "emulator.db")) as db, db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            post_ids = {
                row[0] for row in db.execute("SELECT id FROM posts WHERE page_id = 'page1'")
            }
            used = db.execute("SELECT used FROM usage WHERE bucket = 'publishes'").fetchone()[0]
        assert set(acknowledged) <= post_ids
        # A post and its quota are committed together.
        assert used == len(post_ids) - 1
        with httpx.Client(
            base_url=running["base_url"], headers=headers, trust_env=False, verify=False, timeout=60
        ) as http:
            assert http.get(f"/posts/scheduled/{acknowledged[-1]}").status_code == 200
    finally:
        restarted.terminate()
        restarted.wait()
