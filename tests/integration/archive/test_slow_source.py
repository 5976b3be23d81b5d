"""A source that sends a byte now and then holds nobody: not with its headers, and not with its bytes."""

from __future__ import annotations

import itertools

import pytest

from gopro_sync import errors
from gopro_sync.archive.retries import ATTEMPTS
from gopro_sync.archive.source import source_pool
from local.simulator import Fault, FaultName
from tests.integration.archive.conftest import Bench

# The real one sends a byte every ten seconds; here the clock is that much faster.
DRIP = Fault(FaultName.DRIP, delay_seconds=0.0001)


@pytest.mark.parametrize("hits_probe", [True, False])
def test_a_dripping_source_is_a_timeout_after_its_tries(small_bench: Bench, *, hits_probe: bool) -> None:
    seconds = itertools.count(0, 5)
    small_bench.source.fail(DRIP, hits_probe=hits_probe)
    pool = source_pool(workers=2, allows_internal_addresses=True, clock=lambda: next(seconds))
    with pytest.raises(errors.TimeoutError, match="less than 6000 bytes a second for 30 seconds"):
        small_bench.transfer(source_http=pool)
    assert len(small_bench.slept) == ATTEMPTS - 1
    assert small_bench.s3.objects == {}


def test_another_connection_is_tried(small_bench: Bench) -> None:
    ticks = itertools.count()
    small_bench.source.fail(Fault(FaultName.DRIP, delay_seconds=0.0001, count=1), hits_probe=True)
    pool = source_pool(
        workers=2, allows_internal_addresses=True, clock=lambda: next(ticks) * (0.0 if small_bench.slept else 5.0)
    )
    small_bench.transfer(source_http=pool)
    small_bench.assert_archived()
    assert len(small_bench.slept) == 1


def test_a_drip_ends_with_the_time_of_the_invocation(small_bench: Bench) -> None:
    left = itertools.count(40, -1)  # 30 of them are the reserve
    small_bench.seconds_left = lambda: next(left)
    small_bench.source.fail(DRIP)
    seconds = itertools.count(0, 2)
    pool = source_pool(workers=2, allows_internal_addresses=True, clock=lambda: next(seconds))
    with pytest.raises(errors.NetworkError, match="in the time given"):
        small_bench.transfer(source_http=pool)
    assert small_bench.s3.objects == {}
