"""A delivery sent to a URL: one attempt, no redirect, and only to an allowed address."""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.net.ssrf import embedded_ipv4, is_blocked

ANSWER_SECONDS = 10.0
_ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class DeliveryResult:
    """What came of an attempt.

    Attributes:
        status: Of HTTP; None where no answer came.
        error: Why none came, in our words.
        milliseconds: How long it took.
        is_connected: Whether there was anybody to send it to.
    """

    status: int | None
    error: str | None
    milliseconds: float
    is_connected: bool = True

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver took it: any 2xx (reference: Retries & auto-disable)."""
        return self.status is not None and 200 <= self.status < 300


class UnreachableError(OutReplyError):
    """Nobody answers at a URL."""

    code = "UNREACHABLE"
    exit_code = ExitCode.NETWORK


def is_http_url(text: str) -> bool:
    """Whether `text` is a whole http or https URL."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return sound and text.isprintable() and " " not in text and "\\" not in text


def validate_url(url: str, option: str, *, allow_public: bool = False) -> str:
    """`url`, if a delivery can be sent there; a host that can't be looked up now may be later.

    Args:
        url: With or without its scheme.
        option: Where it was given.
        allow_public: Whether it may lie outside this machine and its private networks.

    Raises:
        InvalidInputError: It is no http(s) URL, has a password in it, or lies where no delivery
            may go.
    """
    hint = "Such as http://127.0.0.1:3000/webhooks"
    text = url if "://" in url else f"http://{url}"
    if not is_http_url(text) or not text.isascii():
        raise InvalidInputError(f"{option}: {url!r} is no http or https URL", hint=hint)
    parts = urlsplit(text)
    if parts.username is not None or parts.password is not None:
        raise InvalidInputError(f"{option}: a URL with a password in it is not used", hint=hint)
    try:
        _address_of(parts.hostname or "", parts.port or 80, allow_public=allow_public)
    except _NotAllowedError as refused:
        raise InvalidInputError(f"{option}: {url}: {refused}", hint=refused.hint) from None
    except (OSError, UnicodeError):
        pass
    return text


def deliver(
    url: str,
    body: bytes,
    headers: Sequence[tuple[str, str]],
    *,
    allow_public: bool = False,
    seconds: float = ANSWER_SECONDS,
) -> DeliveryResult:
    """Send one delivery, byte for byte.

    Args:
        url: Checked by `validate_url`.
        body: The raw bytes.
        headers: As they are to go out; those that belong to the connection are ours.
        allow_public: Whether it may leave this machine and its private networks.
        seconds: For connecting and for each wait on the answer.
    """
    began = time.monotonic()
    status, error = None, None
    try:
        connection = _connect(urlsplit(url), seconds, allow_public=allow_public)
    except _NotAllowedError as refused:
        return DeliveryResult(None, f"not sent: {refused}", 0.0, is_connected=False)
    except (OSError, UnicodeError) as failure:
        return DeliveryResult(None, _why(failure), _since(began), is_connected=False)
    try:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest("POST", target, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in _OURS:
                connection.putheader(name, value.encode("latin-1", "replace"))
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Connection", "close")
        connection.endheaders(body)
        response = connection.getresponse()
        response.read(_ANSWER_BYTES_MAX)
        status = response.status
    except (OSError, http.client.HTTPException, ValueError) as failure:
        error = _why(failure)
    finally:
        connection.close()
    return DeliveryResult(status, error, _since(began))


_OURS = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "expect", "te", "upgrade",
     "keep-alive", "proxy-authorization", "proxy-connection", "trailer"}
)  # fmt: skip


class _NotAllowedError(Exception):
    """The address is none that deliveries may go to."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def _connect(
    parts: SplitResult, seconds: float, *, allow_public: bool
) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _address_of(host, port, allow_public=allow_public)
    # To the address that was judged: a name that is asked twice may answer twice.
    link = socket.create_connection((address, port), timeout=seconds)
    if parts.scheme == "https":
        try:
            link = ssl.create_default_context().wrap_socket(link, server_hostname=host)
        except OSError:
            link.close()
            raise
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=seconds)
    connection.sock = link
    return connection


def _address_of(host: str, port: int, *, allow_public: bool) -> str:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(item[4][0]) for item in found]
    numbers = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
    if all(map(is_blocked, numbers)):
        raise _NotAllowedError(
            "deliveries never go to such an address", hint="Use the address of your handler."
        )
    for address, number in zip(addresses, numbers, strict=True):
        meant = embedded_ipv4(number)
        is_near = meant.is_loopback or meant.is_private
        if not is_blocked(number) and (allow_public or is_near):
            return address
    raise _NotAllowedError(
        "it is neither on this machine nor in a private network; see --allow-public",
        hint="Add --allow-public where it is your own.",
    )


def _why(failure: Exception) -> str:
    if isinstance(failure, TimeoutError):
        return "no answer in time"
    if isinstance(failure, ConnectionRefusedError):
        return "connection refused"
    if isinstance(failure, socket.gaierror):
        return "there is no such host"
    if isinstance(failure, ssl.SSLError):
        return "TLS failed"
    if isinstance(failure, (ConnectionError, http.client.RemoteDisconnected)):
        return "connection closed without an answer"
    return type(failure).__name__


def _since(began: float) -> float:
    return (time.monotonic() - began) * 1000
