"""Validation of media URLs that the server fetches (reference: SSRF protection)."""

import ipaddress
import re
from urllib.parse import urlsplit

_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|\d+")


def find_media_url_problem(url: str) -> str | None:
    """Return the problem of a media URL, if any; host names are not resolved."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        port = parts.port
    except ValueError:
        return "is not a URL; use a public https URL"
    if any(character.isspace() for character in url):
        return "contains spaces; write them as %20"
    if not url.isprintable():
        return "contains invisible characters; percent-encode them"
    if parts.scheme not in {"http", "https"}:
        return "must start with https://; for a file on this machine use media_files"
    if not host or port == 0:
        return "has no host; use a public https URL"
    if parts.username is not None or parts.password is not None or "\\" in url:
        return "contains a user name or a backslash; use a plain public https URL"
    name = host.rstrip(".").lower()
    if not name:
        return "has no host; use a public https URL"
    if name in _LOCAL_NAMES or name.endswith(_LOCAL_SUFFIXES):
        return "points to a private machine, which OutReply cannot reach; use a public https URL"
    address = _address(name)
    if address is not None and not _is_public(address):
        return "points to a private address, which OutReply cannot reach; use a public https URL"
    return None


def find_media_url_warning(url: str) -> str | None:
    """Return a warning about a valid `url`, if any."""
    if url.lower().startswith("http:"):
        return "uses http; the API requires https"
    return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return _loose_ipv4(host)


def _loose_ipv4(host: str) -> ipaddress.IPv4Address | None:
    # Many resolvers accept 2130706433, 0x7f.1 and 0177.0.0.1 as addresses.
    parts = host.split(".")
    if not 1 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_parse_number(part) for part in parts]
    except ValueError:
        return None
    last = numbers.pop()
    if any(number > 255 for number in numbers) or last >= 256 ** (4 - len(numbers)):
        return None
    value = last
    for index, number in enumerate(numbers):
        value += number << (8 * (3 - index))
    return ipaddress.IPv4Address(value)


def _parse_number(text: str) -> int:
    if text.lower().startswith("0x"):
        return int(text, 16) if len(text) > 2 else 0
    return int(text, 8) if text.startswith("0") and len(text) > 1 else int(text)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is not None:
            return _is_public(embedded)
        # NAT64's well-known prefix carries an IPv4 address in its last four bytes.
        if address in ipaddress.IPv6Network("64:ff9b::/96"):
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not (address.is_multicast or address.is_reserved)
