"""One delivery over the network: to the address that was checked, within ten seconds in all."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from outreply_cli.emulator.dns import Resolver
from outreply_cli.emulator.targets import (
    TargetError,
    WebhookUrl,
    parse_webhook_url,
    resolve_addresses,
)
from outreply_cli.net.ssrf import Address

ANSWER_SECONDS = 10.0
_ANSWER_BYTES = 65_536


@dataclass(frozen=True)
class DeliveryResult:
    """What a target answered.

    Attributes:
        status: Of HTTP; None where no answer came.
        error: Why none came.
    """

    status: int | None
    milliseconds: float
    error: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether it counts as delivered: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


def deliver(
    url: str,
    body: bytes,
    headers: dict[str, str],
    *,
    lookups: Resolver,
    anywhere: bool,
    seconds: float = ANSWER_SECONDS,
) -> DeliveryResult:
    """Send one delivery; redirects are not followed.

    Args:
        url: Where to; refused here too, since it may have come from anywhere.
        body: Of JSON.
        headers: Beside those that HTTP asks for.
        lookups: Where the target's name is looked up.
        anywhere: Whether it may go to other machines.
        seconds: How long it may take in all, however steadily an answer drips in.
    """
    began = time.monotonic()
    until = began + seconds
    status, error = None, None

    def look_up(host: str) -> Sequence[Address]:
        return lookups.resolve([host], until - time.monotonic())[host] or ()

    try:
        target = parse_webhook_url(url)
        addresses = resolve_addresses(target, anywhere=anywhere, look_up=look_up)
        status = _send(target, addresses, body, headers, until)
    except TargetError as refusal:
        error = f"url {refusal}"
    except TimeoutError:
        error = "timed out"
    except (OSError, http.client.HTTPException, ValueError) as failure:
        error = type(failure).__name__
    if error != "timed out" and time.monotonic() >= until:
        status, error = None, "timed out"
    return DeliveryResult(status, (time.monotonic() - began) * 1000, error)


def _send(
    target: WebhookUrl,
    addresses: Sequence[Address],
    body: bytes,
    headers: dict[str, str],
    until: float,
) -> int:
    kind = http.client.HTTPSConnection if target.is_secure else http.client.HTTPConnection
    connection = kind(target.host, target.port)
    plain = _connect(addresses, target.port, until)
    live = [plain]
    # A timeout of a socket is for each read; this one is for all of them.
    cut = threading.Timer(max(0.0, until - time.monotonic()), _cut, [live])
    cut.daemon = True
    cut.start()
    try:
        if target.is_secure:
            secure = ssl.create_default_context().wrap_socket(
                plain, server_hostname=target.host, do_handshake_on_connect=False
            )
            live[0] = secure
            secure.do_handshake()
        connection.sock = live[0]
        connection.request("POST", target.path, body, headers)
        response = connection.getresponse()
        response.read(_ANSWER_BYTES)
        return response.status
    finally:
        cut.cancel()
        connection.close()
        live[0].close()


def _connect(addresses: Sequence[Address], port: int, until: float) -> socket.socket:
    failure: OSError = socket.gaierror("no such name")
    for address in addresses:
        try:
            return socket.create_connection(
                (str(address), port), timeout=max(0.01, until - time.monotonic())
            )
        except OSError as refused:
            failure = refused
    raise failure


def _cut(live: list[socket.socket]) -> None:
    with suppress(OSError):
        # The plain one's: a secure one would say goodbye first, and wait for an answer.
        socket.socket.shutdown(live[0], socket.SHUT_RDWR)
