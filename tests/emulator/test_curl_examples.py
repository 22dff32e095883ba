"""The reference's own curl commands, run by a shell, give the answers that it shows."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from outreply_cli.clock import Clock, SystemClock
from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock

HERE = Path(__file__).parent
EXAMPLES = yaml.safe_load((HERE / "curl_examples.yaml").read_text())
BY_NAME = {example["name"]: example for example in EXAMPLES}
BY_HAND = "by hand"
CURLS = [BY_HAND, *filter(None, [shutil.which("curl")])]
TOKEN = "outreply_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
# The account that the reference's examples speak of, by the very ids that it shows.
SEED = f"""
accounts:
  - email: you@example.com
    firstname: Alex
    lastname: Doe
    tokens: [{{name: Zapier, token: {TOKEN}}}, {{token: outreply_live_...}}]
    brands:
      - name: Acme Co.
        pages:
          - {{id: "6711...", platform: instagram, username: acme}}
          - {{id: "...", platform: facebook, username: acme}}
    media: [{{mime_type: image/jpeg, size_bytes: {8_000_000 - 2_345_678}}}]
"""


@contextmanager
def account(directory: Path, clock: Clock) -> Iterator[EmulatorServer]:
    with EmulatorServer(directory / "e.db", clock) as server:
        server.running.request("seed", text=SEED, name="s.yaml")
        yield server


def run(command: str, server: EmulatorServer, directory: Path, curl: str) -> tuple[int, Any]:
    """A command of the reference, sent to the emulator; gives the status and the body."""
    (directory / "hero.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * (2_345_678 - 4))
    (directory / "tips.txt").write_text("Water the plants\n")
    ours = directory / "curl"
    by_hand = f"exec '{sys.executable}' '{HERE / 'curl_by_hand.py'}' \"$@\""
    real = f"exec '{curl}' -sS --noproxy '*' -w '\\n%{{http_code}}' \"$@\""
    ours.write_text(f"#!/bin/sh\n{by_hand if curl == BY_HAND else real}\n")
    ours.chmod(0o700)
    here = f"http://127.0.0.1:{server.port}"
    text = command.replace("https://api.outreply.com", here)
    done = subprocess.run(
        ["sh", "-c", text.replace("/opt/tips.txt", "tips.txt")],
        env={"PATH": f"{directory}:/usr/local/bin:/usr/bin:/bin", "OUTREPLY_TOKEN": TOKEN,
             "PAGE_ID": "6711...", "LC_ALL": "C.UTF-8"},
        cwd=directory, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def agrees(shown: Any, got: Any) -> bool:
    if isinstance(shown, dict):
        return shown.keys() == got.keys() and all(agrees(shown[name], got[name]) for name in shown)
    if isinstance(shown, list):
        return len(shown) == len(got) and all(map(agrees, shown, got))
    if isinstance(shown, str) and "..." in shown:
        # An id is any; what else is cut short begins and ends as it is shown.
        head, _, tail = shown.partition("...")
        head = "" if re.fullmatch(r"[0-9a-f]*", head) else head
        return isinstance(got, str) and got.startswith(head) and got.endswith(tail) and got != ""
    return bool(shown == got)


@pytest.mark.parametrize("curl", CURLS)
@pytest.mark.parametrize("name", BY_NAME)
def test_an_example_gives_the_documented_answer_field_for_field(
    tmp_path: Path, name: str, curl: str
) -> None:
    example = BY_NAME[name]
    moment = example["at"]
    clock = SystemClock() if moment == "now" else ManualClock(datetime.fromisoformat(moment))
    with account(tmp_path, clock) as server:
        status, got = run(example["command"], server, tmp_path, curl)
    assert status == example["status"], got
    assert agrees(json.loads(example["answer"]), got), got


@pytest.mark.parametrize("curl", CURLS)
def test_the_idempotency_example_with_the_endpoints_own_field_is_done_once(
    tmp_path: Path, curl: str
) -> None:
    example = BY_NAME["idempotency"]
    command = example["command"].replace("publish_at", "scheduled_at")
    with account(tmp_path, ManualClock(datetime.fromisoformat(example["at"]))) as server:
        first, again = (run(command, server, tmp_path, curl) for _ in range(2))
        other = run(command.replace("Launch!", "Lunch!"), server, tmp_path, curl)
    assert first == again
    assert (first[0], first[1]["scheduled_post"]["message"]) == (201, "Launch!")
    assert (other[0], other[1]["code"]) == (409, "IDEMPOTENCY_KEY_MISMATCH")
