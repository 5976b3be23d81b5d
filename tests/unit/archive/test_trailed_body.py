"""The frames of a body are the announced number of bytes, and S3's own reading of them gives the content again."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive import trailed_body
from gopro_sync.archive.integrity import StreamHasher
from gopro_sync.archive.trailed_body import CHECKSUM_HEADER, TrailedBody
from local.aws_chunked import AwsChunkedBody, PlainBody

CHUNK: Final = 8192


def framed(blocks: list[bytes]) -> tuple[dict[str, str], bytes, str]:
    """The headers, the body, and the checksum of the content."""
    hasher = StreamHasher()
    size_bytes = sum(map(len, blocks))

    def passing() -> list[bytes]:
        for block in blocks:
            hasher.update(block)
        return blocks

    body = TrailedBody(passing(), size_bytes=size_bytes, checksum=lambda: hasher.crc64nvme)
    return dict(body.headers), b"".join(body), str(hasher.crc64nvme)


def read(headers: dict[str, str], body: bytes) -> tuple[bytes, dict[str, str]]:
    lower = {name.lower(): value for name, value in headers.items()}
    plain = PlainBody(BytesIO(body), len(body))
    reading = AwsChunkedBody(plain, lower | {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
    content, block = bytearray(), memoryview(bytearray(1000))
    while count := reading.readinto(block):
        content += block[:count]
    assert plain.readinto(block) == 0
    return bytes(content), reading.trailers


@given(
    blocks=st.lists(st.integers(0, 3 * CHUNK).map(lambda size: bytes(range(256)) * (size // 256) + b"x"), max_size=6)
)
def test_what_is_framed_is_read_again_with_its_checksum(blocks: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as small:
        small.setattr(trailed_body, "_CHUNK_BYTES", CHUNK)
        headers, body, checksum = framed(blocks)
    assert int(headers["Content-Length"]) == len(body)
    assert read(headers, body) == (b"".join(blocks), {CHECKSUM_HEADER: checksum})


def test_an_empty_body_is_framed_too() -> None:
    headers, body, checksum = framed([])
    assert int(headers["Content-Length"]) == len(body)
    assert read(headers, body) == (b"", {CHECKSUM_HEADER: checksum})


def test_no_block_is_copied() -> None:
    block = bytes(1000)
    body = TrailedBody([block], size_bytes=len(block), checksum=lambda: StreamHasher().crc64nvme)
    assert any(isinstance(piece, memoryview) and piece.obj is block for piece in body)


def test_a_body_that_breaks_off_has_no_end() -> None:
    def breaking_off() -> object:
        yield b"some"
        raise ConnectionError

    sent: list[bytes] = []
    with pytest.raises(ConnectionError):
        sent.extend(
            bytes(piece)
            for piece in TrailedBody(breaking_off(), size_bytes=9, checksum=lambda: StreamHasher().crc64nvme)  # type: ignore[arg-type]
        )
    assert CHECKSUM_HEADER.encode() not in b"".join(sent)
