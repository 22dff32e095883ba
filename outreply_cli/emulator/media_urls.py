"""The SSRF check of `media_urls` (reference: SSRF protection)."""

import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

from outreply_cli.net.address import is_local_name, is_public, parse_address
from outreply_cli.net.dns import Resolver

LOOKUP_SECONDS = 1.0


def find_blocked(resolver: Resolver, urls: Iterable[str]) -> frozenset[str]:
    """The URLs that are not http(s), have credentials, or lead to a private address.

    A name that does not resolve within a second is allowed: media are fetched when the post is
    published.
    """
    hosts = {url: _get_host(url) for url in urls}
    names = {host for host in hosts.values() if host and parse_address(host) is None}
    resolved = resolver.resolve(names, LOOKUP_SECONDS)
    blocked = set()
    for url, host in hosts.items():
        address = None if host is None else parse_address(host)
        addresses = [address] if address is not None else resolved.get(host or "") or ()
        if host is None or not all(map(is_public, addresses)):
            blocked.add(url)
    return frozenset(blocked)


def _get_host(url: str) -> str | None:
    """The host of a URL in the form that resolvers read; None if the URL is not allowed."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or ""), parts.port
    except ValueError:
        return None
    host = unicodedata.normalize("NFKC", host).rstrip(".")
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        return None
    if "@" in parts.netloc or "\\" in url or any(char.isspace() or char < " " for char in url):
        return None
    # Some HTTP clients decode percent escapes in a host.
    if "%" in host or is_local_name(host):
        return None
    return host
