"""Downloads from an address that the user or a server chose: never with the token.

The server at the address must not reach into the network of this machine: redirects are followed
only to public addresses and to the host itself.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx

from outreply_cli.api.deadline import Deadline, active_deadline
from outreply_cli.api.http_client import build_http_client, proxy_for
from outreply_cli.clock import SystemClock
from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.net.address import Address, extract_ipv4
from outreply_cli.net.dns import resolve
from outreply_cli.net.ssrf import BlockedAddressError, Reach, resolve_allowed
from outreply_cli.net.tls import describe_tls_error, find_tls_error
from outreply_cli.net.urls import parse_http_url

MAX_BYTES = 64 * 1024 * 1024
_TIMEOUT_SECONDS = 30.0
_TOTAL_SECONDS = 120.0
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchError(OutReplyError):
    """An address that cannot be fetched."""

    code = "UNREACHABLE"
    exit_code = ExitCode.NETWORK


class Download(NamedTuple):
    """A response: its status, its headers by lower-case name, and its content."""

    status: int
    headers: dict[str, str]
    content: bytes


def download(
    url: str,
    etag: str | None = None,
    lookup: Callable[[str], Sequence[Address]] = resolve,
) -> Download:
    """Return the response at a checked https `url`, after redirects.

    Args:
        url: The address.
        etag: The ETag of a known version; the status is 304 if it is current.
        lookup: Returns the addresses of a host name.

    Raises:
        InvalidInputError: The address is blocked, or its content is larger than 64 MB.
        FetchError: The server cannot be reached.
    """
    clock = SystemClock()
    deadline = Deadline(clock, _TOTAL_SECONDS, until=clock.monotonic() + _TOTAL_SECONDS)
    own_host = parse_http_url(url).host
    for _ in range(_MAX_REDIRECTS + 1):
        addresses = _allowed_addresses(url, own_host, lookup)
        with active_deadline(deadline):
            response = _request(url, addresses, etag)
        if response.status not in _REDIRECTS or "location" not in response.headers:
            return response
        url = _follow(url, response.headers["location"])
    raise FetchError(f"cannot fetch {url}: more than {_MAX_REDIRECTS} redirects")


def _allowed_addresses(
    url: str, own_host: str, lookup: Callable[[str], Sequence[Address]]
) -> Sequence[Address]:
    """Return the addresses that may be connected to; raises InvalidInputError."""
    host = parse_http_url(url).host
    try:
        addresses = resolve_allowed(host, Reach.PUBLIC, lookup)
    except BlockedAddressError as error:
        raise InvalidInputError(f"refusing to fetch {url}: the host {error}") from None
    if host != own_host and not all(extract_ipv4(address).is_global for address in addresses):
        raise InvalidInputError(
            f"refusing to fetch {url}: the redirect leads to a private address",
            hint="If you trust the URL, download the file and use that.",
        )
    return addresses


def _request(url: str, addresses: Sequence[Address], etag: str | None) -> Download:
    parts, host, proxy = urlsplit(url), parse_http_url(url).host, proxy_for(url)
    headers = {"Accept": "text/csv, */*;q=0.5", "Host": parts.netloc}
    if etag is not None:
        headers["If-None-Match"] = etag
    if proxy is not None:
        targets = [url]
    else:
        # Connects by address, not name: only the addresses were checked.
        port = f":{parts.port}" if parts.port else ""
        hosts = [f"[{item}]" if item.version == 6 else str(item) for item in addresses]
        targets = [parts._replace(netloc=f"{item}{port}").geturl() for item in hosts]
    failure: Exception = OSError("unknown host")
    for target in targets:
        try:
            with (
                build_http_client(url, _TIMEOUT_SECONDS, proxy) as client,
                client.stream(
                    "GET", target, headers=headers, extensions={"sni_hostname": host}
                ) as response,
            ):
                content = _read(url, response)
                return Download(response.status_code, dict(response.headers), content)
        except httpx.ConnectError as error:
            failure = error
        except httpx.HTTPError as error:
            failure = error
            break
    raise FetchError(
        f"cannot fetch {url}: {_describe(failure, host)}",
        hint="Check the URL and the connection, or download the file and use that.",
    )


def _read(url: str, response: httpx.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise InvalidInputError(f"{url} is larger than 64 MB; split the calendar")
    return bytes(content)


def _describe(failure: Exception, host: str) -> str:
    tls_error = find_tls_error(failure)
    if tls_error is not None:
        return describe_tls_error(tls_error, host)[0]
    if isinstance(failure, httpx.TimeoutException):
        return "timed out"
    return str(failure) or type(failure).__name__


def _follow(url: str, location: str) -> str:
    target = urljoin(url, location)
    try:
        is_secure = parse_http_url(target).is_secure
    except ValueError:
        is_secure = False
    if not is_secure:
        raise InvalidInputError(f"{url} redirects to a URL that is not https")
    return target
