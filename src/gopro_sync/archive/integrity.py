"""Proof that the object in S3 is the file at GoPro, byte for byte.

There are two independent proofs. CRC64NVME is computed over the bytes as they leave for S3, and by S3 over the bytes
that it keeps. The source's own ETag is evidence: GoPro's files are in S3 too, and an S3 multipart ETag is the MD5 of
its parts' MD5s (observed by open-source clients; AWS guarantees neither the part size nor the formula, and says that
it may be no MD5: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).
"""

# ruff: noqa: PLC0415 - awscrt, twelve megabytes of native code, is imported with the first byte, not at each cold
# start.

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gopro_sync.archive.part_plan import MIB, PartLimits
from gopro_sync.errors import IntegrityError
from gopro_sync.values.outside_values import whole_number_or_none

# MD5 costs 1.7 CPU seconds a GB for each size: for a file of up to 100 MB, the only kind that one worker reads from
# start to end, half a second at most.
MOST_HASHED_AT_ONCE: Final = 3

_KIB: Final = 1024
_MB: Final = 1000 * 1000
# Part sizes that open-source clients have seen behind GoPro's ETags.
_OBSERVED_SOURCE_PART_BYTES: Final = (20 * MIB, 100 * MIB)
# What uploading clients use by default, for example 5 MiB (AWS's SDKs for JavaScript and Java,
# rclone), 8 MiB (AWS CLI, boto3), 15 MiB (s3cmd), 16 MiB (s3fs, AWS's C libraries), 5 to 100 MB where people choose.
_USUAL_SOURCE_PART_BYTES: Final = frozenset(
    count * unit for count in (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128) for unit in (MIB, _MB)
)
_AWS_LIMITS: Final = PartLimits()

_S3_ETAG = re.compile(r"\"?(?P<digest>[0-9a-f]{32})(?:-(?P<parts>[1-9][0-9]{0,4}))?\"?")


class SourceEtagProof(StrEnum):
    """The outcome of the comparison with the source's own ETag.

    MATCHED: the bytes match it. REREAD_EQUAL: they do not, but a second reading of the source returned the same bytes.
    UNDECIDABLE: there is no ETag, it is no MD5 of any form, or not all bytes could be hashed. NOT_CHECKED: not asked
    for, or known to be pointless for this library.
    """

    MATCHED = "MATCHED"
    REREAD_EQUAL = "REREAD_EQUAL"
    UNDECIDABLE = "UNDECIDABLE"
    NOT_CHECKED = "NOT_CHECKED"


# --- CRC64NVME -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Crc64Nvme:
    """CRC64NVME of a run of bytes, with its length, so that neighbours can be joined."""

    value: int
    size_bytes: int

    def __str__(self) -> str:
        """Return S3's form: base64 of the eight bytes, most significant first."""
        return base64.b64encode(self.value.to_bytes(8, "big")).decode()

    @classmethod
    def from_s3(cls, text: str, *, size_bytes: int) -> Crc64Nvme:
        """Read S3's form.

        Raises:
            IntegrityError: the text is not a CRC64NVME.
        """
        try:
            raw = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise IntegrityError(f"S3 reports something that is no checksum: {text[:40]!r}") from error
        if len(raw) != 8:
            raise IntegrityError(f"S3 reports a CRC64NVME of {len(raw)} bytes instead of 8")
        return cls(value=int.from_bytes(raw, "big"), size_bytes=size_bytes)


def join_crc64nvme(parts: Iterable[Crc64Nvme]) -> Crc64Nvme:
    """Return the checksum of the whole from those of its consecutive parts."""
    from awscrt import checksums

    value = size_bytes = 0
    for part in parts:
        value = checksums.combine_crc64nvme(value, part.value, part.size_bytes)
        size_bytes += part.size_bytes
    return Crc64Nvme(value=value, size_bytes=size_bytes)


