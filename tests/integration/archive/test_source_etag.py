"""The source's ETag as evidence: what proves a file, what is read a second time, and what is damage.

Kilobytes stand for megabytes: source parts of 5 KiB, and our own of 10 KiB.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gopro_sync.archive.engine import KnownEtags, OpenUpload
from gopro_sync.archive.integrity import SourceEtagProof
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.errors import AccessDeniedError, IntegrityError, SourceChangedError
from local.s3_server import S3Fault
from tests.integration.archive.conftest import Bench
from tests.support.s3_server import TransferS3
from tests.support.source_server import SourceServer

KIB = 1024
LIMITS = PartLimits(
    multipart_threshold_bytes=20 * KIB,
    smallest_part_bytes=5 * KIB,
    usual_part_bytes=10 * KIB,
    largest_part_bytes=100 * KIB,
    most_parts=100,
    largest_object_bytes=400 * KIB,
    granule_bytes=64,
)
LARGE, SMALL = 43 * KIB + 77, 17 * KIB + 3
PARTS = 5


def etag_of(content: bytes, block_bytes: int = 5 * KIB) -> str:
    digests = [hashlib.md5(content[i : i + block_bytes]).digest() for i in range(0, len(content), block_bytes)]
    return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def with_flipped_bytes(content: bytes, *positions: int) -> bytes:
    damaged = bytearray(content)
    for position in positions:
        damaged[position] ^= 1
    return bytes(damaged)


def bench_of(size_bytes: int, s3: TransferS3) -> Iterator[Bench]:
    with SourceServer(random.Random(size_bytes).randbytes(size_bytes)) as source:
        source.etag = etag_of(source.content)
        s3.limits = LIMITS
        yield Bench(source=source, s3=s3, limits=LIMITS)


@pytest.fixture
def large(s3: TransferS3) -> Iterator[Bench]:
    yield from bench_of(LARGE, s3)


@pytest.fixture
def small(s3: TransferS3) -> Iterator[Bench]:
    yield from bench_of(SMALL, s3)


@pytest.fixture(params=["large", "small"])
def either(request: pytest.FixtureRequest) -> Bench:
    bench: Bench = request.getfixturevalue(request.param)
    return bench


CHECKED: dict[str, Any] = {"verify_source_etag": True, "part_size_bytes": None}


def bytes_asked(bench: Bench) -> int:
    """What the source was asked for, without the probes for one byte."""
    asked = [(request.range or "").removeprefix("bytes=").split("-") for request in bench.source.requests]
    return sum(int(last) - int(first) + 1 for first, last in asked if first != last)


class TestProved:
    def test_bytes_that_give_the_etag_are_proved_and_read_once(self, either: Bench) -> None:
        result = either.transfer(**CHECKED)
        assert (result.file.etag_proof, result.etag_block_bytes) == (SourceEtagProof.MATCHED, 5 * KIB)
        assert bytes_asked(either) == len(either.source.content)
        either.assert_archived()

    @pytest.mark.parametrize("form", ["{}-1", "{}"])
    def test_a_small_file_of_one_source_part_is_proved(self, small: Bench, form: str) -> None:
        digest = hashlib.md5(small.source.content)
        hexadecimal = hashlib.md5(digest.digest()).hexdigest() if "-" in form else digest.hexdigest()
        small.source.etag = form.format(hexadecimal)
        assert small.transfer(**CHECKED).file.etag_proof is SourceEtagProof.MATCHED

    def test_our_parts_hold_several_of_the_source(self, large: Bench) -> None:
        assert large.transfer(**CHECKED).part_size_bytes == 10 * KIB

    def test_a_file_of_several_calls_is_proved(self, large: Bench) -> None:
        upload: OpenUpload | None = None
        for _ in range(PARTS - 1):
            upload = one_part(large, upload)
        result = large.transfer(resume=upload, **CHECKED)
        assert (result.parts_sent, result.file.etag_proof) == (1, SourceEtagProof.MATCHED)
        assert bytes_asked(large) == len(large.source.content)
        large.assert_archived()

    def test_a_call_that_ends_with_an_error_tells_what_it_has_hashed(self, large: Bench) -> None:
        upload = fail_after_parts(large, 3)
        assert large.transfer(resume=upload, **CHECKED).file.etag_proof is SourceEtagProof.MATCHED

    def test_what_a_killed_call_sent_is_hashed_as_it_is_read_again(self, large: Bench) -> None:
        upload = fail_after_parts(large, 3)
        result = large.transfer(resume=replace(upload, block_md5s=None, proved={}), **CHECKED)
        assert result.file.etag_proof is SourceEtagProof.MATCHED

    def test_what_a_call_did_not_tell_leaves_it_open(self, large: Bench) -> None:
        upload = fail_after_parts(large, 3)
        result = large.transfer(resume=replace(upload, block_md5s=None), **CHECKED)
        assert result.file.etag_proof is SourceEtagProof.UNDECIDABLE
        large.assert_archived()

    def test_md5s_of_other_bytes_than_s3_lists_do_not_count(self, large: Bench) -> None:
        upload = fail_after_parts(large, 3)
        assert upload.block_md5s is not None
        others = {number: bytes(8) + md5s[8:] for number, md5s in upload.block_md5s.by_part.items()}
        upload = replace(upload, block_md5s=replace(upload.block_md5s, by_part=others))
        assert large.transfer(resume=upload, **CHECKED).file.etag_proof is SourceEtagProof.UNDECIDABLE


class TestMismatch:
    @pytest.mark.parametrize("etag", ["0" * 32 + "-{parts}", "0" * 32 + "-2", "0" * 32])
    def test_an_intact_file_is_archived_and_at_most_one_part_read_again(self, either: Bench, etag: str) -> None:
        either.source.etag = etag.format(parts=-(-len(either.source.content) // (5 * KIB)))
        result = either.transfer(**CHECKED)
        assert result.file.etag_proof in {SourceEtagProof.REREAD_EQUAL, SourceEtagProof.UNDECIDABLE}
        size_bytes = len(either.source.content)
        # A file of a few kilobytes comes in one block, and a block is never halved.
        one_part_bytes = size_bytes if size_bytes == SMALL else LIMITS.usual_part_bytes
        assert bytes_asked(either) <= size_bytes + one_part_bytes
        either.assert_archived()

    def test_the_proof_says_that_it_was_read_again(self, either: Bench) -> None:
        either.source.etag = f"{'0' * 32}-{-(-len(either.source.content) // (5 * KIB))}"
        result = either.transfer(**CHECKED)
        assert (result.file.etag_proof, result.etag_block_bytes) == (SourceEtagProof.REREAD_EQUAL, None)
        assert bytes_asked(either) > len(either.source.content)

    def test_a_second_try_of_a_small_file_does_not_read_a_third_time(self, small: Bench) -> None:
        small.source.etag = "0" * 32
        small.s3.faults = [S3Fault(operation="PutObject", status=500, code="InternalError", count=1)]
        assert small.transfer(**CHECKED).file.etag_proof is SourceEtagProof.REREAD_EQUAL
        assert bytes_asked(small) == 3 * len(small.source.content)  # two tries, and one second reading

    def test_other_bytes_at_the_second_reading_are_damage_and_leave_nothing(self, either: Bench) -> None:
        every_kilobyte = range(0, len(either.source.content), KIB)
        damage_first_reading(either, *every_kilobyte)
        with pytest.raises(IntegrityError, match="second reading"):
            either.transfer(**CHECKED)
        assert (either.s3.objects, either.s3.uploads) == ({}, {})

    @pytest.mark.parametrize("position", range(0, SMALL, 3 * KIB))
    def test_where_etags_have_proved_right_a_flipped_byte_anywhere_is_found(self, either: Bench, position: int) -> None:
        either.known_etags = KnownEtags(block_sizes=(5 * KIB,), are_proven=True)
        damage_first_reading(either, position * len(either.source.content) // SMALL)
        with pytest.raises(IntegrityError, match="second reading"):
            either.transfer(**CHECKED)
        assert (either.s3.objects, either.s3.uploads) == ({}, {})

    def test_without_time_for_a_second_reading_the_next_call_reads_it(self, large: Bench) -> None:
        large.source.etag = f"{'0' * 32}-9"
        all_sent = itertools.count()

        def seconds_left() -> float:
            return 900.0 if len(large.s3.parts_sent()) < PARTS or next(all_sent) < 1 else 0.0

        large.seconds_left = seconds_left
        paused = large.pause(**CHECKED)
        large.seconds_left = lambda: 900.0
        result = large.transfer(resume=paused.upload, **CHECKED)
        assert (paused.parts_sent, result.parts_sent) == (PARTS, 0)
        assert result.file.etag_proof is SourceEtagProof.REREAD_EQUAL
        large.assert_archived()


class TestNothingToCompare:
    @pytest.mark.parametrize("etag", ["c0ffee", 'W/"c0ffee"', "5f2b-5c2a8", f"{'0' * 32}-9000"])
    def test_an_etag_of_another_kind_is_undecidable(self, either: Bench, etag: str) -> None:
        either.source.etag = etag
        assert either.transfer(**CHECKED).file.etag_proof is SourceEtagProof.UNDECIDABLE
        either.assert_archived()

    def test_turned_off_nothing_is_compared(self, either: Bench) -> None:
        either.source.etag = f"{'0' * 32}-9"
        result = either.transfer(verify_source_etag=False, part_size_bytes=None)
        assert result.file.etag_proof is SourceEtagProof.NOT_CHECKED

    def test_where_etags_are_known_to_be_no_md5s_nothing_is_compared(self, either: Bench) -> None:
        either.known_etags = KnownEtags(are_no_md5s=True)
        either.source.etag = f"{'0' * 32}-9"
        assert either.transfer(**CHECKED).file.etag_proof is SourceEtagProof.NOT_CHECKED
        assert bytes_asked(either) == len(either.source.content)

    def test_a_source_whose_etag_changes_at_each_request_is_an_error_with_a_name(self, either: Bench) -> None:
        counter = itertools.count()

        def change(_: int) -> None:
            either.source.etag = hashlib.md5(str(next(counter)).encode()).hexdigest()

        either.source.on_request = change
        with pytest.raises(SourceChangedError):
            either.transfer(**CHECKED)
        assert (either.s3.objects, either.s3.uploads) == ({}, {})


def one_part(bench: Bench, upload: OpenUpload | None) -> OpenUpload:
    """Runs a call that has time for one part."""
    before = len(bench.s3.parts_sent())
    bench.seconds_left = lambda: 900.0 if len(bench.s3.parts_sent()) == before else 0.0
    result = bench.pause(resume=upload, workers=1, **CHECKED)
    bench.seconds_left = lambda: 900.0
    assert (result.parts_sent, result.upload) == (1, bench.created[-1])
    return bench.created[-1]


def fail_after_parts(bench: Bench, parts: int) -> OpenUpload:
    """Runs a call that S3 refuses more than so many parts, and returns what it has told."""
    bench.s3.faults = [S3Fault(operation="UploadPart", status=403, code="AccessDenied", skip=parts, count=99)]
    with pytest.raises(AccessDeniedError):
        bench.transfer(workers=1, **CHECKED)
    bench.s3.faults = []
    return bench.created[-1]


def damage_first_reading(bench: Bench, *positions: int) -> None:
    """Lets the source give these bytes wrongly until each byte was asked for once."""
    true = bench.source.content
    bench.source.content = with_flipped_bytes(true, *positions)

    def mend(_: int) -> None:
        if bytes_asked(bench) >= len(true):
            bench.source.content = true

    bench.source.on_request = mend
