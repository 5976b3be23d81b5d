"""Connections to the CDN: kept open between parts, watched, and never to a host inside the network.

urllib3's own pool tidies every URL before it sends it (``HTTPConnectionPool.urlopen``), which breaks a signature. So
urllib3's connections are used here without its pool: they send a target as it is given.
"""

from __future__ import annotations

import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from gopro_sync.archive.net.allowed_hosts import refuse_internal_names, refuse_internal_peer
from gopro_sync.archive.net.pace import Pace, WatchedSocket
from gopro_sync.archive.net.pools import keep_addresses_out_of_the_log
from gopro_sync.archive.net.source_address import SourceAddress
from gopro_sync.archive.net.tls import block_tls_context

# Everything that can go wrong with a connection, a handshake or an answer.
BROKEN_OFF: Final = (HTTPError, HTTPException, OSError)


class _Connection(HTTPConnection):
    pace: Pace
    allows_internal_addresses: bool

    def _new_conn(self) -> socket.socket:
        if not self.allows_internal_addresses:
            refuse_internal_names(self.host, self.port)
        connected = super()._new_conn()
        if not self.allows_internal_addresses:
            refuse_internal_peer(connected)
        return WatchedSocket.of(connected, self.pace)


class _TlsConnection(_Connection, HTTPSConnection):
    """The same, with TLS on top of the watched socket."""


type _Place = tuple[str, str, int]
type _Idle = dict[_Place, list[_Connection]]


class Answer:
    """What came back; its body is still on its way.

    Attributes:
        status: the HTTP status.
        headers: looked up case-insensitively.
        is_chunked: whether the body itself marks its end.
    """

    def __init__(self, response: urllib3.HTTPResponse, *, done: Callable[[bool], None]) -> None:
        self._response = response
        self._done = done
        self._is_broken = False
        self.status: Final = response.status
        self.headers: Final[Mapping[str, str]] = response.headers
        self.is_chunked: Final = bool(response.chunked)

    def read(self, size_bytes: int) -> bytes:
        """Read this many bytes, or what is left; raise ``BROKEN_OFF`` errors and those of the request's ``check``."""
        try:
            return self._response.read(size_bytes, decode_content=False)
        except BaseException:
            self._is_broken = True
            raise

    def close(self) -> None:
        """Keep the connection if all was read, and close it otherwise."""
        is_at_the_end = self._response.isclosed()
        self._response.close()
        self._done(is_at_the_end and not self._is_broken)
        self._done = lambda _: None


class SourceConnections:
    """A thread-safe set of connections, by host.

    Args:
        kept: how many connections to one host to keep open.
        ca_bundle: path of the certificates to trust instead of the system's.
        allows_internal_addresses: True only where the CDN is a simulated one.
        clock: returns seconds, never going backwards.
    """

    def __init__(
        self, *, kept: int, ca_bundle: str | None, allows_internal_addresses: bool, clock: Callable[[], float]
    ) -> None:
        keep_addresses_out_of_the_log()
        self._kept = kept
        self._tls: ssl.SSLContext = block_tls_context(ca_bundle)
        self._allows_internal_addresses = allows_internal_addresses
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: _Idle = {}
        weakref.finalize(self, _close_all, self._idle)

    def get(
        self,
        address: SourceAddress,
        headers: Mapping[str, str],
        *,
        connect_seconds: float,
        idle_seconds: float,
        check: Callable[[], None],
    ) -> Answer:
        """Ask once, follow no redirect, and return as soon as the headers are there; the caller closes the answer.

        Args:
            address: the host and the target.
            headers: besides ``Host``.
            connect_seconds: time-out for each step of connecting.
            idle_seconds: time-out between two arrivals of bytes.
            check: called now and then while waiting for bytes; raises whatever should end the reading.

        Raises:
            InternalAddressError: the host is inside the network.
            SlowSourceError: bytes come, but hardly any.
            HTTPError, HTTPException, OSError: there is no answer.
        """
        place = (address.scheme, address.host, address.port)
        connection = self._take(place)
        try:
            connection.pace.begin(check)
            if connection.sock is None:
                connection.timeout = connect_seconds
                connection.connect()
            connection.timeout = idle_seconds
            connection.pace.begin(check)
            # The caller counts the bytes, against what it asked for.
            connection.request(
                "GET",
                address.target,
                headers=headers,
                preload_content=False,
                decode_content=False,
                enforce_content_length=False,
            )
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        return Answer(response, done=lambda is_reusable: self._give_back(place, connection, is_reusable=is_reusable))

    def clear(self) -> None:
        """Close the idle connections."""
        with self._lock:
            _close_all(self._idle)

    def _take(self, place: _Place) -> _Connection:
        with self._lock:
            connection = self._idle[place].pop() if self._idle.get(place) else None
        if connection is None:
            return self._new(place)
        if not connection.is_connected:
            connection.close()  # the host has closed it meanwhile; it is opened anew
        return connection

    def _give_back(self, place: _Place, connection: _Connection, *, is_reusable: bool) -> None:
        with self._lock:
            idle = self._idle.setdefault(place, [])
            if is_reusable and len(idle) < self._kept:
                idle.append(connection)
                return
        connection.close()

    def _new(self, place: _Place) -> _Connection:
        scheme, host, port = place
        connection = _TlsConnection(host, port, ssl_context=self._tls) if scheme == "https" else _Connection(host, port)
        connection.pace = Pace(self._clock)
        connection.allows_internal_addresses = self._allows_internal_addresses
        return connection


def _close_all(idle: _Idle) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()
    idle.clear()
