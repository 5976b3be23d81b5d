"""How slow a source may be: a read that gets a byte now and then never hits the limit for silence.

What counts is the time spent waiting for bytes, not the time in between, when S3 or the checksum is slow.
"""

from __future__ import annotations

import socket
from collections.abc import Buffer, Callable
from typing import Final

from urllib3.exceptions import HTTPError

# Any slower, and not even the smallest part that S3 accepts (5 MiB) could be copied in an invocation of 15 minutes:
# such a source is useless to anybody, while many connections that share a narrow line are all still faster.
LEAST_BYTES_PER_SECOND: Final = 6_000
# Twice the limit for silence, so that a server that thinks before it answers, or sends in bursts, does not count as
# slow.
STRETCH_SECONDS: Final = 30.0
_CHECK_SECONDS: Final = 1.0


class SlowSourceError(HTTPError):
    """Bytes come, but hardly any."""


class Pace:
    """Watch one connection.

    Args:
        clock: returns seconds, never going backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.begin(lambda: None)

    def begin(self, check: Callable[[], None]) -> None:
        """Start afresh, for another request.

        Args:
            check: called now and then while waiting for bytes; raises whatever should end the reading.
        """
        self._check = check
        self._unchecked_seconds = self._waited_seconds = 0.0
        self._byte_count = 0

    def watch[Came](self, receive: Callable[[], Came], size_of: Callable[[Came], int]) -> Came:
        """Wait for bytes.

        Args:
            receive: returns when some have come.
            size_of: returns how many arrived.

        Raises:
            SlowSourceError: over ``STRETCH_SECONDS`` of waiting, fewer than ``LEAST_BYTES_PER_SECOND`` came.
            Exception: errors of ``receive`` and ``check`` pass unchanged.
        """
        began = self._clock()
        received = receive()
        waited = self._clock() - began
        self._waited_seconds += waited
        self._byte_count += size_of(received)
        self._unchecked_seconds += waited
        if self._unchecked_seconds >= _CHECK_SECONDS:
            self._unchecked_seconds = 0.0
            self._check()
        if self._waited_seconds >= STRETCH_SECONDS:
            if self._byte_count < LEAST_BYTES_PER_SECOND * self._waited_seconds:
                raise SlowSourceError("the source is too slow")
            self._waited_seconds, self._byte_count = 0.0, 0
        return received


class WatchedSocket(socket.socket):
    """A connected socket whose arrivals are watched; replaces the one that it is made from."""

    pace: Pace

    @classmethod
    def of(cls, connected: socket.socket, pace: Pace) -> WatchedSocket:
        """Return one to use instead of a connected socket, which must not be used any more."""
        timeout = connected.gettimeout()
        watched = cls(connected.family, connected.type, connected.proto, fileno=connected.detach())
        watched.settimeout(timeout)
        watched.pace = pace
        return watched

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive as a socket does; TLS reads with it."""
        return self.pace.watch(lambda: super(WatchedSocket, self).recv(bufsize, flags), len)

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receive as a socket does; plain HTTP reads with it."""
        return self.pace.watch(lambda: super(WatchedSocket, self).recv_into(buffer, nbytes, flags), lambda count: count)
