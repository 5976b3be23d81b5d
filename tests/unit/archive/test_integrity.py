from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopro_sync.archive.integrity import (
    MOST_HASHED_AT_ONCE,
    Crc64Nvme,
    EtagClaim,
    StreamHasher,
    check_stored_object,
    crc64nvme_between,
    join_crc64nvme,
    read_etag_claim,
    source_part_candidates,
)
from gopro_sync.archive.part_plan import GIB, MIB
from gopro_sync.errors import IntegrityError
from tests.support.odd_values import texts

HEX = "0123456789abcdef0123456789abcdef"


def crc(data: bytes) -> Crc64Nvme:
    hasher = StreamHasher()
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


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_the_checksum_of_what_is_added_is_that_of_the_added_bytes(beginning: bytes, rest: bytes) -> None:
    assert crc64nvme_between(crc(beginning), crc(beginning + rest)) == crc(rest)


part_sizes = st.one_of(
    st.integers(5, 400).map(lambda mib: mib * MIB), st.integers(5, 400).map(lambda megabytes: megabytes * 1_000_000)
)


@given(st.integers(2, 10_000), part_sizes, st.data())
def test_true_source_part_size_is_always_among_the_candidates(parts: int, part_bytes: int, data: st.DataObject) -> None:
    size_bytes = (parts - 1) * part_bytes + data.draw(st.integers(1, part_bytes))
    candidates = source_part_candidates(size_bytes, parts)
    assert part_bytes in candidates
    assert all((parts - 1) * s < size_bytes <= parts * s for s in candidates)


@given(st.integers(2, 10_000), st.integers(5 * MIB, 400 * MIB))
def test_a_part_count_that_some_part_size_gives_has_a_candidate(parts: int, part_bytes: int) -> None:
    assert source_part_candidates(parts * part_bytes, parts)


def test_what_has_given_an_etag_of_the_library_is_tried_first() -> None:
    size_bytes = 254 * MIB
    assert source_part_candidates(size_bytes, 7)[0] == 37 * MIB
    assert source_part_candidates(size_bytes, 7, seen=[41 * MIB])[0] == 41 * MIB


@pytest.mark.parametrize("etag", [None, "", "abc", f"{HEX}-0", f'W/"{HEX}"', f"{HEX}-x", HEX.upper()])
def test_other_etags_claim_nothing(etag: str | None) -> None:
    assert read_etag_claim(etag, 1000) is None


@given(texts | st.builds("{}-{}".format, st.just(HEX), texts), st.integers(1, 10**18 - 1))
def test_no_etag_raises(etag: str, size_bytes: int) -> None:
    claim = read_etag_claim(etag, size_bytes)
    assert claim is None or min(claim.block_sizes) >= 1


def test_the_part_sizes_seen_at_gopro_come_before_others() -> None:
    claim = read_etag_claim(f'"{HEX}-2"', 150 * MIB)
    assert claim is not None
    assert claim.block_sizes[0] == 100 * MIB


def test_sizes_that_clients_usually_take_come_before_odd_ones_and_mebibytes_before_megabytes() -> None:
    claim = read_etag_claim(f"{HEX}-3", 20_000_000)
    assert claim is not None
    assert claim.block_sizes == (8 * MIB, 8_000_000, 7 * MIB, 9 * MIB, 7_000_000, 9_000_000)


def test_parts_in_decimal_megabytes_are_tried() -> None:
    claim = read_etag_claim(f"{HEX}-8", 60_000_000)
    assert claim is not None
    assert 8_000_000 in claim.within(60_000_000)


def test_part_count_that_no_part_size_gives_claims_nothing() -> None:
    assert read_etag_claim(f"{HEX}-9000", GIB) is None


@pytest.mark.parametrize(("etag", "md5_of_md5s"), [(f"{HEX}-1", True), (HEX, False)])
def test_the_forms_of_one_part_cover_the_whole_file(etag: str, md5_of_md5s: bool) -> None:
    claim = read_etag_claim(etag, 77)
    assert claim is not None
    assert (claim.block_sizes, claim.md5_of_md5s) == ((77,), md5_of_md5s)


@given(
    st.binary(min_size=1, max_size=200),
    st.sets(st.integers(1, 60), min_size=1, max_size=3),
    st.lists(st.integers(1, 70), min_size=1),
)
def test_block_digests_do_not_depend_on_how_the_bytes_arrive(data: bytes, blocks: set[int], steps: list[int]) -> None:
    hasher = StreamHasher(blocks)
    position = index = 0
    while position < len(data):
        step = steps[index % len(steps)]
        hasher.update(data[position : position + step])
        position, index = position + step, index + 1
    assert hasher.block_digests == {block: tuple(md5s_of(data, block)) for block in blocks}
    assert hasher.crc64nvme == crc(data)


def md5s_of(data: bytes, block: int) -> list[bytes]:
    return [hashlib.md5(data[i : i + block]).digest() for i in range(0, len(data), block)]


def claim_of(data: bytes, block: int) -> EtagClaim:
    digest = hashlib.md5(b"".join(md5s_of(data, block))).hexdigest()
    return EtagClaim(digest=digest, size_bytes=len(data), block_sizes=(5, block), md5_of_md5s=True)


def test_the_block_size_that_gives_the_etag_is_found() -> None:
    data = b"one two three"
    assert claim_of(data, 4).block_given_by({block: md5s_of(data, block) for block in (5, 4)}) == 4


def test_plain_md5_is_recognised() -> None:
    claim = read_etag_claim(hashlib.md5(b"abc").hexdigest(), 3)
    assert claim is not None
    assert claim.block_given_by({3: md5s_of(b"abc", 3)}) == 3


def test_other_bytes_give_another_etag() -> None:
    other = b"one two threE"
    assert claim_of(b"one two three", 4).block_given_by({block: md5s_of(other, block) for block in (5, 4)}) is None


def test_blocks_must_not_cross_our_parts() -> None:
    claim = claim_of(b"one two three", 4)
    assert claim.within(8) == (4,)
    assert claim.within(6) == ()
    assert claim.within(13) == (5, 4)


def test_a_file_is_hashed_a_few_times_at_once_at_most() -> None:
    claim = read_etag_claim(f"{HEX}-2", 90 * MIB)
    assert claim is not None
    assert len(claim.block_sizes) > MOST_HASHED_AT_ONCE == len(claim.within(90 * MIB))
