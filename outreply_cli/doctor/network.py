"""The way to the API: proxy, DNS, TLS, an answer, and what its clock says."""

import importlib
import queue
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from outreply_cli.api.base_url import is_local_url, is_loopback
from outreply_cli.api.client import Client
from outreply_cli.api.errors import ApiError, LocalServerUnavailableError, NetworkError
from outreply_cli.clock import Clock
from outreply_cli.doctor.result import CheckResult, failure, ok, skipped, warning
from outreply_cli.errors import OutReplyError
from outreply_cli.times import format_duration

_DNS_SECONDS = 5.0
_CERTIFICATE_SOON = timedelta(days=14)
_CERTIFICATE_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_network(
    client: Client, clock: Clock, environ: Mapping[str, str]
) -> Iterator[CheckResult]:
    """What is found between here and the API; `client` needs no token."""
    base_url = client.transport.base_url
    url = urlsplit(base_url)
    host = url.hostname or ""
    proxy = proxy_for(base_url, environ)
    yield _proxy(proxy, environ, is_local=is_local_url(base_url))
    # The proxy looks the name up, not this machine.
    yield skipped("dns", "the proxy looks names up") if proxy else _dns(host)
    started = clock.monotonic()
    problem = _problem_of(client)
    milliseconds = (clock.monotonic() - started) * 1000
    yield _tls(client, problem, url.scheme, clock.now())
    if problem is not None:
        yield failure("api", problem.message, _advice(problem))
        yield skipped("clock", "no answer told the server's time")
        return
    yield ok("api", f"{base_url} answered in {milliseconds:.0f} ms")
    yield _clock(client.transport.server_ahead)


def proxy_for(base_url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for `base_url`, without its password."""
    url = urlsplit(base_url)
    if is_local_url(base_url):
        return None
    none = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    # What is known of the types of `urllib.request` lacks it.
    bypasses = importlib.import_module("urllib.request").proxy_bypass_environment
    if bypasses(url.hostname or "", {"no": none}):
        return None
    for name in (f"{url.scheme}_proxy", "all_proxy"):
        # A server that runs CGI scripts lets anybody set HTTP_PROXY.
        found = environ.get(name) or environ.get(name.upper())
        if found:
            return without_password(found)
    return None


def without_password(url: str) -> str:
    """`url` with what stands before its host hidden."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    # A password may have any character in it, a slash too; no proxy has an @ after its host.
    _, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{'(hidden)@' if at else ''}{host}"


def _proxy(proxy: str | None, environ: Mapping[str, str], *, is_local: bool) -> CheckResult:
    own = [name for name in _CERTIFICATE_FILES if environ.get(name)]
    trust = f"; certificates from {', '.join(own)}" if own else ""
    if is_local:
        return ok("proxy", f"none is used for this machine{trust}")
    return ok("proxy", f"through {proxy}{trust}" if proxy else f"none{trust}")


def _dns(host: str) -> CheckResult:
    if is_loopback(host):
        return ok("dns", f"{host} is this machine")
    answers: queue.Queue[list[str] | OSError] = queue.Queue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
            answers.put(sorted({str(entry[4][0]) for entry in found}))
        except OSError as problem:
            answers.put(problem)
        except UnicodeError:
            answers.put(OSError("it is no name"))

    # A resolver that never answers has no timeout of ours.
    threading.Thread(target=look_up, name="dns", daemon=True).start()
    try:
        answer: list[str] | OSError = answers.get(timeout=_DNS_SECONDS)
    except queue.Empty:
        answer = OSError(f"no answer within {_DNS_SECONDS:g} seconds")
    if isinstance(answer, OSError):
        reason = answer.strerror or str(answer)
        return failure(
            "dns",
            f"{host} is not found: {reason}",
            "Check the network, the resolver (/etc/resolv.conf) and OUTREPLY_BASE_URL.",
        )
    return ok("dns", f"{host} is {', '.join(answer[:3])}")


def _problem_of(client: Client) -> OutReplyError | None:
    try:
        client.error_catalogue()
    except ApiError as answered:
        # A refusal is an answer: the API is there.
        return None if answered.status < 500 else answered
    except OutReplyError as problem:
        return problem
    return None


def _tls(client: Client, problem: OutReplyError | None, scheme: str, now: datetime) -> CheckResult:
    if scheme != "https":
        return ok("tls", "not used on this machine")
    refused = next((c for c in _causes(problem) if isinstance(c, ssl.SSLError)), None)
    if isinstance(refused, ssl.SSLCertVerificationError):
        return failure(
            "tls",
            f"the server's certificate is not trusted: {refused.verify_message}",
            "If a proxy of yours signs certificates, name its own in SSL_CERT_FILE; otherwise "
            "check this machine's clock. Somebody may be listening in.",
        )
    if refused is not None:
        return failure(
            "tls", f"no secure connection: {refused.reason or refused}", "Check the proxy."
        )
    if client.transport.tls is None:
        return skipped("tls", "there was no connection")
    version, certificate = client.transport.tls.version(), client.transport.tls.getpeercert()
    ends = (certificate or {}).get("notAfter")
    left = timedelta(seconds=ssl.cert_time_to_seconds(ends) - now.timestamp()) if ends else None
    if left is not None and left < _CERTIFICATE_SOON:
        return warning(
            "tls",
            f"{version}; the certificate ends in {format_duration(left)}",
            "Nothing yet; if it stays so, tell whoever runs the server.",
        )
    return ok("tls", f"{version}" + (f"; certificate until {ends}" if ends else ""))


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__


def _clock(ahead: timedelta) -> CheckResult:
    if not ahead:
        return ok("clock", "it agrees with the server's within 10 seconds")
    side = "behind" if ahead > timedelta(0) else "ahead of"
    return warning(
        "clock",
        f"this machine's clock is {format_duration(ahead)} {side} the server's",
        "Set it, for example by turning on NTP. Times such as 'in 2h' are measured on the "
        "server's clock meanwhile.",
    )


def _advice(problem: OutReplyError) -> str:
    if isinstance(problem, NetworkError) and not isinstance(problem, LocalServerUnavailableError):
        return "Check the network, the proxy and OUTREPLY_BASE_URL, then try again."
    return problem.hint or "Try again later."
