"""What the plan and the source's ETag come to for an intact file, whatever its size and whoever cut it."""

from __future__ import annotations

import hashlib
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.integrity import EtagClaim, read_etag_claim
from gopro_sync.archive.origin import Origin, plan_new_upload
from gopro_sync.archive.part_plan import MIB, PartLimits
from gopro_sync.archive.source import SourceFile
from gopro_sync.archive.transfer_state import TransferRules

RULES: Final = TransferRules(limits=PartLimits(), verify_source_etag=True)
part_sizes = st.integers(5, 100).flatmap(lambda count: st.sampled_from([count * MIB, count * 1_000_000]))
file_sizes = st.integers(20_000_000, 12_000_000_000)


def digests_of(size_bytes: int, block_bytes: int) -> list[bytes]:
    """The MD5s of a file's blocks, as if each block had bytes of its own."""
    ends = [*range(block_bytes, size_bytes, block_bytes), size_bytes]
    return [hashlib.md5(f"{end}/{block_bytes}".encode()).digest() for end in ends]


def etag_of(size_bytes: int, block_bytes: int) -> str:
    digests = digests_of(size_bytes, block_bytes)
    return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def tried_by_plan(claim: EtagClaim, size_bytes: int, etag: str) -> tuple[int, ...]:
    """The block sizes that are hashed of a file, in one piece or in parts."""
    if size_bytes <= RULES.limits.multipart_threshold_bytes:
        return claim.within(size_bytes)
    origin = Origin(file=SourceFile(size_bytes=size_bytes, etag=etag), claim=claim)
    return claim.within(plan_new_upload(origin, RULES).part_size_bytes)[:1]


@given(file_sizes, part_sizes)
def test_no_intact_file_is_taken_for_another_and_what_is_tried_is_recognised(size_bytes: int, block_bytes: int) -> None:
    etag = etag_of(size_bytes, block_bytes)
    claim = read_etag_claim(etag, size_bytes)
    if size_bytes <= block_bytes:
        assert claim is not None
        assert claim.block_sizes == (size_bytes,)  # one part, whatever its size
        return
    assert claim is not None
    assert block_bytes in claim.block_sizes
    tried = tried_by_plan(claim, size_bytes, etag)
    assert tried
    found = claim.block_given_by({tried_bytes: digests_of(size_bytes, tried_bytes) for tried_bytes in tried})
    assert found == (block_bytes if block_bytes in tried else None)


@given(file_sizes, part_sizes)
def test_a_size_that_has_proved_right_in_the_library_gives_the_proof_of_every_other_file(
    size_bytes: int, block_bytes: int
) -> None:
    etag = etag_of(size_bytes, block_bytes)
    claim = read_etag_claim(etag, size_bytes, seen=[block_bytes])
    assert claim is not None
    tried = tried_by_plan(claim, size_bytes, etag)
    assert min(block_bytes, size_bytes) in tried


@given(st.integers(1_000_000_000, 12_000_000_000), st.sampled_from([5, 8, 10, 16, 20]))
def test_large_files_of_usual_parts_are_proved_without_any_knowledge(size_bytes: int, count: int) -> None:
    etag = etag_of(size_bytes, count * MIB)
    claim = read_etag_claim(etag, size_bytes)
    assert claim is not None
    assert tried_by_plan(claim, size_bytes, etag) == (count * MIB,)
