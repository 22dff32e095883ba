"""Checks of the connection to the API: proxy, DNS, TLS, response, clock."""

import importlib
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
from outreply_cli.errors import OutReplyError
from outreply_cli.times import format_duration

_DNS_TIMEOUT = 5.0
_EXPIRES_SOON = timedelta(days=14)
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_network(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the connection to the API; no token is needed."""
    transport, error = context.api.transport, context.api.error
    if transport is None:
        yield failure("api", str(error), (error and error.hint) or "Set OUTREPLY_BASE_URL.")
        return
    url = urlsplit(transport.base_url)
    proxy = proxy_for(transport.base_url, context.environ)
    yield _proxy(proxy, context.environ)
    yield skipped("dns", "the proxy resolves names") if proxy else _dns(url.hostname or "")
    yield _tls(transport, error, url.scheme, context.clock.now())
    if error is not None:
        yield failure("api", error.message, _api_hint(error, transport.base_url))
        yield skipped("clock", "requires a response from the API")
        return
    yield ok("api", f"{transport.base_url} responded in {context.api.latency_ms:.0f} ms")
    yield _clock(transport.server_ahead)


def proxy_for(base_url: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that `environ` sets for `base_url`, without its password."""
    url = urlsplit(base_url)
    if is_local_url(base_url):
        return None
    no_proxy = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    # Imported by name: the type stubs of `urllib.request` lack the function.
    bypasses = importlib.import_module("urllib.request").proxy_bypass_environment
    if bypasses(url.hostname or "", {"no": no_proxy}):
        return None
    for name in (f"{url.scheme}_proxy", "all_proxy"):
        proxy = environ.get(name) or environ.get(name.upper())
        if proxy:
            return without_password(proxy)
    return None


def without_password(url: str) -> str:
    """Return `url` with its user name and password hidden."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    # A password may contain any character, also a slash; the host of a proxy contains no @.
    _, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{'(hidden)@' if at else ''}{host}"


def _proxy(proxy: str | None, environ: Mapping[str, str]) -> CheckResult:
    variables = [name for name in _CERTIFICATE_VARIABLES if environ.get(name)]
    trust = f"; trusting certificates from {', '.join(variables)}" if variables else ""
    return ok("proxy", (f"using {proxy}" if proxy else "no proxy") + trust)


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
    tls_error = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        return failure(
            "tls",
            f"the server's certificate is not trusted: {tls_error.verify_message}",
            "If a proxy intercepts TLS, set SSL_CERT_FILE to its CA certificate. Otherwise check "
            "this machine's clock.",
        )
    if tls_error is not None:
        reason = tls_error.reason or tls_error
        return failure("tls", f"TLS handshake failed: {reason}", "Check the proxy.")
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


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _clock(ahead: timedelta) -> CheckResult:
    if not ahead:
        return ok("clock", "in sync (±10 s)")
    side = "behind" if ahead > timedelta(0) else "ahead of"
    return warning(
        "clock",
        f"this machine's clock is {format_duration(ahead)} {side} the server's",
        "Set the clock, for example by enabling NTP. Until then, times such as 'in 2h' use the "
        "server's clock.",
    )


def _api_hint(error: OutReplyError, base_url: str) -> str:
    is_stopped_emulator = error.code == "CONNECTION_FAILED" and is_local_url(base_url)
    if isinstance(error, NetworkError) and not is_stopped_emulator:
        return "Check the network, the proxy and OUTREPLY_BASE_URL, then try again."
    return error.hint or "Try again later."
