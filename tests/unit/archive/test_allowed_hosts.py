"""Which addresses are the internet's; what carries another address inside is judged by that one."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.net.allowed_hosts import is_public

INTERNAL = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "240.0.0.1",
]
PUBLIC = ["8.8.8.8", "93.184.215.14"]


def carriers(address: str) -> dict[str, str]:
    """The IPv6 addresses that stand for an IPv4 address, or lead to it."""
    high, low = f"{int(IPv4Address(address)) >> 16:x}", f"{int(IPv4Address(address)) & 0xFFFF:x}"
    return {
        "mapped": f"::ffff:{address}",
        "nat64": f"64:ff9b::{high}:{low}",
        "compatible": f"::{high}:{low}",
        "translated": f"::ffff:0:{high}:{low}",
        "local nat64": f"64:ff9b:1::{high}:{low}",
        "6to4": f"2002:{high}:{low}::1",
        "teredo": f"2001:0:{high}:{low}::1",
        "isatap": f"2600:1f18::5efe:{high}:{low}",
        "isatap of a unique address": f"2600:1f18::200:5efe:{high}:{low}",
    }


@pytest.mark.parametrize("address", INTERNAL)
def test_an_internal_address_is_internal_in_whatever_it_is_wrapped(address: str) -> None:
    assert not is_public(address)
    assert [name for name, carrier in carriers(address).items() if is_public(carrier)] == []


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_reached_through_nat64_too(address: str) -> None:
    assert is_public(address)
    taken = {name for name, carrier in carriers(address).items() if is_public(carrier)}
    assert {"mapped", "nat64"} <= taken
    # Of no use on the internet of today, or of an unknown form.
    assert taken.isdisjoint({"compatible", "translated", "local nat64", "6to4", "teredo"})


@pytest.mark.parametrize(
    "address",
    [
        "fd00:ec2::254",
        "fe80::1%eth0",
        "fec0::1",
        "::",
        "::1",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        "192.0.0.1",
        "192.0.0.192",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
    ],
)
def test_a_special_address_is_not_the_internets(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["2600:9000:2000::1", "2a00:1450:4001::2004"])
def test_an_address_of_the_internet_is(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_no_address_that_python_calls_private_is_public(address: Any) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_public(str(address))
