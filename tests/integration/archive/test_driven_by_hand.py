"""The engine with everything handed in: one thread, parts of kilobytes, and an order that a seed decides."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest

from gopro_sync.archive.part_plan import PartLimits
from local.s3_server import Moment, Operation, S3Fault
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import Bench
from tests.support.crews import SeededCrew
from tests.support.s3_server import TransferS3
from tests.support.source_server import SourceServer

KIB = 1024
# A thousandth of S3's.
LIMITS = PartLimits(
    multipart_threshold_bytes=100 * KIB,
    smallest_part_bytes=5 * KIB,
    usual_part_bytes=50 * KIB,
    largest_part_bytes=5 * KIB * KIB,
    largest_object_bytes=5 * KIB**3,
    granule_bytes=64,
)
PARTS = 41

Trace = list[tuple[str, object]]


@pytest.fixture
def small_world(s3: TransferS3) -> Iterator[Bench]:
    s3.limits = LIMITS
    with SourceServer(random.Random(9).randbytes((PARTS - 1) * 5 * KIB + 7)) as source:
        yield Bench(source=source, s3=s3, limits=LIMITS)
    s3.watch = lambda _operation, _moment: None


def run(bench: Bench, seed: int) -> Trace:
    """Transfers the file from new; returns what was asked of whom, and waited for, in order."""
    calls: list[str] = []
    waits: list[float] = []
    threads = set[int]()

    def asked(operation: Operation, moment: Moment) -> None:
        if moment == "asked":
            calls.append(operation)

    def wait(seconds: float) -> None:
        calls.append("wait")
        waits.append(seconds)

    def seconds_left() -> float:
        threads.add(threading.get_ident())
        return 900.0

    bench.source.forget_requests()
    bench.s3.requests, bench.s3.objects = [], {}
    bench.source.on_request = lambda _: calls.append("source")
    bench.s3.watch = asked
    bench.crew = lambda _: SeededCrew(random.Random(seed), wait)
    bench.seconds_left = seconds_left
    bench.source.fail(Fault(FaultName.SERVER_ERROR, status=503, skip=4, count=2))
    bench.s3.faults = [S3Fault(operation="UploadPart", status=500, skip=20)]
    bench.transfer(part_size_bytes=5 * KIB)
    bench.assert_archived()
    assert threads == {threading.get_ident()}

    ranges = (request.range for request in bench.source.requests)
    requests = (request.part_number for request in bench.s3.requests)
    pauses = iter(waits)
    reported = {"source": ranges, "wait": pauses}
    return [(call, next(reported.get(call, requests))) for call in calls]


def test_one_seed_is_one_course_of_calls(small_world: Bench) -> None:
    first = run(small_world, seed=1)
    assert first == run(small_world, seed=1)
    sent = [number for call, number in first if call == "UploadPart"]
    assert len(sent) == PARTS + 1
    assert set(sent) == set(range(1, PARTS + 1))
    assert [call for call, _ in first].count("wait") == 3


def test_another_seed_is_another_order_and_the_same_object(small_world: Bench) -> None:
    first = run(small_world, seed=1)
    (one,) = small_world.s3.objects.values()
    second = run(small_world, seed=2)
    (two,) = small_world.s3.objects.values()
    assert first != second
    assert one == two


def test_parts_of_kilobytes_are_planned_as_those_of_megabytes_are(small_world: Bench) -> None:
    small_world.crew = lambda _: SeededCrew(random.Random(1), small_world.slept.append)
    result = small_world.transfer(part_size_bytes=None)
    assert result.part_size_bytes % LIMITS.granule_bytes == 0
    assert LIMITS.smallest_part_bytes <= result.part_size_bytes <= LIMITS.usual_part_bytes
    small_world.assert_archived()


def test_the_s3_of_the_tests_takes_its_limits_from_the_same_value(small_world: Bench) -> None:
    small_world.s3.limits = PartLimits()
    with pytest.raises(Exception, match="EntityTooSmall"):
        small_world.transfer(part_size_bytes=5 * KIB)
