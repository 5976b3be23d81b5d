"""HTTP/1.1 on loopback: reads requests, sends answers, and can break off as a network does."""

from __future__ import annotations

import io
import socket
import struct
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from local.loopback_server import LoopbackHandler, LoopbackServer, shut_down
from local.simulator.http_messages import Answer, FilePiece, Request

_LARGEST_REQUEST_BYTES = 256 * 1024 * 1024  # a library of 100,000 stated items fits
_SMALLEST_PACED_BLOCK_BYTES = 16 * 1024
_MOST_PACED_BLOCKS_PER_SECOND = 200  # more would be work that the machine cannot give the client meanwhile
_MOST_LATE_SECONDS = 0.01  # how much of a late wake-up is caught up with: more would be a burst above the cap
_CLOSE_WITH_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST instead of FIN

type Application = Callable[[Request], Answer]


class SimulatorServer(LoopbackServer):
    """Serve an application.

    Args:
        application: answers each request.
        port: 0 takes any free one.
        certificate: file with certificate and key (PEM); it speaks TLS if there is one.
        before_handshake_seconds: how long the network takes before TLS begins.

    Raises:
        OSError: the port is taken, or the certificate cannot be read.
    """

    def __init__(
        self,
        application: Application,
        *,
        port: int,
        certificate: Path | None = None,
        before_handshake_seconds: float = 0.0,
    ) -> None:
        self.application = application
        super().__init__(
            _Handler, port=port, certificate=certificate, before_handshake_seconds=before_handshake_seconds
        )


class _Handler(LoopbackHandler, BaseHTTPRequestHandler):
    server_version = "GoProCloudSimulator"
    sys_version = ""
    server: SimulatorServer
    _free_at = 0.0

    def serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.application(Request(method=self.command, target=self.path, headers=headers, body=body))
        try:
            self._deliver(answer)
        except OSError:
            if answer.record:
                answer.record.client_error = True
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = serve  # noqa: N815 - names of http.server

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > _LARGEST_REQUEST_BYTES:
            self.send_error(411)
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _deliver(self, answer: Answer) -> None:
        delivery = answer.delivery
        is_reset_at_once = delivery.is_reset and delivery.cut_after_bytes is None
        if self.server.stopping.wait(delivery.latency_seconds) or is_reset_at_once:
            self.server.stopping.wait(delivery.stall_seconds)
            self._reset()
            return
        if delivery.drip_seconds is not None:
            self.wfile = _Drip(self.connection, lambda: self.server.stopping.wait(delivery.drip_seconds))
        self._send_head(answer)
        if self.command != "HEAD":
            self._send_body(answer)
        if delivery.cut_after_bytes is not None:
            self.server.stopping.wait(delivery.stall_seconds)
            self.close_connection = True
            if delivery.is_reset:
                self._reset()
            else:
                shut_down(self.connection)

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers and "Transfer-Encoding" not in answer.headers:
            self.send_header("Content-Length", str(answer.body_bytes + answer.delivery.surplus_bytes))
        self.end_headers()

    def _send_body(self, answer: Answer) -> None:
        for block in _blocks_to_send(answer):
            if answer.record:
                # Counted first: a client that has the last byte must find it in the record.
                answer.record.bytes_sent += len(block)
            self.wfile.write(_chunk(block) if "Transfer-Encoding" in answer.headers else block)
            if answer.delivery.bytes_per_second:
                self._keep_to_pace(len(block) / answer.delivery.bytes_per_second)
        if "Transfer-Encoding" in answer.headers and answer.delivery.cut_after_bytes is None:
            self.wfile.write(_chunk(memoryview(b"")))

    def _keep_to_pace(self, seconds: float) -> None:
        now = time.monotonic()
        self._free_at = max(self._free_at, now - _MOST_LATE_SECONDS) + seconds
        if self.server.stopping.wait(max(self._free_at - now, 0)):
            raise ConnectionAbortedError("the simulator stops")

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_WITH_RESET)
        self.connection.close()


class _Drip(io.BufferedIOBase):
    """Send one byte at a time.

    Args:
        connection: where to.
        wait: waits after each; returns whether the server stops.
    """

    def __init__(self, connection: socket.socket, wait: Callable[[], bool]) -> None:
        super().__init__()
        self._connection = connection
        self._wait = wait

    def write(self, data: Any) -> int:
        for byte in bytes(data):
            self._connection.sendall(bytes([byte]))
            if self._wait():
                raise ConnectionAbortedError("the simulator stops")
        return len(data)


def _chunk(block: memoryview) -> bytes:
    return b"%x\r\n%b\r\n" % (len(block), bytes(block))


def _blocks_to_send(answer: Answer) -> Iterator[memoryview]:
    delivery = answer.delivery
    left = answer.body_bytes if delivery.cut_after_bytes is None else min(delivery.cut_after_bytes, answer.body_bytes)
    for position, whole in enumerate(_blocks(answer.body)):
        block = _with_first_byte_flipped(whole) if delivery.flips_first_byte and position == 0 else whole
        step = _paced_block_bytes(delivery.bytes_per_second) if delivery.bytes_per_second else max(len(block), 1)
        for start in range(0, min(len(block), left), step):
            yield block[start : min(start + step, left)]
        left -= len(block)
        if left <= 0:
            break
    if delivery.surplus_bytes and delivery.cut_after_bytes is None:
        yield memoryview(bytes(delivery.surplus_bytes))


def _blocks(body: bytes | FilePiece) -> Iterator[memoryview]:
    return iter([memoryview(body)]) if isinstance(body, bytes) else body.content.blocks(body.start, body.stop)


def _paced_block_bytes(bytes_per_second: int) -> int:
    return max(_SMALLEST_PACED_BLOCK_BYTES, bytes_per_second // _MOST_PACED_BLOCKS_PER_SECOND)


def _with_first_byte_flipped(block: memoryview) -> memoryview:
    return memoryview(bytes([block[0] ^ 0xFF]) + bytes(block[1:]))
