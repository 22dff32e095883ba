"""A calendar and a running emulator for the tests of commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.commands.team_machines import CALENDAR


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    path = tmp_path / "plan.csv"
    path.write_text(CALENDAR)
    return path


@pytest.fixture
def cli_with_emulator(cli_logged_out: CommandLine) -> Iterator[CommandLine]:
    """A command line that finds an emulator as if `emulator start` had started it."""
    directory = cli_logged_out.home / "state" / "emulator"
    directory.mkdir(mode=0o700, parents=True)
    config = EmulatorConfig(seed=7, is_frozen=True)
    database = directory / "emulator.db"
    with EmulatorServer(database, cli_logged_out.clock, config=config) as server:
        server.handle.save(directory)
        stored = cli_logged_out.run("emulator", "reset", "--yes")
        assert stored.code == 0, stored.err
        yield cli_logged_out
