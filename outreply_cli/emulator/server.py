"""The emulator behind a real socket, in this process: for the demo, for tests, for `start`."""

import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from waitress.server import create_server

from outreply_cli.clock import Clock
from outreply_cli.emulator.app import Emulator
from outreply_cli.emulator.delivery import Deliverer
from outreply_cli.emulator.routes import API_ROOT
from outreply_cli.emulator.seed import seed_default
from outreply_cli.emulator.settings import Settings
from outreply_cli.emulator.state import State
from outreply_cli.errors import StorageError

_THREADS = 8
_DELIVERY_SECONDS = 12.0
_CONNECTIONS_MAX = 600
_REQUEST_SECONDS_MAX = 30
_HEADER_BYTES_MAX = 32 * 1024
_BODY_BYTES_MAX = 260 * 1024 * 1024


class EmulatorServer:
    """An emulator that listens on loopback.

    Args:
        state_path: Its SQLite file; seeded with the default account when empty.
        system: The machine's clock.
        port: 0 for any free one.
        host: Where to listen.
        settings: How the emulator behaves.
        control_key: What steering it asks for; a new random one by default.

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
        control_key: str | None = None,
        settings: Settings = Settings(),  # noqa: B008 - frozen
    ) -> None:
        self.control_key = control_key or secrets.token_urlsafe(24)
        self.state = State(state_path, system, settings)
        with self.state.change():
            if self.state.is_empty:
                seed_default(self.state)
        self._sockets: dict[int, Any] = {}
        self._deliverer = Deliverer(self.state)
        self._emulator = Emulator(
            self.state, self._deliverer, control_key=self.control_key, host=host
        )
        try:
            self._server = create_server(
                self._emulator,
                map=self._sockets,
                host=host,
                port=port,
                threads=_THREADS,
                connection_limit=_CONNECTIONS_MAX,
                channel_timeout=_REQUEST_SECONDS_MAX,
                cleanup_interval=5,
                max_request_header_size=_HEADER_BYTES_MAX,
                max_request_body_size=_BODY_BYTES_MAX,
                ident=None,
                clear_untrusted_proxy_headers=True,
            )
        except OSError as failure:
            self.state.close()
            raise StorageError(
                f"can't listen on {host}:{port}: {failure.strerror}",
                hint="Another program has the port; choose one with --port.",
            ) from None
        self._stopping = threading.Event()
        self.port = int(self._server.effective_port)
        self.base_url = f"http://{host}:{self.port}{API_ROOT}"

    def run(self) -> None:
        """Serve until `stop` is called from another thread; what is being answered is finished."""
        server = self._server
        delivering = threading.Thread(target=self._deliverer.run, name="deliveries", daemon=True)
        delivering.start()
        while not self._stopping.is_set():
            # Waitress's own loop ends only with its process; one round of it can be left.
            server.asyncore.loop(
                timeout=1.0, map=self._sockets, use_poll=server.adj.asyncore_use_poll, count=1
            )
        self._deliverer.stop()
        server.task_dispatcher.shutdown()
        delivering.join(_DELIVERY_SECONDS)
        server.asyncore.close_all(map=self._sockets, ignore_all=True)
        self._emulator.close()
        self.state.close()

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping.set()
        # The loop may have ended by itself between the two lines.
        with suppress(OSError):
            self._server.pull_trigger()

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
