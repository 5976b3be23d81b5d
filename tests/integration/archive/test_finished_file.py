"""A chapter of an earlier invocation against what GoPro has today: kept, or copied anew, and never touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gopro_sync.archive import finished_file
from gopro_sync.archive.engine import ArchivedFile
from gopro_sync.errors import GoProSyncError, NetworkError, SourceLostError, SourceUrlExpiredError, StorageError
from local.s3_server import S3Fault
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import KEY, MIB, Bench

PIECE = 2 * MIB


@pytest.fixture(autouse=True)
def small_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_file, "_COMPARED_BYTES", PIECE)


def archived(bench: Bench) -> ArchivedFile:
    file = bench.transfer().file
    bench.source.forget_requests()
    bench.s3.requests.clear()
    return file


def flip(bench: Bench, position: int) -> None:
    content = bytearray(bench.source.content)
    content[position] ^= 1
    bench.source.content = bytes(content)


def test_the_same_size_and_etag_are_enough_and_cost_one_request(bench: Bench) -> None:
    file = archived(bench)
    assert bench.compare(file) == file
    assert (len(bench.source.requests), bench.s3.requests) == (1, [])


@pytest.mark.parametrize("etag", ["c0ffee-2", 'W/"c0ffee-1', None])
def test_the_same_bytes_under_another_etag_are_kept_and_the_new_one_is_recorded(bench: Bench, etag: str | None) -> None:
    file = archived(bench)
    bench.source.etag = etag
    assert bench.compare(file) == replace(file, source_etag=etag or file.source_etag)
    assert [(r.operation, r.status) for r in bench.s3.requests] == [("GetObject", 206)]
    assert len(bench.source.requests) == 2, "the probe and one piece"


@pytest.mark.parametrize("etag", ["c0ffee-2", None])
def test_other_bytes_of_the_same_size_are_another_file(bench: Bench, etag: str | None) -> None:
    file = archived(bench)
    bench.source.etag = etag
    flip(bench, -1)
    before = bench.s3.objects[KEY]
    assert bench.compare(file) is None
    assert bench.s3.objects[KEY] is before


def test_other_bytes_are_another_file_although_no_etag_was_ever_there(bench: Bench) -> None:
    bench.source.etag = None
    file = archived(bench)
    assert bench.compare(file) == file
    flip(bench, -PIECE)
    assert bench.compare(file) is None


@pytest.mark.parametrize("change", [-1, +1])
def test_another_size_is_another_file_whatever_the_etag_says(bench: Bench, change: int) -> None:
    file = archived(bench)
    bench.source.content = (bench.source.content + b"x")[: file.size_bytes + change]
    assert bench.compare(file) is None
    assert len(bench.source.requests) == 1


UNREADABLE = [
    S3Fault(operation="GetObject", status=403, code="InvalidObjectState", count=99),
    S3Fault(operation="GetObject", status=403, code="AccessDenied", count=99),
    S3Fault(operation="GetObject", status=404, code="NoSuchKey", count=99),
    S3Fault(operation="GetObject", status=412, code="PreconditionFailed", count=99),
]


@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda fault: fault.code)
def test_where_s3_does_not_give_the_object_all_of_the_file_is_read_at_the_source(bench: Bench, fault: S3Fault) -> None:
    file = archived(bench)
    bench.source.etag = "c0ffee-2"
    bench.s3.faults = [replace(fault)]
    assert bench.compare(file) == replace(file, source_etag="c0ffee-2")
    flip(bench, 0)
    assert bench.compare(file) is None


@pytest.mark.parametrize("etag", [None, "W/c0ffee"])
def test_where_s3_does_not_give_the_object_and_no_etag_tells_the_size_is_all(bench: Bench, etag: str | None) -> None:
    bench.source.etag = etag
    file = archived(bench)
    bench.s3.faults = [S3Fault(operation="GetObject", status=403, code="InvalidObjectState", count=99)]
    assert bench.compare(file) == file
    assert len(bench.source.requests) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultName.NOT_FOUND), SourceLostError),
        (Fault(FaultName.SERVER_ERROR, status=403), SourceUrlExpiredError),
        (Fault(FaultName.SERVER_ERROR), NetworkError),
    ],
)
def test_what_cannot_be_asked_is_not_decided(bench: Bench, fault: Fault, error: type[GoProSyncError]) -> None:
    file = archived(bench)
    bench.source.fail(fault, hits_probe=True)
    with pytest.raises(error):
        bench.compare(file)


def test_an_s3_that_fails_decides_nothing(bench: Bench) -> None:
    file = archived(bench)
    bench.source.etag = "c0ffee-2"
    bench.s3.faults = [S3Fault(operation="GetObject", status=503, code="SlowDown", count=99)]
    with pytest.raises(StorageError):
        bench.compare(file)


def test_a_piece_that_s3_sends_short_is_asked_for_again(bench: Bench) -> None:
    file = archived(bench)
    bench.source.etag = "c0ffee-2"
    bench.s3.faults = [S3Fault(operation="GetObject", effect="lose_answer", count=1)]
    assert bench.compare(file) is not None
    assert len(bench.slept) == 1
