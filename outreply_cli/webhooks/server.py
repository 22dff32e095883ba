"""The listening receiver: its HTTP server, and the threads that forward deliveries."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from outreply_cli.clock import Clock
from outreply_cli.net.server.server import LocalServer, ServerLimits
from outreply_cli.spec.webhooks import RESPONSE_TIMEOUT_SECONDS
from outreply_cli.webhooks.forward import (
    ForwardAttempt,
    Forwarder,
    ForwardReport,
    ForwardTarget,
)
from outreply_cli.webhooks.inspector import Inspector, InspectorSettings
from outreply_cli.webhooks.metrics import ReceiverMetrics
from outreply_cli.webhooks.mock_responses import ResponseScript
from outreply_cli.webhooks.receiver import MAX_BODY_BYTES, Received, Receiver, ReceiverConfig
from outreply_cli.webhooks.store import DeliveryStore

# Deliveries that were just received are stored in this time, even on a busy machine.
_SHUTDOWN_SECONDS = 5.0
_POLL_SECONDS = 0.05
# Aborted attempts are recorded in this time.
_ABORT_SECONDS = 2.0
LIMITS = ServerLimits(
    # A client whose connection is cut while it sends may miss the response, so a body that is a
    # little too large is read before it is refused.
    max_body_bytes=4 * MAX_BODY_BYTES,
    request_seconds=10,
    absolute_deadline=True,
    threads=4,
    shutdown_timeout=_SHUTDOWN_SECONDS,
)


class WebhookServer:
    """A receiver that listens; use it in a `with` block.

    `on_received` and `on_forwarded` are called from any thread. The end of the block waits for
    responses and forward attempts in progress; `on_waiting` is called first with their number, such
    as `2 forward attempts`. Port 0 picks a free one; `port` is the port in use, and `addresses` are
    all that the server listens on.

    `inspector_url` is the address of the inspector's page, None without its settings.

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
        on_forwarded: Callable[[ForwardReport], None],
        on_waiting: Callable[[str], None] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        script: ResponseScript | None = None,
        targets: Sequence[ForwardTarget] = (),
        inspector: InspectorSettings | None = None,
    ) -> None:
        script = script or ResponseScript()
        queued = targets[1:] if config.relays_status else targets
        metrics = ReceiverMetrics()
        names = [target.name for target in queued]
        self._inspector = (
            None if inspector is None
            else Inspector(store, config.secrets, names, clock, inspector)
        )  # fmt: skip

        def observe_received(received: Received) -> None:
            metrics.observe_delivery(received.delivery.label, received.milliseconds / 1000)
            if self._inspector is not None:
                self._inspector.wake()
            on_received(received)

        def observe_forwarded(report: ForwardReport) -> None:
            if isinstance(report, ForwardAttempt):
                accepted = "accepted" if report.result.is_accepted else "failed"
                metrics.observe_attempt(report.target, accepted)
            if self._inspector is not None:
                self._inspector.wake()
            on_forwarded(report)

        self._on_waiting = on_waiting
        self._aborted = threading.Event()
        self._forwarders = [
            Forwarder(store, target, clock, observe_forwarded, config.secrets) for target in queued
        ]
        self._receiver = Receiver(
            store,
            config=config,
            script=script,
            clock=clock,
            on_received=observe_received,
            on_failure=observe_forwarded,
            targets=targets,
            forwarders=self._forwarders,
            inspector=self._inspector,
            measure=lambda: metrics.render(store.queue_lengths(), clock.now().timestamp()),
        )
        # The sender waits for the response of the first target, or for a delayed one.
        is_slow = config.relays_status or script.delay > 0
        self._grace = _SHUTDOWN_SECONDS + RESPONSE_TIMEOUT_SECONDS * is_slow
        self._slow_responses = "forward attempt" if config.relays_status else "delayed response"
        try:
            self._server = LocalServer(
                self._receiver, host=host, port=port,
                limits=replace(LIMITS, shutdown_timeout=self._grace), handler=self._receiver.accept,
            )  # fmt: skip
        except BaseException:
            self._receiver.close()
            raise
        self._thread = threading.Thread(target=self._server.run, name="receiver", daemon=True)
        self.port = self._server.port
        self.addresses = self._server.addresses
        self.url = f"http://{self._server.netloc}{config.path}"
        self.inspector_url = None
        if self._inspector is not None:
            self._inspector.addresses, self._inspector.netloc = self.addresses, self._server.netloc
            self.inspector_url = f"http://{self._server.netloc}{self._inspector.root}"

    def __enter__(self) -> Self:
        for forwarder in self._forwarders:
            forwarder.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for forwarder in self._forwarders:
            forwarder.stop()
        if self._inspector is not None:
            self._inspector.close()
        self._stop_receiving()
        self._receiver.close()
        self._finish_attempts()

    def drain(self) -> None:
        """Receive no more, and wait until no delivery is due at a target, or for `abort`."""
        self._stop_receiving()
        while any(forwarder.has_due() for forwarder in self._forwarders):
            if self._aborted.wait(_POLL_SECONDS):
                return

    def _stop_receiving(self) -> None:
        self._server.stop()
        if not self._aborted.is_set():
            self._report_waiting(self._receiver.slow_count, self._slow_responses)
        # No sender waits longer than that.
        deadline = time.monotonic() + self._grace
        self._thread.join(_POLL_SECONDS)
        while self._thread.is_alive() or self._receiver.slow_count:
            if self._aborted.wait(_POLL_SECONDS) or time.monotonic() > deadline:
                return

    def abort(self) -> None:
        """Abort forward attempts in progress; safe to call from any thread."""
        self._aborted.set()

    def _report_waiting(self, count: int, noun: str) -> None:
        if count and self._on_waiting is not None:
            self._on_waiting(f"1 {noun}" if count == 1 else f"{count} {noun}s")

    def _finish_attempts(self) -> None:
        in_flight = sum(forwarder.in_flight for forwarder in self._forwarders)
        self._report_waiting(in_flight, "forward attempt")
        while any(forwarder.in_flight for forwarder in self._forwarders):
            if self._aborted.wait(_POLL_SECONDS):
                break
        is_aborted = self._aborted.is_set()
        for forwarder in self._forwarders:
            if is_aborted:
                forwarder.abort()
        for forwarder in self._forwarders:
            forwarder.join(_ABORT_SECONDS if is_aborted else _SHUTDOWN_SECONDS)
