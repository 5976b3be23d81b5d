"""S3 misbehaves: what passes is tried again, what is lost is sent again, nothing unproved is called archived."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gopro_sync.archive import bucket_writer as multipart_upload
from gopro_sync.archive.engine import OpenUpload, TransferOutcome
from gopro_sync.archive.retries import ATTEMPTS
from gopro_sync.errors import (
    AccessDeniedError,
    ConfigurationError,
    GoProSyncError,
    IntegrityError,
    RequestRefusedError,
    StorageError,
)
from local.s3_server import Effect, Operation, S3Fault, S3Object
from tests.integration.archive.conftest import FALLBACK_KEY, KEY, Bench
from tests.support.s3_server import TransferS3

CONFLICT = "ConditionalRequestConflict"


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "SlowDown")])
@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload", "HeadObject"])
def test_a_passing_error_is_tried_again(bench: Bench, operation: Operation, status: int, code: str) -> None:
    bench.s3.faults = [S3Fault(operation=operation, status=status, code=code, count=2)]
    assert bench.transfer().outcome is TransferOutcome.COMPLETED
    bench.assert_archived()
    assert sorted(bench.s3.parts_sent()) == [1, 2, 3, 4]
    assert len(bench.slept) == 2


@pytest.mark.parametrize("effect", ["reset", "lose_answer"])
@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
def test_a_broken_connection_is_tried_again(bench: Bench, operation: Operation, effect: Effect) -> None:
    bench.s3.faults = [S3Fault(operation=operation, effect=effect)]
    bench.transfer()
    bench.assert_archived()


def test_a_part_that_times_out_is_sent_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart_upload, "IDLE_TIMEOUT_SECONDS", 0.2)
    bench.s3.faults = [S3Fault(operation="UploadPart", effect="slow", seconds=1.0)]
    bench.transfer()
    bench.assert_archived()


@pytest.mark.parametrize("effect", ["refuse", "reset", "lose_answer"])
def test_a_small_file_survives_a_passing_error(small_bench: Bench, effect: Effect) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect=effect, status=503, code="SlowDown")]
    small_bench.transfer()
    small_bench.assert_archived()


def test_a_lasting_error_has_a_name_and_the_upload_stays_open(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="UploadPart", status=503, code="SlowDown", count=99, skip=2)]
    with pytest.raises(StorageError, match=r"UploadPart with SlowDown \(503\)"):
        bench.transfer()
    assert list(bench.s3.uploads) == [bench.created[0].upload_id]


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "CompleteMultipartUpload", "HeadObject"])
def test_a_lasting_error_is_met_as_often_as_the_transfer_tries_and_no_tries_multiply(
    bench: Bench, operation: Operation
) -> None:
    bench.s3.faults = [S3Fault(operation=operation, status=503, code="SlowDown", count=99)]
    with pytest.raises(StorageError, match=f"{operation} with"):
        bench.transfer()
    assert bench.s3.count(operation, 503) == ATTEMPTS


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "ListParts"])
def test_a_passing_error_before_the_first_part_is_tried_again(bench: Bench, operation: Operation) -> None:
    upload = interrupted_upload(bench) if operation == "ListParts" else None
    bench.s3.faults = [S3Fault(operation=operation, status=503, code="SlowDown", count=2)]
    assert bench.transfer(resume=upload).outcome is TransferOutcome.COMPLETED
    bench.assert_archived()


def interrupted_upload(bench: Bench) -> OpenUpload:
    """An upload that an earlier call left open when its third part could not be sent."""
    bench.s3.faults = [S3Fault(operation="UploadPart", status=403, code="AccessDenied", count=99, skip=2)]
    with pytest.raises(AccessDeniedError):
        bench.transfer()
    return bench.created[0]


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"])
def test_access_denied_says_so_and_is_not_tried_again(bench: Bench, operation: Operation) -> None:
    bench.s3.faults = [S3Fault(operation=operation, status=403, code="AccessDenied", count=99)]
    with pytest.raises(AccessDeniedError, match=f"AccessDenied: S3 refused {operation}, which needs s3:"):
        bench.transfer()
    assert bench.slept == []


@pytest.mark.parametrize(
    ("fixture", "operation"),
    [("bench", "CreateMultipartUpload"), ("bench", "UploadPart"), ("small_bench", "PutObject")],
)
def test_a_final_refusal_is_reported_in_s3s_own_words(
    fixture: str, operation: Operation, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(fixture)
    words = "The store's disk is full & nothing <more> fits"
    bench.s3.faults = [S3Fault(operation=operation, status=400, code="InvalidRequest", message=words, count=99)]
    with pytest.raises(RequestRefusedError, match=re.escape(f"(InvalidRequest: {words})")):
        bench.transfer()
    assert bench.slept == []


def test_a_refusal_that_cannot_say_why_is_tried_again_and_names_the_permission(bench: Bench) -> None:
    """The answer to HeadObject has no body."""
    bench.s3.faults = [S3Fault(operation="HeadObject", status=403, code="AccessDenied", count=99)]
    with pytest.raises(StorageError, match="without giving a reason; if this persists, the role lacks s3:GetObject"):
        bench.transfer()
    assert len(bench.slept) == ATTEMPTS - 1


@pytest.mark.parametrize(("fixture", "operation"), [("bench", "CreateMultipartUpload"), ("small_bench", "PutObject")])
def test_a_bucket_that_is_not_there_is_a_matter_of_configuration(
    fixture: str, operation: Operation, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(fixture)
    bench.s3.faults = [S3Fault(operation=operation, status=404, code="NoSuchBucket", count=99)]
    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        bench.transfer()


def test_access_denied_to_a_small_file_names_put_object(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", status=403, code="AccessDenied", count=99)]
    with pytest.raises(AccessDeniedError, match="s3:PutObject"):
        small_bench.transfer()


@pytest.mark.parametrize("effect", ["lose", "corrupt"])
def test_a_part_that_s3_loses_or_spoils_is_sent_again(bench: Bench, effect: Effect) -> None:
    bench.s3.answers_part_checksums = False
    bench.s3.faults = [S3Fault(operation="UploadPart", effect=effect, skip=1)]
    assert bench.transfer().outcome is TransferOutcome.COMPLETED
    bench.assert_archived()
    assert len(bench.s3.parts_sent()) == 5
    assert len(bench.created) == 1


def test_a_spoilt_part_is_noticed_at_once_where_s3_tells_its_checksum(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="UploadPart", effect="corrupt")]
    bench.transfer()
    bench.assert_archived()
    assert bench.s3.count("CompleteMultipartUpload", 400) == 0


def test_a_part_that_is_damaged_on_its_way_is_refused_by_s3_and_sent_again(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="UploadPart", effect="damage", skip=1)]
    assert bench.transfer().outcome is TransferOutcome.COMPLETED
    bench.assert_archived()
    assert bench.s3.count("UploadPart", 400) == 1


def test_a_small_file_that_is_damaged_on_its_way_is_refused_by_s3_and_sent_again(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect="damage")]
    assert small_bench.transfer().outcome is TransferOutcome.COMPLETED
    small_bench.assert_archived()
    assert (small_bench.s3.count("PutObject", 400), small_bench.s3.count("PutObject")) == (1, 1)


def test_a_small_file_that_is_damaged_each_time_leaves_nothing_under_its_key(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect="damage", count=99)]
    with pytest.raises(
        StorageError, match=r"PutObject with BadDigest \(400\): what arrived there is not what was sent"
    ):
        small_bench.transfer()
    assert small_bench.s3.objects == {}
    assert small_bench.s3.count("PutObject", 400) == ATTEMPTS


@pytest.mark.parametrize(("fixture", "says"), [("bench", "other bytes of part"), ("small_bench", "CRC64NVME is")])
def test_a_store_that_keeps_the_frames_as_content_has_no_video_archived(
    fixture: str, says: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(fixture)
    with TransferS3(is_strict=False, reads_frames=False) as bench.s3, pytest.raises(GoProSyncError, match=says):
        bench.transfer(require_storage_checksum=False)


def test_parts_lost_again_and_again_are_an_error_with_a_name(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="UploadPart", effect="lose", count=99)]
    with pytest.raises(StorageError, match="again and again"):
        bench.transfer()
    assert bench.s3.objects == {}


def test_a_completion_that_is_refused_without_reason_is_an_integrity_error(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", status=400, code="BadDigest")]
    with pytest.raises(IntegrityError, match="BadDigest"):
        bench.transfer()
    assert (bench.s3.objects, bench.s3.uploads) == ({}, {})


def test_an_upload_that_vanishes_while_parts_are_sent_starts_again(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="UploadPart", status=404, code="NoSuchUpload", skip=2)]
    assert bench.transfer().outcome is TransferOutcome.COMPLETED
    assert len(bench.created) == 2
    assert bench.s3.objects[KEY].data == bench.source.content


def test_an_upload_that_vanishes_at_completion_starts_again(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", status=404, code="NoSuchUpload")]
    bench.transfer()
    assert bench.s3.objects[KEY].data == bench.source.content


def test_an_upload_that_vanishes_twice_is_an_error_with_a_name(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="UploadPart", status=404, code="NoSuchUpload", count=99)]
    with pytest.raises(StorageError, match="lost the upload twice"):
        bench.transfer()


def test_a_completion_whose_answer_is_lost_is_recognised(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", effect="lose_answer")]
    result = bench.transfer()
    assert result.outcome is TransferOutcome.ALREADY_ARCHIVED
    assert result.file.checksum_crc64nvme == bench.s3.objects[KEY].crc64nvme
    bench.assert_archived()
    assert len(bench.created) == 1


def test_a_small_object_whose_answer_is_lost_is_recognised(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect="lose_answer")]
    assert small_bench.transfer().outcome is TransferOutcome.ALREADY_ARCHIVED
    small_bench.assert_archived()


def test_a_conflicting_write_ends_the_upload_and_the_parts_are_sent_in_a_new_one(bench: Bench) -> None:
    """S3 would go on answering 409 to that upload id, however often it is asked."""
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", status=409, code=CONFLICT)]
    assert bench.transfer().outcome is TransferOutcome.COMPLETED
    bench.assert_archived()
    assert bench.s3.count("CompleteMultipartUpload", 409) == 1
    assert (len(bench.created), bench.s3.uploads) == (2, {})


def test_writes_that_conflict_twice_are_an_error_with_a_name_and_leave_nothing_open(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", status=409, code=CONFLICT, count=99)]
    with pytest.raises(StorageError, match="at the same time"):
        bench.transfer()
    assert bench.s3.uploads == {}


def test_a_conflicting_write_of_a_small_file_is_waited_out(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", status=409, code=CONFLICT, count=2)]
    assert small_bench.transfer().outcome is TransferOutcome.COMPLETED
    small_bench.assert_archived()


def test_a_key_that_was_taken_and_is_free_again_is_used(bench: Bench) -> None:
    bench.s3.faults = [S3Fault(operation="CompleteMultipartUpload", status=412, code="PreconditionFailed")]
    assert bench.transfer().file.s3_key == KEY
    bench.assert_archived()


def test_a_key_that_was_taken_and_is_free_again_is_used_for_a_small_file(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", status=412, code="PreconditionFailed")]
    assert small_bench.transfer().file.s3_key == KEY
    small_bench.assert_archived()


def test_a_key_that_is_taken_and_never_there_is_an_error_with_a_name(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", status=412, code="PreconditionFailed", count=99)]
    with pytest.raises(StorageError, match="shows no object there"):
        small_bench.transfer()


def test_a_spoilt_small_object_gets_a_new_version_under_its_own_key(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect="corrupt")]
    result = small_bench.transfer()
    assert (result.outcome, result.file.s3_key) == (TransferOutcome.COMPLETED, KEY)
    small_bench.assert_archived()


def test_a_spoilt_object_that_somebody_else_has_replaced_meanwhile_is_left_alone(small_bench: Bench) -> None:
    theirs = S3Object(data=b"theirs", size_bytes=6, crc64nvme="AAAAAAAAAAA=", headers={}, etag="theirs")

    class TakenOnceThere(dict[str, S3Object]):
        def __setitem__(self, key: str, value: S3Object) -> None:
            super().__setitem__(key, theirs if key == KEY else value)

    small_bench.s3.objects = TakenOnceThere()
    assert small_bench.transfer().file.s3_key == FALLBACK_KEY
    assert small_bench.s3.objects[KEY] is theirs


def test_a_small_object_that_is_spoilt_twice_is_never_called_archived(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect="corrupt", count=2)]
    with pytest.raises(IntegrityError, match="CRC64NVME"):
        small_bench.transfer()


def test_the_next_attempt_after_spoilt_objects_goes_to_the_fallback_key(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect="corrupt", count=2)]
    with pytest.raises(IntegrityError):
        small_bench.transfer()
    again = small_bench.transfer()
    assert again.outcome is TransferOutcome.COMPLETED
    small_bench.assert_archived(again.file.s3_key)
    assert again.file.s3_key != KEY


def test_an_object_that_is_spoilt_after_completion_is_never_called_archived(bench: Bench) -> None:
    def spoil(objects: dict[str, S3Object]) -> None:
        objects[KEY].crc64nvme = "AAAAAAAAAAA="

    class Spoiling(dict[str, S3Object]):
        def __setitem__(self, key: str, value: S3Object) -> None:
            super().__setitem__(key, value)
            spoil(self)

    bench.s3.objects = Spoiling()
    with pytest.raises(IntegrityError, match="CRC64NVME is AAAAAAAAAAA="):
        bench.transfer()


def test_an_object_that_s3_answers_to_be_another_one_is_never_called_archived_whatever_it_says_later(
    bench: Bench,
) -> None:
    class AnotherAtFirst(dict[str, S3Object]):
        def __getitem__(self, key: str) -> S3Object:
            return replace(super().__getitem__(key), crc64nvme="AAAAAAAAAAA=")

    bench.s3.objects = AnotherAtFirst()
    with pytest.raises(IntegrityError, match="CRC64NVME is AAAAAAAAAAA="):
        bench.transfer()
    assert bench.s3.count("HeadObject") == 0


def test_an_object_that_is_not_there_after_completion_is_a_storage_error(small_bench: Bench) -> None:
    small_bench.s3.faults = [S3Fault(operation="PutObject", effect="lose")]
    with pytest.raises(StorageError, match="does not find the finished object"):
        small_bench.transfer()


def test_a_failed_clean_up_does_not_hide_what_led_to_it(bench: Bench) -> None:
    bench.s3.faults = [
        S3Fault(operation="CompleteMultipartUpload", status=400, code="BadDigest"),
        S3Fault(operation="AbortMultipartUpload", status=403, code="AccessDenied", count=9),
    ]
    with pytest.raises(IntegrityError, match="BadDigest"):
        bench.transfer()


@pytest.mark.parametrize("recorded", ["whole", None])
def test_an_object_of_the_same_size_and_metadata_is_not_taken_for_the_video_after_its_upload_vanished(
    bench: Bench, recorded: str | None
) -> None:
    bench.transfer()
    upload = bench.created[0] if recorded else replace(bench.created[0], whole_crc64nvme=None)
    there = bench.s3.objects[KEY]
    spoilt = bytes([there.data[0] ^ 1]) + there.data[1:]
    bench.s3.objects[KEY] = replace(there, data=spoilt, crc64nvme="AAAAAAAAAAA=")

    result = bench.transfer(resume=upload)

    assert (result.outcome, result.file.s3_key) == (TransferOutcome.COMPLETED, FALLBACK_KEY)
    assert bench.s3.objects[FALLBACK_KEY].data == bench.source.content


def test_an_object_whose_checksum_nobody_recorded_is_recognised_by_reading_the_source_again(bench: Bench) -> None:
    bench.transfer()
    result = bench.transfer(resume=replace(bench.created[0], whole_crc64nvme=None))
    assert (result.outcome, result.file.s3_key) == (TransferOutcome.ALREADY_ARCHIVED, KEY)
    assert bench.s3.uploads == {}


def test_an_interrupted_copy_that_replaces_a_damaged_object_goes_on_to_replace_it(bench: Bench) -> None:
    class SpoiltOnce(dict[str, S3Object]):
        def __setitem__(self, key: str, value: S3Object) -> None:
            if not self:
                value.crc64nvme = "AAAAAAAAAAA="
            super().__setitem__(key, value)

    bench.s3.objects = SpoiltOnce()
    bench.s3.faults = [S3Fault(operation="UploadPart", status=403, code="AccessDenied", skip=6, count=1)]
    with pytest.raises(AccessDeniedError):
        bench.transfer()
    assert bench.created[-1].replaces is not None

    result = bench.transfer(resume=bench.created[-1])

    assert (result.outcome, result.file.s3_key) == (TransferOutcome.COMPLETED, KEY)
    bench.assert_archived()
