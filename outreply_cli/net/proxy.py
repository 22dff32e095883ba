"""The proxy that the environment sets for a URL, read as curl and Go read it.

httpx fails on entries of NO_PROXY that are networks, have a port or are in brackets, and on a
proxy that the request does not use.
"""

import ipaddress
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from outreply_cli.net.address import Address

# An address in brackets, perhaps of a network, perhaps with a port.
_BRACKETED = re.compile(r"\[([^\]]*)\](/[^:]*)?(?::(.*))?")
_SEPARATORS = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class Proxy:
    """A proxy, whose URL may hold a password, and the variable that names it."""

    url: str = field(repr=False)
    variable: str

    @property
    def redacted_url(self) -> str:
        """The URL with its user name and password hidden."""
        scheme, _, rest = self.url.partition("://")
        # A password may contain any character, even a slash; the host of a proxy contains no @.
        _, at, host = rest.rpartition("@")
        return f"{scheme}://{'(hidden)@' if at else ''}{host}"


def find_proxy(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for requests to `url`, or None.

    `HTTPS_PROXY` or `HTTP_PROXY` wins over `ALL_PROXY`, and lowercase names win over uppercase
    ones. An empty variable counts as not set. Without any, macOS and Windows have a system setting.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if is_excluded(parts.hostname or "", port, _get(environ, "no_proxy")[1]):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        variable, value = _get(environ, name)
        if value:
            return Proxy(value if "://" in value else f"http://{value}", variable)
    if sys.platform in {"darwin", "win32"}:
        return _system_proxy(parts.scheme, parts.hostname or "")
    return None


def is_excluded(host: str, port: int, no_proxy: str) -> bool:
    """Whether `NO_PROXY` lists `host`; entries that are invalid match nothing.

    An entry is `*`, an address, a network (`10.0.0.0/8`), a name with its subdomains, or only the
    subdomains (`.example.com`, `*.example.com`); it may end with a port.
    """
    name = host.lower().rstrip(".")
    addresses = _addresses(name)
    entries = _SEPARATORS.split(no_proxy.lower())
    return any(_matches(entry, name, addresses, port) for entry in entries)


def _matches(entry: str, name: str, addresses: list[Address], port: int) -> bool:
    if entry == "*":
        return True
    pattern, entry_port = _split_port(entry)
    if entry_port and entry_port != str(port):
        return False
    if addresses:
        try:
            network = ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            return False
        return any(address in network for address in addresses)
    pattern = pattern.rstrip(".")
    if pattern.startswith((".", "*.")):
        return name.endswith(pattern.removeprefix("*"))
    return bool(pattern) and f".{name}".endswith(f".{pattern}")


def _split_port(entry: str) -> tuple[str, str | None]:
    bracketed = _BRACKETED.fullmatch(entry)
    if bracketed is not None:
        return bracketed[1] + (bracketed[2] or ""), bracketed[3]
    # More colons are an IPv6 address without a port.
    if entry.count(":") == 1:
        pattern, _, port = entry.partition(":")
        return pattern, port
    return entry, None


def _addresses(host: str) -> list[Address]:
    """The address `host`, and its IPv4 form if it is mapped; empty for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return [address] if mapped is None else [address, mapped]


def _get(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The name and value of a variable in lowercase, or in uppercase if that one is empty."""
    variable = name if environ.get(name, "").strip() else name.upper()
    return variable, environ.get(variable, "").strip()


def _system_proxy(scheme: str, host: str) -> Proxy | None:
    from urllib.request import getproxies, proxy_bypass

    url = getproxies().get(scheme)
    if not url or proxy_bypass(host):
        return None
    return Proxy(url if "://" in url else f"http://{url}", "the system's settings")
