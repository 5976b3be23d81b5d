"""The CDN misbehaves: what is passing is tried again, what is not has a name, and nothing wrong reaches S3."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gopro_sync import errors
from gopro_sync.archive import source
from gopro_sync.archive.engine import TransferOutcome
from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.archive.retries import ATTEMPTS
from gopro_sync.errors import (
    GoProApiChangedError,
    GoProSyncError,
    NetworkError,
    SourceChangedError,
    SourceLostError,
    SourceResponseError,
    SourceUrlExpiredError,
    ThrottledError,
)
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import KEY, MIB, Bench

PASSING_FAULTS = {
    "range_ignored": (Fault(FaultName.RANGE_IGNORED), SourceResponseError),
    "short_body": (Fault(FaultName.SHORT_BODY), SourceResponseError),
    "empty_body": (Fault(FaultName.EMPTY_BODY), SourceResponseError),
    "html_page": (Fault(FaultName.HTML_PAGE), SourceResponseError),
    # Nothing else tells it: status, length and Content-Range are right.
    "html_type": (
        Fault(FaultName.ODD_HEADERS, headers={"Content-Type": "text/html; charset=utf-8"}),
        SourceResponseError,
    ),
    "wrong_range": (Fault(FaultName.WRONG_RANGE), SourceResponseError),
    "longer_body": (Fault(FaultName.LONGER_BODY), SourceResponseError),
    "encoded_body": (Fault(FaultName.ODD_HEADERS, headers={"Content-Encoding": "gzip"}), SourceResponseError),
    "reset": (Fault(FaultName.CONNECTION_RESET, size_bytes=MIB), NetworkError),
    "stall": (Fault(FaultName.STALL, size_bytes=MIB), errors.TimeoutError),
    "408": (Fault(FaultName.SERVER_ERROR, status=408), NetworkError),
    "500": (Fault(FaultName.SERVER_ERROR, status=500), NetworkError),
    "502": (Fault(FaultName.SERVER_ERROR, status=502), NetworkError),
    "429": (Fault(FaultName.THROTTLED), ThrottledError),
    "503": (Fault(FaultName.SERVER_ERROR, status=503), ThrottledError),
    "redirect": (Fault(FaultName.REDIRECT), SourceResponseError),
}


@pytest.fixture(params=PASSING_FAULTS)
def fault_and_error(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[Fault, type[GoProSyncError]]:
    fault, error = PASSING_FAULTS[request.param]
    if fault.name is FaultName.STALL:
        monkeypatch.setattr(source, "IDLE_TIMEOUT_SECONDS", 0.4)
    return fault, error


def test_a_passing_fault_costs_a_part_and_not_the_file(
    bench: Bench, fault_and_error: tuple[Fault, type[GoProSyncError]]
) -> None:
    fault, _ = fault_and_error
    bench.source.fail(replace(fault, skip=1, count=2))
    result = bench.transfer()
    assert result.outcome is TransferOutcome.COMPLETED
    bench.assert_archived()
    assert sorted(bench.s3.parts_sent()) == [1, 2, 3, 4]
    assert len(bench.slept) >= 2


def test_a_lasting_fault_has_a_name_and_the_upload_stays_open(
    bench: Bench, fault_and_error: tuple[Fault, type[GoProSyncError]]
) -> None:
    fault, error = fault_and_error
    bench.source.fail(replace(fault, skip=1))
    with pytest.raises(error) as raised:
        bench.transfer()
    assert type(raised.value) is error
    assert raised.value.media_id == "ab01"
    assert bench.s3.objects == {}
    assert list(bench.s3.uploads) == [bench.created[0].upload_id]
    bench.source.fail()
    bench.transfer(resume=bench.created[0])
    bench.assert_archived()


def test_a_small_file_survives_a_passing_fault(
    small_bench: Bench, fault_and_error: tuple[Fault, type[GoProSyncError]]
) -> None:
    fault, _ = fault_and_error
    small_bench.source.fail(replace(fault, count=1))
    assert small_bench.transfer().outcome is TransferOutcome.COMPLETED
    small_bench.assert_archived()


# A range that is ignored is no wrong answer to who asks from byte 0 (test_whole_files.py).
@pytest.mark.parametrize("fault_and_error", sorted(PASSING_FAULTS.keys() - {"range_ignored"}), indirect=True)
def test_a_wrong_answer_to_a_small_file_leaves_no_object(
    small_bench: Bench, fault_and_error: tuple[Fault, type[GoProSyncError]]
) -> None:
    fault, error = fault_and_error
    small_bench.source.fail(fault)
    with pytest.raises(error):
        small_bench.transfer()
    assert small_bench.s3.objects == {}


def test_tries_are_bounded_and_their_waits_grow(bench: Bench) -> None:
    bench.source.fail(Fault(FaultName.SERVER_ERROR), hits_probe=True)
    with pytest.raises(NetworkError, match="answered 500"):
        bench.transfer()
    assert len(bench.source.requests) == ATTEMPTS
    assert bench.slept == [0.375, 0.75, 1.5, 3.0]


def test_retry_after_is_honoured(bench: Bench) -> None:
    bench.source.fail(Fault(FaultName.SERVER_ERROR, status=429, retry_after="7", count=1))
    bench.transfer()
    assert bench.slept == [7.0]


def test_a_long_retry_after_is_left_to_the_state_machine(bench: Bench) -> None:
    bench.source.fail(Fault(FaultName.SERVER_ERROR, status=503, retry_after="600"))
    with pytest.raises(ThrottledError) as raised:
        bench.transfer()
    assert raised.value.retry_after_seconds == 600
    assert bench.slept == []


def test_no_wait_goes_beyond_the_time_that_is_left(bench: Bench) -> None:
    bench.seconds_left = lambda: 35.0  # 30 of them are the reserve
    bench.source.fail(Fault(FaultName.SERVER_ERROR, status=503, retry_after="6"))
    with pytest.raises(ThrottledError):
        bench.transfer()
    assert bench.slept == []


def test_an_expired_url_is_renewed_once_for_all_workers(bench: Bench) -> None:
    bench.source.on_request = lambda first: bench.source.expire() if first == 0 and bench.source.signed == 1 else None
    bench.transfer()
    bench.assert_archived()
    assert bench.source.signed == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_fresh_url_that_is_refused_too_is_an_error_with_a_name(bench: Bench, status: int) -> None:
    bench.source.fail(Fault(FaultName.SERVER_ERROR, status=status))
    with pytest.raises(SourceUrlExpiredError, match=f"refused a fresh URL with {status}"):
        bench.transfer()
    assert bench.source.signed >= 2


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_gopro_offers_and_the_cdn_lacks_is_an_error_of_its_own(bench: Bench, status: int) -> None:
    bench.source.fail(Fault(FaultName.SERVER_ERROR, status=status, skip=1))
    with pytest.raises(SourceLostError, match="GoPro offers the file"):
        bench.transfer()


@pytest.mark.parametrize("name", [FaultName.ETAG_CHANGED, FaultName.TOTAL_CHANGED])
class TestChangedSource:
    def test_one_answer_that_tells_of_another_file_is_not_believed(self, bench: Bench, name: FaultName) -> None:
        bench.source.fail(Fault(name, skip=2, count=1))
        assert bench.transfer().outcome is TransferOutcome.COMPLETED
        bench.assert_archived()
        assert len(bench.created) == 1

    def test_a_file_that_changes_twice_is_an_error_and_leaves_nothing(self, bench: Bench, name: FaultName) -> None:
        bench.source.fail(Fault(name))
        with pytest.raises(SourceChangedError):
            bench.transfer()
        assert (bench.s3.objects, bench.s3.uploads) == ({}, {})

    def test_a_small_file_that_changes_starts_again(self, small_bench: Bench, name: FaultName) -> None:
        small_bench.source.fail(Fault(name, count=1))
        assert small_bench.transfer().outcome is TransferOutcome.COMPLETED
        small_bench.assert_archived()


@pytest.mark.parametrize("etags", [("one", "two"), (None, None)])
def test_a_file_that_is_replaced_while_it_is_read_is_copied_from_the_start(
    bench: Bench, etags: tuple[str | None, str | None]
) -> None:
    other = bytes([bench.source.content[0] ^ 1]) + bench.source.content[1:-1] + b"!"
    bench.source.etag = etags[0]

    def flip(first: int) -> None:
        if first >= 10 * MIB:
            bench.source.content, bench.source.etag = other, etags[1]

    bench.source.on_request = flip
    assert bench.transfer(workers=1).file.source_etag == etags[1]
    bench.assert_archived()
    assert len(bench.created) == 2


def test_answers_that_lack_the_etag_are_asked_for_again_and_are_no_change_of_the_file(bench: Bench) -> None:
    bench.source.fail(Fault(FaultName.ODD_HEADERS, headers={"ETag": ""}, skip=1, count=3))
    assert bench.transfer(workers=1).file.source_etag == "c0ffee-1"
    assert bench.s3.parts_sent() == [1, 2, 3, 4]


def test_the_same_file_under_another_etag_from_some_part_on_is_not_sent_twice(bench: Bench) -> None:
    def rename(first: int) -> None:
        if first >= 10 * MIB:
            bench.source.etag = "another"

    bench.source.on_request = rename
    assert bench.transfer(workers=1).file.source_etag == "another"
    bench.assert_archived()
    assert (bench.s3.parts_sent(), len(bench.created)) == ([1, 2, 3, 4], 1)


def test_a_file_that_becomes_shorter_is_archived_as_it_then_is(bench: Bench) -> None:
    def shorten(first: int) -> None:
        if first >= 10 * MIB:
            bench.source.content = bench.source.content[: 12 * MIB]

    bench.source.on_request = shorten
    assert bench.transfer().file.size_bytes == 12 * MIB
    bench.assert_archived()


def test_a_file_that_s3_cannot_hold_is_an_error(bench: Bench) -> None:
    bench.limits = PartLimits(largest_object_bytes=MIB)
    with pytest.raises(SourceResponseError, match="more than an object in S3 may have"):
        bench.transfer()
    assert bench.s3.requests == []


def test_a_cdn_that_cannot_be_reached_is_a_network_error(bench: Bench) -> None:
    bench.sign = lambda: "https://127.0.0.1:9/video?Signature=secret-1"
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1: NewConnectionError"):
        bench.transfer()


def test_an_empty_file_is_an_error_and_no_empty_object(bench: Bench) -> None:
    bench.source.content = b""
    with pytest.raises(SourceResponseError, match="empty"):
        bench.transfer()
    assert bench.s3.objects == {}


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/video?Signature=secret",
        "ftp://cdn.example/video?Signature=secret",
        "https:///video?Signature=secret",
        "https://cdn.example:x/video?Signature=secret",
        "https://cdn.exa mple/video?Signature=secret",
        "https://cdn.example\\@127.0.0.1/video?Signature=secret",
        "secret",
        "",
    ],
)
def test_what_is_no_https_url_is_refused_without_being_quoted(bench: Bench, url: str) -> None:
    bench.sign = lambda: url
    with pytest.raises(GoProApiChangedError) as raised:
        bench.transfer()
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert bench.s3.objects == {}


def test_no_error_tells_the_signature(bench: Bench, fault_and_error: tuple[Fault, type[GoProSyncError]]) -> None:
    fault, error = fault_and_error
    bench.source.fail(fault)
    with pytest.raises(error) as raised:
        bench.transfer()
    chain: list[BaseException] = [raised.value]
    while chain[-1].__cause__ or chain[-1].__context__:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)  # type: ignore[arg-type]  # one of them is there
    assert not any(bench.source.is_told_by(f"{link!s} {link!r}") for link in chain)
    assert KEY not in bench.s3.objects
