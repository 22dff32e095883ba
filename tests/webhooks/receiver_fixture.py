"""A receiver on a real socket, and senders of every manner."""

import http.client
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outreply_cli.clock import SystemClock
from outreply_cli.webhooks import sign
from outreply_cli.webhooks.fixtures import encode_body, sample_event
from outreply_cli.webhooks.forward import ForwardAttempt
from outreply_cli.webhooks.receiver import Received, ReceiverConfig
from outreply_cli.webhooks.server import WebhookServer
from outreply_cli.webhooks.store import DeliveryStore

SECRET = "whsec_tests"


@dataclass
class Setup:
    """A receiver that runs, and what it told."""

    server: WebhookServer
    inbox: DeliveryStore
    received: list[Received] = field(default_factory=list)
    forwarded: list[ForwardAttempt] = field(default_factory=list)

    def send(
        self,
        body: bytes,
        *,
        signature: str | None = "",
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        sent = dict(headers or {})
        if signature is not None:
            sent["X-OutReply-Signature"] = signature or sign(body, SECRET)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def raw(self, data: bytes, *, seconds: float = 10) -> bytes:
        with socket.create_connection(("127.0.0.1", self.server.port), seconds) as link:
            link.sendall(data)
            return link.recv(65_536)


def event_body(event: str = "post.published", *settings: str) -> bytes:
    return encode_body(sample_event(event, SystemClock().now(), settings))


@contextmanager
def receiving(
    directory: Path, terms: ReceiverConfig | None = None, **choices: Any
) -> Iterator[Setup]:
    inbox = DeliveryStore(directory / "inbox" / "webhooks.db")
    received: list[Received] = []
    forwarded: list[ForwardAttempt] = []
    server = WebhookServer(
        inbox,
        terms=terms or ReceiverConfig(secrets=[SECRET]),
        clock=SystemClock(),
        tell_received=received.append,
        tell_forwarded=forwarded.append,
        **choices,
    )
    with server:
        yield Setup(server, inbox, received, forwarded)
    inbox.close()


def ids(setup: Setup) -> Sequence[str]:
    return [each["delivery"].id for each in setup.inbox.history(limit=100_000)]
