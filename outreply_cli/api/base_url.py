"""The API's base URL, and whether a token may be sent there."""

import ipaddress
from urllib.parse import urlsplit

from outreply_cli.errors import InvalidInputError

DEFAULT_BASE_URL = "https://api.outreply.com/api/v1"
_HINT = f"Set OUTREPLY_BASE_URL or the profile's base_url, for example to {DEFAULT_BASE_URL}."


def check_base_url(base_url: str) -> str:
    """Return `base_url` without a trailing slash if a token may be sent there.

    Raises:
        InvalidInputError: The value is not an http(s) URL, contains a password, or is plain http
            to another machine.
    """
    text = base_url.strip()
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise InvalidInputError("invalid base URL", hint=_HINT) from None
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise InvalidInputError("invalid base URL", hint=_HINT)
    if url.scheme not in {"http", "https"} or not host or port == 0:
        raise InvalidInputError("the base URL must start with https://", hint=_HINT)
    if url.username is not None or url.password is not None:
        raise InvalidInputError("the base URL contains a user name or password", hint=_HINT)
    if url.query or url.fragment:
        raise InvalidInputError("the base URL contains a query or fragment", hint=_HINT)
    if url.scheme == "http" and not is_loopback(host):
        raise InvalidInputError(
            f"refusing to send a token over plain http to {host}",
            hint="Use https://, or a server on this machine (127.0.0.1).",
        )
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by name or address literal."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_local_url(base_url: str) -> bool:
    """Whether the checked `base_url` is on this machine."""
    return is_loopback(urlsplit(base_url).hostname or "")
