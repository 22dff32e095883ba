"""The curl commands of the reference, run by a shell, return the responses that it shows."""

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
FAKE = "fake"
CURLS = [FAKE, *filter(None, [shutil.which("curl")])]
TOKEN = "outreply_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
# The account of the reference's examples, with the same ids.
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
        server.handle.request("seed", text=SEED, name="s.yaml")
        yield server


def run(command: str, server: EmulatorServer, directory: Path, curl: str) -> tuple[int, Any]:
    """Run a command of the reference against the emulator; returns the status and the body."""
    (directory / "hero.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * (2_345_678 - 4))
    (directory / "tips.txt").write_text("Water the plants\n")
    script = directory / "curl"
    fake = f"exec '{sys.executable}' '{HERE / 'fake_curl.py'}' \"$@\""
    real = f"exec '{curl}' -sS --noproxy '*' -w '\\n%{{http_code}}' \"$@\""
    script.write_text(f"#!/bin/sh\n{fake if curl == FAKE else real}\n")
    script.chmod(0o700)
    base_url = f"http://127.0.0.1:{server.port}"
    text = command.replace("https://api.outreply.com", base_url)
    result = subprocess.run(
        ["sh", "-c", text.replace("/opt/tips.txt", "tips.txt")],
        env={"PATH": f"{directory}:/usr/local/bin:/usr/bin:/bin", "OUTREPLY_TOKEN": TOKEN,
             "PAGE_ID": "6711...", "LC_ALL": "C.UTF-8"},
        cwd=directory, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    body, _, status = result.stdout.rpartition("\n")
    return int(status), json.loads(body)


def matches(expected: Any, actual: Any) -> bool:
    if isinstance(expected, dict):
        return expected.keys() == actual.keys() and all(
            matches(expected[name], actual[name]) for name in expected
        )
    if isinstance(expected, list):
        return len(expected) == len(actual) and all(map(matches, expected, actual))
    if isinstance(expected, str) and "..." in expected:
        # Any id matches; other shortened text must start and end as shown.
        head, _, tail = expected.partition("...")
        head = "" if re.fullmatch(r"[0-9a-f]*", head) else head
        return (
            isinstance(actual, str)
            and actual.startswith(head)
            and actual.endswith(tail)
            and actual != ""
        )
    return bool(expected == actual)


@pytest.mark.parametrize("curl", CURLS)
@pytest.mark.parametrize("name", BY_NAME)
def test_curl_example_gets_its_documented_response(tmp_path: Path, name: str, curl: str) -> None:
    example = BY_NAME[name]
    at = example["at"]
    clock = SystemClock() if at == "now" else ManualClock(datetime.fromisoformat(at))
    with account(tmp_path, clock) as server:
        status, body = run(example["command"], server, tmp_path, curl)
    assert status == example["status"], body
    assert matches(json.loads(example["response"]), body), body


@pytest.mark.parametrize("curl", CURLS)
def test_repeated_curl_example_returns_the_same_post(tmp_path: Path, curl: str) -> None:
    example = BY_NAME["idempotency"]
    command = example["command"].replace("publish_at", "scheduled_at")
    with account(tmp_path, ManualClock(datetime.fromisoformat(example["at"]))) as server:
        first, again = (run(command, server, tmp_path, curl) for _ in range(2))
        other = run(command.replace("Launch!", "Lunch!"), server, tmp_path, curl)
    assert first == again
    assert (first[0], first[1]["scheduled_post"]["message"]) == (201, "Launch!")
    assert (other[0], other[1]["code"]) == (409, "IDEMPOTENCY_KEY_MISMATCH")
