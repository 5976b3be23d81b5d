"""Keep bodies in files: an object of many gigabytes is a list of the files that its parts arrived in.

Nothing is joined or copied. A body can be measured, cut, hashed and read in blocks, as bytes can; anything else that
bytes can do fails loudly. A file is removed once no object, version or open upload refers to it.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Self
from uuid import uuid4
from weakref import finalize

from awscrt import checksums

BLOCK_BYTES = 256 * 1024

_CRCS: dict[str, Callable[[memoryview, int], int]] = {"CRC32": zlib.crc32, "CRC32C": checksums.crc32c}


class StoredFile:
    """A file with the body of one request, which is removed when nobody refers to it any more.

    Args:
        folder: where it is.
        readinto: fills a block with what comes next; returns how many bytes that is, 0 at the end.

    Attributes:
        path: its path.
        size_bytes: how long it is.
        md5: of all of it.
        crc64nvme: of all of it.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """

    def __init__(self, folder: Path, readinto: Callable[[memoryview], int]) -> None:
        self.path = folder / uuid4().hex
        self.size_bytes = 0
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.crc64nvme = 0
        finalize(self, self.path.unlink, missing_ok=True)
        try:
            self._write(readinto)
        except BaseException:
            self.path.unlink(missing_ok=True)  # at once: the error still refers to this
            raise

    def _write(self, readinto: Callable[[memoryview], int]) -> None:
        block = memoryview(bytearray(BLOCK_BYTES))
        with self.path.open("xb") as file:
            while count := readinto(block):
                received = block[:count]
                file.write(received)
                self.md5.update(received)
                self.crc64nvme = checksums.crc64nvme(received, self.crc64nvme)
                self.size_bytes += count


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The bytes ``[start, stop)`` of a file, or of what came without one."""

    source: StoredFile | bytes
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def cut(self, start: int, stop: int) -> _Stretch:
        return _Stretch(self.source, self.start + max(start, 0), self.start + min(stop, len(self)))

    def whole_file(self) -> StoredFile | None:
        is_whole = isinstance(self.source, StoredFile) and len(self) == self.source.size_bytes
        return self.source if isinstance(self.source, StoredFile) and is_whole else None

    def blocks(self) -> Iterator[memoryview]:
        if isinstance(self.source, bytes):
            yield memoryview(self.source)[self.start : self.stop]
            return
        with self.source.path.open("rb", buffering=0) as file:
            position = self.start
            while position < self.stop:
                block = os.pread(file.fileno(), min(BLOCK_BYTES, self.stop - position), position)
                if not block:
                    raise EOFError(f"{self.source.path} became shorter")
                yield memoryview(block)
                position += len(block)

    def crc64nvme(self) -> int:
        file = self.whole_file()
        if file is not None:
            return file.crc64nvme
        return reduce(lambda value, block: checksums.crc64nvme(block, value), self.blocks(), 0)


class StoredBytes:
    """A body in files; it never changes.

    Args:
        stretches: pieces of files, in order.

    Attributes:
        stretches: the same, without empty ones.
    """

    def __init__(self, stretches: Iterable[_Stretch]) -> None:
        self.stretches = tuple(stretch for stretch in stretches if len(stretch))
        self._size_bytes = sum(map(len, self.stretches))

    @classmethod
    def of(cls, file: StoredFile) -> Self:
        """Return a body that is all of one file."""
        return cls([_Stretch(file, 0, file.size_bytes)])

    @classmethod
    def joined(cls, bodies: Iterable[StoredBytes | bytes]) -> Self:
        """Return bodies one after another, without reading them."""
        return cls(
            stretch
            for body in bodies
            for stretch in (body.stretches if isinstance(body, StoredBytes) else [_Stretch(body, 0, len(body))])
        )

    def __len__(self) -> int:
        return self._size_bytes

    def __getitem__(self, piece: slice) -> StoredBytes:
        start, stop, _step = piece.indices(self._size_bytes)
        stop = max(start, stop)  # `bytes` also answer a piece that ends before it begins with nothing
        cut, offset = [], 0
        for stretch in self.stretches:
            if start < offset + len(stretch) and offset < stop:
                cut.append(stretch.cut(start - offset, stop - offset))
            offset += len(stretch)
        return StoredBytes(cut)

    def __bytes__(self) -> bytes:
        return b"".join(self.blocks())

    def __deepcopy__(self, _copied: object) -> Self:
        return self

    def blocks(self) -> Iterator[memoryview]:
        """Yield all bytes, in blocks of at most `BLOCK_BYTES` where they come from a file.

        Raises:
            OSError: a file cannot be read.
            EOFError: a file became shorter.
        """
        for stretch in self.stretches:
            yield from stretch.blocks()

    def hashed(self, algorithm: str) -> Any:
        """Return a hash object of `hashlib` that has seen all bytes."""
        file = self.stretches[0].whole_file() if len(self.stretches) == 1 else None
        if algorithm == "md5" and file is not None:
            return file.md5.copy()
        digest = hashlib.new(algorithm, usedforsecurity=False)
        for block in self.blocks():
            digest.update(block)
        return digest

    def crc64nvme(self) -> int:
        """Return the checksum of all bytes, from those of the files as far as they are used whole."""
        return reduce(
            lambda value, stretch: checksums.combine_crc64nvme(value, stretch.crc64nvme(), len(stretch)),
            self.stretches,
            0,
        )

    def checksum(self, algorithm: str) -> bytes | None:
        """Return a checksum as S3 defines it, most significant byte first; None if there is no such algorithm.

        Args:
            algorithm: CRC64NVME, CRC32, CRC32C, SHA1 or SHA256.
        """
        if algorithm == "CRC64NVME":
            return self.crc64nvme().to_bytes(8)
        if algorithm in _CRCS:
            crc = _CRCS[algorithm]
            return reduce(lambda value, block: crc(block, value), self.blocks(), 0).to_bytes(4)
        if algorithm in {"SHA1", "SHA256"}:
            digest: bytes = self.hashed(algorithm.lower()).digest()
            return digest
        return None
