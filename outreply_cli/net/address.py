"""IP addresses in all spellings and forms, and which of them are public."""

import ipaddress
import socket
import unicodedata

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Prefixes under which an IPv6 address ends in an IPv4 address.
_IPV4_PREFIXES = tuple(
    ipaddress.IPv6Network(text)
    for text in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "::/96")
)
# Names of this machine and of private networks; other names are known by their addresses.
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# ::1 and its neighbors are addresses by themselves, not embedded IPv4 addresses.
_FIRST_EMBEDDED = 1 << 16


def parse_address(host: str) -> Address | None:
    """Return the address that `host` stands for; None if it is a name."""
    host = unicodedata.normalize("NFKC", host)
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # Like resolvers, reads 2130706433, 0x7f.1 and 0177.1 as addresses.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def extract_ipv4(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or `address` itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if int(address) >= _FIRST_EMBEDDED and any(address in prefix for prefix in _IPV4_PREFIXES):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_local_name(host: str) -> bool:
    """Whether a lowercase host name is reserved for this machine or its private networks."""
    return host in _LOCAL_NAMES or host.endswith(_LOCAL_SUFFIXES)


def is_public(address: Address) -> bool:
    """Whether `address` can be reached from the internet, in any of its forms."""
    actual = extract_ipv4(address)
    # Teredo tunnels are not reached from the internet.
    if isinstance(address, ipaddress.IPv6Address) and address.teredo is not None:
        return False
    if isinstance(actual, ipaddress.IPv6Address) and actual not in _GLOBAL_UNICAST:
        return False
    return actual.is_global and not (actual.is_multicast or actual.is_reserved)