def crc64nvme_between(beginning: Crc64Nvme, longer: Crc64Nvme) -> Crc64Nvme:
    """Return the checksum of the bytes in ``longer`` that follow ``beginning``, with which it starts."""
    from awscrt import checksums

    size_bytes = longer.size_bytes - beginning.size_bytes
    # Joining adds (xor) the second checksum to what the first one becomes over as many bytes; here that is undone.
    value = longer.value ^ checksums.combine_crc64nvme(beginning.value, 0, size_bytes)
    return Crc64Nvme(value=value, size_bytes=size_bytes)


def check_stored_object(
    *, expected: Crc64Nvme, stored_size_bytes: int, stored_crc64nvme: str | None, checksum_required: bool, media_id: str
) -> None:
    """Compare what S3 reports of the finished object with what was read from the source.

    Args:
        expected: size and checksum of the bytes read from the source.
        stored_size_bytes: size of the object, as S3 reports it.
        stored_crc64nvme: checksum of the whole object, as S3 reports it.
        checksum_required: False for S3-compatible stores that report none.
        media_id: for the message.

    Raises:
        IntegrityError: they differ, or S3 reports no checksum though one is required.
    """
    if stored_size_bytes != expected.size_bytes:
        raise IntegrityError(
            f"The object has {stored_size_bytes} bytes, the source {expected.size_bytes}", media_id=media_id
        )
    if stored_crc64nvme is None and checksum_required:
        raise IntegrityError("S3 reports no CRC64NVME of the object", media_id=media_id)
    if stored_crc64nvme not in {None, str(expected)}:
        raise IntegrityError(
            f"The object's CRC64NVME is {stored_crc64nvme}, the source's is {expected}", media_id=media_id
        )


# --- the source's ETag -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EtagClaim:
    """What the source's ETag may claim: the MD5 of the MD5s of consecutive blocks, or the plain MD5 of the file.

    Whether it does is unknown: the client that uploaded the file chose its parts, and behind SSE-KMS, or where a CDN
    makes its own ETags, it is no MD5 at all. So bytes that match the ETag are proved; bytes that do not are not
    refuted.


    Args:
        digest: the hexadecimal digits of the ETag.
        size_bytes: size of the file.
        block_sizes: the sizes that the blocks may have, the likeliest first; only the last block may be smaller.
        md5_of_md5s: False for the plain form.
    """

    digest: str
    size_bytes: int
    block_sizes: tuple[int, ...]
    md5_of_md5s: bool

    def within(self, part_size_bytes: int) -> tuple[int, ...]:
        """Return the block sizes to try with parts of this size, so that each block lies within one part.

        One worker then reads a block from start to end. Return at most ``MOST_HASHED_AT_ONCE`` of them.
        """
        is_whole = part_size_bytes >= self.size_bytes
        fitting = [size for size in self.block_sizes if is_whole or part_size_bytes % size == 0]
        return tuple(fitting[:MOST_HASHED_AT_ONCE])

    def block_given_by(self, block_digests: Mapping[int, Sequence[bytes]]) -> int | None:
        """Return the block size that matches the ETag; None if none of those tried does.

        Args:
            block_digests: by block size, the MD5s of all blocks, in order.
        """
        for block_bytes, digests in block_digests.items():
            joined = b"".join(digests)
            if (_md5(joined).hexdigest() if self.md5_of_md5s else joined.hex()) == self.digest:
                return block_bytes
        return None


def read_etag_claim(
    etag: str | None, size_bytes: int, *, seen: Collection[int] = (), limits: PartLimits = _AWS_LIMITS
) -> EtagClaim | None:
    """Read what an S3-style ETag may claim of a file of this size; None if it claims nothing that can be computed.

    ``<hex>-<N>``: N parts of S bytes with (N-1)*S < size <= N*S. ``<hex>-1`` is the MD5 of the raw MD5, whatever S.
    ``<hex>`` is the MD5 itself, unless the source is encrypted.

    Args:
        etag: without the mark of a weak one, which says nothing about bytes.
        size_bytes: size of the file.
        seen: block sizes that have matched ETags of this library before: they come first.
        limits: those of the storage that holds the source.
    """
    match = _S3_ETAG.fullmatch(etag or "")
    if match is None:
        return None
    part_count = whole_number_or_none(match["parts"])
    if part_count is None or part_count == 1:
        block_sizes = [size_bytes]
    else:
        block_sizes = source_part_candidates(size_bytes, part_count, seen=seen, limits=limits)
    if not block_sizes:
        return None
    return EtagClaim(
        digest=match["digest"],
        size_bytes=size_bytes,
        block_sizes=tuple(block_sizes),
        md5_of_md5s=part_count is not None,
    )


