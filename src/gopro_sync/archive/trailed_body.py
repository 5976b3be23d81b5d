"""The body of an upload with its checksum behind it: S3 compares, and keeps nothing that was damaged on the way.

The checksum is known only once the last byte was read, so it cannot be among the headers. What to announce instead, and
how to frame the body: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html. Nothing is copied: the frames go
out between the blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from gopro_sync.archive.integrity import Crc64Nvme

CHECKSUM_HEADER: Final = "x-amz-checksum-crc64nvme"
# Each chunk costs one small write. S3 accepts chunks of 8 KiB and more and names no upper limit; AWS's own transfer
# library sends each part as one (awslabs/aws-c-s3, s3_chunk_stream.c), while MinIO, which may stand in for S3, accepts
# at most 16 MiB (minio/minio, cmd/streaming-signature-v4.go).
_CHUNK_BYTES: Final = 8 * 1024 * 1024
_CHECKSUM_LENGTH: Final = 12  # eight bytes in base64


class TrailedBody:
    """A body as S3 reads it, to be iterated over once.

    Args:
        blocks: the content.
        size_bytes: how many bytes ``blocks`` has.
        checksum: returns the checksum of the content; called once all of it has passed.
    """

    def __init__(self, blocks: Iterable[bytes], *, size_bytes: int, checksum: Callable[[], Crc64Nvme]) -> None:
        self._blocks = blocks
        self._size_bytes = size_bytes
        self._checksum = checksum

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that announce the body; to be signed."""
        return {
            "Content-Encoding": "aws-chunked",
            "Content-Length": str(self._encoded_bytes()),
            "x-amz-decoded-content-length": str(self._size_bytes),
            "x-amz-trailer": CHECKSUM_HEADER,
        }

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Yield blocks and frames alternately; errors of the blocks pass unchanged and leave the body incomplete."""
        missing, room = self._size_bytes, 0
        for block in self._blocks:
            rest = memoryview(block)
            while rest:
                if not room:
                    room = min(_CHUNK_BYTES, missing)
                    yield _frame(room, is_first=missing == self._size_bytes)
                yield rest[:room]
                sent = min(room, len(rest))
                rest, room, missing = rest[sent:], room - sent, missing - sent
        yield _end(str(self._checksum()), is_empty=not self._size_bytes)

    def _encoded_bytes(self) -> int:
        whole, rest = divmod(self._size_bytes, _CHUNK_BYTES)
        sizes = [_CHUNK_BYTES] * whole + ([rest] if rest else [])
        frames = sum(len(_frame(size, is_first=position == 0)) for position, size in enumerate(sizes))
        return self._size_bytes + frames + len(_end("=" * _CHECKSUM_LENGTH, is_empty=not sizes))


def _frame(size_bytes: int, *, is_first: bool) -> bytes:
    """Return the bytes between two chunks: the end of the one, and the size of the other."""
    return b"%b%x\r\n" % (b"" if is_first else b"\r\n", size_bytes)


def _end(checksum: str, *, is_empty: bool) -> bytes:
    return b"%b0\r\n%b:%b\r\n\r\n" % (b"" if is_empty else b"\r\n", CHECKSUM_HEADER.encode(), checksum.encode())
