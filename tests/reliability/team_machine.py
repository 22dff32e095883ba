"""A command line on one machine of a team: `python -m tests.reliability.team_machine WORDS`.

The machine has its own name, its own clock, which is wrong, and its own way to the API.
"""

import ctypes
import json
import os
import platform
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from outreply_cli import __version__
from outreply_cli.api import http_client
from outreply_cli.bulk.plan import Action
from outreply_cli.bulk.service import BulkService
from outreply_cli.clock import SystemClock

_VARIABLE = "TEAM_MACHINE"
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Settings:
    """A run of a machine.

    Attributes:
        name: Name of the host.
        run: Name of the run, which each request carries.
        clock_error: Seconds that its clock is ahead.
        clock_speed: Speed of its clock.
        skipped: File with the seconds that were skipped for all clocks.
        plan: File for the lines whose old post is cancelled first, once they are known.
        api_port: Port of the API in the base URL.
        api_route: Host and port that lead there.
    """

    name: str
    run: str
    clock_error: float
    clock_speed: float
    skipped: str
    plan: str
    api_port: int
    api_route: tuple[str, int]

    @property
    def environ(self) -> dict[str, str]:
        """The variables that give the settings to a process."""
        return {_VARIABLE: json.dumps(asdict(self))}


def write_skipped(path: Path, seconds: float) -> None:
    """Set the seconds that all clocks have skipped; machines may be reading it."""
    path.write_text(f"{seconds:12.3f}")


def main() -> None:
    """Run a command line with the settings of the environment."""
    # Machines do not outlive a proof that is killed; only Linux has this.
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    settings = Settings(**json.loads(os.environ.pop(_VARIABLE)))
    patch.object(platform, "node", lambda: settings.name).start()
    patch.object(http_client, "__version__", f"{__version__} {settings.run}").start()
    _set_clock(settings)
    _set_route(settings)
    _report_plan(settings)
    from outreply_cli.__main__ import main as run

    run()


def _set_clock(settings: Settings) -> None:
    started_at, skipped = time.time(), os.open(settings.skipped, os.O_RDONLY)
    now, monotonic = SystemClock.now, SystemClock.monotonic

    def read_skipped() -> float:
        return float(os.pread(skipped, 32, 0))

    def wrong_now(clock: SystemClock) -> datetime:
        drift = (time.time() - started_at) * (settings.clock_speed - 1)
        return now(clock) + timedelta(seconds=settings.clock_error + drift + read_skipped())

    def wrong_monotonic(clock: SystemClock) -> float:
        return monotonic(clock) * settings.clock_speed + read_skipped()

    patch.object(SystemClock, "now", wrong_now).start()
    patch.object(SystemClock, "monotonic", wrong_monotonic).start()


def _set_route(settings: Settings) -> None:
    connect = socket.create_connection
    host, port = settings.api_route

    def connect_by_route(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        is_api = address == ("127.0.0.1", settings.api_port)
        return connect((host, port) if is_api else address, *args, **options)

    patch.object(socket, "create_connection", connect_by_route).start()


def _report_plan(settings: Settings) -> None:
    apply_actions = BulkService.apply_actions

    def report(service: BulkService, actions: Sequence[Action], *args: Any) -> Any:
        lines = [action.line for action in actions if action.cancel_first or action.is_in_place]
        Path(settings.plan).write_text(json.dumps(lines))
        return apply_actions(service, actions, *args)

    patch.object(BulkService, "apply_actions", report).start()


if __name__ == "__main__":
    main()
