"""A command looks up the server's address and connects to it once, whatever it requests."""

import json
import subprocess
import sys

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.request_count import count_requests

PROGRAM = """
import json, sys
events = []
sys.addaudithook(lambda event, _: events.append(event) if event.startswith("socket.") else None)
from outreply_cli.app import run
code = run()
print(json.dumps([code, *map(events.count, ("socket.getaddrinfo", "socket.connect"))]))
"""


def count_events(cli: CommandLine, *words: str) -> list[int]:
    """Return how often a command looked up an address and connected to one."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], env=cli.environ, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    code, *events = map(int, json.loads(ran.stdout.splitlines()[-1]))
    assert code == 0
    return events


@pytest.mark.parametrize("words", [("status",), ("posts", "list", "--all")])
def test_many_requests_look_up_and_connect_as_often_as_one(
    cli: CommandLine, emulator: EmulatorServer, words: tuple[str, ...]
) -> None:
    cli.environ["OUTREPLY_BASE_URL"] = emulator.base_url.replace("127.0.0.1", "localhost")
    lookups, connections = count_events(cli, "pages", "list")
    assert lookups == 1
    before = count_requests(emulator)
    assert count_events(cli, *words) == [lookups, connections]
    assert count_requests(emulator) - before > 1
