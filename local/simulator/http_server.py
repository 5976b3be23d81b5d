"""HTTP/1.1 on loopback: takes requests off the wire, puts answers on it, and can break off as a network does."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

from local.simulator.http_messages import Answer, FilePiece, Request

LOOPBACK = "127.0.0.1"
_LARGEST_REQUEST_BYTES = 256 * 1024 * 1024  # a library of 100,000 stated items fits
_SHUTDOWN_POLL_SECONDS = 0.02
_PACED_BLOCK_BYTES = 16 * 1024
_CLOSE_WITH_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST instead of FIN

type Application = Callable[[Request], Answer]


class LoopbackServer(ThreadingHTTPServer):
    """Serves an application on one port of the loopback interface, one thread per connection.

    Args:
        application: answers each request.
        port: 0 takes any free one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = False  # so that server_close() waits for them: nothing is left behind
    request_queue_size = 128

    def __init__(self, application: Application, *, port: int) -> None:
        self.application = application
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__((LOOPBACK, port), _Handler)
        self._acceptor = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": _SHUTDOWN_POLL_SECONDS}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def start(self) -> None:
        """Begins to accept connections."""
        self._acceptor.start()

    def stop(self) -> None:
        """Closes every connection, waits for their threads, and frees the port."""
        self.stopping.set()
        self.shutdown()
        self._acceptor.join()
        with self._connections_lock:
            for connection in self._connections:
                _shut_down(connection)
        self.server_close()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is the client's business; everything else is a bug of the simulator and must be seen.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "GoProCloudSimulator"
    sys_version = ""
    disable_nagle_algorithm = True
    server: LoopbackServer

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

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Writes nothing: request lines hold signatures and tokens."""

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > _LARGEST_REQUEST_BYTES:
            self.send_error(411)
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _deliver(self, answer: Answer) -> None:
        delivery = answer.delivery
        if self.server.stopping.wait(delivery.latency_seconds) or delivery.is_reset:
            self.server.stopping.wait(delivery.stall_seconds)
            self._reset()
            return
        self._send_head(answer)
        if self.command != "HEAD":
            self._send_body(answer)
        if delivery.cut_after_bytes is not None:
            self.server.stopping.wait(delivery.stall_seconds)
            self.close_connection = True
            _shut_down(self.connection)

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(answer.body_bytes))
        self.end_headers()

    def _send_body(self, answer: Answer) -> None:
        started, sent = time.monotonic(), 0
        for block in _blocks_to_send(answer):
            if answer.record:
                # Counted first: a client that has the last byte must find it in the record.
                answer.record.bytes_sent += len(block)
            self.wfile.write(block)
            sent += len(block)
            if answer.delivery.bytes_per_second:
                due = started + sent / answer.delivery.bytes_per_second
                if self.server.stopping.wait(max(due - time.monotonic(), 0)):
                    raise ConnectionAbortedError("the simulator stops")

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_WITH_RESET)
        self.connection.close()


def _blocks_to_send(answer: Answer) -> Iterator[memoryview]:
    delivery = answer.delivery
    left = answer.body_bytes if delivery.cut_after_bytes is None else min(delivery.cut_after_bytes, answer.body_bytes)
    for position, whole in enumerate(_blocks(answer.body)):
        block = _with_first_byte_flipped(whole) if delivery.flips_first_byte and position == 0 else whole
        step = _PACED_BLOCK_BYTES if delivery.bytes_per_second else max(len(block), 1)
        for start in range(0, min(len(block), left), step):
            yield block[start : min(start + step, left)]
        left -= len(block)
        if left <= 0:
            return


def _blocks(body: bytes | FilePiece) -> Iterator[memoryview]:
    return iter([memoryview(body)]) if isinstance(body, bytes) else body.content.blocks(body.start, body.stop)


def _with_first_byte_flipped(block: memoryview) -> memoryview:
    return memoryview(bytes([block[0] ^ 0xFF]) + bytes(block[1:]))


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was faster
