"""Which hosts videos may be read from: those on the public internet, and no others.

GoPro's answer says where a video is, and that is not to be trusted: it must not lead into the account's own network, to
the metadata service of an instance, or to the Lambda runtime on 127.0.0.1.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from urllib3.exceptions import HTTPError

# All of IPv6 that is public so far; what carries an IPv4 address, such as ``::127.0.0.1`` (IPv4-compatible), is not.
# https://www.iana.org/assignments/ipv6-address-space/ipv6-address-space.xhtml
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
# Not for the internet either, but not every release of Python knows them as such: what is assigned to protocols, relays
# of 6to4 and their addresses, and one more range for examples. Python knows the others, Teredo among them.
# https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml, likewise for IPv6
_SPECIAL_IPV4: Final = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))
_SPECIAL_IPV6: Final = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("3fff::/20"))
# How an IPv6-only network reaches IPv4 hosts: they are as public as the address inside (RFC 6052, 3.1). A VPC's NAT64:
# https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html. The prefix for local use,
# 64:ff9b:1::/48, is refused: each network decides for itself where the IPv4 address goes in it (RFC 8215).
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# What precedes the IPv4 address of a tunnel's end (RFC 5214, 6.1), whether or not that one is unique in the world.
_ISATAP: Final = frozenset({b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe"})


class InternalAddressError(HTTPError):
    """The host is, or resolves to, an address that is not on the public internet."""


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet.

    Raises:
        ValueError: it is no IP address.
    """
    # A link-local address can name its interface after a percent sign.
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast and not any(parsed in some for some in _SPECIAL_IPV4)
    inside = ipaddress.IPv4Address(parsed.packed[-4:])
    if parsed.ipv4_mapped is not None or parsed in _NAT64:
        return is_public(str(inside))
    if parsed.packed[8:12] in _ISATAP and not is_public(str(inside)):
        return False
    return parsed in _GLOBAL_UNICAST and parsed.is_global and not any(parsed in some for some in _SPECIAL_IPV6)


def refuse_internal_names(host: str, port: int) -> None:
    """Allow a name that resolves to public addresses only, or to none: connecting then reports what is wrong with it.

    Raises:
        InternalAddressError: it resolves to another address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return
    if not all(is_public(str(address[0])) for *_, address in found):
        raise InternalAddressError("the host is not on the public internet")


def refuse_internal_peer(connection: socket.socket) -> None:
    """Close a connection to an internal address: a name may resolve differently the second time.

    Raises:
        InternalAddressError: it was one.
    """
    if not is_public(connection.getpeername()[0]):
        connection.close()
        raise InternalAddressError("the host is not on the public internet")
