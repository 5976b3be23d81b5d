"""An HTTP or HTTPS server on loopback, in threads of this process: the base of every server in this repository."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, override

_LOOPBACK = "127.0.0.1"
_SHUTDOWN_POLL_SECONDS = 0.01


class LoopbackServer(ThreadingHTTPServer):
    """Listens as soon as it is made, and answers from `start` to `stop`: one thread per connection.

    Args:
        handler: answers the requests of one connection.
        port: 0 takes any free one.
        certificate: file with certificate and key (PEM); it speaks TLS if there is one.
        before_handshake_seconds: how long to wait before TLS begins, as a slow network would.

    Raises:
        OSError: the port is taken, or the certificate cannot be read.
    """

    daemon_threads = False  # so that server_close() waits for them: nothing is left behind
    request_queue_size = 128

    def __init__(
        self,
        handler: type[BaseHTTPRequestHandler],
        *,
        port: int = 0,
        certificate: Path | None = None,
        before_handshake_seconds: float = 0.0,
    ) -> None:
        self.stopping = threading.Event()
        self._tls = _tls_context(certificate) if certificate else None
        self._before_handshake_seconds = before_handshake_seconds
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__((_LOOPBACK, port), handler)
        self._acceptor = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": _SHUTDOWN_POLL_SECONDS}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{_LOOPBACK}:{self.server_port}"

    def start(self) -> None:
        """Begin to accept connections."""
        self._acceptor.start()

    def stop(self) -> None:
        """Close every connection, wait for their threads, and free the port."""
        self.stopping.set()
        self.shutdown()
        self._acceptor.join()
        with self._connections_lock:
            for connection in self._connections:
                shut_down(connection)
        self.server_close()

    @override
    def __enter__(self) -> Self:
        self.start()
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    @override
    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        # In the connection's own thread, so that no client waits for another's handshake.
        self.stopping.wait(self._before_handshake_seconds)
        # The plain socket stays ours, to be shut down when the server stops.
        with self._tls.wrap_socket(request.dup(), server_side=True) as connection:
            super().finish_request(connection, client_address)

    @override
    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is the client's business; everything else is a bug of the server and must be seen.
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class LoopbackHandler(BaseHTTPRequestHandler):
    """Keeps connections open, as AWS and CDNs do, and writes no log: request lines hold signatures and tokens.

    Put it before `BaseHTTPRequestHandler` among the bases: the linter allows ``do_GET`` only to that class's children.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


def shut_down(connection: socket.socket) -> None:
    """End a connection in both directions, unless the client has already done so."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _tls_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
