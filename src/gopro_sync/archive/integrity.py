"""Proof that the object in S3 is the file at GoPro, byte for byte.

Two independent proofs. CRC64NVME: computed over the bytes as they leave for S3, and by S3 over the bytes that it keeps.
And, where it can be decided, the source's own ETag: GoPro's files lie in S3 too, and an S3 multipart ETag is the MD5 of
its parts' MD5s (observed by open-source clients; AWS documents neither the part size nor the formula as a contract).
"""

# ruff: noqa: PLC0415 - awscrt, twelve megabytes of native code, is imported with the first byte, not at each cold start.

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gopro_sync.archive.part_plan import MIB, PartLimits
from gopro_sync.errors import IntegrityError
from gopro_sync.values.outside_values import whole_number_or_none

# Part sizes seen behind GoPro's ETags by open-source clients: tried where arithmetic alone leaves several.
_OBSERVED_SOURCE_PART_BYTES = (20 * MIB, 100 * MIB)

_S3_ETAG = re.compile(r"\"?(?P<digest>[0-9a-f]{32})(?:-(?P<parts>[1-9][0-9]{0,4}))?\"?")


class SourceEtagProof(StrEnum):
    """What became of the comparison with the source's own ETag. A decisive mismatch is an IntegrityError instead."""

    MATCHED = "MATCHED"
    UNDECIDABLE = "UNDECIDABLE"
    NOT_CHECKED = "NOT_CHECKED"


# --- CRC64NVME -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Crc64Nvme:
    """CRC64NVME of a run of bytes, with their number, so that neighbours can be joined."""

    value: int
    size_bytes: int

    def __str__(self) -> str:
        """S3's form: base64 of the eight bytes, most significant first."""
        return base64.b64encode(self.value.to_bytes(8, "big")).decode()

    @classmethod
    def from_s3(cls, text: str, *, size_bytes: int) -> Crc64Nvme:
        """Reads S3's form.

        Raises:
            IntegrityError: the text is not a CRC64NVME.
        """
        try:
            raw = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise IntegrityError(f"S3 reports a checksum that is none: {text[:40]!r}") from error
        if len(raw) != 8:
            raise IntegrityError(f"S3 reports a CRC64NVME of {len(raw)} bytes instead of 8")
        return cls(value=int.from_bytes(raw, "big"), size_bytes=size_bytes)


def join_crc64nvme(parts: Iterable[Crc64Nvme]) -> Crc64Nvme:
    """Returns the checksum of the whole from those of its consecutive parts."""
    from awscrt import checksums

    value = size_bytes = 0
    for part in parts:
        value = checksums.combine_crc64nvme(value, part.value, part.size_bytes)
        size_bytes += part.size_bytes
    return Crc64Nvme(value=value, size_bytes=size_bytes)


