"""The emulator behind a real socket, in this process: for the demo, for tests, for `start`."""

import os
import secrets
import threading
from pathlib import Path
from typing import Self

from outreply_cli.clock import Clock
from outreply_cli.emulator.app import Emulator
from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.delivery import DeliveryWorker
from outreply_cli.emulator.responses import bad_request
from outreply_cli.emulator.routes import API_ROOT
from outreply_cli.emulator.seed import load_default_seed
from outreply_cli.emulator.state import State
from outreply_cli.errors import StorageError
from outreply_cli.net.dns import Resolver
from outreply_cli.net.server.server import LocalServer, ServerLimits

_DELIVERY_SECONDS = 12.0
# The largest file of any tier, and its multipart envelope; a slow upload may take its time.
_LIMITS = ServerLimits(body_bytes=260 * 1024 * 1024, request_seconds=30)


class EmulatorServer:
    """An emulator that listens on loopback.

    Args:
        state_path: Its SQLite file; seeded with the default account when empty.
        system: The machine's clock.
        port: 0 for any free one.
        host: Where to listen.
        settings: How the emulator behaves.

    Attributes:
        port: Where it listens.
        base_url: Of its API.
        running: Steers it, from here or from another process.
        state: What it serves.

    Raises:
        StorageError: The port is taken, or the state can't be used.
    """

    def __init__(
        self,
        state_path: Path,
        system: Clock,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        settings: EmulatorConfig = EmulatorConfig(),
    ) -> None:
        control_key = secrets.token_urlsafe(24)
        self.state = State(state_path, system, settings)
        with self.state.transaction():
            if self.state.is_empty:
                load_default_seed(self.state)
        self._lookups = Resolver()
        self._deliverer = DeliveryWorker(self.state, self._lookups)
        self._emulator = Emulator(
            self.state, self._deliverer, self._lookups, control_key=control_key, host=host
        )
        try:
            self._server = LocalServer(
                self._emulator, host=host, port=port, limits=_LIMITS, refuse=bad_request
            )
        except StorageError:
            self._lookups.close()
            self.state.close()
            raise
        self.port = self._server.port
        # Whoever listens on every address is reached at this machine's own.
        here = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
        name = f"[{here}]" if ":" in here else here
        self.base_url = f"http://{name}:{self.port}{API_ROOT}"
        self.running = EmulatorHandle(os.getpid(), here, self.port, self.base_url, control_key)

    def run(self) -> None:
        """Serve until `stop` is called from another thread; what is being answered is finished."""
        delivering = threading.Thread(target=self._deliverer.run, name="deliveries", daemon=True)
        delivering.start()
        self._server.run()
        self._deliverer.stop()
        delivering.join(_DELIVERY_SECONDS)
        self._lookups.close()
        self.state.close()

    def stop(self) -> None:
        """Make `run` return."""
        self._server.stop()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.run, name="emulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(10)

    @property
    def token(self) -> str:
        """The full-access token of the seed."""
        row = self.state.connection.execute(
            "SELECT secret FROM tokens WHERE revoked_at IS NULL AND scopes = '[\"*\"]' LIMIT 1"
        ).fetchone()
        return str(row["secret"])
