"""Which media URLs the emulated server would refuse to fetch (reference: SSRF protection)."""

import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor, TimeoutError as LookupTimeoutError
from urllib.parse import urlsplit

_LOOKUP_SECONDS = 1.0
_PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".home.arpa")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressGuard:
    """Tells public URLs from private ones; remembers what names resolved to."""

    def __init__(self) -> None:
        self._lookups = ThreadPoolExecutor(4, thread_name_prefix="lookup")
        self._known: dict[str, bool] = {}

    def allows(self, url: str) -> bool:
        """Whether `url` is http(s), without credentials, to no address but a public one.

        A name that does not resolve here is allowed: it is fetched when the post publishes.
        """
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        if parts.scheme not in {"http", "https"} or not host or port == 0:
            return False
        if "@" in parts.netloc or "\\" in url or any(c.isspace() or c < " " for c in url):
            return False
        if host == "localhost" or host.endswith(_PRIVATE_ENDINGS):
            return False
        address = _literal(host)
        return _is_public(address) if address is not None else self._name_is_public(host)

    def close(self) -> None:
        """Stop looking up."""
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _name_is_public(self, host: str) -> bool:
        if host not in self._known:
            looked_up = self._lookups.submit(_resolve, host)
            try:
                self._known[host] = all(
                    _is_public(one) for one in looked_up.result(_LOOKUP_SECONDS)
                )
            except LookupTimeoutError:
                self._known[host] = True
        return self._known[host]


def _resolve(host: str) -> list[_Address]:
    try:
        return [
            ipaddress.ip_address(str(item[4][0]).partition("%")[0])
            for item in socket.getaddrinfo(host, None)
        ]
    except (OSError, UnicodeError, ValueError):
        return []


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # Resolvers read 2130706433, 0x7f.1 and 0177.1 as addresses; so does this call.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast
