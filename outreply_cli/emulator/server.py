"""The emulator's HTTP server, run in this process."""

import os
import secrets
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from outreply_cli.clock import Clock
from outreply_cli.emulator.app import Emulator, bad_request
from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.delivery import DeliveryWorker
from outreply_cli.emulator.routes import API_ROOT
from outreply_cli.emulator.seed import load_default_seed
from outreply_cli.emulator.state import State
from outreply_cli.net.dns import Resolver
from outreply_cli.net.server.server import LocalServer, ServerLimits

_STOP_SECONDS = 12.0
# Fits the largest file of any tier with its multipart envelope.
LIMITS = ServerLimits(max_body_bytes=260 * 1024 * 1024, request_seconds=30)


class EmulatorServer:
    """A server for one emulator; as a context manager it serves from a thread.

    An empty state gets the default account. Port 0 is any free port.

    Raises:
        StorageError: The port is in use, or the state is unusable.
    """

    def __init__(
        self,
        state_path: Path,
        system: Clock,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        config: EmulatorConfig | None = None,
    ) -> None:
        admin_key = secrets.token_urlsafe(24)
        with ExitStack() as stack:
            self.state = State(state_path, system, config)
            stack.callback(self.state.close)
            with self.state.transaction():
                if self.state.is_empty:
                    load_default_seed(self.state)
            resolver = Resolver()
            stack.callback(resolver.close)
            self._worker = DeliveryWorker(self.state, resolver)
            self.app = Emulator(self.state, self._worker, resolver, admin_key=admin_key, host=host)
            self._server = LocalServer(
                self.app, host=host, port=port, limits=LIMITS, refuse=bad_request
            )
            self._exit_stack = stack.pop_all()
        self.port = self._server.port
        self.base_url = f"http://{self._server.netloc}{API_ROOT}"
        self.handle = EmulatorHandle(
            os.getpid(), self._server.host, self.port, self.base_url, admin_key
        )

    def run(self) -> None:
        """Serve until `stop` is called from another thread; open requests are finished."""
        thread = threading.Thread(target=self._worker.run, name="deliveries", daemon=True)
        with self._exit_stack:
            thread.start()
            try:
                self._server.run()
            finally:
                self._worker.stop()
                thread.join(_STOP_SECONDS)

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
        """An active token with full access."""
        sql = "SELECT secret FROM tokens WHERE revoked_at IS NULL AND scopes = '[\"*\"]' LIMIT 1"
        return str(self.state.connection.execute(sql).fetchone()["secret"])
