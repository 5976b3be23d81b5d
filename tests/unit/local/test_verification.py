"""An object is read range by range, and a connection that breaks costs nothing but a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, IncompleteReadError, ResponseStreamingError

from local import verification
from local.verification import ReadObject, read_object

CONTENT = bytes(range(256)) * 4


@dataclass
class Body:
    """A range of the content that breaks off after some bytes."""

    content: bytes
    error: Exception | None

    def iter_chunks(self, _size: int) -> Iterator[bytes]:
        yield from (self.content[start : start + 7] for start in range(0, len(self.content), 7))
        if self.error is not None:
            raise self.error


@dataclass
class S3:
    """An S3 with one object; each break is a number of bytes and an error, for one request after another."""

    breaks: list[tuple[int, Exception] | None] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    def head_object(self, **_where: str) -> dict[str, Any]:
        return {"ContentLength": len(CONTENT), "ETag": '"e"'}

    def get_object(self, *, Range: str, IfMatch: str, **_where: str) -> dict[str, Any]:  # noqa: N803  # boto3's names
        assert IfMatch == '"e"'
        self.ranges.append(Range)
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        whole = CONTENT[first : last + 1]
        size, error = (self.breaks.pop(0) if self.breaks else None) or (len(whole), None)
        return {"Body": Body(whole[:size], error)}


def broken() -> ResponseStreamingError:
    return ResponseStreamingError(error="IncompleteRead")


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_PIECE_BYTES", 400)


def test_a_large_object_is_read_in_pieces_and_every_byte_is_reported() -> None:
    s3, reported = S3(), list[int]()
    read = read_object(s3, bucket="b", key="k", on_bytes=reported.append)
    assert read == ReadObject(size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    assert s3.ranges == ["bytes=0-399", "bytes=400-799", "bytes=800-1023"]
    assert sum(reported) == len(CONTENT)


def test_a_connection_that_breaks_is_resumed_where_it_broke() -> None:
    ended_early = IncompleteReadError(actual_bytes=3, expected_bytes=400)
    s3 = S3([(100, broken()), None, (7, ended_early)])
    assert read_object(s3, bucket="b", key="k").sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert s3.ranges[:4] == ["bytes=0-399", "bytes=100-499", "bytes=500-899", "bytes=507-906"]


def test_connections_that_bring_nothing_are_given_up() -> None:
    s3 = S3([(100, broken())] + [(0, ConnectionClosedError(endpoint_url="https://127.0.0.1"))] * 9)
    with pytest.raises(ConnectionClosedError):
        read_object(s3, bucket="b", key="k")
    assert s3.ranges == ["bytes=0-399"] + ["bytes=100-499"] * 3
