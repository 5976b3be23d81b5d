"""The MD5s of the source's blocks in the parts of an upload, passed from one call to the next.

Without them, a file that takes several calls could not be compared with its source's ETag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gopro_sync.archive.integrity import Crc64Nvme

_MD5_BYTES: Final = 16
_CRC_BYTES: Final = 8
# 88 KB as text: enough for 21 GB in the smallest blocks. A DynamoDB item, where they are kept, holds at most 400 KB:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
MOST_BLOCKS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMd5s:
    """What is known of an upload's parts.

    Attributes:
        block_bytes: size of the blocks; each lies within one part.
        by_part: by part number, the CRC64NVME of the part's bytes (8 bytes) and the MD5s of its blocks, in order.
    """

    block_bytes: int
    by_part: Mapping[int, bytes]

    def of_part(self, number: int, crc64nvme: Crc64Nvme) -> tuple[bytes, ...] | None:
        """Return the MD5s of the blocks of a part; None unless they are known for a part with this checksum."""
        known = self.by_part.get(number, b"")
        digests = known[_CRC_BYTES:]
        if known[:_CRC_BYTES] != _raw(crc64nvme) or len(digests) != _MD5_BYTES * self._count_in(crc64nvme.size_bytes):
            return None
        return tuple(digests[start : start + _MD5_BYTES] for start in range(0, len(digests), _MD5_BYTES))

    def _count_in(self, size_bytes: int) -> int:
        return -(-size_bytes // self.block_bytes)


def block_md5s_of(block_bytes: int, parts: Mapping[int, tuple[Crc64Nvme, tuple[bytes, ...]]]) -> BlockMd5s | None:
    """Return what to remember; None where that would be more than a record holds.

    Args:
        block_bytes: size of the blocks.
        parts: by part number, its checksum and the MD5s of its blocks.
    """
    if sum(len(digests) for _, digests in parts.values()) > MOST_BLOCKS:
        return None
    by_part = {number: _raw(crc64nvme) + b"".join(digests) for number, (crc64nvme, digests) in parts.items()}
    return BlockMd5s(block_bytes=block_bytes, by_part=by_part)


def _raw(crc64nvme: Crc64Nvme) -> bytes:
    return crc64nvme.value.to_bytes(_CRC_BYTES, "big")
