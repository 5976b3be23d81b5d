"""TLS that moves many records with one system call.

Python's own TLS socket makes two system calls for each record that it reads, five bytes of header and then the rest,
and one for each that it writes, and a record is 16 KiB. Here the TLS engine sits between two buffers in memory, which
are filled and emptied a block at a time: a fifth less CPU per byte (docs/performance.md).
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from typing import Final, cast

from urllib3.util.ssltransport import SSLTransport

# Each pair of connections holds four of these, and the block that is on its way; larger ones gain little.
_BLOCK_BYTES: Final = 192 * 1024


@lru_cache(maxsize=2)  # reading the trusted certificates takes longer than anything else here
def block_tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Create a client's TLS settings, whose connections move blocks; shared by all connections of a pool.

    Certificates and host names are verified, as ``ssl.PROTOCOL_TLS_CLIENT`` sets it.

    Args:
        ca_bundle: path of the certificates to trust instead of the system's.

    Raises:
        OSError: there is no such file, or it holds no certificates.
    """
    context = _BlockTlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_bundle is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca_bundle)
    return context


class _BlockTlsContext(ssl.SSLContext):
    def wrap_socket(  # type: ignore[override]  # urllib3 needs no more of what it gets than its own class has
        self, sock: socket.socket, *, server_hostname: str | None = None
    ) -> BlockTlsTransport:
        """Shake hands over a connected socket; errors are those of ``ssl.SSLContext.wrap_socket``."""
        return BlockTlsTransport(sock, self, server_hostname=server_hostname)


class BlockTlsTransport(SSLTransport):
    """urllib3's TLS over a socket, with reading and writing in blocks."""

    def recv_into(
        self,
        buffer: bytearray | memoryview,
        nbytes: int | None = None,
        flags: int = 0,  # noqa: ARG002 - a socket's
    ) -> int:
        """Fill the buffer with what is there, and wait only if nothing is; return 0 at the end of the stream."""
        view = memoryview(buffer)[:nbytes]
        count = 0
        while count < len(view):
            try:
                # Into a buffer, so that the result is a number.
                read = cast("int", self.sslobj.read(len(view) - count, view[count:]))
            except ssl.SSLWantReadError:
                if count:
                    break
                self._receive_block()
                continue
            except ssl.SSLEOFError:
                break  # no close_notify; whoever asked for a number of bytes counts them
            if not read:
                break
            count += read
        return count

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Return what is there, at most this many bytes; nothing at the end of the stream."""
        buffer = bytearray(buflen)
        return bytes(buffer[: self.recv_into(buffer, flags=flags)])

    def sendall(self, data: bytes | memoryview, flags: int = 0) -> None:  # noqa: ARG002 - a socket's
        """Send all of the data."""
        view = memoryview(data)
        for start in range(0, len(view), _BLOCK_BYTES):
            self._encrypt(view[start : start + _BLOCK_BYTES])
            self._send_encrypted()

    def _encrypt(self, block: memoryview) -> None:
        while block:
            try:
                block = block[self.sslobj.write(block) :]
            except ssl.SSLWantReadError:  # TLS 1.2 may negotiate anew at any time
                self._receive_block()

    def _receive_block(self) -> None:
        self._send_encrypted()
        if received := self.socket.recv(_BLOCK_BYTES):
            self.incoming.write(received)
        else:
            self.incoming.write_eof()

    def _send_encrypted(self) -> None:
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())
