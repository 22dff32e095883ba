"""Fixtures of the tests of reliability."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.reliability.machines import World, without_guardrails
from tests.reliability.proxy import RuleProxy


@pytest.fixture
def proxy(emulator: EmulatorServer) -> Iterator[RuleProxy]:
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET tier = 'elite'")
    with RuleProxy(emulator.app) as proxy:
        yield proxy


@pytest.fixture
def world(
    emulator: EmulatorServer, proxy: RuleProxy, tmp_path: Path, emulator_clock: ManualClock
) -> World:
    return World(emulator, proxy, emulator_clock, tmp_path)


@pytest.fixture
def machine(world: World) -> CommandLine:
    """A machine with the first token of the account and an empty state."""
    return world.machine("machine")


@pytest.fixture(params=["guardrails", "no guardrails"])
def guardrails(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the server refuses a second post within 60 seconds of another one of its page."""
    if request.param == "guardrails":
        yield True
        return
    with without_guardrails():
        yield False
