"""The TLS that carries the bytes, against Python's own TLS on the other side."""

from __future__ import annotations

import hashlib
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import urllib3
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError, SSLError

from bench.certificate import write_certificate
from gopro_sync.archive.net.pools import open_pool
from gopro_sync.archive.net.tls import block_tls_context
from gopro_sync.gopro.http import open_http_client

CONTENT = random.Random(3).randbytes(3 * 1024 * 1024 + 77)
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    write_certificate(path)
    return path


@contextmanager
def serving(
    certificate: Path, converse: Callable[[ssl.SSLSocket], None], *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[str]:
    """A server that takes one connection; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.minimum_version = context.maximum_version = version

    def serve() -> None:
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                converse(tls)
        except OSError:
            pass  # the client has hung up, which some of the tests are about

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=10)
        assert not thread.is_alive()


def read_request(tls: ssl.SSLSocket) -> bytes:
    """Reads one request; returns its body."""
    with tls.makefile("rb") as stream:
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return stream.read(length)


def get(pool: urllib3.PoolManager, address: str, *, read_seconds: float = 5.0) -> bytes:
    return pool.request("GET", f"https://{address}/", retries=False, timeout=read_seconds).data


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_every_byte_arrives_in_both_directions_over_one_connection(certificate: Path, version: ssl.TLSVersion) -> None:
    sizes = [0, 1, 16 * 1024, 256 * 1024 - 1, 256 * 1024 + 1, len(CONTENT)]
    received: list[str] = []

    def converse(tls: ssl.SSLSocket) -> None:
        for _ in sizes:
            received.append(hashlib.sha256(read_request(tls)).hexdigest())
            tls.sendall(HEAD + CONTENT)

    with (
        serving(certificate, converse, version=version) as address,
        open_pool(workers=1, ca_bundle=str(certificate)) as pool,
    ):
        for size in sizes:
            answer = pool.request("PUT", f"https://{address}/", body=CONTENT[:size], retries=False)
            assert answer.data == CONTENT
    assert received == [hashlib.sha256(CONTENT[:size]).hexdigest() for size in sizes]


def test_httpx_speaks_over_it_as_well(certificate: Path) -> None:
    def converse(tls: ssl.SSLSocket) -> None:
        for _ in range(2):
            read_request(tls)
            tls.sendall(HEAD + CONTENT)

    with (
        serving(certificate, converse) as address,
        open_http_client(tls=block_tls_context(str(certificate))) as http,
    ):
        assert [http.get(f"https://{address}/").content == CONTENT for _ in range(2)] == [True, True]


def test_httpx_notices_an_answer_that_is_cut_off(certificate: Path) -> None:
    def converse(tls: ssl.SSLSocket) -> None:
        read_request(tls)
        tls.sendall(HEAD + CONTENT[:100_000])

    with (
        serving(certificate, converse) as address,
        open_http_client(tls=block_tls_context(str(certificate))) as http,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        http.get(f"https://{address}/")


def test_an_untrusted_server_is_refused(certificate: Path, tmp_path: Path) -> None:
    write_certificate(tmp_path / "another.pem")
    with (
        serving(certificate, lambda _: None) as address,
        open_pool(workers=1, ca_bundle=str(tmp_path / "another.pem")) as pool,
        pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        get(pool, address)


def test_a_trusted_server_of_another_name_is_refused(certificate: Path) -> None:
    with (
        serving(certificate, lambda _: None) as address,
        open_pool(workers=1, ca_bundle=str(certificate)) as pool,
        pytest.raises(SSLError, match="certificate is not valid for"),
    ):
        get(pool, address.replace("127.0.0.1", "localhost"))


def test_a_stream_that_ends_without_a_goodbye_gives_what_came_and_then_ends(certificate: Path) -> None:
    def converse(tls: ssl.SSLSocket) -> None:
        read_request(tls)
        tls.sendall(HEAD + CONTENT[:100_000])
        tls.shutdown(socket.SHUT_RDWR)  # of the socket below; TLS says nothing

    with serving(certificate, converse) as address, open_pool(workers=1, ca_bundle=str(certificate)) as pool:
        answer = pool.request("GET", f"https://{address}/", preload_content=False, enforce_content_length=False)
        assert answer.read(100_000) == CONTENT[:100_000]
        assert answer.read(1) == b""


def test_a_reset_connection_is_an_error(certificate: Path) -> None:
    def converse(tls: ssl.SSLSocket) -> None:
        read_request(tls)
        tls.sendall(HEAD + CONTENT[:100_000])
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(tls.detach())

    with (
        serving(certificate, converse) as address,
        open_pool(workers=1, ca_bundle=str(certificate)) as pool,
        pytest.raises(ProtocolError),
    ):
        get(pool, address)


def test_silence_is_a_timeout(certificate: Path) -> None:
    over = threading.Event()

    def converse(tls: ssl.SSLSocket) -> None:
        read_request(tls)
        tls.sendall(HEAD + CONTENT[:100_000])
        over.wait(10)

    with serving(certificate, converse) as address, open_pool(workers=1, ca_bundle=str(certificate)) as pool:
        with pytest.raises(ReadTimeoutError):
            get(pool, address, read_seconds=0.1)
        over.set()


def test_a_receiver_that_stops_reading_is_a_timeout(certificate: Path) -> None:
    over = threading.Event()

    def converse(_: ssl.SSLSocket) -> None:
        over.wait(10)

    with (
        serving(certificate, converse) as address,
        open_pool(workers=1, ca_bundle=str(certificate)) as pool,
    ):
        with pytest.raises((MaxRetryError, ProtocolError, ReadTimeoutError)):
            pool.request("PUT", f"https://{address}/", body=bytes(64 * 1024 * 1024), retries=False, timeout=0.2)
        over.set()
