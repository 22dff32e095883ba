"""The receiver behind a socket, with the threads that forward deliveries."""

import threading
from collections.abc import Callable, Sequence
from typing import Self

from outreply_cli.clock import Clock
from outreply_cli.net.server.server import LocalServer, ServerLimits
from outreply_cli.webhooks.forward import ForwardAttempt, Forwarder, ForwardTarget
from outreply_cli.webhooks.inspector import Inspector
from outreply_cli.webhooks.mock_responses import ResponseScript
from outreply_cli.webhooks.receiver import BODY_BYTES_MAX, Received, Receiver, ReceiverConfig
from outreply_cli.webhooks.store import DeliveryStore

_SHUTDOWN_SECONDS = 1.3
_FORWARD_SECONDS = 0.2
LIMITS = ServerLimits(
    # A client whose connection is cut while it sends may miss the response, so a body that is a
    # little too large is read before it is refused.
    max_body_bytes=4 * BODY_BYTES_MAX,
    request_seconds=10,
    absolute_deadline=True,
    threads=4,
    shutdown_timeout=_SHUTDOWN_SECONDS,
)


class WebhookServer:
    """A receiver that listens; use it in a `with` block.

    `on_received` and `on_forwarded` are called from any thread. Port 0 picks a free one; the
    attribute `port` is the one in use, and `addresses` are all that the server listens on.

    Raises:
        StorageError: The port is in use.
    """

    def __init__(
        self,
        store: DeliveryStore,
        *,
        config: ReceiverConfig,
        clock: Clock,
        on_received: Callable[[Received], None],
        on_forwarded: Callable[[ForwardAttempt], None],
        host: str = "127.0.0.1",
        port: int = 0,
        script: ResponseScript | None = None,
        targets: Sequence[ForwardTarget] = (),
        has_inspector: bool = True,
    ) -> None:
        queued = targets[1:] if config.relays_status else targets
        self._forwarders = [Forwarder(store, target, clock, on_forwarded) for target in queued]
        names = [target.name for target in queued]
        self._receiver = Receiver(
            store,
            config=config,
            script=script or ResponseScript(),
            clock=clock,
            on_received=on_received,
            targets=targets,
            forwarders=self._forwarders,
            inspect=Inspector(store, config.secrets, names, clock) if has_inspector else None,
        )
        try:
            self._server = LocalServer(
                self._receiver, host=host, port=port, limits=LIMITS, handler=self._receiver.accept
            )
        except BaseException:
            self._receiver.close()
            raise
        self._thread = threading.Thread(target=self._server.run, name="receiver", daemon=True)
        self.port = self._server.port
        self.addresses = self._server.addresses
        self.url = f"http://{self._server.netloc}{config.path}"

    def __enter__(self) -> Self:
        for forwarder in self._forwarders:
            forwarder.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for forwarder in self._forwarders:
            forwarder.stop()
        self._server.stop()
        self._thread.join(_SHUTDOWN_SECONDS)
        self._receiver.close()
        for forwarder in self._forwarders:
            forwarder.join(_FORWARD_SECONDS)
