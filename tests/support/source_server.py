"""A CDN on loopback that serves one file by signed URLs and ranges, and misbehaves on demand."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

from local.loopback_server import LoopbackHandler, LoopbackServer

FaultName = Literal[
    "status",  # answer `status`
    "range_ignored",  # 200 with the whole file
    "short_body",  # the connection ends after half the range
    "empty_body",
    "html_page",  # a web page with status 206 and the right Content-Range
    "wrong_range",  # as many bytes, from elsewhere
    "longer_body",  # more bytes than the range that it states
    "encoded_body",  # says that it is compressed
    "etag_changed",
    "total_changed",
    "reset",  # RST after half the range
    "stall",  # half the range, then silence
    "slow",  # every block takes `seconds`
]


@dataclass(slots=True, kw_only=True)
class SourceFault:
    """Misbehaviour at the next ``count`` requests, after ``skip`` good ones; the probe for one byte is spared."""

    name: FaultName
    count: int = 1_000_000
    skip: int = 0
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.05
    hits_probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """What a client asked for; ``secret_headers`` names headers that must never reach a CDN."""

    byte_range: str | None
    status: int
    secret_headers: tuple[str, ...]


@dataclass(slots=True)
class SourceServer:
    """Use as a context manager; ``sign`` is the ``resolve_url`` of a transfer."""

    content: bytes
    etag: str | None = "c0ffee-1"
    faults: list[SourceFault] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every answer, instead of what would be sent under that name."""
    requests: list[SourceRequest] = field(default_factory=list)
    signed: int = 0
    valid_from: int = 1
    on_request: Callable[[int], None] = lambda _: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)
    _server: LoopbackServer | None = None

    def __enter__(self) -> Self:
        source: SourceServer = self

        class Handler(_SourceHandler):
            server_state = source

        self._server = LoopbackServer(Handler)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.released.set()
        self._server.stop()

    def sign(self) -> str:
        """Returns a new URL; older ones stay good until ``expire``."""
        assert self._server is not None
        with self.lock:
            self.signed += 1
            return f"{self._server.url}/video?Signature=secret-{self.signed}"

    def expire(self) -> None:
        """Lets all URLs signed so far be refused."""
        self.valid_from = self.signed + 1

    def fault_for(self, size_bytes: int) -> SourceFault | None:
        """Takes the fault that this request meets, if any."""
        with self.lock:
            for fault in self.faults:
                if size_bytes == 1 and not fault.hits_probe:
                    continue
                if fault.skip:
                    fault.skip -= 1
                elif fault.count:
                    fault.count -= 1
                    return fault
        return None


class _SourceHandler(LoopbackHandler, BaseHTTPRequestHandler):
    server_state: SourceServer

    def do_GET(self) -> None:
        state = self.server_state
        signature = int(parse_qs(urlsplit(self.path).query)["Signature"][0].removeprefix("secret-"))
        first, last = (int(n) for n in self.headers["Range"].removeprefix("bytes=").split("-"))
        state.on_request(first)
        if signature < state.valid_from:
            self._answer(403, b"<Error>expired</Error>")
        elif first >= len(state.content):
            self._answer(416, b"", {"Content-Range": f"bytes */{len(state.content)}"})
        else:
            self._serve(first, min(last, len(state.content) - 1), state.fault_for(last - first + 1))

    def _serve(self, first: int, last: int, fault: SourceFault | None) -> None:
        content = self.server_state.content
        name = fault.name if fault else None
        body = memoryview(content)[first : last + 1]
        total, etag = len(content), self.server_state.etag
        if name == "total_changed":
            total += 1
        if name == "etag_changed":
            etag = "0ther-1"
        headers = {"Content-Range": f"bytes {first}-{last}/{total}", **({"ETag": f'"{etag}"'} if etag else {})}
        if fault is None or name in {"total_changed", "etag_changed"}:
            self._answer(206, body, headers)
        elif name == "status":
            self._answer(fault.status, b"no", {"Retry-After": fault.retry_after} if fault.retry_after else {})
        elif name == "range_ignored":
            self._answer(200, content)
        elif name == "empty_body":
            self._answer(206, b"", headers)
        elif name == "html_page":
            self._answer(206, b"<html>" + bytes(body[6:]), headers | {"Content-Type": "text/html; charset=utf-8"})
        elif name == "wrong_range":
            self._answer(206, body, headers | {"Content-Range": f"bytes {first + 1}-{last + 1}/{total}"})
        elif name == "longer_body":
            self._answer(206, bytes(body) + b"more", headers)
        elif name == "encoded_body":
            self._answer(206, body, headers | {"Content-Encoding": "gzip"})
        else:
            self._break_off(body, headers, fault)

    def _break_off(self, body: memoryview, headers: dict[str, str], fault: SourceFault) -> None:
        self._start(206, len(body), headers)
        if fault.name == "slow":
            for start in range(0, len(body), 256 * 1024):
                self.wfile.write(body[start : start + 256 * 1024])
                time.sleep(fault.seconds)
            return
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True
        if fault.name == "stall":
            self.server_state.released.wait(30)
        if fault.name == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _answer(self, status: int, body: bytes | memoryview, headers: dict[str, str] | None = None) -> None:
        self._start(status, len(body), headers or {})
        self.wfile.write(body)

    def _start(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.server_state.requests.append(
            SourceRequest(
                byte_range=self.headers["Range"],
                status=status,
                secret_headers=tuple(name for name in ("Authorization", "Cookie") if name in self.headers),
            )
        )
        self.send_response(status)
        for name, value in (
            {"Content-Type": "binary/octet-stream", "Content-Length": str(length)} | headers | self.server_state.headers
        ).items():
            self.send_header(name, value)
        self.end_headers()
