"""Allowed Host headers of a local server: the defense against DNS rebinding."""

import ipaddress

_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})


def is_allowed_host(header: str, listens_on: str) -> bool:
    """Whether a request's Host `header` may name a server that listens on `listens_on`.

    A page of another origin can point its own name at this machine, so names other than
    `localhost` are refused. A server that listens on another address is also allowed by that IP
    address.
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
