"""Which addresses may be dialled: a table written by hand."""

from __future__ import annotations

import pytest

from governance.outbound import permitted

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001:801::200e",
    "::ffff:8.8.8.8",
]

NEVER = [
    # nothing and everything
    "0.0.0.0",
    "0.1.2.3",
    "255.255.255.255",
    "::",
    # link-local, where clouds keep their credentials
    "169.254.0.1",
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "fec0::1",
    # metadata elsewhere
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "::ffff:100.100.100.200",
    # multicast
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "ff0e::1",
    # reserved, documentation, benchmarks, relays
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    # IPv4 inside IPv6
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::10.0.0.1",
    "2002:7f00:1::1",
    "2002:0808:0808::1",
    "2001::1",
    "2001:0:4136:e378::1",
    "::127.0.0.1",
    "::8.8.8.8",
    # no addresses at all
    "",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "0177.0.0.1",
    "localhost",
    "8.8.8.8 ",
]

PRIVATE = [
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fc00::1",
    "fdff::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_dialled(address):
    assert permitted(address)
    assert permitted(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_these_are_never_dialled_whatever_a_governor_says(address):
    assert not permitted(address)
    assert not permitted(address, private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ones_only_where_a_governor_permitted_them(address):
    assert not permitted(address)
    assert permitted(address, private=True)
