"""What both servers of the bench have in common: HTTP/1.1 over TLS on loopback, one thread per connection."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOST = "127.0.0.1"


def write_certificate(path: Path) -> None:
    """Writes a self-signed certificate for 127.0.0.1, valid for a day, and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gopro-s3-sync bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(_HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections open and writes no log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Writes nothing."""

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """Sends a whole answer; HEAD says its own Content-Length."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class TlsServer(ThreadingHTTPServer):
    """Serves until its process is ended.

    Args:
        handler: answers the requests of one connection.
        certificate: file with certificate and key.
        before_handshake_seconds: how long the network takes before TLS begins.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        handler: Callable[..., BaseHTTPRequestHandler],
        *,
        certificate: Path,
        before_handshake_seconds: float = 0.0,
    ) -> None:
        self._handler = handler
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._before_handshake_seconds = before_handshake_seconds
        super().__init__((_HOST, 0), BaseHTTPRequestHandler)

    def serve(self) -> None:
        """Says where it listens, on one line of standard output, and serves."""
        print(f"https://{_HOST}:{self.server_address[1]}", flush=True)
        self.serve_forever()

    def finish_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Shakes hands in the connection's own thread, so that no client waits for another."""
        assert isinstance(request, socket.socket)  # the other kind is UDP's
        time.sleep(self._before_handshake_seconds)
        with self._context.wrap_socket(request, server_side=True) as connection:
            self._handler(connection, client_address, self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients end as they like."""
