"""What a server on this machine does beside answering."""

import gc
from pathlib import Path

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock


def test_a_server_collects_what_goes_in_circles_though_a_command_would_not(tmp_path: Path) -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(50_000, 20, 20)
        with EmulatorServer(tmp_path / "emulator.db", ManualClock()):
            pass
        assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(*before)
