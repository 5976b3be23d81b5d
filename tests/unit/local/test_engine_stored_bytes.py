"""A body in files behaves like the bytes that it consists of, wherever it is cut."""

from __future__ import annotations

import base64
import copy
import gc
import hashlib
import io
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from awscrt import checksums
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from local.engine import stored_bytes
from local.engine.stored_bytes import StoredBytes, StoredFile
from tests.support.trailed_requests import crc64nvme


def stored(folder: Path, content: bytes) -> StoredBytes:
    return StoredBytes.of(StoredFile(folder, io.BytesIO(content).readinto))


def test_a_body_is_read_in_blocks_that_do_not_grow_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_bytes, "BLOCK_BYTES", 10)
    body = stored(tmp_path, bytes(range(95)))
    assert [len(block) for block in body.blocks()] == [10] * 9 + [5]
    assert bytes(body) == bytes(range(95))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(parts=[(b"abc", False)], cuts=[(-1, 1)])
@given(
    parts=st.lists(st.tuples(st.binary(max_size=20), st.booleans()), max_size=5),
    cuts=st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90)), max_size=3),
)
def test_a_joined_and_cut_body_is_what_bytes_would_be(
    tmp_path: Path, parts: list[tuple[bytes, bool]], cuts: list[tuple[int, int]]
) -> None:
    expected = b"".join(content for content, _ in parts)
    body = StoredBytes.joined(stored(tmp_path, content) if in_file else content for content, in_file in parts)
    for start, stop in cuts:
        body, expected = body[start:stop], expected[start:stop]

    assert (len(body), bool(body), bytes(body)) == (len(expected), bool(expected), expected)
    assert body.crc64nvme() == checksums.crc64nvme(expected)
    assert body.hashed("md5").digest() == hashlib.md5(expected, usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("CRC64NVME", lambda content: base64.b64decode(crc64nvme(content))),
        ("CRC32", lambda content: zlib.crc32(content).to_bytes(4)),
        ("CRC32C", lambda content: checksums.crc32c(content).to_bytes(4)),
        ("SHA1", lambda content: hashlib.sha1(content, usedforsecurity=False).digest()),
        ("SHA256", lambda content: hashlib.sha256(content).digest()),
        ("MD4", lambda _content: None),
    ],
)
def test_each_checksum_of_s3_is_that_of_the_bytes(
    tmp_path: Path, algorithm: str, expected: Callable[[bytes], bytes | None]
) -> None:
    body = StoredBytes.joined([stored(tmp_path, b"some "), b"more ", stored(tmp_path, b"bytes")])
    assert body.checksum(algorithm) == expected(b"some more bytes")


def test_a_file_goes_when_nothing_refers_to_it_any_more(tmp_path: Path) -> None:
    body = stored(tmp_path, b"0123456789")
    piece = copy.deepcopy(StoredBytes.joined([b"x", body])[4:7])
    del body
    gc.collect()
    assert bytes(piece) == b"345"
    del piece
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_body_that_breaks_off(tmp_path: Path) -> None:
    def readinto(_block: memoryview) -> int:
        raise ConnectionError("the client went away")

    with pytest.raises(ConnectionError):
        StoredFile(tmp_path, readinto)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_cut_short_is_no_whole_body(tmp_path: Path) -> None:
    body = stored(tmp_path, b"0123456789")
    next(tmp_path.iterdir()).write_bytes(b"01234")
    with pytest.raises(EOFError):
        bytes(body)
    assert b"".join(body[:5].blocks()) == b"01234"
