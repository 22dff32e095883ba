"""Addresses that nothing of ours may be sent to, whoever asks: those where machines keep secrets.

A cloud gives each of its machines credentials at an address that only that machine reaches. What
makes a program there send a request for others makes it a way to them.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORBIDDEN: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure
        "169.254.0.0/16",  # link-local: nearly all of them
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
# Ways in which an IPv4 address is written as the end of an IPv6 one.
_CARRIERS = tuple(
    ipaddress.IPv6Network(text)
    for text in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "::/96")
)
_OWN_NUMBERS = 1 << 16


def embedded_ipv4(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, or itself where it stands for none."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    # ::1 and its neighbours are addresses of their own.
    if int(address) >= _OWN_NUMBERS and any(address in carrier for carrier in _CARRIERS):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_blocked(address: Address) -> bool:
    """Whether nothing may ever be sent to `address`, in any of the forms that it has."""
    meant = embedded_ipv4(address)
    return any(meant.version == network.version and meant in network for network in _FORBIDDEN)
