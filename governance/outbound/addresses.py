"""Addresses: which may be dialled, and which lead back into somebody's own network."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

# Named here although `is_global` knows most of them: what it answers differs between versions of
# Python, and it is true for multicast, for NAT64 and for 6to4.
FORBIDDEN_V4 = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own services, behind a public address
        "169.254.0.0/16",  # link-local; cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")
FORBIDDEN_V6 = tuple(
    ip_network(block)
    for block in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "3fff::/20",  # documentation
    )
)

PRIVATE = tuple(
    ip_network(block)
    for block in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
"""What a governor can permit for one host and port. Link-local is never permitted."""

METADATA = frozenset({ip_address("100.100.100.200"), ip_address("fd00:ec2::254")})
"""Cloud metadata services inside PRIVATE blocks."""


def permitted(text: str, *, private: bool = False) -> bool:
    """Whether this address may be dialled; with `private`, one of PRIVATE may be as well.

    What is no address may not be dialled.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # the kernel dials the IPv4 address inside
    if private and _is_private(address):
        return True
    return _is_public(address)


def _is_private(address: Address) -> bool:
    return address not in METADATA and any(address in block for block in PRIVATE)


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in FORBIDDEN_V4)
    # Beside the global unicast block lie NAT64 (64:ff9b::/96) and everything else that embeds IPv4.
    return address in GLOBAL_V6 and not any(address in block for block in FORBIDDEN_V6)