def check_stored_object(
    *, expected: Crc64Nvme, stored_size_bytes: int, stored_crc64nvme: str | None, checksum_required: bool, media_id: str
) -> None:
    """Compares what S3 says of the finished object with what was read from the source.

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
    """What the source's ETag claims: the MD5 of the MD5s of consecutive blocks, or the plain MD5 of the file.

    Args:
        digest: the hexadecimal digits of the ETag.
        size_bytes: size of the file.
        block_bytes: size of the blocks, of which only the last may be smaller.
        md5_of_md5s: False for the plain form.
        decisive: whether a mismatch proves anything. With several possible block sizes it does not; nor with the plain
            form, which under SSE-KMS is no MD5 at all.
    """

    digest: str
    size_bytes: int
    block_bytes: int
    md5_of_md5s: bool
    decisive: bool

    def fits(self, part_size_bytes: int) -> bool:
        """Whether each block lies within one part of this size, so that one worker reads it from start to end."""
        return part_size_bytes >= self.size_bytes or part_size_bytes % self.block_bytes == 0

    def judge(self, block_digests: Sequence[bytes], *, media_id: str) -> SourceEtagProof:
        """Compares the claim with the MD5s of all blocks, in order.

        Raises:
            IntegrityError: they differ, and the claim is decisive.
        """
        joined = b"".join(block_digests)
        computed = _md5(joined).hexdigest() if self.md5_of_md5s else joined.hex()
        if computed == self.digest:
            return SourceEtagProof.MATCHED
        if self.decisive:
            raise IntegrityError(
                f"The bytes read do not give the source's ETag {self.digest}, but {computed}", media_id=media_id
            )
        return SourceEtagProof.UNDECIDABLE


def read_etag_claim(etag: str | None, size_bytes: int) -> EtagClaim | None:
    """Reads what an S3-style ETag claims of a file of this size; None if it claims nothing that can be computed.

    ``<hex>-<N>``: N parts of S bytes with (N-1)*S < size <= N*S, S in whole MiB; decisive if one S alone fits.
    ``<hex>-1`` is the MD5 of the raw MD5, whatever S. ``<hex>`` is the MD5 itself, unless the source is encrypted.
    """
    match = _S3_ETAG.fullmatch(etag or "")
    if match is None:
        return None
    part_count = whole_number_or_none(match["parts"])
    if part_count is None or part_count == 1:
        md5_of_md5s = part_count is not None
        return EtagClaim(
            digest=match["digest"],
            size_bytes=size_bytes,
            block_bytes=size_bytes,
            md5_of_md5s=md5_of_md5s,
            decisive=md5_of_md5s,
        )
    candidates = source_part_candidates(size_bytes, part_count)
    likely = candidates if len(candidates) == 1 else [s for s in _OBSERVED_SOURCE_PART_BYTES if s in candidates]
    if not likely:
        return None
    return EtagClaim(
        digest=match["digest"],
        size_bytes=size_bytes,
        block_bytes=likely[0],
        md5_of_md5s=True,
        decisive=len(candidates) == 1,
    )


def source_part_candidates(size_bytes: int, part_count: int) -> list[int]:
    """Returns all part sizes in whole MiB that cut ``size_bytes`` into ``part_count`` (two or more) parts."""
    limits = PartLimits()  # the source lies in AWS's S3, wherever the archive does
    smallest = max(limits.smallest_part_bytes, -(-size_bytes // part_count))
    largest = min(limits.largest_part_bytes, (size_bytes - 1) // (part_count - 1))
    return list(range(-(-smallest // MIB) * MIB, largest + 1, MIB))


# --- hashing as bytes stream -----------------------------------------------------------------------------------------


class StreamHasher:
    """Computes the checksums of one part while its bytes pass.

    Args:
        md5_block_bytes: size of the blocks whose MD5s are wanted too; None for none (MD5 costs 1.7 CPU seconds a GB,
            eighteen times as much as CRC64NVME).
    """

    def __init__(self, md5_block_bytes: int | None) -> None:
        self._crc = 0
        self._size_bytes = 0
        self._block_bytes = md5_block_bytes
        self._block = _md5()
        self._block_digests: list[bytes] = []

    @property
    def crc64nvme(self) -> Crc64Nvme:
        """The checksum of all bytes so far."""
        return Crc64Nvme(value=self._crc, size_bytes=self._size_bytes)

    @property
    def block_digests(self) -> tuple[bytes, ...]:
        """The MD5 of each block so far, the last one as far as it came."""
        if self._block_bytes is None or self._size_bytes % self._block_bytes == 0:
            return tuple(self._block_digests)
        return (*self._block_digests, self._block.digest())

    def update(self, data: bytes) -> None:
        """Takes the next bytes."""
        from awscrt import checksums

        self._crc = checksums.crc64nvme(data, self._crc)
        if self._block_bytes is not None:
            self._update_blocks(memoryview(data), self._block_bytes)
        self._size_bytes += len(data)

    def _update_blocks(self, data: memoryview, block_bytes: int) -> None:
        position = self._size_bytes
        while data:
            room = block_bytes - position % block_bytes
            self._block.update(data[:room])
            position += min(room, len(data))
            data = data[room:]
            if position % block_bytes == 0:
                self._block_digests.append(self._block.digest())
                self._block = _md5()


def _md5(data: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)
