"""Bodies in chunks, as HTTP frames them and as S3 does (``aws-chunked``), with the trailer that S3 reads behind them.

What S3 refuses is refused, with S3's own codes, which its documentation names only in part: they are those that others
have seen S3 answer, in https://github.com/versity/versitygw/issues/1660 and in the tests of OpenStack Swift that run
against AWS. How a trailer is announced and sent:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from io import BufferedIOBase
from typing import Final, Protocol

CHECKSUM_HEADER: Final = "x-amz-checksum-crc64nvme"
UNSIGNED_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_SMALLEST_CHUNK_BYTES: Final = 8192


class BodyRefusedError(Exception):
    """S3 does not take the body.

    Attributes:
        status: of the answer.
        code: in the answer.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def is_trailed(headers: Message | Mapping[str, str]) -> bool:
    """Return whether the body is framed and has a trailer.

    Args:
        headers: of the request, whose names are in lower case.

    Raises:
        BodyRefusedError: there is a trailer and no place for it. That has to be announced in headers that are signed,
            and the request is not signed in its headers, but in its URL or not at all.
    """
    is_streaming = (headers.get("x-amz-content-sha256") or "").startswith("STREAMING-")
    if (is_streaming or headers.get("x-amz-trailer")) and not (is_streaming and headers.get("authorization")):
        raise BodyRefusedError(400, "MalformedTrailerError")
    return is_streaming


class Body(Protocol):
    """What a body is read from."""

    def readinto(self, block: memoryview, /) -> int:
        """Fill the block with what comes next; return how many bytes that is, 0 at the end."""
        ...

    def readline(self) -> bytes:
        """Read to the end of the line, or of the body."""
        ...


class PlainBody:
    """A body of a known length.

    Args:
        connection: where it is read from.
        size_bytes: how much of what comes there belongs to it.
    """

    def __init__(self, connection: BufferedIOBase, size_bytes: int) -> None:
        self._connection = connection
        self._left = size_bytes

    def readinto(self, block: memoryview, /) -> int:
        """Fill the block with what comes next; return how many bytes that is, 0 at the end.

        Raises:
            ConnectionError: the client went away.
        """
        count = self._connection.readinto(block[: self._left])
        if not count and self._left:
            raise ConnectionError("the client went away")
        self._left -= count
        return count

    def readline(self) -> bytes:
        """Read to the end of the line, or of the body."""
        line = self._connection.readline(self._left)
        self._left -= len(line)
        return line


class ChunkedBody:
    """A body in chunks, each after a line with its size in hexadecimal digits.

    Args:
        framed: where it is read from.
    """

    def __init__(self, framed: Body) -> None:
        self._framed = framed
        self._left = 0
        self._ended = False

    def readinto(self, block: memoryview, /) -> int:
        """Fill the block with what comes next; return how many bytes that is, 0 at the end.

        Raises:
            BodyRefusedError: it is not framed as it has to be.
            ConnectionError: the client went away.
        """
        if not self._left and not self._ended:
            self._begin_chunk()
        if self._ended:
            return 0
        count = self._framed.readinto(block[: self._left])
        if not count:
            raise _incomplete()
        self._left -= count
        if not self._left and self._line():
            raise _incomplete()
        return count

    def readline(self) -> bytes:
        """Read a line of an inner framing, which may begin in one chunk and end in the next."""
        line, byte = bytearray(), memoryview(bytearray(1))
        while not line.endswith(b"\n") and self.readinto(byte):
            line += byte
        return bytes(line)

    def _begin_chunk(self) -> None:
        size = self._line().partition(b";")[0]
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size):
            raise _incomplete()
        self._left = int(size, 16)
        if not self._left:
            self._ended = True
            self._end()

    def _end(self) -> None:
        while self._line():
            pass  # trailers, of HTTP's kind

    def _line(self) -> bytes:
        line = self._framed.readline()
        if not line.endswith(b"\r\n"):
            raise _incomplete()
        return line[:-2]


class AwsChunkedBody(ChunkedBody):
    """A body in S3's own framing, whose length and trailer are announced in the headers.

    Args:
        framed: where it is read from.
        headers: of the request.

    Attributes:
        trailers: what stood behind the body, once all of it is read.

    Raises:
        BodyRefusedError: the headers do not announce what they have to.
    """

    def __init__(self, framed: Body, headers: Message | Mapping[str, str]) -> None:
        super().__init__(framed)
        self.trailers: dict[str, str] = {}
        self._announced = {name.strip().lower() for name in (headers.get("x-amz-trailer") or "").split(",")} - {""}
        length = headers.get("x-amz-decoded-content-length")
        if length is None:
            raise BodyRefusedError(411, "MissingContentLength")
        if not re.fullmatch(r"[0-9]{1,19}", length):
            raise BodyRefusedError(400, "InvalidArgument")
        if headers.get("x-amz-content-sha256") == UNSIGNED_TRAILER and not self._announced:
            raise BodyRefusedError(400, "MalformedTrailerError")
        self._missing = int(length)
        self._chunk_bytes: int | None = None

    def _begin_chunk(self) -> None:
        super()._begin_chunk()
        if self._ended:
            return
        if self._chunk_bytes is not None and self._chunk_bytes < _SMALLEST_CHUNK_BYTES:
            raise BodyRefusedError(403, "InvalidChunkSizeError")
        self._chunk_bytes = self._left
        self._missing -= self._left
        if self._missing < 0:
            raise _incomplete()

    def _end(self) -> None:
        if self._missing:
            raise _incomplete()
        while line := self._line():
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or name.strip().lower() in self.trailers:
                raise BodyRefusedError(400, "MalformedTrailerError")
            self.trailers[name.strip().lower()] = value.strip()
        if set(self.trailers) - {"x-amz-trailer-signature"} != self._announced:
            raise BodyRefusedError(400, "MalformedTrailerError")
        if not re.fullmatch(r"[A-Za-z0-9+/]{11}=", self.trailers.get(CHECKSUM_HEADER, "A" * 11 + "=")):
            raise BodyRefusedError(400, "InvalidRequest")


def _incomplete() -> BodyRefusedError:
    return BodyRefusedError(400, "IncompleteBody")
