"""Real parts that many tests stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock


@pytest.fixture
def emulated_clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(tmp_path: Path, emulated_clock: ManualClock) -> Iterator[EmulatorServer]:
    with EmulatorServer(tmp_path / "emulator.db", emulated_clock) as server:
        yield server
