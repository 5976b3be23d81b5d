from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.integrity import (
    Crc64Nvme,
    EtagClaim,
    SourceEtagProof,
    StreamHasher,
    check_stored_object,
    join_crc64nvme,
    read_etag_claim,
    source_part_candidates,
)
from gopro_sync.archive.part_plan import GIB, MIB
from gopro_sync.errors import IntegrityError
from tests.support.odd_values import texts

HEX = "0123456789abcdef0123456789abcdef"


def crc(data: bytes) -> Crc64Nvme:
    hasher = StreamHasher(md5_block_bytes=None)
    hasher.update(data)
    return hasher.crc64nvme


def test_checksum_has_the_form_and_value_of_the_published_check_value() -> None:
    # The NVMe specification's check value of "123456789", and S3's base64 of its big-endian bytes.
    assert crc(b"123456789").value == 0xAE8B14860A799888
    assert str(crc(b"123456789")) == "rosUhgp5mIg="


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_joined_parts_have_the_checksum_of_the_whole(parts: list[bytes]) -> None:
    assert join_crc64nvme(map(crc, parts)) == crc(b"".join(parts))


@given(st.binary(max_size=50))
def test_s3_form_is_read_back(data: bytes) -> None:
    assert Crc64Nvme.from_s3(str(crc(data)), size_bytes=len(data)) == crc(data)


@pytest.mark.parametrize("text", ["", "AAAA", "rosUhgp5mIg=-3", "not base64!", "\u00e9", "\ud800"])
def test_what_is_no_checksum_is_an_integrity_error(text: str) -> None:
    with pytest.raises(IntegrityError, match="S3 reports"):
        Crc64Nvme.from_s3(text, size_bytes=1)


class TestStoredObject:
    expected = crc(b"123456789")

    def check(self, *, size_bytes: int = 9, crc64nvme: str | None = "rosUhgp5mIg=", required: bool = True) -> None:
        check_stored_object(
            expected=self.expected,
            stored_size_bytes=size_bytes,
            stored_crc64nvme=crc64nvme,
            checksum_required=required,
            media_id="m1",
        )

    def test_equal_object_passes(self) -> None:
        self.check()

    def test_other_size_is_an_integrity_error(self) -> None:
        with pytest.raises(IntegrityError, match="8 bytes, the source 9"):
            self.check(size_bytes=8)

    def test_other_checksum_is_an_integrity_error(self) -> None:
        with pytest.raises(IntegrityError, match="CRC64NVME is AAAAAAAAAAA="):
            self.check(crc64nvme="AAAAAAAAAAA=")

    def test_missing_checksum_is_an_integrity_error_unless_the_store_is_known_to_report_none(self) -> None:
        with pytest.raises(IntegrityError, match="reports no CRC64NVME"):
            self.check(crc64nvme=None)
        self.check(crc64nvme=None, required=False)

    def test_other_checksum_is_an_integrity_error_even_where_none_is_required(self) -> None:
        with pytest.raises(IntegrityError):
            self.check(crc64nvme="AAAAAAAAAAA=", required=False)


@given(st.integers(2, 10_000), st.integers(5, 400), st.data())
def test_true_source_part_size_is_always_among_the_candidates(parts: int, part_mib: int, data: st.DataObject) -> None:
    part_bytes = part_mib * MIB
    size_bytes = (parts - 1) * part_bytes + data.draw(st.integers(1, part_bytes))
    candidates = source_part_candidates(size_bytes, parts)
    assert part_bytes in candidates
    assert all((parts - 1) * s < size_bytes <= parts * s for s in candidates)


@pytest.mark.parametrize("etag", [None, "", "abc", f"{HEX}-0", f'W/"{HEX}"', f"{HEX}-x", HEX.upper()])
def test_other_etags_claim_nothing(etag: str | None) -> None:
    assert read_etag_claim(etag, 1000) is None


