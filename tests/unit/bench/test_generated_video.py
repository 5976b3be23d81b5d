from __future__ import annotations

import hashlib
import re

from awscrt import checksums
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.generated_video import PERIOD_BYTES, crc64nvme_of, pieces, s3_etag_of

MIB = 1024 * 1024


def read(offset: int, size_bytes: int) -> bytes:
    return b"".join(bytes(piece) for piece in pieces(offset, size_bytes, piece_bytes=MIB))


@given(
    offset=st.integers(0, 3 * PERIOD_BYTES), size_bytes=st.integers(0, 3 * MIB), piece_bytes=st.integers(64 * 1024, MIB)
)
@settings(max_examples=30, deadline=None)
def test_a_range_is_the_same_bytes_however_it_is_cut(offset: int, size_bytes: int, piece_bytes: int) -> None:
    whole = b"".join(bytes(piece) for piece in pieces(offset, size_bytes, piece_bytes=piece_bytes))
    assert len(whole) == size_bytes
    assert whole == read(offset, size_bytes // 3) + read(offset + size_bytes // 3, size_bytes - size_bytes // 3)


def test_the_checksum_is_that_of_the_bytes() -> None:
    for size_bytes in (1, PERIOD_BYTES - 1, PERIOD_BYTES, 2 * PERIOD_BYTES + 12_345):
        assert crc64nvme_of(size_bytes) == checksums.crc64nvme(read(0, size_bytes)), size_bytes


def test_no_two_parts_are_alike() -> None:
    parts = [read(number * 5 * MIB, 64) for number in range(200)]
    assert len(set(parts)) == len(parts), "swapped parts would go unnoticed"


def test_the_etag_is_the_md5_of_the_md5s_of_20_mib_parts() -> None:
    first, second = read(0, 20 * MIB), read(20 * MIB, 5 * MIB)
    digests = hashlib.md5(first).digest() + hashlib.md5(second).digest()
    assert s3_etag_of(25 * MIB) == f"{hashlib.md5(digests).hexdigest()}-2"
    assert re.fullmatch(r"[0-9a-f]{32}-1", s3_etag_of(1))
