"""A request and an answer as plain values, so that both servers can be tested without a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from local.simulator.content import Content
from local.simulator.recording import RecordedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the client sent.

    Args:
        target: path and query, as in the request line.
        headers: names in lower case.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The last value of each name."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePiece:
    """The bytes ``[start, stop)`` of a file, as the body of an answer."""

    content: Content
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How an answer travels; by default at once, whole and unharmed.

    Args:
        latency_seconds: before the first byte.
        bytes_per_second: the most that the body gets.
        cut_after_bytes: so much of the body is sent, then the connection is closed.
        stall_seconds: before a cut or a reset.
        is_reset: the connection is reset: after the cut, or before anything is sent.
        surplus_bytes: so many zeros follow the body.
        flips_first_byte: the first byte of the body is another one.
        drip_seconds: so long after each single byte, from the status line on.
    """

    latency_seconds: float = 0
    bytes_per_second: int | None = None
    cut_after_bytes: int | None = None
    stall_seconds: float = 0
    is_reset: bool = False
    surplus_bytes: int = 0
    flips_first_byte: bool = False
    drip_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server sends back.

    Args:
        body: bytes, or a piece of a file that is streamed.
        record: is completed while the body is on its way.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FilePiece = b""
    delivery: Delivery = field(default_factory=Delivery)
    record: RecordedRequest | None = None

    @property
    def body_bytes(self) -> int:
        """The length of the body."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.stop - self.body.start


def json_answer(status: int, document: object) -> Answer:
    """Return an answer that carries JSON."""
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(document).encode())


def html_answer(status: int, title: str) -> Answer:
    """Return a web page, such as the edge in front of GoPro sends instead of an answer."""
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Answer(status=status, headers={"Content-Type": "text/html"}, body=page.encode())
