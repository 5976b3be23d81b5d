"""A transfer when all goes well: what lies in S3 afterwards, and what the caller is told."""

from __future__ import annotations

import logging

import pytest

from gopro_sync.archive.engine import TransferOutcome
from gopro_sync.archive.integrity import SourceEtagProof
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.errors import KeyConflictError
from tests.integration.archive.conftest import FALLBACK_KEY, KEY, MIB, Bench
from tests.support.s3_server import TransferS3
from tests.support.source_server import SourceServer

METADATA = {
    "media-id": "ab01",
    "item-number": "1",
    "source-etag": "c0ffee-1",
    "captured-at": "2026-06-13T08:00:00+00:00",
}


def test_a_large_file_is_sent_in_parts_and_verified(bench: Bench) -> None:
    result = bench.transfer()
    bench.assert_archived()
    stored = bench.s3.objects[KEY]
    assert result.outcome is TransferOutcome.COMPLETED
    assert (result.file.s3_key, result.file.size_bytes, result.bytes_sent) == (
        KEY,
        len(bench.source.content),
        stored.size_bytes,
    )
    assert (result.parts_sent, result.part_size_bytes) == (4, 5 * MIB)
    assert (result.file.checksum_crc64nvme, result.file.s3_etag) == (stored.crc64nvme, f'"{stored.etag}"')
    assert (result.file.source_etag, result.file.etag_proof) == ("c0ffee-1", SourceEtagProof.NOT_CHECKED)


def test_a_small_file_is_one_put_object(small_bench: Bench) -> None:
    result = small_bench.transfer()
    small_bench.assert_archived()
    assert (result.outcome, result.parts_sent, small_bench.s3.count("PutObject")) == (TransferOutcome.COMPLETED, 1, 1)
    assert result.part_size_bytes == result.file.size_bytes == result.bytes_sent == len(small_bench.source.content)
    assert result.file.checksum_crc64nvme == small_bench.s3.objects[KEY].crc64nvme


