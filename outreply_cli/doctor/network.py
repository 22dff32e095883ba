"""Checks of the connection to the API: proxy, DNS, TLS, response, clock."""

import queue
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from outreply_cli.api.base_url import is_local_url, is_loopback
from outreply_cli.api.errors import NetworkError
from outreply_cli.api.transport import Transport
from outreply_cli.doctor.context import DoctorContext
from outreply_cli.doctor.result import CheckResult, failure, ok, skipped, warning
from outreply_cli.env import CERTIFICATE_VARIABLES
from outreply_cli.errors import OutReplyError
from outreply_cli.net.proxy import Proxy
from outreply_cli.net.tls import describe_tls_error, find_tls_error
from outreply_cli.times import format_duration

_DNS_TIMEOUT = 5.0
_EXPIRES_SOON = timedelta(days=14)


def check_network(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the connection to the API; no token is needed."""
    transport, error = context.api.transport, context.api.error
    if transport is None:
        yield failure("api", str(error), (error and error.hint) or "Set OUTREPLY_BASE_URL.")
        return
    url = urlsplit(transport.base_url)
    yield _proxy(transport.proxy, context.environ)
    is_direct = transport.proxy is None
    yield _dns(url.hostname or "") if is_direct else skipped("dns", "the proxy resolves names")
    yield _tls(transport, error, url.scheme, context.clock.now())
    if error is not None:
        yield failure("api", error.message, _api_hint(error, transport.base_url))
        yield skipped("clock", "requires a response from the API")
        return
    yield ok("api", f"{transport.base_url} responded in {context.api.latency_ms:.0f} ms")
    yield _clock(transport.server_ahead, transport.base_url)


def _proxy(proxy: Proxy | None, environ: Mapping[str, str]) -> CheckResult:
    variables = [name for name in CERTIFICATE_VARIABLES if environ.get(name)]
    trust = f"; trusting certificates from {', '.join(variables)}" if variables else ""
    return ok("proxy", (f"using {proxy.redacted_url}" if proxy else "no proxy") + trust)


def _dns(host: str) -> CheckResult:
    if is_loopback(host):
        return ok("dns", f"{host} is this machine")
    results: queue.Queue[list[str] | str] = queue.Queue()

    def resolve() -> None:
        try:
            addresses = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
            results.put(sorted({str(address[4][0]) for address in addresses}))
        except OSError as error:
            results.put((error.strerror or str(error)).lower())
        except UnicodeError:
            results.put("invalid host name")

    # In a thread: the resolver has no timeout.
    threading.Thread(target=resolve, name="dns", daemon=True).start()
    try:
        result = results.get(timeout=_DNS_TIMEOUT)
    except queue.Empty:
        result = f"no response within {_DNS_TIMEOUT:g} seconds"
    if isinstance(result, str):
        return failure(
            "dns",
            f"cannot resolve {host}: {result}",
            "Check the network, the resolver (/etc/resolv.conf) and OUTREPLY_BASE_URL.",
        )
    return ok("dns", f"{host} is {', '.join(result[:3])}")


def _tls(
    transport: Transport, error: OutReplyError | None, scheme: str, now: datetime
) -> CheckResult:
    if scheme != "https":
        return ok("tls", "not used for a local server")
    tls_error = find_tls_error(error)
    if tls_error is not None:
        host = urlsplit(transport.base_url).hostname or ""
        return failure("tls", *describe_tls_error(tls_error, host))
    if transport.tls is None:
        return skipped("tls", "requires a connection")
    version, certificate = transport.tls.version(), transport.tls.getpeercert()
    expires_at = (certificate or {}).get("notAfter")
    if not expires_at:
        return ok("tls", str(version))
    left = timedelta(seconds=ssl.cert_time_to_seconds(str(expires_at)) - now.timestamp())
    if left < _EXPIRES_SOON:
        return warning(
            "tls",
            f"{version}; the certificate expires in {format_duration(left)}",
            "If it is not renewed in time, contact the operator of the server.",
        )
    return ok("tls", f"{version}; certificate valid until {expires_at}")


def _clock(ahead: timedelta, base_url: str) -> CheckResult:
    if not ahead:
        return ok("clock", "in sync (±10 s)")
    side = "behind" if ahead > timedelta(0) else "ahead of"
    detail = f"this machine's clock is {format_duration(ahead)} {side} the server's"
    if is_local_url(base_url):
        # An emulator whose clock was advanced.
        return ok("clock", f"{detail}; times such as 'in 2h' use the server's clock")
    return warning(
        "clock",
        detail,
        "Set the clock, for example by enabling NTP. Until then, times such as 'in 2h' use the "
        "server's clock.",
    )


def _api_hint(error: OutReplyError, base_url: str) -> str:
    is_stopped_emulator = error.code == "CONNECTION_FAILED" and is_local_url(base_url)
    if isinstance(error, NetworkError) and not is_stopped_emulator:
        return "Check the network, the proxy and OUTREPLY_BASE_URL, then try again."
    return error.hint or "Try again later."