def source_part_candidates(
    size_bytes: int, part_count: int, *, seen: Collection[int] = (), limits: PartLimits = _AWS_LIMITS
) -> list[int]:
    """Return part sizes that cut ``size_bytes`` into ``part_count`` (two or more) parts, the likeliest first.

    All sizes in whole MiB and MB; if there is none, those in whole KiB; failing that, the smallest. First those of this
    library, then those observed at GoPro, then those that clients usually use.
    """
    least = limits.smallest_part_bytes * _MB // MIB  # S3 accepts 5 MiB or more, stores like it 5 MB or more
    smallest = max(least, -(-size_bytes // part_count))
    largest = min(limits.largest_part_bytes, (size_bytes - 1) // (part_count - 1))
    if smallest > largest:
        return []
    known = [size for size in (*sorted(seen), *_OBSERVED_SOURCE_PART_BYTES) if smallest <= size <= largest]
    whole = [size for unit in (MIB, _MB) for size in _multiples(unit, smallest, largest)]
    whole.sort(key=lambda size: size not in _USUAL_SOURCE_PART_BYTES)  # stable: MiB stay before MB
    finer = [] if whole else list(_multiples(_KIB, smallest, largest)) or [smallest]
    return list(dict.fromkeys([*known, *whole, *finer]))


def _multiples(unit: int, smallest: int, largest: int) -> range:
    return range(-(-smallest // unit) * unit, largest + 1, unit)


# --- hashing as bytes stream -----------------------------------------------------------------------------------------


class StreamHasher:
    """Compute the checksums of one part as its bytes pass.

    Args:
        md5_block_sizes: sizes of the blocks whose MD5s are wanted too (MD5 costs 1.7 CPU seconds a GB for each size,
            eighteen times as much as CRC64NVME).
    """

    def __init__(self, md5_block_sizes: Iterable[int] = ()) -> None:
        self._crc = 0
        self._size_bytes = 0
        self._blocks = {block_bytes: _BlockHasher(block_bytes) for block_bytes in md5_block_sizes}

    @property
    def crc64nvme(self) -> Crc64Nvme:
        """The checksum of all bytes so far."""
        return Crc64Nvme(value=self._crc, size_bytes=self._size_bytes)

    @property
    def block_digests(self) -> dict[int, tuple[bytes, ...]]:
        """By block size, the MD5 of each block so far; the last block may be incomplete."""
        return {block_bytes: blocks.digests for block_bytes, blocks in self._blocks.items()}

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        from awscrt import checksums

        self._crc = checksums.crc64nvme(data, self._crc)
        for blocks in self._blocks.values():
            blocks.update(memoryview(data))
        self._size_bytes += len(data)


class _BlockHasher:
    def __init__(self, block_bytes: int) -> None:
        self._block_bytes = block_bytes
        self._in_block = 0
        self._block = _md5()
        self._finished: list[bytes] = []

    @property
    def digests(self) -> tuple[bytes, ...]:
        return (*self._finished, self._block.digest()) if self._in_block else tuple(self._finished)

    def update(self, data: memoryview) -> None:
        while data:
            room = self._block_bytes - self._in_block
            self._block.update(data[:room])
            self._in_block += min(room, len(data))
            data = data[room:]
            if self._in_block == self._block_bytes:
                self._finished.append(self._block.digest())
                self._block, self._in_block = _md5(), 0


def _md5(data: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)
