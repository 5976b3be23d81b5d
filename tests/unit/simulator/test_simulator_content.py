"""Generated content is the same from whichever side it is read, and its digests are those of its bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulator import Library, Settings, SimulatedItem, SourceFile, cloud
from local.simulator.content import (
    BLOCK_BYTES,
    Content,
    DigestCache,
    FileContent,
    GeneratedContent,
    s3_etag_of,
    sha256_of,
)

LARGEST_TRIED_BYTES = 3 * BLOCK_BYTES + 7


def read(content: Content, start: int, stop: int) -> bytes:
    return b"".join(content.blocks(start, stop))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, LARGEST_TRIED_BYTES), st.data())
def test_any_range_equals_that_range_of_the_whole(size: int, data: st.DataObject) -> None:
    content = GeneratedContent(seed="a", size_bytes=size)
    start = data.draw(st.integers(0, size))
    stop = data.draw(st.integers(start, size))
    whole = read(content, 0, size)
    assert len(whole) == size
    assert read(content, start, stop) == whole[start:stop]


def test_blocks_are_never_larger_than_a_mebibyte() -> None:
    content = GeneratedContent(seed="a", size_bytes=LARGEST_TRIED_BYTES)
    assert max(len(block) for block in content.blocks(5, LARGEST_TRIED_BYTES)) <= BLOCK_BYTES


def test_no_two_blocks_are_equal_so_a_misplaced_part_is_noticed() -> None:
    content = GeneratedContent(seed="a", size_bytes=300 * BLOCK_BYTES)
    blocks = {hashlib.sha256(read(content, n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES)).digest() for n in range(300)}
    assert len(blocks) == 300


def test_small_files_of_ten_thousand_seeds_all_differ() -> None:
    digests = {sha256_of(GeneratedContent(seed=f"item-{n}", size_bytes=2048)) for n in range(10_000)}
    assert len(digests) == 10_000


def test_content_opens_like_an_mp4_whose_boxes_add_up() -> None:
    size = 5 * BLOCK_BYTES
    head = read(GeneratedContent(seed="a", size_bytes=size), 0, 76)
    assert head[4:8] == b"ftyp"
    free_start = int.from_bytes(head[:4])
    assert head[free_start + 4 : free_start + 8] == b"free"
    mdat_start = free_start + int.from_bytes(head[free_start : free_start + 4])
    assert head[mdat_start + 4 : mdat_start + 8] == b"mdat"
    assert mdat_start + int.from_bytes(head[mdat_start + 8 : mdat_start + 16]) == size


def test_a_file_of_twenty_gigabytes_is_read_anywhere_at_once() -> None:
    size = 20_000_000_000
    content = GeneratedContent(seed="a", size_bytes=size)
    assert len(read(content, size - 10, size)) == 10
    assert read(content, size - BLOCK_BYTES - 10, size - BLOCK_BYTES) != read(content, size - 10, size)


def test_a_real_file_is_served_as_it_is(tmp_path: Path) -> None:
    data = bytes(range(256)) * 8192 + b"tail"
    file = tmp_path / "real.mp4"
    file.write_bytes(data)
    content = FileContent(file)
    assert content.size_bytes == len(data)
    assert read(content, 1000, len(data)) == data[1000:]
    assert sha256_of(content) == hashlib.sha256(data).hexdigest()


def test_a_real_file_that_shrinks_is_not_served_short_in_silence(tmp_path: Path) -> None:
    file = tmp_path / "real.mp4"
    file.write_bytes(b"x" * 100)
    content = FileContent(file)
    file.write_bytes(b"x" * 10)
    with pytest.raises(EOFError, match=r"real\.mp4"):
        read(content, 0, 100)


@pytest.mark.parametrize(("size", "part", "parts"), [(0, 10, 1), (10, 10, 1), (11, 10, 2), (95, 10, 10)])
def test_etag_is_the_md5_of_the_part_md5s(size: int, part: int, parts: int) -> None:
    content = GeneratedContent(seed="a", size_bytes=size)
    whole = read(content, 0, size)
    digests = b"".join(hashlib.md5(whole[n * part : (n + 1) * part]).digest() for n in range(parts))
    assert s3_etag_of(content, part) == f'"{hashlib.md5(digests).hexdigest()}-{parts}"'


def test_a_digest_is_computed_once() -> None:
    cache = DigestCache[str]()
    calls: list[str] = []

    def compute() -> str:
        calls.append("call")
        return "digest"

    assert [cache.get("key", compute), cache.get("key", compute)] == ["digest", "digest"]
    assert len(calls) == 1


def test_the_etag_of_a_large_file_is_there_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []

    def etag(content: Content, _part_bytes: int) -> str:
        hashed.append(content.size_bytes)
        return '"e-1"'

    monkeypatch.setattr(cloud, "_SLOW_TO_HASH_BYTES", 1000)
    monkeypatch.setattr(cloud, "s3_etag_of", etag)
    small, large = SourceFile(size_bytes=999, seed="s"), SourceFile(size_bytes=1000, seed="l")
    simulated = cloud.SimulatedCloud(Library([SimulatedItem(media_id="m", chapters=(small, large))]), Settings())

    simulated.compute_slow_etags()

    assert (hashed, simulated.etag(large), hashed) == ([1000], '"e-1"', [1000])
