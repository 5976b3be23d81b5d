"""The invocation ends before the file does, as planned or not: the next one sends the rest, and only the rest."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from awscrt import checksums

from gopro_sync.archive.engine import OpenUpload, TransferOutcome
from gopro_sync.errors import AccessDeniedError, GoProSyncError, NetworkError, StorageError, TrackerError
from local.s3_server import S3Fault, S3Object, S3Part, s3_form
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import FALLBACK_KEY, KEY, MIB, Bench


class Killed(BaseException):
    """Stands for the process being killed: no code of ours may catch it."""


def die_after_parts(bench: Bench, parts: int, **options: Any) -> OpenUpload:
    """Runs a transfer that ends for good after so many parts, and leaves the rest to the next."""
    bench.s3.faults = [S3Fault(operation="UploadPart", status=403, code="AccessDenied", skip=parts, count=99)]
    with pytest.raises(AccessDeniedError):
        bench.transfer(**options)
    bench.s3.faults = []
    return bench.created[-1]


@pytest.mark.parametrize("parts", [0, 1, 2, 3])
def test_only_the_missing_parts_are_sent(bench: Bench, parts: int) -> None:
    upload = die_after_parts(bench, parts)
    held = list(bench.s3.uploads[upload.upload_id].parts.values())
    result = bench.transfer(resume=upload)
    assert result.outcome is TransferOutcome.COMPLETED
    assert result.parts_sent == 4 - len(held)
    assert sorted(bench.s3.parts_sent()) == [1, 2, 3, 4]
    assert result.bytes_sent == len(bench.source.content) - sum(part.size_bytes for part in held)
    assert len(bench.created) == 1
    bench.assert_archived()


def test_a_list_of_parts_on_several_pages_is_read_to_its_end(bench: Bench) -> None:
    upload = die_after_parts(bench, 3)
    bench.s3.page_size = 1
    there = len(bench.s3.uploads[upload.upload_id].parts)
    assert bench.transfer(resume=upload).parts_sent == 4 - there
    bench.assert_archived()


def test_the_part_size_of_the_open_upload_is_kept(bench: Bench) -> None:
    upload = die_after_parts(bench, 2)
    result = bench.transfer(resume=upload, part_size_bytes=6 * MIB)
    assert result.part_size_bytes == 5 * MIB
    bench.assert_archived()


@pytest.mark.parametrize("part_size_bytes", [0, 1, 1000, MIB, 10**18 - 1])
def test_an_upload_whose_recorded_part_size_cannot_be_is_given_up_for_a_new_one(
    bench: Bench, part_size_bytes: int
) -> None:
    upload = die_after_parts(bench, 2)
    assert bench.transfer(resume=replace(upload, part_size_bytes=part_size_bytes)).parts_sent == 4
    bench.assert_archived()


def test_all_parts_there_only_completion_is_left(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", status=403, code="AccessDenied", count=1)]
    with pytest.raises(AccessDeniedError):
        bench.transfer()
    result = bench.transfer(resume=bench.created[0])
    assert (result.outcome, result.bytes_sent) == (TransferOutcome.COMPLETED, 0)
    bench.assert_archived()


def test_killed_after_completion_but_before_it_was_recorded(bench: Bench) -> None:
    bench.transfer()
    requests = len(bench.source.requests)
    result = bench.transfer(resume=bench.created[0])
    assert (result.outcome, result.bytes_sent) == (TransferOutcome.ALREADY_ARCHIVED, 0)
    assert len(bench.source.requests) == requests + 1  # the probe
    assert result.file.checksum_crc64nvme == bench.s3.objects[KEY].crc64nvme
    assert len(bench.created) == 1


def test_the_checksum_of_an_older_edition_proves_nothing_under_the_etag_of_today(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", status=403, code="AccessDenied", count=1)]
    with pytest.raises(AccessDeniedError):
        bench.transfer()
    older, upload_id = bench.source.content, bench.created[0].upload_id
    del bench.s3.uploads[upload_id].parts[4]
    bench.source.content, bench.source.etag = older[:-1] + bytes([older[-1] ^ 1]), "of-today"

    def die(upload: OpenUpload) -> None:
        bench.note(upload)
        raise Killed

    bench.record = die
    with pytest.raises(Killed):
        bench.transfer(resume=bench.created[0])
    bench.record = None
    # What S3 had been asked for is done now, as it may be after an answer that said nothing.
    crc, headers = checksums.crc64nvme(older), bench.s3.uploads.pop(upload_id).headers
    bench.s3.objects[KEY] = S3Object(data=older, size_bytes=len(older), crc64nvme=s3_form(crc), headers=headers)

    assert bench.transfer(resume=bench.created[0]).file.s3_key == FALLBACK_KEY
    bench.assert_archived(FALLBACK_KEY)


def test_an_upload_that_was_opened_but_never_recorded_is_freed(bench: Bench) -> None:
    bench.s3.new_upload(KEY, {})
    bench.transfer()
    bench.assert_archived()


def test_open_uploads_that_may_be_in_use_are_left_alone(bench: Bench) -> None:
    other_key, with_parts = bench.s3.new_upload(f"{KEY}.LRV", {}), bench.s3.new_upload(KEY, {})
    bench.s3.uploads[with_parts].parts[1] = S3Part(data=b"x", size_bytes=1, crc=0, etag='"x"')
    bench.transfer()
    assert set(bench.s3.uploads) == {other_key, with_parts}


def test_a_role_that_may_not_look_for_forgotten_uploads_is_named(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="ListMultipartUploads", status=403, code="AccessDenied")]
    with pytest.raises(AccessDeniedError, match="s3:ListBucketMultipartUploads"):
        bench.transfer()


@pytest.mark.parametrize("fault", [(501, "NotImplemented"), (404, "NoSuchKey")])
def test_a_store_that_does_not_list_its_uploads_still_takes_videos(bench: Bench, fault: tuple[int, str]) -> None:
    status, code = fault
    bench.s3.faults = [S3Fault(operation="ListMultipartUploads", status=status, code=code)]
    bench.transfer()
    assert bench.s3.count("ListMultipartUploads", status=status) == 1
    bench.assert_archived()


def test_an_upload_that_expired_meanwhile_starts_again(bench: Bench) -> None:
    upload = die_after_parts(bench, 2)
    bench.s3.uploads.clear()
    assert bench.transfer(resume=upload).parts_sent == 4
    bench.assert_archived()


class TestSourceBetweenTwoCalls:
    """Parts of two files are never joined, whatever the source says of itself."""

    @staticmethod
    def flip_a_byte_of(bench: Bench, part: int) -> None:
        content = bytearray(bench.source.content)
        content[(part - 1) * 5 * MIB + 77] ^= 1
        bench.source.content = bytes(content)

    @pytest.mark.parametrize("etag", ["c0ffee-2", 'W/"c0ffee-1', "0" * 32])
    def test_the_same_bytes_under_another_etag_are_gone_on_with(self, bench: Bench, etag: str) -> None:
        upload = die_after_parts(bench, 2, workers=1)
        bench.source.etag = etag
        result = bench.transfer(resume=upload)
        assert result.file.source_etag == etag
        assert sorted(bench.s3.parts_sent()) == [1, 2, 3, 4]
        assert [reported.source_etag for reported in bench.created] == [etag], "later calls need not read them again"
        bench.assert_archived()

    @pytest.mark.parametrize("part", [1, 2])
    @pytest.mark.parametrize("etag", ["c0ffee-2", None, "W/other"])
    def test_another_file_of_the_same_size_is_copied_from_the_start(
        self, bench: Bench, etag: str | None, part: int
    ) -> None:
        upload = die_after_parts(bench, 2, workers=1)
        self.flip_a_byte_of(bench, part)
        bench.source.etag = etag
        assert bench.transfer(resume=upload).parts_sent == 4
        bench.assert_archived()

    def test_a_source_that_never_had_an_etag_is_copied_from_the_start(self, bench: Bench) -> None:
        bench.source.etag = None
        upload = die_after_parts(bench, 2, workers=1)
        self.flip_a_byte_of(bench, 1)
        result = bench.transfer(resume=upload)
        assert (result.parts_sent, result.file.source_etag) == (4, None)
        bench.assert_archived()

    def test_a_source_that_has_an_etag_by_now_is_compared(self, bench: Bench) -> None:
        bench.source.etag = None
        upload = die_after_parts(bench, 2, workers=1)
        bench.source.etag = "c0ffee-1"
        bench.transfer(resume=upload)
        assert sorted(bench.s3.parts_sent()) == [1, 2, 3, 4]
        bench.assert_archived()

    def test_an_etag_that_may_stay_when_the_file_changes_is_not_enough(self, bench: Bench) -> None:
        bench.source.etag = "W/c0ffee"
        upload = die_after_parts(bench, 1, workers=1)
        self.flip_a_byte_of(bench, 1)
        assert bench.transfer(resume=upload).parts_sent == 4
        bench.assert_archived()

    def test_no_time_to_read_the_parts_again_is_an_error_and_what_is_there_is_kept(self, bench: Bench) -> None:
        upload = die_after_parts(bench, 2, workers=1)
        bench.source.etag = "c0ffee-2"
        asked = len(bench.source.requests)
        bench.seconds_left = lambda: 900.0 if len(bench.source.requests) <= asked + 1 else 29.0
        with pytest.raises(NetworkError, match="Not one part"):
            bench.transfer(resume=upload)
        assert list(bench.s3.uploads) == [upload.upload_id]

    @pytest.mark.parametrize("etag", ["c0ffee-2", None])
    def test_what_was_completed_of_an_older_file_is_not_taken_for_the_file_of_today(
        self, bench: Bench, etag: str | None
    ) -> None:
        older = bench.source.content
        bench.transfer()
        self.flip_a_byte_of(bench, 3)
        bench.source.etag = etag
        result = bench.transfer(resume=bench.created[0])
        assert (result.file.s3_key, result.file.source_etag) == (FALLBACK_KEY, etag)
        bench.assert_archived(FALLBACK_KEY)
        assert bench.s3.objects[KEY].data == older, "what is archived is never touched"

    def test_without_an_etag_nothing_is_left_to_a_later_call(self, bench: Bench) -> None:
        bench.source.etag = None
        bench.seconds_left = lambda: 900.0 if not bench.s3.parts_sent() else 29.0
        first = bench.pause(workers=1)
        assert (first.is_in_vain, first.upload, bench.s3.uploads) == (True, None, {})


def test_a_listed_part_of_another_size_is_sent_again(bench: Bench) -> None:
    upload = die_after_parts(bench, 3)
    parts = bench.s3.uploads[upload.upload_id].parts
    number = min(parts)
    parts[number] = S3Part(data=b"x" * 9, size_bytes=9, crc=0, etag='"x"')
    assert number in bench.s3.parts_sent()
    bench.transfer(resume=upload)
    bench.assert_archived()
    assert bench.s3.parts_sent().count(number) == 2


def test_work_goes_on_under_the_key_of_the_open_upload(bench: Bench) -> None:
    bench.transfer(media_id="other")  # takes the key
    bench.s3.faults = [S3Fault(operation="UploadPart", status=403, code="AccessDenied", skip=6, count=99)]
    with pytest.raises(AccessDeniedError):
        bench.transfer()
    bench.s3.faults = []
    upload = bench.created[-1]
    assert upload.s3_key != KEY
    assert bench.transfer(resume=upload).file.s3_key == upload.s3_key
    bench.assert_archived(upload.s3_key)


class TestTimeBudget:
    """The reserve is 30 seconds; a transfer of one worker asks for the time before and within each part."""

    def test_it_stops_in_time_says_so_and_is_gone_on_with(self, bench: Bench) -> None:
        bench.seconds_left = self.until_parts_sent(bench, 2)
        first = bench.pause(workers=1)
        assert first.parts_sent == 2
        assert first.upload == bench.created[0]
        bench.seconds_left = lambda: 900.0
        second = bench.transfer(resume=first.upload)
        assert (second.outcome, second.parts_sent) == (TransferOutcome.COMPLETED, 2)
        assert sorted(bench.s3.parts_sent()) == [1, 2, 3, 4]
        bench.assert_archived()

    def test_no_part_is_begun_that_would_not_end_in_time(self, bench: Bench) -> None:
        ticks = itertools.count(step=50)  # each look at the clock is 50 seconds later: a part takes 50
        bench.seconds_left = lambda: 30 + 74.0  # enough for a part of 50 seconds, but not with the margin
        bench.clock = lambda: float(next(ticks))
        first = bench.pause(workers=1)
        assert first.parts_sent == 1

    def test_a_part_under_way_is_given_up_when_time_is_over(self, bench: Bench) -> None:
        bench.source.fail(Fault(FaultName.SLOW, size_bytes=5 * MIB, skip=1))
        bench.seconds_left = lambda: 900.0 if len(bench.source.requests) < 3 else 29.0
        first = bench.pause(workers=1)
        assert first.parts_sent == 1
        assert bench.s3.parts_sent() == [1]

    def test_not_one_part_in_the_time_given_is_an_error_instead_of_an_endless_loop(self, bench: Bench) -> None:
        bench.seconds_left = lambda: 900.0 if not bench.created else 29.0
        with pytest.raises(NetworkError, match="Not one part"):
            bench.transfer()
        assert list(bench.s3.uploads) == [bench.created[0].upload_id]

    def test_a_small_file_that_does_not_fit_into_the_time_is_an_error(self, small_bench: Bench) -> None:
        small_bench.seconds_left = lambda: 900.0 if len(small_bench.source.requests) < 2 else 29.0
        with pytest.raises(NetworkError, match="Not one part"):
            small_bench.transfer()
        assert small_bench.s3.objects == {}

    def test_no_time_to_begin_with_is_no_error(self, bench: Bench) -> None:
        bench.seconds_left = lambda: 10.0
        result = bench.pause()
        assert (result.bytes_sent, result.upload) == (0, None)
        assert bench.created == []

    @pytest.mark.parametrize("status", [403, 400, 404])
    def test_spoilt_parts_are_not_used_after_a_call_that_ended_with_an_error(self, bench: Bench, status: int) -> None:
        code = {403: "AccessDenied", 400: "InvalidRequest", 404: "NoSuchBucket"}[status]
        bench.s3.faults = [
            S3Fault(operation="UploadPart", effect="corrupt"),
            S3Fault(operation="UploadPart", status=status, code=code, skip=1, count=99),
        ]
        with pytest.raises(GoProSyncError, match=code):
            bench.transfer(workers=1)
        bench.s3.faults = []
        bench.transfer(resume=bench.created[-1])
        bench.assert_archived()

    def test_four_calls_of_one_part_each_are_as_good_as_one(self, bench: Bench) -> None:
        upload: OpenUpload | None = None
        for sent in range(3):
            bench.seconds_left = self.until_parts_sent(bench, sent + 1)
            upload = bench.pause(workers=1, resume=upload).upload
        bench.seconds_left = self.until_parts_sent(bench, 4)
        assert bench.transfer(workers=1, resume=upload).outcome is TransferOutcome.COMPLETED
        assert bench.s3.parts_sent() == [1, 2, 3, 4]
        bench.assert_archived()

    @staticmethod
    def until_parts_sent(bench: Bench, count: int) -> Callable[[], float]:
        return lambda: 900.0 if len(bench.s3.parts_sent()) < count else 29.0


class TestOtherBytesThanWereSent:
    """The store keeps other bytes of a part, and a call ends in one of five ways: none of them is COMPLETED."""

    EFFECTS: ClassVar = {
        "damaged on the way": S3Fault(operation="UploadPart", effect="damage", skip=1),
        "spoilt": S3Fault(operation="UploadPart", effect="corrupt", skip=1),
        "spoilt, and no checksum told": S3Fault(operation="UploadPart", effect="corrupt", skip=1),
        "spoilt, and listed only": S3Fault(operation="UploadPart", effect="swap", skip=1),
        "lost": S3Fault(operation="UploadPart", effect="lose", skip=1),
    }

    @pytest.mark.parametrize("effect", EFFECTS)
    @pytest.mark.parametrize("way_out", ["end", "pause", "time is over", "error", "killed"])
    def test_no_way_out_leads_to_an_object_that_is_not_the_source(
        self, bench: Bench, way_out: str, effect: str
    ) -> None:
        bench.s3.answers_part_checksums = effect != "spoilt, and no checksum told"
        bench.s3.faults = [replace(self.EFFECTS[effect])]
        upload = self.leave(bench, way_out)
        bench.seconds_left = lambda: 900.0
        result = bench.transfer(resume=upload)
        assert result.file.s3_key == KEY
        bench.assert_archived()

    @staticmethod
    def leave(bench: Bench, way_out: str) -> OpenUpload | None:
        """Ends a call after two or three parts; gives what it has left of its upload."""

        def asked_after_two_parts() -> float:
            if len(bench.s3.parts_sent()) < 2:
                return 900.0
            if way_out == "killed":
                raise Killed
            return 900.0 if way_out == "time is over" and len(bench.source.requests) < 4 else 29.0

        if way_out == "end":
            return None
        if way_out == "error":
            bench.s3.faults.append(S3Fault(operation="UploadPart", status=403, code="AccessDenied", skip=3))
            with pytest.raises(AccessDeniedError):
                bench.transfer(workers=1)
            return bench.created[-1]
        bench.seconds_left = asked_after_two_parts
        with suppress(Killed, StorageError):
            bench.pause(workers=1)
        return bench.created[-1]

    def test_what_a_killed_call_has_sent_is_read_again_and_not_sent_again(self, bench: Bench) -> None:
        upload = self.leave(bench, "killed")
        asked = len(bench.source.requests)
        bench.seconds_left = lambda: 900.0
        result = bench.transfer(resume=upload)
        assert (result.parts_sent, sorted(bench.s3.parts_sent())) == (2, [1, 2, 3, 4])
        assert len(bench.source.requests) - asked == 1 + 4  # the probe, and each part once
        bench.assert_archived()

    def test_what_a_call_has_proved_before_it_ended_is_not_read_again(self, bench: Bench) -> None:
        upload = self.leave(bench, "error")
        asked = len(bench.source.requests)
        assert upload is not None
        assert set(upload.proved) == {1, 2, 3}
        bench.transfer(resume=upload)
        assert len(bench.source.requests) - asked == 1 + 1
        bench.assert_archived()

    def test_where_a_record_proves_no_part_all_are_read_again(self, bench: Bench) -> None:
        upload = self.leave(bench, "error")
        assert upload is not None
        assert bench.transfer(resume=replace(upload, proved={})).parts_sent == 1
        bench.assert_archived()

    def test_an_error_is_reported_even_if_its_parts_cannot_be_recorded(self, bench: Bench) -> None:
        def record(upload: OpenUpload) -> None:
            bench.note(upload)
            if upload.proved:
                raise TrackerError("DynamoDB is not there")

        bench.record = record
        bench.s3.faults = [S3Fault(operation="UploadPart", status=403, code="AccessDenied", skip=1)]
        with pytest.raises(AccessDeniedError):
            bench.transfer(workers=1)


@pytest.mark.parametrize("seed", range(12))
def test_killed_anywhere_and_gone_on_with_it_is_one_whole_object(bench: Bench, seed: int) -> None:
    """Every look at the clock may be the last one of the process."""
    dice = random.Random(seed)
    kills = 0
    for _ in range(40):
        left = dice.randrange(1, 60) if kills < 3 else 10_000
        looks = itertools.count()

        def seconds_left(looks: itertools.count[int] = looks, left: int = left) -> float:
            if next(looks) >= left:
                raise Killed
            return 900.0

        bench.seconds_left = seconds_left
        try:
            bench.call(resume=bench.created[-1] if bench.created else None)
            break
        except Killed:
            kills += 1
    bench.assert_archived()
    assert list(bench.s3.objects) == [KEY]
    assert len(bench.s3.parts_sent()) == len(set(bench.s3.parts_sent())) == 4
