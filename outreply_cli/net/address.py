"""IP addresses in the spellings that resolvers accept."""

import ipaddress
import socket
import unicodedata


def parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
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
