"""A receiver on a real socket, with clients for it."""

import http.client
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from outreply_cli.clock import Clock, SystemClock
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.forward import ForwardAttempt, ForwardReport, StoreFailure
from outreply_cli.webhooks.inspector import InspectorSettings
from outreply_cli.webhooks.receiver import Received, ReceiverConfig
from outreply_cli.webhooks.samples import encode_body, sample_event
from outreply_cli.webhooks.server import WebhookServer
from outreply_cli.webhooks.store import DeliveryStore

SECRET = "whsec_tests"


@dataclass
class RunningReceiver:
    """A running receiver and what it reported."""

    server: WebhookServer
    store: DeliveryStore
    received: list[Received] = field(default_factory=list)
    forwarded: list[ForwardAttempt] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def page(self, path: str = "") -> str:
        """The path of a page of the inspector."""
        return urlsplit(str(self.server.inspector_url)).path + path

    def send(
        self,
        body: bytes,
        *,
        signature: str | None = "",
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Send a request, signed unless a signature is given; returns status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        sent = dict(headers or {})
        if signature is not None:
            sent["X-OutReply-Signature"] = signature or sign(body, SECRET)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def send_raw(self, data: bytes) -> bytes:
        """Send bytes; returns the start of the response."""
        with socket.create_connection(("127.0.0.1", self.server.port), 10) as sock:
            sock.sendall(data)
            return sock.recv(65_536)

    def stored_ids(self) -> Sequence[str]:
        return [entry.delivery.id for entry in self.store.history(limit=100_000)]


def event_body(event: str = "post.published", *settings: str) -> bytes:
    return encode_body(sample_event(event, SystemClock().now(), settings))


@contextmanager
def run_receiver(
    directory: Path,
    config: ReceiverConfig | None = None,
    *,
    store: DeliveryStore | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> Iterator[RunningReceiver]:
    store = store or DeliveryStore(directory / "receiver" / "webhooks.db")
    received: list[Received] = []
    forwarded: list[ForwardAttempt] = []

    taken: list[str] = []
    failures: list[str] = []

    def on_forwarded(report: ForwardReport) -> None:
        if isinstance(report, ForwardAttempt):
            forwarded.append(report)
        elif isinstance(report, StoreFailure):
            failures.append(report.reason)
        else:
            taken.append(report.target)

    options.setdefault("inspector", InspectorSettings())
    server = WebhookServer(
        store,
        config=config or ReceiverConfig(secrets=[SECRET]),
        clock=clock or SystemClock(),
        on_received=received.append,
        on_forwarded=on_forwarded,
        **options,
    )
    with closing(store), server:
        yield RunningReceiver(server, store, received, forwarded, taken, failures)
