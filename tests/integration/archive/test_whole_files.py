"""A CDN may send more than it was asked for, or not say how much there is; a part never counts as the whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gopro_sync.archive.part_plan import PartLimits
from gopro_sync.errors import SourceResponseError
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import KEY, MIB, Bench

WHOLE = Fault(FaultName.RANGE_IGNORED)
WITHOUT_LENGTH = Fault(FaultName.UNSTATED_LENGTH)
WIDER = Fault(FaultName.WIDER_RANGE)
UNKNOWN_TOTAL = Fault(FaultName.UNKNOWN_TOTAL)
GENEROUS = {
    "whole file": (WHOLE,),
    "whole file without its length": (WHOLE, WITHOUT_LENGTH),
    "more than asked": (WIDER,),
    "no total": (UNKNOWN_TOTAL,),
    "more than asked and no total": (WIDER, UNKNOWN_TOTAL),
}


def end_with_the_connection(bench: Bench) -> None:
    """HTTP/1.0's way: who breaks off looks like who is at the end."""
    bench.source.headers = {"Content-Length": "", "Connection": "close"}


def test_a_small_file_that_ends_with_the_connection_is_read_twice(small_bench: Bench) -> None:
    end_with_the_connection(small_bench)
    small_bench.source.fail(WHOLE, hits_probe=True)
    small_bench.transfer()
    small_bench.assert_archived()


@pytest.mark.parametrize("cut_at", [0, 1])
def test_a_connection_that_broke_is_not_taken_for_the_end(small_bench: Bench, cut_at: int) -> None:
    end_with_the_connection(small_bench)
    small_bench.source.fail(WHOLE, Fault(FaultName.SHORT_BODY, skip=cut_at, count=1), hits_probe=True)
    small_bench.transfer()
    small_bench.assert_archived()


@pytest.mark.parametrize("kind", GENEROUS)
def test_a_small_file_is_archived_from_whatever_holds_it(small_bench: Bench, kind: str) -> None:
    small_bench.source.fail(*GENEROUS[kind], hits_probe=True)
    small_bench.transfer()
    small_bench.assert_archived()


def test_the_probe_does_not_read_what_it_has_not_asked_for(bench: Bench) -> None:
    bench.source.fail(Fault(FaultName.RANGE_IGNORED, count=1), hits_probe=True)
    bench.transfer()
    bench.assert_archived()
    probe = bench.source.requests[0]
    # The rest lay in the buffers of the network when the connection was closed.
    assert probe.bytes_sent < len(bench.source.content)


@pytest.mark.parametrize("kind", ["more than asked", "no total", "more than asked and no total"])
def test_a_large_file_is_archived_from_pieces_that_hold_the_parts(bench: Bench, kind: str) -> None:
    bench.source.fail(*GENEROUS[kind], hits_probe=True)
    bench.transfer()
    bench.assert_archived()


def test_a_whole_file_serves_the_first_part_of_a_large_one(bench: Bench) -> None:
    bench.source.on_request = lambda first: bench.source.fail(*(() if first else (WHOLE,)), hits_probe=True)
    bench.transfer(workers=1)
    bench.assert_archived()
    assert bench.slept == []


@pytest.mark.parametrize("kind", ["whole file", "whole file without its length"])
def test_a_large_file_of_a_cdn_that_knows_no_ranges_is_named(bench: Bench, kind: str) -> None:
    bench.limits = PartLimits(multipart_threshold_bytes=6 * MIB)
    bench.source.fail(*GENEROUS[kind], hits_probe=True)
    with pytest.raises(SourceResponseError, match=f"sends whole files only: .* no file of more than {6 * MIB} bytes"):
        bench.transfer()
    assert bench.s3.objects == {}


def test_a_file_up_to_the_limit_is_archived_from_a_cdn_that_knows_no_ranges(bench: Bench) -> None:
    bench.limits = PartLimits(multipart_threshold_bytes=len(bench.source.content))
    bench.source.fail(WHOLE, WITHOUT_LENGTH, hits_probe=True)
    bench.transfer()
    bench.assert_archived()


def cut(bench: Bench) -> None:
    """The body ends early, although it is said to be whole."""
    bench.source.fail(WHOLE, Fault(FaultName.SHORT_BODY), hits_probe=True)


def cut_without_length(bench: Bench) -> None:
    bench.source.fail(WHOLE, WITHOUT_LENGTH, Fault(FaultName.SHORT_BODY, size_bytes=1000), hits_probe=True)


def compress(bench: Bench) -> None:
    bench.source.fail(WHOLE, hits_probe=True)
    bench.source.headers = {"Content-Encoding": "gzip"}


def speak_json(bench: Bench) -> None:
    bench.source.fail(WHOLE, hits_probe=True)
    bench.source.headers = {"Content-Type": "application/json; charset=utf-8"}


def be_a_page(bench: Bench) -> None:
    bench.source.content = b"\n<!DOCTYPE html><html>We will be back soon</html>"
    bench.source.fail(WHOLE, hits_probe=True)


def state_a_range(bench: Bench) -> None:
    bench.source.fail(WHOLE, hits_probe=True)
    bench.source.headers = {"Content-Range": "bytes 0-0/300000"}


def be_empty(bench: Bench) -> None:
    bench.source.content = b""
    bench.source.fail(WHOLE, hits_probe=True)


def be_empty_without_length(bench: Bench) -> None:
    bench.source.content = b""
    bench.source.fail(WHOLE, WITHOUT_LENGTH, hits_probe=True)


def grow(bench: Bench) -> None:
    """It is longer each time that it is asked for, and does not say so."""
    bench.source.fail(WHOLE, WITHOUT_LENGTH, hits_probe=True)
    content = bench.source.content

    def lengthen(_: int) -> None:
        bench.source.content = bench.source.content + content

    bench.source.on_request = lengthen


@pytest.mark.parametrize(
    ("spoil", "stated"),
    [
        (cut, "too few bytes"),
        (cut_without_length, "ProtocolError|too few bytes"),
        (compress, "sent encoded bytes"),
        (speak_json, "sent a web page"),
        (be_a_page, "sent a web page"),
        (state_a_range, "states a range"),
        (be_empty, "says that the file is empty"),
        (be_empty_without_length, "says that the file is empty"),
        (grow, "became longer"),
    ],
)
def test_a_200_that_is_not_surely_the_whole_file_is_named(
    small_bench: Bench, spoil: Callable[[Bench], None], stated: str
) -> None:
    spoil(small_bench)
    with pytest.raises(Exception, match=stated):
        small_bench.transfer()
    assert KEY not in small_bench.s3.objects
