"""The SSRF guard: the addresses that requests to user-supplied URLs may go to.

Cloud metadata services expose a machine's credentials at link-local addresses. Such addresses are
blocked regardless of options; beyond that, the caller chooses a reach.
"""

import ipaddress
from collections.abc import Callable, Sequence
from enum import Enum

from outreply_cli.net.address import Address, extract_ipv4
from outreply_cli.net.dns import resolve

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BLOCKED: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure
        "169.254.0.0/16",  # link-local: most clouds
        "192.0.0.192/32",  # Oracle Cloud
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "::/128",
        "fd00:42::42/128",  # Scaleway
        "fd00:ec2::/32",  # AWS
        "fd20:ce::/32",  # Google Cloud
        "fe80::/10",  # link-local
        "fec0::/10",
        "ff00::/8",  # multicast
    )
)


class Reach(Enum):
    """Reach of a request: this machine, its private networks as well, or anywhere."""

    LOOPBACK = 1
    PRIVATE = 2
    PUBLIC = 3


def reach_from_option(*, allow_public: bool) -> Reach:
    """The reach that `--allow-public` gives."""
    return Reach.PUBLIC if allow_public else Reach.PRIVATE


class BlockedAddressError(ValueError):
    """A host that a request may not go to.

    Args:
        reason: Completes "the host …".
        is_out_of_reach: Whether a wider reach would allow it.
    """

    def __init__(self, reason: str, *, is_out_of_reach: bool = False) -> None:
        super().__init__(reason)
        self.is_out_of_reach = is_out_of_reach


def resolve_allowed(
    host: str, reach: Reach, lookup: Callable[[str], Sequence[Address]] = resolve
) -> Sequence[Address]:
    """The addresses of `host` within `reach`; empty if the name does not resolve.

    Args:
        host: A host name or an address in any spelling.
        reach: The allowed reach of the request.
        lookup: Returns the addresses of a host name.

    Raises:
        BlockedAddressError: One of the addresses is blocked, or none is within `reach`.
    """
    found = lookup(host)
    if any(map(is_blocked, found)):
        raise BlockedAddressError("is a link-local or metadata address")
    allowed = [address for address in found if _is_within(address, reach)]
    if found and not allowed:
        where = "on this machine"
        if reach is Reach.PRIVATE:
            where += " or in a private network"
        raise BlockedAddressError(f"is not {where}", is_out_of_reach=True)
    return allowed


def is_blocked(address: Address) -> bool:
    """Whether no request may ever go to `address`, in any of its forms."""
    actual = extract_ipv4(address)
    return any(actual.version == network.version and actual in network for network in _BLOCKED)


def _is_within(address: Address, reach: Reach) -> bool:
    actual = extract_ipv4(address)
    if reach is Reach.PUBLIC:
        return True
    return actual.is_loopback or (reach is Reach.PRIVATE and actual.is_private)
