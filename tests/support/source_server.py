"""The simulator's CDN with one file on it, whose bytes and ETag a test sets as it likes."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, override
from urllib.parse import parse_qs, urlsplit

from local.simulator import Fault, Library, RecordedRequest, Settings, SimulatedItem, SourceFile
from local.simulator.cdn import Cdn, requested_range
from local.simulator.cloud import SimulatedCloud
from local.simulator.content import BLOCK_BYTES, Content
from local.simulator.download_descriptor import FileAddress
from local.simulator.http_messages import Answer, Request
from local.simulator.http_server import SimulatorServer

_ADDRESS = FileAddress(media_id="ab01", label="source", item_number=1, extension="MP4")


class SourceServer:
    """Use as a context manager; ``sign`` is the ``resolve_url`` of a transfer.

    Attributes:
        etag: without quotes; None sends none.
        headers: sent with every answer, instead of what would be sent under that name.
        odd_query: ends the signed query of every URL.
        on_request: told where the asked range begins, before it is answered.
    """

    def __init__(self, content: bytes, *, certificate: Path | None = None) -> None:
        self.content = content
        self.etag: str | None = "c0ffee-1"
        self.headers: dict[str, str] = {}
        self.odd_query = ""
        self.on_request: Callable[[int], None] = lambda _: None
        self._signatures: list[str] = []
        self._lock = threading.Lock()
        self._cloud = _CloudOfOneFile(self)
        self._cdn = Cdn(self._cloud)
        self._server = _CountingServer(self._answer, port=0, certificate=certificate)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def connections(self) -> int:
        """How many were made."""
        return self._server.connections

    @property
    def requests(self) -> list[RecordedRequest]:
        """What was asked, in order."""
        return self._cloud.requests.all()

    def forget_requests(self) -> None:
        """As if nothing had been asked."""
        self._cloud.requests.clear()

    def fail(self, *faults: Fault, hits_probe: bool = False) -> None:
        """Switches these faults on and all others off; the probe for one byte is spared unless it is to be hit."""
        self._cloud.faults.replace(dataclasses.replace(fault, spares_probe=not hits_probe) for fault in faults)

    def sign(self) -> str:
        """Returns a new URL; older ones stay good until `expire`."""
        with self._lock:
            url = self._cloud.signer.sign(
                method="GET",
                base_url=self._server.url,
                path=_ADDRESS.path,
                filename=f"secret-{self.signed + 1}.MP4",
                lifetime_seconds=3600,
                odd_query=self.odd_query,
            )
            self._signatures += parse_qs(urlsplit(url).query)["Signature"]
        return url

    @property
    def signed(self) -> int:
        """How many URLs there have been."""
        return len(self._signatures)

    def is_told_by(self, text: str) -> bool:
        """Whether a text holds a part of a query that gives access."""
        return "secret-" in text or any(signature in text for signature in self._signatures)

    def expire(self) -> None:
        """Lets all URLs signed so far be refused."""
        self._cloud.signer.revoke_all()

    def _answer(self, request: Request) -> Answer:
        asked = requested_range(request.headers.get("range"), sys.maxsize)
        self.on_request(asked.start if asked else 0)
        answer = self._cdn(request)
        headers = {name: value for name, value in answer.headers.items() if name != "ETag" or self.etag is not None}
        return dataclasses.replace(answer, headers=headers | self.headers)


class _CountingServer(SimulatorServer):
    connections = 0

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class _CloudOfOneFile(SimulatedCloud):
    def __init__(self, source: SourceServer) -> None:
        file = _SetFile(seed="", source=source)
        super().__init__(Library([SimulatedItem(media_id=_ADDRESS.media_id, chapters=(file,))]), Settings())
        self._source = source

    @override
    def etag(self, file: SourceFile) -> str:
        return f'"{self._source.etag}"'


@dataclass(frozen=True, kw_only=True)
class _SetFile(SourceFile):
    source: SourceServer

    @override
    def open(self) -> Content:
        return _SetContent(self.source.content)


class _SetContent:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    @property
    def size_bytes(self) -> int:
        return len(self._data)

    def blocks(self, start: int, stop: int) -> Iterator[memoryview]:
        for begin in range(start, stop, BLOCK_BYTES):
            yield self._data[begin : min(begin + BLOCK_BYTES, stop)]