@given(texts | st.builds("{}-{}".format, st.just(HEX), texts), st.integers(1, 10**18 - 1))
def test_no_etag_raises(etag: str, size_bytes: int) -> None:
    claim = read_etag_claim(etag, size_bytes)
    assert claim is None or claim.block_bytes >= 1


def test_one_fitting_part_size_is_decisive() -> None:
    claim = read_etag_claim(f'"{HEX}-50"', 50 * 20 * MIB - 5)
    assert claim is not None
    assert (claim.block_bytes, claim.decisive) == (20 * MIB, True)


def test_several_fitting_part_sizes_are_not_decisive_but_an_observed_one_is_tried() -> None:
    claim = read_etag_claim(f"{HEX}-2", 150 * MIB)
    assert claim is not None
    assert (claim.block_bytes, claim.decisive) == (100 * MIB, False)


def test_several_unobserved_part_sizes_claim_nothing() -> None:
    assert read_etag_claim(f"{HEX}-2", 50 * MIB) is None


def test_part_count_that_no_part_size_gives_claims_nothing() -> None:
    assert read_etag_claim(f"{HEX}-9000", GIB) is None


def test_single_part_form_is_decisive_and_covers_the_whole_file() -> None:
    claim = read_etag_claim(f"{HEX}-1", 77)
    assert claim is not None
    assert (claim.block_bytes, claim.md5_of_md5s, claim.decisive) == (77, True, True)


def test_plain_form_is_not_decisive() -> None:
    claim = read_etag_claim(HEX, 77)
    assert claim is not None
    assert (claim.block_bytes, claim.md5_of_md5s, claim.decisive) == (77, False, False)


@given(st.binary(min_size=1, max_size=200), st.integers(1, 60), st.lists(st.integers(1, 70), min_size=1))
def test_block_digests_do_not_depend_on_how_the_bytes_arrive(data: bytes, block: int, steps: list[int]) -> None:
    hasher = StreamHasher(md5_block_bytes=block)
    position = index = 0
    while position < len(data):
        step = steps[index % len(steps)]
        hasher.update(data[position : position + step])
        position, index = position + step, index + 1
    expected = [hashlib.md5(data[i : i + block]).digest() for i in range(0, len(data), block)]
    assert hasher.block_digests == tuple(expected)
    assert hasher.crc64nvme == crc(data)


def claim_of(data: bytes, block: int, *, decisive: bool = True) -> tuple[EtagClaim, list[bytes]]:
    digests = [hashlib.md5(data[i : i + block]).digest() for i in range(0, len(data), block)]
    return EtagClaim(
        digest=hashlib.md5(b"".join(digests)).hexdigest(),
        size_bytes=len(data),
        block_bytes=block,
        md5_of_md5s=True,
        decisive=decisive,
    ), digests


def test_same_bytes_match() -> None:
    claim, digests = claim_of(b"one two three", 4)
    assert claim.judge(digests, media_id="m1") is SourceEtagProof.MATCHED


def test_plain_md5_matches() -> None:
    claim = read_etag_claim(hashlib.md5(b"abc").hexdigest(), 3)
    assert claim is not None
    assert claim.judge([hashlib.md5(b"abc").digest()], media_id="m1") is SourceEtagProof.MATCHED


def test_other_bytes_are_an_integrity_error_where_that_is_decisive() -> None:
    claim, _ = claim_of(b"one two three", 4)
    _, other = claim_of(b"one two threE", 4)
    with pytest.raises(IntegrityError, match="do not give the source's ETag"):
        claim.judge(other, media_id="m1")


def test_other_bytes_prove_nothing_where_the_part_size_is_a_guess() -> None:
    claim, _ = claim_of(b"one two three", 4, decisive=False)
    _, other = claim_of(b"one two threE", 4)
    assert claim.judge(other, media_id="m1") is SourceEtagProof.UNDECIDABLE


def test_blocks_must_not_cross_our_parts() -> None:
    claim, _ = claim_of(b"one two three", 4)
    assert claim.fits(8)
    assert not claim.fits(6)
    assert claim.fits(13)
