"""Which media URLs the emulated server would refuse to fetch (reference: SSRF protection)."""

import ipaddress
import socket
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

from outreply_cli.net.dns import Address, Resolver

_LOOKUP_SECONDS = 1.0
_PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".home.arpa")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All that has been given out so far; every form that hides an IPv4 address otherwise is outside.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")


class SsrfGuard:
    """Tells public URLs from private ones.

    Args:
        lookups: Where names are looked up.
    """

    def __init__(self, lookups: Resolver) -> None:
        self._lookups = lookups

    def refused(self, urls: Iterable[str]) -> frozenset[str]:
        """Those of `urls` that are not http(s), without credentials, to public addresses alone.

        A name that does not resolve here, or not within a second, is allowed: it is fetched when
        the post publishes.
        """
        hosts = {url: _host_of(url) for url in urls}
        names = {host for host in hosts.values() if host is not None and _literal(host) is None}
        found = self._lookups.resolve(names, _LOOKUP_SECONDS)
        refused = set()
        for url, host in hosts.items():
            address = None if host is None else _literal(host)
            addresses = [address] if address is not None else found.get(host or "") or ()
            if host is None or not all(_is_public(one) for one in addresses):
                refused.add(url)
        return frozenset(refused)


def _host_of(url: str) -> str | None:
    """The host of a URL that is sound by its looks, in the form in which resolvers read it."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or ""), parts.port
    except ValueError:
        return None
    host = unicodedata.normalize("NFKC", host).rstrip(".")
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        return None
    if "@" in parts.netloc or "\\" in url or any(c.isspace() or c < " " for c in url):
        return None
    # Some fetchers undo escapes in a host, and no host needs any.
    if "%" in host or host == "localhost" or host.endswith(_PRIVATE_ENDINGS):
        return None
    return host


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # Resolvers read 2130706433, 0x7f.1 and 0177.1 as addresses; so does this call.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _is_public(inner)
        if address not in _GIVEN_OUT:
            return False
    return address.is_global and not address.is_multicast
