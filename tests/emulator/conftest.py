"""Clients of the emulator: the admin API, HTTP and the official SDK."""

from collections.abc import Iterator

import httpx
import pytest
from outreply import OutReply

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.server import EmulatorServer


@pytest.fixture
def handle(emulator: EmulatorServer) -> EmulatorHandle:
    return emulator.handle


@pytest.fixture
def http(emulator: EmulatorServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {emulator.token}"}
    with httpx.Client(
        base_url=emulator.base_url, headers=headers, trust_env=False, verify=False, timeout=60
    ) as client:
        yield client


@pytest.fixture
def sdk(emulator: EmulatorServer) -> Iterator[OutReply]:
    with OutReply(emulator.token, base_url=emulator.base_url, max_retries=0) as client:
        yield client
