"""The receiver behind a real socket, with everybody who passes deliveries on."""

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

FAREWELL_SECONDS = 1.3
_FORWARD_SECONDS = 0.2
LIMITS = ServerLimits(
    # A sender that is cut off in the middle may miss why: what is a little too large is read.
    body_bytes=4 * BODY_BYTES_MAX,
    request_seconds=10,
    absolute_deadline=True,
    threads=12,
    shutdown_timeout=FAREWELL_SECONDS,
)


class WebhookServer:
    """A receiver that listens; use it in a `with` block.

    Args:
        inbox: Where deliveries are kept.
        terms: What is taken.
        clock: The present.
        tell_received: Called with each delivery, from any thread.
        tell_forwarded: Called with each attempt to pass one on, from any thread.
        host: Where to listen.
        port: 0 for any free one.
        answering: What good deliveries are answered.
        targets: Where they are passed on.
        has_inspector: Whether there is a page to look at.

    Raises:
        StorageError: The port is taken.
    """

    def __init__(
        self,
        inbox: DeliveryStore,
        *,
        terms: ReceiverConfig,
        clock: Clock,
        tell_received: Callable[[Received], None],
        tell_forwarded: Callable[[ForwardAttempt], None],
        host: str = "127.0.0.1",
        port: int = 0,
        answering: ResponseScript | None = None,
        targets: Sequence[ForwardTarget] = (),
        has_inspector: bool = True,
    ) -> None:
        queued = targets[1:] if terms.relays_status else targets
        self._forwarders = [Forwarder(inbox, each, clock, tell_forwarded) for each in queued]
        names = [each.name for each in queued]
        receiver = Receiver(
            inbox,
            terms=terms,
            answering=answering or ResponseScript(),
            clock=clock,
            tell=tell_received,
            targets=targets,
            forwarders=self._forwarders,
            inspect=Inspector(inbox, terms.secrets, names, clock) if has_inspector else None,
        )
        self._server = LocalServer(
            receiver, host=host, port=port, limits=LIMITS, prepare=receiver.store_batch
        )
        self._thread = threading.Thread(target=self._server.run, name="receiver", daemon=True)
        self.port = self._server.port
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}{terms.path}"

    def __enter__(self) -> Self:
        for forwarder in self._forwarders:
            forwarder.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for forwarder in self._forwarders:
            forwarder.stop()
        self._server.stop()
        self._thread.join(FAREWELL_SECONDS)
        for forwarder in self._forwarders:
            forwarder.join(_FORWARD_SECONDS)
