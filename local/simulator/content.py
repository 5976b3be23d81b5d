"""The bytes that the simulated CDN serves: generated files of any size, and real files.

Both offer random access, so that eight readers of eight ranges never wait for each other, and both compute their
SHA-256 and ETag from the bytes that they serve.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

BLOCK_BYTES = 1024 * 1024
DEFAULT_ETAG_PART_BYTES = 20 * 1024 * 1024  # S3 part sizes of 20 MiB and 100 MiB were observed by open-source clients

_FTYP_BOX = (20).to_bytes(4) + b"ftyp" + b"mp41" + (0x20130118).to_bytes(4) + b"mp41"
_MDAT_LENGTH_FOLLOWS = 1  # ISO/IEC 14496-12: a size of 1 says that a 64-bit size follows the box type


class Content(Protocol):
    """A file with random access."""

    @property
    def size_bytes(self) -> int:
        """How long the file is."""

    def blocks(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes ``[start, stop)`` in blocks of at most `BLOCK_BYTES`."""


class GeneratedContent:
    """A file of any size that exists nowhere: it is computed from its seed, block by block, at memory speed.

    It opens like an MP4 (``ftyp``, a ``free`` box with a digest of the seed, ``mdat``). The media data is one 1 MiB
    pattern, rotated by another distance in every block, so no two blocks and no two seeds give the same bytes, and yet
    20 GB cost no memory.
    """

    def __init__(self, *, seed: str, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        digest = hashlib.sha256(seed.encode()).digest()
        self._first_rotation = int.from_bytes(digest[:4]) % BLOCK_BYTES
        # An odd step visits all rotations before one comes again.
        self._rotation_step = int.from_bytes(digest[4:8]) % BLOCK_BYTES | 1
        self._header = _mp4_header(seed_digest=digest, size_bytes=size_bytes)[:size_bytes]

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return self._size_bytes

    def blocks(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes ``[start, stop)`` in blocks of at most `BLOCK_BYTES`."""
        if start < len(self._header) and start < stop:
            yield memoryview(self._header)[start:stop]
            start = len(self._header)
        pattern = memoryview(_doubled_pattern())
        while start < stop:
            index, offset = divmod(start, BLOCK_BYTES)
            length = min(BLOCK_BYTES - offset, stop - start)
            begin = (self._first_rotation + index * self._rotation_step) % BLOCK_BYTES + offset
            yield pattern[begin : begin + length]
            start += length


class FileContent:
    """A real file on this machine.

    Raises:
        OSError: the file cannot be read.
        EOFError: it became shorter while it was served.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size_bytes = path.stat().st_size

    @property
    def size_bytes(self) -> int:
        """How long the file was when the library was made."""
        return self._size_bytes

    def blocks(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the bytes ``[start, stop)`` in blocks of at most `BLOCK_BYTES`."""
        with self._path.open("rb", buffering=0) as file:
            while start < stop:
                block = os.pread(file.fileno(), min(BLOCK_BYTES, stop - start), start)
                if not block:
                    raise EOFError(f"{self._path.name} became shorter while it was served")
                yield memoryview(block)
                start += len(block)


def sha256_of(content: Content) -> str:
    """Return the SHA-256 of all bytes of `content`, in hex."""
    digest = hashlib.sha256()
    for block in content.blocks(0, content.size_bytes):
        digest.update(block)
    return digest.hexdigest()


def s3_etag_of(content: Content, part_size_bytes: int) -> str:
    """Return S3's ETag of a multipart upload: the MD5 of the parts' MD5s, and their number.

    Even a single part gets ``-1``, as observed on GoPro's files: they are all uploaded in parts.
    """
    digests = []
    for start in range(0, max(content.size_bytes, 1), part_size_bytes):
        part = hashlib.md5(usedforsecurity=False)
        for block in content.blocks(start, min(start + part_size_bytes, content.size_bytes)):
            part.update(block)
        digests.append(part.digest())
    return f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"'


class DigestCache[Key]:
    """Costly digests: each is computed once, on first use, however many callers want it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Key, threading.Lock] = {}
        self._values: dict[Key, str] = {}

    def get(self, key: Key, compute: Callable[[], str]) -> str:
        """Return the digest kept for `key`, after computing it if there is none."""
        with self._lock:
            key_lock = self._locks.setdefault(key, threading.Lock())
        with key_lock:
            if key not in self._values:
                self._values[key] = compute()
            return self._values[key]


def _mp4_header(*, seed_digest: bytes, size_bytes: int) -> bytes:
    free_box = (8 + len(seed_digest)).to_bytes(4) + b"free" + seed_digest
    mdat_bytes = max(size_bytes - len(_FTYP_BOX) - len(free_box), 0)
    mdat_start = _MDAT_LENGTH_FOLLOWS.to_bytes(4) + b"mdat" + mdat_bytes.to_bytes(8)
    return _FTYP_BOX + free_box + mdat_start


@lru_cache(maxsize=1)
def _doubled_pattern() -> bytes:
    """Return one block of noise, twice in a row: each rotation of it is a slice, which costs nothing."""
    pattern = random.Random("gopro-cloud-simulator").randbytes(BLOCK_BYTES)  # noqa: S311 - reproducible noise is the point
    return pattern + pattern
