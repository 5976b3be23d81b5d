"""Which hosts videos are read from: over https, out to the internet, and nowhere else.

Where a video lies is said by GoPro's answer, which is not to be trusted: it must not lead into the account's own
network, to the metadata service of an instance, or to the Lambda runtime on 127.0.0.1.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from gopro_sync.errors import GoProApiChangedError

# Addresses that carry an IPv4 address inside, which could be any (RFC 6052, RFC 3056).
_CARRIERS_OF_OTHERS: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))


_LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class InternalAddressError(HTTPError):
    """The host is, or resolves to, an address that is not on the public internet."""


def host_of(url: str) -> str:
    """Returns the host of a signed URL, which is all that may be told of it.

    Raises:
        GoProApiChangedError: it is no URL, or bytes would travel in the clear to another machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        # Not chained: the cause's message quotes the URL.
        raise GoProApiChangedError("GoPro gave a malformed download URL") from None
    if not host or re.search(r"[\x00-\x20\x7f]", url):
        raise GoProApiChangedError("GoPro gave a malformed download URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK_HOSTS):
        raise GoProApiChangedError(f"The download URL at {host} is not https")
    return host


def is_public(address: str) -> bool:
    """Says whether an IP address is one of the public internet.

    Raises:
        ValueError: it is no IP address.
    """
    # A link-local address can name its interface behind a percent sign.
    parsed = ipaddress.ip_address(address.partition("%")[0])
    is_carrier = parsed.version == 6 and any(parsed in network for network in _CARRIERS_OF_OTHERS)
    return parsed.is_global and not parsed.is_multicast and not is_carrier


def restrict_to_public_addresses(pool: urllib3.PoolManager) -> None:
    """Lets a pool refuse every other address, before and again after it connects, and before it sends anything."""
    pool.pool_classes_by_scheme = {"http": _PublicHTTPConnectionPool, "https": _PublicHTTPSConnectionPool}


class _PublicHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        _refuse_internal_names(self.host, self.port)
        return _checked(super()._new_conn())


class _PublicHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        _refuse_internal_names(self.host, self.port)
        return _checked(super()._new_conn())


class _PublicHTTPConnectionPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTPConnection


class _PublicHTTPSConnectionPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPSConnection


def _refuse_internal_names(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError:
        return  # connecting says what is wrong with the name
    if not all(is_public(str(address[0])) for *_, address in found):
        raise InternalAddressError("the host is not on the public internet")


def _checked(connection: socket.socket) -> socket.socket:
    # A name may resolve differently the second time: what counts is whom we are connected to.
    if is_public(connection.getpeername()[0]):
        return connection
    connection.close()
    raise InternalAddressError("the host is not on the public internet")
