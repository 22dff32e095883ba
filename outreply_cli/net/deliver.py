"""The delivery client: one POST to an address that the SSRF guard allows, without redirects."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.net.address import Address
from outreply_cli.net.delivery_result import DeliveryResult, HandlerResponse
from outreply_cli.net.dns import resolve
from outreply_cli.net.ssrf import BlockedAddressError, Reach, resolve_allowed
from outreply_cli.net.tls import describe_tls_error, load_context
from outreply_cli.net.urls import HttpUrl, is_http_url, parse_http_url
from outreply_cli.spec.webhooks import RESPONSE_TIMEOUT_SECONDS

# The rest of the body of a response is dropped.
MAX_RESPONSE_BYTES = 64 * 1024
_EXAMPLE_URL = "Use a URL such as http://127.0.0.1:3000/webhooks."
# Headers that describe the connection; this client sets them.
_CONNECTION_HEADERS = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "expect", "te", "upgrade",
     "keep-alive", "proxy-authorization", "proxy-connection", "trailer"}
)  # fmt: skip


class _HandshakeError(Exception):
    """The TLS handshake failed; its arguments are the reason and a hint."""


class UnreachableError(OutReplyError):
    """The URL is unreachable."""

    code = "UNREACHABLE"
    exit_code = ExitCode.NETWORK


def validate_url(url: str, option: str, *, reach: Reach = Reach.PRIVATE) -> str:
    """`url`, normalized and with its scheme, if a delivery may go there.

    A host that does not resolve now is allowed: it may resolve later.

    Args:
        url: The URL, with or without a scheme.
        option: Name of the option, for errors.
        reach: The allowed reach of a delivery.

    Raises:
        InvalidInputError: The URL is not http(s), holds a password, or is blocked; or a variable
            names unusable certificates.
    """
    text = url if "://" in url else f"http://{url}"
    if not is_http_url(text) or not text.isascii():
        raise InvalidInputError(f"{option}: {url!r} is not an http or https URL", hint=_EXAMPLE_URL)
    parsed = parse_http_url(text)
    if "@" in text.split("/")[2]:
        raise InvalidInputError(f"{option}: URLs must not contain a password", hint=_EXAMPLE_URL)
    try:
        resolve_allowed(parsed.host, reach)
    except BlockedAddressError as error:
        hint = "Use the URL of your handler."
        if error.is_out_of_reach:
            hint = "If you trust the URL, add --allow-public."
        raise InvalidInputError(
            f"{option}: refusing to send to {url}: the host {error}", hint=hint
        ) from None
    if parsed.is_secure:
        load_context()
    return str(parsed)


def deliver(
    url: str,
    body: bytes,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    *,
    reach: Reach = Reach.PRIVATE,
    timeout: float = RESPONSE_TIMEOUT_SECONDS,
    lookup: Callable[[str, float], Sequence[Address]] | None = None,
) -> DeliveryResult:
    """Send one delivery, byte for byte.

    Args:
        url: The target; checked here too, since a name may resolve differently by now.
        body: The raw bytes.
        headers: The headers to send; those about the connection are replaced.
        reach: The allowed reach of the delivery.
        timeout: Total timeout in seconds, including a slow response.
        lookup: Returns the addresses of a host name within a number of seconds.
    """
    started_at = time.monotonic()
    deadline = started_at + timeout
    status, error, hint, response, is_connected = None, None, None, None, False
    try:
        parsed = parse_http_url(url)
        addresses = resolve_allowed(
            parsed.host,
            reach,
            resolve if lookup is None else lambda host: lookup(host, deadline - time.monotonic()),
        )
        connection = _connect(addresses, parsed.port, deadline)
        is_connected = True
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        status, response = _post(
            parsed, connection, body, list(pairs), started_at=started_at, deadline=deadline
        )
    except BlockedAddressError as refusal:
        error = f"not sent: the URL {refusal}"
    except InvalidInputError as refusal:
        error, hint = f"not sent: {refusal.message}", refusal.hint
    except _HandshakeError as failure:
        error, hint = failure.args
        is_connected = time.monotonic() >= deadline
    except (OSError, http.client.HTTPException, ValueError) as failure:
        error = _describe(failure)
    if is_connected and time.monotonic() >= deadline:
        status, error, hint, response = None, "timed out", None, None
    milliseconds = (time.monotonic() - started_at) * 1000
    return DeliveryResult(status, error, milliseconds, is_connected, hint, response)


def _post(
    url: HttpUrl,
    sock: socket.socket,
    body: bytes,
    headers: Sequence[tuple[str, str]],
    *,
    started_at: float,
    deadline: float,
) -> tuple[int, HandlerResponse]:
    kind = http.client.HTTPSConnection if url.is_secure else http.client.HTTPConnection
    connection = kind(url.host, url.port)
    open_sockets = [sock]
    # A socket's own timeout starts again with each read; this one covers all of them.
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _shut_down, [open_sockets])
    timer.daemon = True
    timer.start()
    try:
        if url.is_secure:
            secure = load_context().wrap_socket(
                sock, server_hostname=url.host, do_handshake_on_connect=False
            )
            open_sockets[0] = secure
            try:
                secure.do_handshake()
            except ssl.SSLError as error:
                raise _HandshakeError(*describe_tls_error(error, url.host)) from None
        connection.sock = open_sockets[0]
        connected_at = time.monotonic()
        connection.putrequest("POST", url.path, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in _CONNECTION_HEADERS:
                connection.putheader(name, value.encode("latin-1", "replace"))
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Connection", "close")
        # A handler may respond, and close the connection, before it has read the body.
        with suppress(ConnectionError):
            connection.endheaders(body)
        response = connection.getresponse()
        responded_at = time.monotonic()
        data, is_truncated = _read_start(response)
        return response.status, HandlerResponse(
            response.getheaders(), data, is_truncated,
            (connected_at - started_at) * 1000, (responded_at - started_at) * 1000,
        )  # fmt: skip
    finally:
        timer.cancel()
        connection.close()
        open_sockets[0].close()


def _read_start(response: http.client.HTTPResponse) -> tuple[bytes, bool]:
    """Return the start of a body, and whether the rest is missing."""
    # A chunked response is read in parts, which may be short.
    parts: list[bytes] = []
    left = MAX_RESPONSE_BYTES + 1
    try:
        while left and (part := response.read(left)):
            parts.append(part)
            left -= len(part)
    except (OSError, http.client.HTTPException) as error:
        # The status counts: the handler has accepted or rejected the delivery.
        parts.append(getattr(error, "partial", b""))
        return b"".join(parts)[:MAX_RESPONSE_BYTES], True
    data = b"".join(parts)
    # `length` is the number of announced bytes that did not arrive.
    return data[:MAX_RESPONSE_BYTES], len(data) > MAX_RESPONSE_BYTES or bool(response.length)


def _connect(addresses: Sequence[Address], port: int, deadline: float) -> socket.socket:
    """A connection to the first of `addresses` that accepts one.

    Connects by address, not name: only the addresses were checked.
    """
    failure: OSError = socket.gaierror("unknown host")
    for index, address in enumerate(addresses):
        # An address that never responds leaves time for the others.
        timeout = (deadline - time.monotonic()) / (len(addresses) - index)
        try:
            sock = socket.create_connection((str(address), port), timeout=max(0.01, timeout))
        except OSError as error:
            failure = error
        else:
            sock.settimeout(max(0.01, deadline - time.monotonic()))
            return sock
    raise failure


def _shut_down(open_sockets: list[socket.socket]) -> None:
    with suppress(OSError):
        # The plain socket's method: a TLS socket would first exchange a closing message.
        socket.socket.shutdown(open_sockets[0], socket.SHUT_RDWR)


def _describe(failure: Exception) -> str:
    if isinstance(failure, TimeoutError):
        return "timed out"
    if isinstance(failure, ConnectionRefusedError):
        return "connection refused"
    if isinstance(failure, (socket.gaierror, UnicodeError)):
        return "unknown host"
    if isinstance(failure, (ConnectionError, http.client.RemoteDisconnected)):
        return "connection closed without a response"
    if isinstance(failure, ValueError):
        return f"not sent: {failure}"
    return type(failure).__name__
