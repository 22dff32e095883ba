"""Detection of requests to a local server that come from another site or machine.

They arrive by DNS rebinding, or through a proxy or a tunnel.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})
# Set by cloudflared, ngrok, tailscale and other reverse proxies.
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO",
              "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA",
              "HTTP_CF_CONNECTING_IP")  # fmt: skip


def is_allowed_host(header: str, listens_on: str) -> bool:
    """Whether a request's Host `header` may name a server that listens on `listens_on`.

    A page of another origin can point its own name at this machine, so names other than
    `localhost` are refused. If the server listens on another address, any IP address is allowed.
    """
    name, _, port = header.rpartition(":")
    host = (name if port.isdigit() else header).lower()
    if host in _LOCAL or host == listens_on.lower():
        return True
    if listens_on in _LOCAL:
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_forwarded(environ: Mapping[str, Any]) -> bool:
    """Whether a proxy or a tunnel of this machine forwarded a request.

    Its sender can be anywhere and may name any host: tailscale forwards the Host header as sent.
    """
    # nginx sets none of these headers by default, and names this machine as the host; it uses
    # HTTP/1.0, which browsers do not.
    if environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        return True
    return any(name in environ for name in _FORWARDED)


def is_from_private_network(environ: Mapping[str, Any]) -> bool:
    """Whether a request comes directly from a private network, not through a tunnel or proxy.

    A web page of another origin that points its name at this machine does not count.
    """
    # A page's own requests may have only Accept-Language; other clients send none, or `*`.
    is_from_browser = (
        "HTTP_SEC_FETCH_SITE" in environ
        or "HTTP_ORIGIN" in environ
        or environ.get("HTTP_ACCEPT_LANGUAGE", "*") != "*"
    )
    if is_forwarded(environ) or (
        is_from_browser and not is_allowed_host(environ.get("HTTP_HOST", ""), "*")
    ):
        return False
    try:
        address = ipaddress.ip_address(str(environ.get("REMOTE_ADDR", "")).partition("%")[0])
    except ValueError:
        return False
    return address.is_private or address.is_loopback or address.is_link_local