@pytest.mark.parametrize("fixture", ["bench", "small_bench"])
def test_the_object_carries_tags_type_and_origin(fixture: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(fixture)
    bench.transfer()
    stored = bench.s3.objects[KEY]
    assert stored.metadata == METADATA
    assert stored.headers["x-amz-tagging"] == "Source=GoPro&AutoSync=True&UploadDate=2026-06-14"
    assert (stored.headers["content-type"], stored.headers["x-amz-storage-class"]) == ("video/mp4", "STANDARD")


def test_a_media_id_that_is_not_ascii_is_encoded_in_the_metadata(small_bench: Bench) -> None:
    small_bench.transfer(media_id="ä\n1")
    assert small_bench.s3.objects[KEY].metadata["media-id"] == "%C3%A4%0A1"


def test_the_caller_knows_the_upload_before_the_first_byte(bench: Bench) -> None:
    seen: list[int] = []
    bench.source.on_request = lambda first: seen.append(len(bench.created))
    bench.transfer()
    assert seen[0] == 0  # the probe
    assert set(seen[1:]) == {1}
    (upload,) = bench.created
    assert (upload.s3_key, upload.part_size_bytes, upload.size_bytes) == (KEY, 5 * MIB, len(bench.source.content))


def test_an_upload_that_the_caller_cannot_record_is_given_up(bench: Bench) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the tracker is down")

    bench.record = fail
    with pytest.raises(RuntimeError, match="tracker is down"):
        bench.transfer()
    assert bench.s3.uploads == {}


def test_what_was_sent_adds_up_to_the_file(bench: Bench) -> None:
    assert bench.transfer().bytes_sent == len(bench.source.content)


def test_threshold_is_decimal_100_mb() -> None:
    assert PartLimits().multipart_threshold_bytes == 100_000_000


@pytest.mark.parametrize(("extra_bytes", "operation"), [(0, "PutObject"), (1, "CompleteMultipartUpload")])
def test_more_than_100_mb_goes_in_parts(extra_bytes: int, operation: str) -> None:
    with TransferS3(keeps_data=False) as s3, SourceServer(bytes(100_000_000 + extra_bytes)) as source:
        result = Bench(source=source, s3=s3).transfer(part_size_bytes=None)
        assert result.outcome is TransferOutcome.COMPLETED
        assert operation in {request.operation for request in s3.requests}
        assert s3.objects[KEY].size_bytes == 100_000_000 + extra_bytes


def test_neither_token_nor_cookie_goes_to_the_cdn(bench: Bench) -> None:
    bench.transfer()
    assert {(request.had_authorization, request.had_cookie) for request in bench.source.requests} == {(False, False)}


@pytest.mark.parametrize("fixture", ["bench", "small_bench"])
def test_no_log_line_tells_a_signature(
    fixture: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    bench: Bench = request.getfixturevalue(fixture)
    with caplog.at_level(logging.DEBUG):
        bench.transfer()
    assert not [record for record in caplog.records if bench.source.is_told_by(record.getMessage())]
    assert not [record for record in caplog.records if "X-Amz-Signature=" in record.getMessage()]


def test_every_byte_is_asked_for_once(bench: Bench) -> None:
    bench.transfer()
    assert sorted(bench.s3.parts_sent()) == [1, 2, 3, 4]
    assert len(bench.source.requests) == 1 + 4
    assert bench.source.signed == 1


def test_a_file_without_etag_is_archived(bench: Bench) -> None:
    bench.source.etag = None
    assert bench.transfer().file.source_etag is None
    bench.assert_archived()
    assert "source-etag" not in bench.s3.objects[KEY].metadata


@pytest.mark.parametrize("fixture", ["bench", "small_bench"])
class TestTakenKey:
    def test_same_video_is_recognised(self, fixture: str, request: pytest.FixtureRequest) -> None:
        bench: Bench = request.getfixturevalue(fixture)
        first = bench.transfer()
        again = bench.transfer()
        assert (again.outcome, again.file.s3_key) == (TransferOutcome.ALREADY_ARCHIVED, KEY)
        assert (again.file.checksum_crc64nvme, again.file.s3_etag) == (
            first.file.checksum_crc64nvme,
            first.file.s3_etag,
        )
        bench.assert_archived()
        assert list(bench.s3.objects) == [KEY]

    def test_another_video_stays_and_ours_goes_to_the_fallback_key(
        self, fixture: str, request: pytest.FixtureRequest
    ) -> None:
        bench: Bench = request.getfixturevalue(fixture)
        bench.transfer(media_id="other")
        ours = bench.transfer()
        assert (ours.outcome, ours.file.s3_key) == (TransferOutcome.COMPLETED, FALLBACK_KEY)
        assert bench.s3.objects[KEY].metadata["media-id"] == "other"
        bench.assert_archived(FALLBACK_KEY)

    def test_same_video_with_other_bytes_is_not_overwritten(self, fixture: str, request: pytest.FixtureRequest) -> None:
        bench: Bench = request.getfixturevalue(fixture)
        bench.transfer()
        before = bench.s3.objects[KEY]
        bench.source.content = bench.source.content[:-1] + bytes([bench.source.content[-1] ^ 1])
        assert bench.transfer().file.s3_key == FALLBACK_KEY
        assert bench.s3.objects[KEY] is before
        bench.assert_archived(FALLBACK_KEY)

    def test_both_keys_taken_is_a_conflict_with_a_name(self, fixture: str, request: pytest.FixtureRequest) -> None:
        bench: Bench = request.getfixturevalue(fixture)
        for media_id in ("one", "two"):
            bench.transfer(media_id=media_id)
        with pytest.raises(KeyConflictError, match=FALLBACK_KEY):
            bench.transfer()
        assert bench.s3.uploads == {}
