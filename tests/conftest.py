"""Real parts that many tests stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.command_line import CommandLine


@pytest.fixture
def emulated_clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(tmp_path: Path, emulated_clock: ManualClock) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator.db", emulated_clock) as server:
        yield server


@pytest.fixture
def client(emulator: EmulatorServer, emulated_clock: ManualClock) -> Iterator[Client]:
    token = Token(emulator.token)
    transport = Transport(base_url=emulator.base_url, token=token, clock=emulated_clock)
    yield Client(transport)
    transport.close()


@pytest.fixture
def alone(tmp_path: Path, emulated_clock: ManualClock) -> CommandLine:
    """A command line with an empty home and no account."""
    return CommandLine(tmp_path / "home", emulated_clock)


@pytest.fixture
def cli(alone: CommandLine, emulator: EmulatorServer) -> CommandLine:
    """A command line whose environment has the emulator's token."""
    alone.environ["OUTREPLY_API_KEY"] = emulator.token
    alone.environ["OUTREPLY_BASE_URL"] = emulator.base_url
    return alone
